/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derives the facts that rules read, once per handshake, from its model. Facts
 * say what is so; what it means is the rules' business.
 *
 * Certificates are judged at the packets' time (RFC 5280 section 4.1.2.5).
 */
#include "judge/facts.h"

#include <arpa/inet.h>

#include "base/ascii.h"
#include "judge/stack.h"

#define DAY (INT64_C(86400) * TICK_SEC)

/* Protected bytes that a server flight with a certificate surpasses:
 * EncryptedExtensions, CertificateVerify and Finished alone stay below. */
#define CERTIFICATE_FLIGHT_BYTES 300u

/* ---- where it stopped ---- */

static bool was_server_certificate_visible(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    if (hs->server_chain.seen || hs_find(hs, HS_CERTIFICATE, SIDE_SERVER)) {
        return true;
    }
    if (!f->server_tls13 || hs->psk_accepted || hs->choice.has_psk) {
        return false;
    }
    uint32_t bytes = 0;
    for (uint16_t i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_PROTECTED && e->side == SIDE_SERVER) {
            bytes += e->len;
        }
    }
    return bytes > CERTIFICATE_FLIGHT_BYTES;
}

static bool was_client_flight_seen(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    if (f->server_tls13) {
        return f->end->stage >= STAGE_CLIENT_CERTIFICATE;
    }
    return hs_find(hs, HS_CLIENT_KEY_EXCHANGE, SIDE_CLIENT) ||
           hs_find(hs, HS_CERTIFICATE, SIDE_CLIENT) ||
           hs_find(hs, HS_CHANGE_CIPHER_SPEC, SIDE_CLIENT);
}

static enum phase phase_of(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    if (f->after_server_hello) {
        if (was_client_flight_seen(f)) {
            return PHASE_CLIENT;
        }
        return f->after_certificate ? PHASE_CERTIFICATE : PHASE_SERVER_HELLO;
    }
    if (hs_find(hs, HS_HELLO_RETRY_REQUEST, SIDE_SERVER)) {
        return PHASE_RETRY;
    }
    return hs->offer.seen || hs_find(hs, HS_CLIENT_HELLO, SIDE_CLIENT)
               ? PHASE_HELLO
               : PHASE_BEFORE;
}

static bool is_tls_from(const struct hs_event *e, enum side side)
{
    return e->side == side && e->kind >= HS_CLIENT_HELLO &&
           e->kind <= HS_APPLICATION_DATA;
}

static bool did_server_answer(const struct handshake *hs)
{
    for (uint16_t i = 0; i < hs->events_n; i++) {
        if (is_tls_from(&hs->events[i], SIDE_SERVER)) {
            return true;
        }
    }
    return false;
}

static bool is_server_silent(const struct handshake *hs)
{
    const struct hs_dir *d = &hs->dir[SIDE_SERVER];
    bool whole = d->lost_bytes == 0 && d->gap_bytes == 0;
    bool counted = hs->transport == TRANSPORT_TCP && hs->when_hello;
    return d->bytes == 0 || (counted && whole && !hs->server_began);
}

/*
 * The kernel acknowledges without the program (RFC 9293 section 3.10.7.4): what
 * the last acknowledgement of a side does not cover, that side did not get, and
 * its close is then no answer to it. Where the capture lacks packets, the
 * acknowledgement may be among them; after an alert, there was an answer.
 */
static bool is_undelivered(const struct handshake *hs, enum side side)
{
    const struct conclusion *end = &hs->end_state;
    const struct hs_dir *d = &hs->dir[side];
    const uint32_t blind = BLIND_HOLES | BLIND_ONE_DIRECTION | BLIND_LIMIT;
    bool answer = end->has_alert && end->alert_code != 0;
    return hs->transport == TRANSPORT_TCP && !(end->blind & blind) && !answer &&
           end->by != BY_MIDDLEBOX && hs_dir_in_vain(d);
}

/* The other side was there while this one sent the same again and again. Who
 * says nothing at all any more may just be gone. */
static bool is_heard(const struct handshake *hs, enum side side)
{
    const struct hs_dir *d = &hs->dir[side];
    return d->resent == 0 || d->acked_beyond ||
           hs->dir[side_other(side)].last >= d->resent_first;
}

static tick_t last_step(const struct handshake *hs, tick_t ended)
{
    tick_t last = hs->when_hello;
    for (uint16_t i = 0; i < hs->events_n; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->when < ended && e->when > last && e->kind >= HS_CLIENT_HELLO &&
            e->kind <= HS_APPLICATION_DATA) {
            last = e->when;
        }
    }
    return last;
}

/* Among bytes of the server that we missed may have been its hello: then only
 * a code that is about hellos says that the alert answered one. */
static bool is_answer_to_hello(const struct handshake *hs, uint16_t alert)
{
    return hs->dir[SIDE_SERVER].gap_bytes == 0 || alert == 70 || alert == 86 ||
           alert == 112 || alert == 120;
}

/* An answer that crossed the client's goodbye was not what it left for. */
static bool is_answered_too_late(const struct handshake *hs)
{
    const struct conclusion *end = &hs->end_state;
    const struct hs_event *e = hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER);
    return e && end->by == BY_CLIENT && !end->has_alert &&
           (end->how == HOW_CLOSE || end->how == HOW_RESET) &&
           (hs->many_sources ? e->when > end->when_decisive
                             : e->frame > end->frame_decisive);
}

static void derive_course(struct facts *f)
{
    const struct handshake *hs = f->hs;
    const struct conclusion *end = f->end;
    f->alert = end->has_alert ? end->alert_code : ALERT_NONE;
    f->alert_by_client = end->has_alert && end->alert_side == SIDE_CLIENT;
    f->alert_by_server = end->has_alert && end->alert_side == SIDE_SERVER;
    f->after_server_hello =
        (hs->choice.seen || hs_find(hs, HS_SERVER_HELLO, SIDE_SERVER)) &&
        !is_answered_too_late(hs);
    uint16_t version = hs->choice.seen ? hs->choice.version : hs->version;
    f->server_tls13 = f->after_server_hello && known_version_is_13(version);
    f->server_answered = did_server_answer(hs);
    f->server_silent = is_server_silent(hs);
    f->undelivered[SIDE_CLIENT] = is_undelivered(hs, SIDE_CLIENT);
    f->undelivered[SIDE_SERVER] = is_undelivered(hs, SIDE_SERVER);
    f->heard[SIDE_CLIENT] = is_heard(hs, SIDE_CLIENT);
    f->heard[SIDE_SERVER] = is_heard(hs, SIDE_SERVER);
    f->after_certificate =
        f->after_server_hello && was_server_certificate_visible(f);
    f->phase = phase_of(f);
    f->hello_refused =
        f->alert_by_server && f->alert != ALERT_NONE &&
        is_answer_to_hello(hs, f->alert) &&
        (f->phase == PHASE_HELLO || f->phase == PHASE_RETRY ||
         (f->phase == PHASE_BEFORE && (f->alert == 70 || f->alert == 112)));
    /* 71 in place of 40 is allowed where the server wants stronger parameters
     * (RFC 8446 section 6.2); Erlang says it whenever nothing is shared. */
    f->refused_unsaid =
        f->hello_refused && (f->alert == 40 || f->alert == 0 || f->alert == 71);
    /* FreeRADIUS and hostapd keep their alerts: what they send is the Failure.
     */
    if (hs_is_eap(hs) && end->by == BY_SERVER && end->how == HOW_CLOSE &&
        (f->phase == PHASE_HELLO || f->phase == PHASE_RETRY)) {
        f->refused_unsaid = true;
    }
    tick_t ended = end->when_decisive ? end->when_decisive : hs->last;
    f->when = hs->when_hello ? hs->when_hello : hs->first;
    f->waited_ns = hs->when_hello ? ended - hs->when_hello : 0;
    f->quiet_ns = hs->when_hello ? ended - last_step(hs, ended) : 0;
    f->silence_ns =
        hs->capture_last > hs->last ? hs->capture_last - hs->last : 0;
}

/* ---- certificates ---- */

/* Before the first SSL there was nothing to capture (1995-01-01): devices
 * without a clock, and tools that drop the times, begin at 1970. */
#define CLOCK_SET (INT64_C(788918400) * TICK_SEC)

static void derive_dates(struct facts *f)
{
    const struct cert *c = f->leaf;
    if (f->when < CLOCK_SET) {
        return;
    }
    if (c->not_after != INT64_MAX && f->when > c->not_after) {
        f->leaf_expired = true;
        f->leaf_days = (f->when - c->not_after) / DAY;
        f->faults |= FAULT_EXPIRED;
    }
    if (c->not_before != INT64_MIN && f->when < c->not_before) {
        f->leaf_not_yet_valid = true;
        f->leaf_days = (c->not_before - f->when) / DAY;
        f->faults |= FAULT_NOT_YET_VALID;
    }
    const struct cert_chain *chain = &f->hs->server_chain;
    for (uint16_t i = 1; i < chain->n; i++) {
        if (chain->v[i]->not_after != INT64_MAX &&
            f->when > chain->v[i]->not_after) {
            f->faults |= FAULT_CA_EXPIRED;
        }
    }
}

/* Bytes of an address literal: 4, 16, or 0 when it is none. */
static size_t parse_address(struct span s, uint8_t out[16])
{
    char text[INET6_ADDRSTRLEN];
    if (s.n == 0 || s.n >= sizeof text) {
        return 0;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (inet_pton(AF_INET, text, out) == 1) {
        return 4;
    }
    return inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
}

/* Whether the leaf holds the address that the client connected to. */
static bool has_address(const struct facts *f)
{
    const struct span_list *ips = &f->leaf->ip;
    size_t n = f->hs->ip_version == 6 ? 16 : 4;
    struct span ip = span_of(f->hs->addr[SIDE_SERVER].ip, n);
    uint8_t literal[16];
    struct hs_target target;
    if (hs_tunnel_target(f->hs, &target)) {
        n = parse_address(target.host, literal);
        ip = span_of(literal, n);
    }
    for (uint16_t i = 0; i < ips->n; i++) {
        if (span_eq(ips->v[i], ip)) {
            return true;
        }
    }
    return false;
}

/* The name that the client must have compared with: what it asked for, or else
 * the name that it gave to a proxy. Supplicants of 802.1X have one in their
 * configuration. */
static struct span name_to_check(const struct facts *f)
{
    const struct client_offer *o = &f->hs->offer;
    struct hs_target target;
    if (o->has_sni) {
        return o->sni;
    }
    bool known =
        o->seen && hs_tunnel_target(f->hs, &target) && !target.is_address;
    return known ? target.host : (struct span){NULL, 0};
}

static void derive_name(struct facts *f)
{
    const struct client_offer *o = &f->hs->offer;
    struct span name = name_to_check(f);
    bool leaf = f->leaf && !f->leaf->malformed;
    if (o->seen && !o->partial && !o->has_sni && name.n == 0 && leaf &&
        !hs_is_eap(f->hs)) {
        f->address_missing = f->leaf->has_san && !has_address(f);
    }
    if (name.n == 0) {
        return;
    }
    f->sni_is_ip = o->has_sni && hs_is_address(o->sni);
    if (!leaf) {
        return;
    }
    f->name_checked = true;
    f->name_matches = x509_name_matches(f->leaf, name, true);
    f->common_name_only = f->name_matches && !f->leaf->has_san &&
                          !x509_name_matches(f->leaf, name, false);
    if (!f->name_matches ||
        (f->common_name_only && stack_ignores_common_name(f->client_stack))) {
        f->faults |= FAULT_NAME;
    }
}

static bool contains_word(struct span s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++) {
        if (ascii_same(s.p + i, word, n)) {
            return true;
        }
    }
    return false;
}

/* An issuer that by its name, or by how public authorities work, is no root:
 * then a certificate is missing between it and the root. */
static bool is_issuer_intermediate(const struct cert *leaf)
{
    struct span cn = leaf->issuer.common_name;
    if (contains_word(cn, "root")) {
        return false;
    }
    bool short_name = cn.n >= 3 && ascii_same(cn.p, "int", 3) &&
                      (cn.n == 3 || cn.p[3] == ' ' || cn.p[3] == '-');
    return short_name || contains_word(cn, "intermediate") ||
           contains_word(cn, "issuing") || contains_word(cn, "sub-ca") ||
           contains_word(cn, "sub ca") || contains_word(cn, "subca") ||
           leaf->has_sct || (leaf->has_aia && leaf->aia_issuer_url.n > 0);
}

/* A server that sends its own certificate twice, or a root without what lies
 * between, leaves the same gap as one that sends its own alone. */
static bool is_leaf_alone(const struct cert_chain *chain)
{
    for (uint16_t i = 1; i < chain->n; i++) {
        if (memcmp(chain->v[i]->sha256, chain->v[0]->sha256, 32) != 0 &&
            span_eq(chain->v[i]->subject.der, chain->v[0]->issuer.der)) {
            return false;
        }
    }
    return !chain->cut;
}

static void derive_trust(struct facts *f, struct trust *trust)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    f->leaf_alone = is_leaf_alone(chain);
    if (trust) {
        trust_judge(trust, chain, f->when, &f->trust);
    }
    switch (f->trust.state) {
    case TRUST_SELF_SIGNED:
        f->faults |= FAULT_SELF_SIGNED;
        break;
    case TRUST_UNKNOWN_ISSUER:
        f->faults |= FAULT_UNKNOWN_ISSUER;
        break;
    case TRUST_INCOMPLETE:
        f->faults |= f->trust.completable ||
                             (f->leaf_alone && is_issuer_intermediate(f->leaf))
                         ? FAULT_INCOMPLETE
                         : FAULT_UNKNOWN_ISSUER;
        break;
    case TRUST_EXPIRED_CA:
        f->faults |= FAULT_CA_EXPIRED;
        break;
    case TRUST_UNKNOWN:
        f->faults |= f->leaf->self_signed ? FAULT_SELF_SIGNED : 0u;
        break;
    default:
        break;
    }
}

static bool is_weak(const struct cert *c)
{
    bool rsa = c->key == KEY_RSA || c->key == KEY_RSA_PSS;
    return (rsa && c->key_bits && c->key_bits < 2048) || c->key == KEY_DSA ||
           (c->key == KEY_EC && c->key_bits && c->key_bits < 224) ||
           (c->signature_weak && !c->self_signed);
}

static bool is_misused(const struct facts *f)
{
    const struct cert *c = f->leaf;
    if (c->has_eku && !c->eku_server_auth && !c->eku_any) {
        return true;
    }
    return c->has_key_usage &&
           !(c->key_usage & (CERT_KU_DIGITAL_SIGNATURE |
                             CERT_KU_KEY_ENCIPHERMENT | CERT_KU_KEY_AGREEMENT));
}

static void derive_certificate(struct facts *f, struct trust *trust)
{
    const struct cert_chain *chain = &f->hs->server_chain;
    if (chain->seen && chain->malformed) {
        f->faults |= FAULT_MALFORMED;
    }
    derive_name(f);
    if (!f->leaf) {
        return;
    }
    derive_dates(f);
    derive_trust(f, trust);
    f->faults |= f->leaf->malformed ? FAULT_MALFORMED : 0u;
    f->faults |= is_misused(f) ? FAULT_USAGE : 0u;
    for (uint16_t i = 0; i < chain->n; i++) {
        f->faults |= is_weak(chain->v[i]) ? FAULT_WEAK : 0u;
    }
}

/* ---- objections ---- */

static bool is_certificate_alert(uint16_t code)
{
    return (code >= 42 && code <= 46) || code == 48 || code == 49 ||
           code == 113;
}

/* OpenSSL makes internal_error out of a check of the application's own that
 * turns a certificate down without a reason (ssl_x509err2alert(); HAProxy's
 * verifyhost). In older versions 80 is about SHA-1, see security_level.c; what
 * supplicants mean by it is eap.c's. */
static bool is_unexplained(const struct facts *f)
{
    const struct handshake *hs = f->hs;
    return f->alert == 80 && hs->choice.seen && !hs_is_eap(hs) &&
           version_rank(hs->choice.version) >= 0x0303 &&
           f->client_stack == STACK_OPENSSL;
}

/* s2n-tls keeps still for 10 to 30 seconds before it ends a handshake that
 * failed (s2n_connection_calculate_blinding), and a second for the way. */
#define BLINDING_MIN (10 * TICK_SEC)
#define BLINDING_MAX (31 * TICK_SEC)

static bool has_whole_flight(const struct facts *f)
{
    const struct hs_dir *server = &f->hs->dir[SIDE_SERVER];
    return f->hs->flavour == FLAVOUR_TLS && !hs_is_eap(f->hs) &&
           f->end->stage == STAGE_SERVER_DONE &&
           f->phase == PHASE_CERTIFICATE && server->unacked_bytes == 0 &&
           server->lost_bytes == 0 && !f->undelivered[SIDE_SERVER] &&
           !(f->end->blind & (BLIND_HOLES | BLIND_LIMIT));
}

/* What else it may have been waiting for: its user or a token, where its own
 * certificate was asked for. */
static bool has_other_reason(const struct facts *f)
{
    return f->client_auth_asked || f->server.asked_client_certificate ||
           f->client.successes_here > 0;
}

/*
 * Who has the server's whole flight and says nothing more is slow, gone, or in
 * s2n-tls's pause after an error. Programs that show the certificate to their
 * user before they go on look the same; stacks that are known to send an alert
 * at once do not.
 */
static enum stillness stillness_of(const struct facts *f)
{
    const struct conclusion *end = f->end;
    if (!has_whole_flight(f) || has_other_reason(f)) {
        return STILL_NOT;
    }
    if (end->how == HOW_TIMEOUT) {
        return f->client_stack == STACK_S2N       ? STILL_BLINDING
               : f->client_stack == STACK_UNKNOWN ? STILL_PERHAPS
                                                  : STILL_NOT;
    }
    bool wordless = f->alert == ALERT_NONE || f->alert == 0;
    bool blinding = f->client_stack == STACK_S2N && wordless &&
                    end->by == BY_CLIENT && f->quiet_ns >= BLINDING_MIN &&
                    f->quiet_ns <= BLINDING_MAX;
    return blinding ? STILL_BLINDING : STILL_NOT;
}

static enum objection objection_of(const struct facts *f)
{
    const struct conclusion *end = f->end;
    /* What the capture lacks, the client may still have seen. */
    const uint32_t holes = BLIND_HOLES | BLIND_LIMIT;
    if (f->alert_by_client && is_certificate_alert(f->alert) &&
        (end->blind & holes)) {
        return OBJECTION_NAMED;
    }
    if (!f->after_certificate || end->resumed) {
        return OBJECTION_NONE;
    }
    if (f->late_refusal) {
        return f->end->late_alert_unanswered ? OBJECTION_HIDDEN
                                             : OBJECTION_SILENT;
    }
    if (f->alert_by_client) {
        if (f->alert == ALERT_NONE) {
            return OBJECTION_HIDDEN;
        }
        if (f->alert == 0) {
            return OBJECTION_SILENT; /* close_notify: says nothing either */
        }
        /* Erlang says 40 to a wrong name (public_key, bad_cert_reason), OpenSSL
         * where an application refuses (X509_V_ERR_APPLICATION_VERIFICATION).
         */
        if (f->phase == PHASE_CERTIFICATE &&
            (f->alert == 40 || is_unexplained(f))) {
            return OBJECTION_VAGUE;
        }
        return is_certificate_alert(f->alert) ? OBJECTION_NAMED
                                              : OBJECTION_NONE;
    }
    bool silent = end->by == BY_CLIENT &&
                  (end->how == HOW_CLOSE || end->how == HOW_RESET);
    return silent || f->still == STILL_BLINDING ? OBJECTION_SILENT
                                                : OBJECTION_NONE;
}

/* Whether the end came right after the server's Finished. */
static bool is_at_once(const struct facts *f)
{
    const struct hs_event *e = hs_find(f->hs, HS_FINISHED, SIDE_SERVER);
    return e && tick_sub(f->end->when_decisive, e->when) <= TICK_SEC;
}

/*
 * A handshake that finished on both sides, and then an encrypted alert of the
 * client before any data. Most clients close like that out of habit; those that
 * judge the certificate only then (NSS, SChannel) mean it as a refusal when the
 * certificate has a visible fault.
 */
static bool is_late_refusal(const struct facts *f)
{
    unsigned faults = FAULT_EXPIRED | FAULT_NOT_YET_VALID | FAULT_CA_EXPIRED |
                      FAULT_NAME | FAULT_SELF_SIGNED | FAULT_USAGE | FAULT_WEAK;
    /* What depends on whose roots are asked counts when they were named. Not a
     * missing intermediate: SChannel fetches it (RFC 5280 section 4.2.2.1), and
     * Firefox has them all (its preloaded intermediates). Nor an inspection's:
     * its clients have its root besides. */
    if (f->trust.anchors_given && f->inspection != INSPECTION_DETECTED) {
        faults |= FAULT_UNKNOWN_ISSUER;
    }
    bool judges_late =
        f->client_stack == STACK_NSS || f->client_stack == STACK_SCHANNEL;
    /* Those that trust an inspection leave connections, too, which they opened
     * to be quick. */
    bool forged = f->inspection == INSPECTION_DETECTED &&
                  f->inspection_distrusted && is_at_once(f);
    return f->end->late_alert_unanswered && judges_late && f->leaf &&
           (forged || (f->faults & faults));
}

static void derive_client_auth(struct facts *f)
{
    const struct handshake *hs = f->hs;
    const struct conclusion *end = f->end;
    const struct cert_chain *chain = &hs->client_chain;
    f->client_auth_asked =
        hs->certificate_request.seen || end->certificate_request_likely ||
        hs_find(hs, HS_CERTIFICATE_REQUEST, SIDE_SERVER) != NULL;
    f->client_auth_sent = (chain->seen && !chain->empty) ||
                          (!chain->seen && end->client_certificate_sent_likely);
    f->client_auth_empty =
        !f->client_auth_sent &&
        ((chain->seen && chain->empty) || end->client_certificate_empty_likely);
    f->client_auth_answered = end->by == BY_SERVER && f->client_auth_asked &&
                              !f->undelivered[SIDE_CLIENT] &&
                              (f->client_auth_sent || f->client_auth_empty);
}

void facts_derive(struct facts *f, const struct handshake *hs,
                  struct trust *trust, struct offers *offers)
{
    *f = (struct facts){.hs = hs, .end = &hs->end_state, .alert = ALERT_NONE};
    f->leaf = hs->server_chain.n ? hs->server_chain.v[0] : NULL;
    f->client_leaf = hs->client_chain.n ? hs->client_chain.v[0] : NULL;
    f->client_stack = stack_of_client(&hs->offer);
    f->server_stack = stack_of_server(hs);
    f->offer_shape = offers_look(offers, &hs->offer, &f->offer);
    derive_course(f);
    if (f->server_tls13 && !f->leaf) {
        flight_look(hs, &f->hidden);
        f->public_name = f->hidden.alone && interception_public_name(hs);
    }
    derive_certificate(f, trust);
    f->faults_n = (unsigned)__builtin_popcount(f->faults);
    derive_client_auth(f);
    f->late_refusal = is_late_refusal(f);
    f->still = stillness_of(f);
    f->objection = objection_of(f);
}

void facts_inspected(struct facts *f, enum inspection i, bool distrusted,
                     const char *product, const struct text_list *because)
{
    f->inspection = i;
    f->inspection_distrusted = distrusted;
    f->inspection_product = product;
    f->inspection_because = because;
    f->late_refusal = is_late_refusal(f);
    f->still = stillness_of(f);
    f->objection = objection_of(f);
}
