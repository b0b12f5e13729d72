/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/advice_when.h"

#include "judge/http_page.h"

static bool starts(struct span word, const char *prefix, struct span *rest)
{
    if (!span_starts(word, prefix)) {
        return false;
    }
    *rest = span_sub(word, strlen(prefix), word.n);
    return true;
}

static unsigned number_of(struct span s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.n && i < 5; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return ALERT_NONE;
        }
        n = n * 10 + (unsigned)(s.p[i] - '0');
    }
    return n;
}

bool carrier_starts(const struct handshake *hs, const char *prefix)
{
    return hs->carrier && span_starts(span_text(hs->carrier), prefix);
}

unsigned http_status(const struct handshake *hs)
{
    if (!span_starts(hs->carrier_note, "HTTP/1.") || hs->carrier_note.n < 12) {
        return ALERT_NONE;
    }
    return number_of(span_sub(hs->carrier_note, 9, 3));
}

static bool is_answer_lost(const struct facts *f)
{
    return f->after_server_hello && (f->undelivered[SIDE_CLIENT] ||
                                     f->hs->dir[SIDE_CLIENT].lost_bytes > 0);
}

static bool is_ended_by_client(const struct facts *f)
{
    return f->end->by == BY_CLIENT || f->late_refusal;
}

static bool is_socks(const struct facts *f)
{
    return carrier_starts(f->hs, "socks");
}

static bool is_only_ca_expired(const struct facts *f)
{
    return (f->faults & FAULT_CA_EXPIRED) &&
           !(f->faults & (FAULT_EXPIRED | FAULT_NOT_YET_VALID));
}

/* CONNECT to a port that is no proxy's. */
static bool is_taken_for_a_proxy(const struct facts *f)
{
    return carrier_starts(f->hs, "direct") &&
           span_starts(f->hs->raw[HS_RAW_CLIENT_FIRST], "CONNECT ");
}

/* The words without a parameter, and what each means of the facts `f`. */
#define WORDS(WORD)                                                            \
    WORD(alert, f->end->has_alert)                                             \
    WORD(no_alert, !f->end->has_alert)                                         \
    WORD(encrypted, f->end->has_alert && f->alert == ALERT_NONE)               \
    WORD(by_client, is_ended_by_client(f))                                     \
    WORD(by_server, f->end->by == BY_SERVER)                                   \
    WORD(by_nobody, f->end->by == BY_NOBODY)                                   \
    WORD(undelivered, is_answer_lost(f))                                       \
    WORD(reset, f->end->how == HOW_RESET)                                      \
    WORD(waited, f->waited_ns >= TICK_SEC)                                     \
    WORD(close, f->end->how == HOW_CLOSE)                                      \
    WORD(timeout, f->end->how == HOW_TIMEOUT)                                  \
    WORD(tls13, f->server_tls13)                                               \
    WORD(tls12, f->after_server_hello && !f->server_tls13)                     \
    WORD(offer13, f->offer.tls13)                                              \
    WORD(only13, f->hs->offer.seen && f->offer.only_tls13)                     \
    WORD(few_suites, f->hs->offer.seen && f->offer.suites <= 8)                \
    WORD(hidden, f->server_tls13 && !f->leaf)                                  \
    WORD(old, f->hs->offer.seen && f->offer.old)                               \
    WORD(sni, f->hs->offer.has_sni)                                            \
    WORD(no_sni,                                                               \
         f->hs->offer.seen && !f->hs->offer.partial && !f->hs->offer.has_sni)  \
    WORD(hello, !f->after_server_hello)                                        \
    WORD(tcp, f->hs->flavour == FLAVOUR_TLS)                                   \
    WORD(dtls, f->hs->flavour == FLAVOUR_DTLS)                                 \
    WORD(quic, f->hs->flavour == FLAVOUR_QUIC)                                 \
    WORD(starttls, carrier_starts(f->hs, "starttls"))                          \
    WORD(proxy, carrier_starts(f->hs, "http-connect") || is_socks(f))          \
    WORD(nested, hs_tunnels(f->hs) > 1)                                        \
    WORD(socks, is_socks(f))                                                   \
    WORD(connect, is_taken_for_a_proxy(f))                                     \
    WORD(target, span_starts(f->hs->carrier_asked, "CONNECT "))                \
    WORD(client_auth, f->client_auth_asked)                                    \
    WORD(pq, f->offer.post_quantum)                                            \
    WORD(reply_4, span_starts(f->hs->carrier_note, "4"))                       \
    WORD(reply_5, span_starts(f->hs->carrier_note, "5"))                       \
    WORD(nla, span_starts(f->hs->carrier_note, "HYBRID_REQUIRED"))             \
    WORD(ca_expired, is_only_ca_expired(f))                                    \
    WORD(cn_only, f->common_name_only)                                         \
    WORD(chain_rule, f->trust.violation != NULL)                               \
    WORD(portal, http_page_is_portal(f->hs))                                   \
    WORD(eap, hs_is_eap(f->hs))                                                \
    WORD(eap_radius, hs_is_eap(f->hs) && f->hs->transport == TRANSPORT_UDP)

#define NAME_OF(name, holds) #name,
static const char *const words[] = {WORDS(NAME_OF)};
#define WORDS_N (sizeof words / sizeof words[0])
_Static_assert(WORDS_N <= CONDITIONS_MAX, "room for every condition");

void conditions_of(const struct facts *f, struct conditions *out)
{
#define VALUE_OF(name, holds) holds,
    const uint8_t values[WORDS_N] = {WORDS(VALUE_OF)};
    *out = (struct conditions){{0}};
    memcpy(out->holds, values, sizeof values);
}

/* 1 or 0 as the word holds or not; -1 when there is no such word. */
static int look_up(const struct conditions *c, struct span word)
{
    for (unsigned i = 0; i < WORDS_N; i++) {
        if (span_eq(word, span_text(words[i]))) {
            return c->holds[i];
        }
    }
    return -1;
}

/* Whether it is in a list with bars: "imap|pop3". */
static bool is_one_of(struct span word, struct span list)
{
    for (size_t from = 0; from <= list.n;) {
        size_t to = from;
        while (to < list.n && list.p[to] != '|') {
            to++;
        }
        if (span_eq(word, span_sub(list, from, to - from))) {
            return true;
        }
        from = to + 1;
    }
    return false;
}

static bool word_holds(const struct facts *f, const struct conditions *c,
                       struct span word)
{
    int holds = look_up(c, word);
    if (holds >= 0) {
        return holds;
    }
    struct span rest;
    if (starts(word, "alert_", &rest)) {
        return f->end->has_alert && f->alert == number_of(rest);
    }
    if (starts(word, "carrier_", &rest)) {
        struct span carrier = span_text(f->hs->carrier ? f->hs->carrier : "");
        static const char starttls[] = "starttls-";
        size_t n = span_starts(carrier, starttls) ? sizeof starttls - 1 : 0;
        return is_one_of(span_sub(carrier, n, carrier.n), rest);
    }
    if (starts(word, "http_", &rest)) {
        return http_status(f->hs) == number_of(rest);
    }
    if (starts(word, "peer_", &rest)) {
        return f->hs->peer_protocol &&
               span_eq(rest, span_text(f->hs->peer_protocol));
    }
    return false;
}

bool conditions_hold(const struct facts *f, const struct conditions *c,
                     const char *when)
{
    while (*when) {
        size_t n = strcspn(when, ",");
        bool negated = *when == '!';
        struct span word = span_of(when + negated, n - negated);
        if (word_holds(f, c, word) == negated) {
            return false;
        }
        when += n + (when[n] == ',');
    }
    return true;
}
