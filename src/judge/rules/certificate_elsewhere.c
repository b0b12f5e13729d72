/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate is hidden here (RFC 8446 section 4.4.2), but the same server
 * showed one for the same name on another connection, in TLS 1.2 or to a key
 * log. Servers may have several; so nothing of this is certain.
 */
#include "judge/facts.h"
#include "judge/say.h"

static struct hypothesis *claim_as(const struct facts *f, struct hypotheses *hy,
                                   const char *cause, enum confidence c,
                                   int weight, const char *what)
{
    struct hypothesis *h = hypothesis_add(hy, cause, c, weight);
    hypothesis_because(h,
                       "on another connection, in %s, the server's certificate "
                       "for %s could be read: %s",
                       say_version(f->name.leaf.version).s, say_server(f->hs).s,
                       what);
    return h;
}

static struct hypothesis *claim(const struct facts *f, struct hypotheses *hy,
                                const char *cause, const char *what)
{
    int weight = f->objection == OBJECTION_SILENT ? 58 : 82;
    return claim_as(f, hy, cause, CONF_LIKELY, weight, what);
}

/* Codes that are about one fault and no other. */
static bool is_about(const struct facts *f, uint16_t own)
{
    uint16_t a = f->alert;
    bool exact = a == 43 || a == 44 || a == 45 || a == 48;
    return !exact || a == own;
}

/*
 * An issuer that is unknown here may be known to the client: private
 * authorities are common. So this is less than the faults that anybody sees,
 * and nothing to a client that got through before.
 */
static void claim_issuer(const struct facts *f, struct hypotheses *hy)
{
    const struct seen_leaf *l = &f->name.leaf;
    bool says_ca = f->alert_by_client && f->alert == 48;
    bool hidden = f->objection == OBJECTION_HIDDEN;
    bool sure = says_ca || (hidden && f->client.successes_here == 0);
    enum confidence c = sure ? CONF_LIKELY : CONF_POSSIBLE;
    if (l->incomplete) {
        struct hypothesis *h =
            claim_as(f, hy, "server_certificate_incomplete_chain", c,
                     says_ca ? 82
                     : sure  ? 70
                             : 46,
                     "the certificate of its issuer was not sent");
        hypothesis_because(h, "the missing certificate is that of \"%s\"",
                           l->issuer);
    } else if (l->untrusted) {
        struct hypothesis *h =
            claim_as(f, hy, "server_certificate_unknown_issuer", c,
                     says_ca ? 82
                     : sure  ? 66
                             : 45,
                     "its issuer is none of the trusted certificates");
        hypothesis_because(h, "the chain ends in \"%s\"", l->issuer);
    }
}

static void run(const struct facts *f, struct hypotheses *hy)
{
    const struct seen_leaf *l = &f->name.leaf;
    if (f->objection == OBJECTION_NONE || f->leaf || !l->seen) {
        return;
    }
    if (f->when > l->not_after && is_about(f, 45)) {
        struct say date = say_date(l->not_after);
        struct hypothesis *h =
            claim(f, hy, "server_certificate_expired", "it has expired");
        hypothesis_because(h, "it was valid until %s", date.s);
    }
    if (f->when < l->not_before && is_about(f, 45)) {
        claim(f, hy, "server_certificate_not_yet_valid", "it is not valid yet");
    }
    if (!l->name_fits && is_about(f, 0)) {
        claim(f, hy, "server_certificate_name_mismatch", "no name in it fits");
    }
    /* Stacks that have a code for the issuer say it of a self-signed one. */
    bool other = f->alert == 42 && stack_names_issuer(f->client_stack);
    if (l->self_signed && is_about(f, 48) && !other) {
        claim(f, hy, "server_certificate_self_signed",
              "it is signed by itself");
    }
    if (!l->self_signed && is_about(f, 48) && !other) {
        claim_issuer(f, hy);
    }
    if (!l->usage_fits && is_about(f, 43)) {
        claim(f, hy, "server_certificate_wrong_usage",
              "it is not meant for servers");
    }
    if (l->weak && is_about(f, 0)) {
        claim(f, hy, "server_certificate_weak",
              "its key or its signature is weak");
    }
}

const struct rule certificate_elsewhere_rule = {
    .name = "certificate_elsewhere",
    .source = "RFC 8446 section 4.4.2; the other connection in this capture",
    .run = run,
};
