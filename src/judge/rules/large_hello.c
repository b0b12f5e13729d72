/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server, or something before it, cannot take a ClientHello that does not
 * fit one segment, as with a post-quantum key share (tldr.fail; draft-ietf-
 * tls-ecdhe-mlkem). Proof is only that the same client got through with a
 * smaller one.
 */
#include "judge/facts.h"
#include "judge/say.h"

#define SEGMENT_BYTES 1300u /* below every usual maximum segment size */

static bool is_large(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    return hs->offer.bytes > SEGMENT_BYTES &&
           (hs->dir[SIDE_CLIENT].first_flight_segments > 1 ||
            hs->offer.bytes > 1460);
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct conclusion *end = f->end;
    bool refused = f->hello_refused &&
                   (f->alert == 50 || f->alert == 40 || f->alert == 80);
    bool silent = end->how == HOW_RESET || end->how == HOW_CLOSE ||
                  end->how == HOW_TIMEOUT;
    if (f->phase != PHASE_HELLO || f->server_answered == silent ||
        !is_large(f) || (!silent && !refused)) {
        return;
    }
    const struct hs_dir *d = &f->hs->dir[SIDE_CLIENT];
    uint32_t smaller = f->client.largest_hello_here;
    bool lost = end->how == HOW_TIMEOUT || f->undelivered[SIDE_CLIENT];
    bool half = lost && d->acked_any_data && !d->hello_acked;
    enum confidence c = CONF_POSSIBLE;
    int weight = refused ? 38 : 60;
    if (smaller > 0 && smaller <= SEGMENT_BYTES) {
        c = CONF_CERTAIN;
        weight = 90;
    } else if (half && !refused) {
        c = CONF_LIKELY;
        weight = 84;
    }
    struct hypothesis *h = hypothesis_add(hy, "large_client_hello", c, weight);
    /* Kernels acknowledge: a segment that gets lost again and again never came
     * to the server. */
    if (half || end->by == BY_MIDDLEBOX) {
        hypothesis_side(h, FIX_NETWORK);
    }
    hypothesis_because(
        h,
        "the ClientHello takes %u bytes%s, more than one "
        "segment",
        f->hs->offer.bytes,
        f->offer.post_quantum ? " with its post-quantum key share" : "");
    if (half) {
        hypothesis_because(h, "the server acknowledged only a part of it");
    }
    if (c == CONF_CERTAIN) {
        hypothesis_because(h,
                           "the same client succeeded here with a "
                           "ClientHello of %u bytes",
                           smaller);
    }
}

const struct rule large_hello_rule = {
    .name = "large_hello",
    .source = "tldr.fail; RFC 8446 section 4.1.2",
    .run = run,
};
