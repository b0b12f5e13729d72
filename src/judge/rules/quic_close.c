/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUIC's own ways to say no: Version Negotiation (RFC 9000 section 6) and a
 * CONNECTION_CLOSE whose code is no TLS alert (section 20.1). A close with an
 * alert (RFC 9001 section 4.8) is judged by the rules about that alert.
 */
#include "judge/facts.h"
#include "judge/say.h"

#define PATIENCE (3 * TICK_SEC)

static const char *error_name(uint16_t code)
{
    static const char *const names[] = {
        "NO_ERROR",
        "INTERNAL_ERROR",
        "CONNECTION_REFUSED",
        "FLOW_CONTROL_ERROR",
        "STREAM_LIMIT_ERROR",
        "STREAM_STATE_ERROR",
        "FINAL_SIZE_ERROR",
        "FRAME_ENCODING_ERROR",
        "TRANSPORT_PARAMETER_ERROR",
        "CONNECTION_ID_LIMIT_ERROR",
        "PROTOCOL_VIOLATION",
        "INVALID_TOKEN",
        "APPLICATION_ERROR",
        "CRYPTO_BUFFER_EXCEEDED",
        "KEY_UPDATE_ERROR",
        "AEAD_LIMIT_REACHED",
        "NO_VIABLE_PATH",
    };
    return code < sizeof names / sizeof *names ? names[code]
                                               : "an unknown error";
}

static void by_version(const struct handshake *hs, const struct hs_event *vn,
                       struct hypotheses *hy)
{
    struct hypothesis *h =
        hypothesis_add(hy, "no_shared_version", CONF_CERTAIN, 95);
    hypothesis_reason(h, "the server does not speak the client's version of "
                         "QUIC, and the client none of those it named");
    hypothesis_because(h,
                       "the server answered with Version Negotiation, which "
                       "lists %u versions%s",
                       (unsigned)vn->aux, say_frame(hs, vn->frame).s);
}

/* After a long wait without an answer, silence is the cause: it leads. */
static struct hypothesis *by_client(const struct facts *f,
                                    struct hypotheses *hy)
{
    bool unanswered = f->hs->dir[SIDE_SERVER].bytes == 0;
    bool patient = unanswered && f->waited_ns >= PATIENCE;
    return hypothesis_add(
        hy, unanswered && !patient ? "client_cancelled" : "client_closed",
        patient ? CONF_POSSIBLE : CONF_LIKELY, patient ? 30 : 60);
}

static struct hypothesis *by_server(uint16_t code, struct hypotheses *hy)
{
    const char *cause = code == 1   ? "internal_error"
                        : code == 2 ? "access_denied"
                                    : "server_closed";
    return hypothesis_add(hy, cause, CONF_LIKELY, 60);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct handshake *hs = f->hs;
    if (f->end->how != HOW_QUIC_CLOSE || f->end->has_alert) {
        return;
    }
    enum side side = f->end->by == BY_CLIENT ? SIDE_CLIENT : SIDE_SERVER;
    const struct hs_event *close = hs_find(hs, HS_QUIC_CLOSE, side);
    const struct hs_event *vn =
        hs_find(hs, HS_VERSION_NEGOTIATION, SIDE_SERVER);
    if (!close && vn) {
        by_version(hs, vn, hy);
        return;
    }
    if (!close) {
        return;
    }
    uint16_t code = hs_close_code(close);
    struct hypothesis *h =
        side == SIDE_CLIENT ? by_client(f, hy) : by_server(code, hy);
    hypothesis_because(h, "the last step was %s", stage_words(f->end->stage));
    hypothesis_because(h, "the %s closed with %s (0x%x)%s", side_name(side),
                       error_name(code), (unsigned)code,
                       say_frame(hs, close->frame).s);
}

const struct rule quic_close_rule = {
    .name = "quic_close",
    .source = "RFC 9000 sections 6, 10.2, 20.1",
    .run = run,
};
