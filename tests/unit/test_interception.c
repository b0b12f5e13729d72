/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src/judge/interception*.c and the tables behind it: what real proxies do
 * (measured: sslsplit dates back by 24 hours and uses one key, mitmproxy by 48
 * hours, squid uses its CA's key), and the private authorities, devices and
 * shared certificates that must not be taken for one.
 */
#include "judge/interception.h"
#include "judge/judge.h"
#include "tests/unit/certs.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW  (CERTS_NOW * TICK_SEC)
#define DAY  CERTS_DAY
#define HOUR (CERTS_DAY / 24)

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

static struct {
    EVP_PKEY *key[4], *ca_key;
    struct interception *ix;
    struct arena arena;
} env;

static void set_up(void)
{
    for (size_t i = 0; i < COUNT(env.key); i++) {
        env.key[i] = certs_key("P-256");
    }
    env.ca_key = certs_key("P-256");
    env.ix = interception_new();
    cr_assert(env.ix);
    arena_init(&env.arena, 16u << 20);
}

static void tear_down(void)
{
    for (size_t i = 0; i < COUNT(env.key); i++) {
        EVP_PKEY_free(env.key[i]);
    }
    EVP_PKEY_free(env.ca_key);
    interception_free(env.ix);
    arena_free(&env.arena);
}

TestSuite(interception, .init = set_up, .fini = tear_down);

/* ---- building ---- */

/* A certificate's facts, in the arena. */
static struct cert *read_cert(const X509 *x)
{
    struct cert *c = arena_alloc(&env.arena, sizeof *c);
    struct span der = certs_der(x);
    struct span kept = arena_copy(&env.arena, der);
    OPENSSL_free((void *)(uintptr_t)der.p);
    cr_assert(c && kept.n && x509_read(&env.arena, kept, c));
    return c;
}

static X509 *make_ca(const char *cn, const char *o)
{
    return certs_make(&(struct certs_spec){.subject = cn,
                                           .organization = o,
                                           .key = env.ca_key,
                                           .ca = true,
                                           .key_ids = true});
}

/* A leaf for one name, `age` seconds old. */
static struct cert *leaf_of(X509 *ca, const char *host, EVP_PKEY *key,
                            const char *organization, int64_t age)
{
    char san[300];
    snprintf(san, sizeof san, "DNS:%s", host);
    X509 *x = certs_make(
        &(struct certs_spec){.subject = host,
                             .organization = organization,
                             .key = key,
                             .issuer = ca,
                             .issuer_key = env.ca_key,
                             .not_before = CERTS_NOW - age,
                             .key_ids = true,
                             .extensions = {"subjectAltName", san, NULL}});
    struct cert *c = read_cert(x);
    X509_free(x);
    return c;
}

struct scene {
    struct handshake hs;
    struct cert *chain[2];
};

/* A handshake of client `client` that showed a leaf for a name, `after` seconds
 * from now. */
static void show(struct scene *s, const char *host, struct cert *leaf,
                 struct cert *ca, uint8_t client, int after)
{
    memset(s, 0, sizeof *s);
    struct handshake *hs = &s->hs;
    hs_init(hs, 64 * 1024);
    hs->ip_version = 4;
    memcpy(hs->addr[SIDE_CLIENT].ip, "\xc0\x00\x02\x00", 4);
    hs->addr[SIDE_CLIENT].ip[3] = client;
    memcpy(hs->addr[SIDE_SERVER].ip, "\xc6\x33\x64\x05", 4);
    hs->addr[SIDE_SERVER].port = 443;
    hs->version = 0x0303;
    hs->first = hs->when_hello = NOW + after * TICK_SEC;
    hs->expanded = true;
    hs->offer.seen = hs->offer.has_sni = true;
    hs->offer.sni = span_text(host);
    s->chain[0] = leaf;
    s->chain[1] = ca;
    hs->server_chain =
        (struct cert_chain){.seen = true, .n = ca ? 2 : 1, .v = s->chain};
}

static enum inspection judged(struct scene *s, struct verdict *v)
{
    verdict_init(v, OUTCOME_FAILURE);
    return interception_judge(env.ix, &s->hs, NULL, v);
}

static void forget(struct scene *s, struct verdict *v)
{
    verdict_fini(v);
    verdict_init(v, OUTCOME_FAILURE);
    hs_free(&s->hs);
}

/* Learns one certificate per name, all by one authority, a minute apart, and
 * expects this of each at the end. A proxy makes a certificate when it is asked
 * for: then its age is the same for all, and so is the key. */
static void expect(X509 *ca, const char *const *hosts, size_t n, bool proxy,
                   int64_t age, enum inspection want)
{
    struct scene s[8];
    struct verdict v;
    struct cert *issuer = read_cert(ca);
    cr_assert(n <= COUNT(s));
    for (size_t i = 0; i < n; i++) {
        EVP_PKEY *key = proxy ? env.key[0] : env.key[i % COUNT(env.key)];
        int64_t before = (int64_t)i * (proxy ? -60 : 3 * DAY);
        struct cert *leaf = leaf_of(ca, hosts[i], key, NULL, age + before);
        show(&s[i], hosts[i], leaf, issuer, 1, (int)i * 60);
        interception_learn(env.ix, &s[i].hs, NULL);
    }
    for (size_t i = 0; i < n; i++) {
        enum inspection got = judged(&s[i], &v);
        cr_expect(got == want, "%s: %d, not %d", hosts[i], (int)got, (int)want);
        forget(&s[i], &v);
    }
    X509_free(ca);
}

static const char *const public_names[] = {"www.github.com", "en.wikipedia.org",
                                           "login.live.com", "pypi.org"};
static const char *const own_names[] = {
    "www.example-corp.com", "shop.example-corp.net", "api.example-corp.org"};

/* ---- proxies ---- */

/* sslsplit: every leaf is 24 hours old when it is shown, one key for all. */
Test(interception, unnamed_proxy_is_found)
{
    expect(make_ca("Web Gateway 2", "Example"), public_names, 4, true, DAY,
           INSPECTION_DETECTED);
}

/* The same without anything to see in ages or keys: the names are enough. */
Test(interception, well_known_names_are_enough)
{
    expect(make_ca("Internet Access", "Example"), public_names, 4, false,
           20 * DAY + 1234, INSPECTION_DETECTED);
}

Test(interception, product_is_named)
{
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    /* Its kind is never honest, so inner names count too. */
    struct cert *leaf = leaf_of(ca, "box.corp", env.key[0], NULL, 2 * DAY);
    show(&s, "box.corp", leaf, read_cert(ca), 1, 0);
    interception_learn(env.ix, &s.hs, NULL);
    cr_expect(judged(&s, &v) == INSPECTION_DETECTED);
    cr_expect_str_eq(v.interception, "detected");
    cr_expect_str_eq(v.interception_product, "mitmproxy");
    cr_expect(v.interception_evidence.n >= 2);
    forget(&s, &v);
    X509_free(ca);
}

static bool has_evidence(const struct verdict *v, const char *words)
{
    for (size_t i = 0; i < v->interception_evidence.n; i++) {
        if (strstr(v->interception_evidence.v[i], words)) {
            return true;
        }
    }
    return false;
}

/* With what it says in its hello, as the judge does. */
static void note_hello(const struct handshake *hs)
{
    struct hello_sight hello;
    hello_look(hs, &hello);
    interception_note(env.ix, hs, &hello);
}

/* What the proxy says of itself is told, and proves nothing. */
Test(interception, proxy_that_names_itself)
{
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    X509 *house = make_ca("Example CA", "Example");
    struct cert *leaf = leaf_of(ca, "github.com", env.key[0], NULL, 2 * DAY);
    struct cert *own =
        leaf_of(house, "www.example-corp.com", env.key[1], NULL, 40 * DAY + 9);
    show(&s, "github.com", leaf, NULL, 1, 0);
    s.hs.carrier = "http-connect";
    s.hs.carrier_agent = span_text("Via: 1.1 gw (Gateway/7)");
    note_hello(&s.hs);
    interception_learn(env.ix, &s.hs, NULL);
    cr_expect(judged(&s, &v) == INSPECTION_DETECTED);
    cr_expect(has_evidence(&v, "says of itself \"Via: 1.1 gw (Gateway/7)\""));
    cr_expect_str_eq(v.interception_product, "mitmproxy");
    forget(&s, &v);
    /* Not through that proxy. */
    show(&s, "github.com", leaf, NULL, 1, 0);
    cr_expect(judged(&s, &v) == INSPECTION_DETECTED);
    cr_expect(!has_evidence(&v, "says of itself"));
    forget(&s, &v);
    show(&s, "www.example-corp.com", own, NULL, 1, 0);
    s.hs.carrier = "http-connect";
    interception_learn(env.ix, &s.hs, NULL);
    cr_expect(judged(&s, &v) == INSPECTION_NONE);
    forget(&s, &v);
    X509_free(ca);
    X509_free(house);
}

/* Squid names itself when it asks for a password, on another connection. */
Test(interception, product_by_what_the_proxy_says)
{
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("Internet Access CA", "Example Corporation");
    show(&s, "github.com", NULL, NULL, 1, 0);
    s.hs.server_chain = (struct cert_chain){.seen = false};
    s.hs.carrier = "http-connect";
    s.hs.carrier_agent = span_text("Server: squid/5.7");
    note_hello(&s.hs);
    hs_free(&s.hs);
    for (unsigned i = 0; i < 4; i++) {
        show(&s, public_names[i],
             leaf_of(ca, public_names[i], env.key[0], NULL, DAY), NULL, 1,
             (int)i);
        s.hs.carrier = "http-connect";
        interception_learn(env.ix, &s.hs, NULL);
        if (i == 3) {
            cr_expect(judged(&s, &v) == INSPECTION_DETECTED);
            cr_expect_str_eq(v.interception_product, "Squid");
            forget(&s, &v);
        } else {
            hs_free(&s.hs);
        }
    }
    X509_free(ca);
}

/* squid: the leaf has its CA's key. One well-known name suffices then. */
Test(interception, leaf_with_the_issuers_key)
{
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("Access Control", "Example");
    struct cert *leaf =
        leaf_of(ca, "github.com", env.ca_key, "GitHub, Inc.", 90 * DAY);
    show(&s, "github.com", leaf, read_cert(ca), 1, 0);
    interception_learn(env.ix, &s.hs, NULL);
    cr_expect(judged(&s, &v) == INSPECTION_DETECTED);
    cr_expect(v.interception_product == NULL);
    forget(&s, &v);

    /* The same told by the authority key identifier when the CA is not sent. */
    show(&s, "github.com", leaf, NULL, 1, 0);
    cr_expect(judged(&s, &v) == INSPECTION_DETECTED);
    forget(&s, &v);
    X509_free(ca);
}

/* The name was shown with a public chain before: somebody came in between. */
Test(interception, name_with_two_issuers)
{
    char error[256];
    char file[] = "/tmp/test_interceptionXXXXXX";
    int fd = mkstemp(file);
    FILE *f = fdopen(fd, "w");
    X509 *public = make_ca("Example Public Root", "Example Trust");
    cr_assert(f && PEM_write_X509(f, public));
    fclose(f);
    struct trust *t = trust_new(file, error);
    cr_assert(t, "%s", error);

    struct scene s;
    struct verdict v;
    verdict_init(&v, OUTCOME_FAILURE);
    struct cert *good =
        leaf_of(public, "github.com", env.key[1], NULL, 50 * DAY);
    show(&s, "github.com", good, read_cert(public), 1, 0);
    interception_learn(env.ix, &s.hs, t);
    cr_expect(interception_judge(env.ix, &s.hs, t, &v) == INSPECTION_NONE);
    forget(&s, &v);

    EVP_PKEY *ca_key = env.ca_key;
    env.ca_key = certs_key("P-256");
    X509 *ca = make_ca("Access Control", "Example");
    struct cert *bad = leaf_of(ca, "github.com", env.key[0], NULL, 50 * DAY);
    show(&s, "github.com", bad, read_cert(ca), 1, 5);
    interception_learn(env.ix, &s.hs, t);
    cr_expect(interception_judge(env.ix, &s.hs, t, &v) == INSPECTION_DETECTED);
    forget(&s, &v);
    EVP_PKEY_free(env.ca_key);
    env.ca_key = ca_key;

    /* Another name is left alone. */
    struct cert *spared =
        leaf_of(public, "pypi.org", env.key[1], NULL, 50 * DAY);
    show(&s, "pypi.org", spared, NULL, 1, 9);
    interception_learn(env.ix, &s.hs, t);
    hs_free(&s.hs);
    struct interception_story story[1];
    cr_assert(interception_stories(env.ix, story, 1) == 1);
    cr_expect_str_eq(story[0].issuer, "Access Control");
    cr_expect(story[0].open_n == 1 && story[0].clients_n == 1);
    cr_expect_str_eq(story[0].open[0], "pypi.org");
    X509_free(ca);
    X509_free(public);
    trust_free(t);
    unlink(file);
}

/* The same behind a reverse proxy, which is no inspection: who shows the public
 * chain is the one that gets the private certificate. */
Test(interception, reverse_proxy)
{
    struct scene s;
    struct verdict v;
    X509 *public = make_ca("R11", "Let's Encrypt");
    struct cert *good =
        leaf_of(public, "www.example-corp.com", env.key[1], NULL, 50 * DAY);
    good->has_sct = good->has_aia = true;
    show(&s, "www.example-corp.com", good, NULL, 1, 0);
    uint8_t front[4];
    memcpy(front, s.hs.addr[SIDE_SERVER].ip, 4);
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);

    X509 *ca = make_ca("Backend CA", "Example");
    struct cert *inner =
        leaf_of(ca, "www.example-corp.com", env.key[2], NULL, 40 * DAY + 99);
    /* From the address that was asked, from another one at once (a load
     * balancer's pool) and ever after, and from somewhere. */
    static const struct {
        uint8_t client;
        int after;
        enum inspection want;
    } rows[] = {{0, 1, INSPECTION_NONE},
                {7, 1, INSPECTION_NONE},
                {7, 20, INSPECTION_NONE},
                {8, 20, INSPECTION_SUSPECTED},
                {1, 1, INSPECTION_SUSPECTED}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        show(&s, "www.example-corp.com", inner, NULL, rows[i].client,
             rows[i].after);
        if (!rows[i].client) {
            memcpy(s.hs.addr[SIDE_CLIENT].ip, front, 4);
        }
        interception_learn(env.ix, &s.hs, NULL);
        cr_expect(judged(&s, &v) == rows[i].want, "%zu", i);
        forget(&s, &v);
    }
    X509_free(ca);
    X509_free(public);
}

/* ---- what is none ---- */

Test(interception, inner_names_of_a_private_authority)
{
    static const char *const inner[] = {"git.corp", "wiki.intranet",
                                        "nas.home.arpa", "mail.local",
                                        "build.example.internal"};
    expect(make_ca("Example CA", "Example"), inner, 5, true, DAY,
           INSPECTION_NONE);
}

/* A company's authority for its own domains. */
Test(interception, own_domains_of_a_company)
{
    expect(make_ca("Example Issuing CA", "Example"), own_names, 3, false,
           20 * DAY + 777, INSPECTION_NONE);
}

/* Under several brands: its own name stands in subject and issuer. Or a
 * provider's authority for what it hosts: all in one place. */
Test(interception, own_brands_of_a_company)
{
    static const char *const brands[] = {"www.nordwind.de", "bergquell.ch",
                                         "tiny-startup.io"};
    static const struct {
        const char *ca;
        bool own, hosted, proxied;
        enum inspection want;
    } rows[] = {
        {"CA 1", .want = INSPECTION_SUSPECTED},
        {"CA 2", .own = true, .want = INSPECTION_NONE},
        {"CA 3", .hosted = true, .want = INSPECTION_NONE},
        {"CA 4", .hosted = true, .proxied = true, .want = INSPECTION_SUSPECTED},
    };
    for (size_t row = 0; row < COUNT(rows); row++) {
        struct scene s[3];
        struct verdict v;
        X509 *ca = make_ca(rows[row].ca, "Example");
        for (int i = 0; i < 3; i++) {
            struct cert *leaf =
                leaf_of(ca, brands[i], env.key[i],
                        rows[row].own ? "Example" : brands[i], 300);
            show(&s[i], brands[i], leaf, NULL, 1, i * 60);
            s[i].hs.carrier = rows[row].proxied ? "http-connect" : NULL;
            s[i].hs.addr[SIDE_SERVER].ip[0] =
                (uint8_t)(rows[row].hosted ? 198 : 20 + i);
            interception_learn(env.ix, &s[i].hs, NULL);
        }
        for (int i = 0; i < 3; i++) {
            cr_expect(judged(&s[i], &v) == rows[row].want, "%s %zu", brands[i],
                      row);
            forget(&s[i], &v);
        }
        X509_free(ca);
    }
}

/* Made in one go, minutes before. */
Test(interception, fresh_certificates_of_a_company)
{
    struct scene s[3];
    struct verdict v;
    X509 *ca = make_ca("Example Issuing CA", "Example");
    struct cert *issuer = read_cert(ca);
    for (unsigned i = 0; i < 3; i++) {
        struct cert *leaf = leaf_of(ca, own_names[i], env.key[i], "Example", 5);
        show(&s[i], own_names[i], leaf, issuer, 1, (int)i);
        interception_learn(env.ix, &s[i].hs, NULL);
    }
    for (unsigned i = 0; i < 3; i++) {
        cr_expect(judged(&s[i], &v) != INSPECTION_DETECTED);
        forget(&s[i], &v);
    }
    X509_free(ca);
}

/* A CDN's certificate for many names under its private authority. */
Test(interception, one_certificate_for_many_names)
{
    static const char *const names[] = {
        "www.example-corp.com", "shop.example-corp.net", "www.example-one.org",
        "www.example-two.de",   "www.example-three.fr",  "www.example-four.it"};
    X509 *ca = make_ca("Edge Origin CA", "Edge");
    X509 *x = certs_make(&(struct certs_spec){
        .subject = "edge.example-cdn.com",
        .key = env.key[0],
        .issuer = ca,
        .issuer_key = env.ca_key,
        .not_before = CERTS_NOW - 20 * DAY - 777,
        .extensions = {"subjectAltName",
                       "DNS:www.example-corp.com,DNS:shop.example-corp.net,"
                       "DNS:www.example-one.org,DNS:www.example-two.de,"
                       "DNS:www.example-three.fr,DNS:www.example-four.it",
                       NULL}});
    struct cert *leaf = read_cert(x);
    struct scene s;
    struct verdict v;
    for (size_t i = 0; i < COUNT(names); i++) {
        show(&s, names[i], leaf, read_cert(ca), 1, (int)i);
        interception_learn(env.ix, &s.hs, NULL);
        cr_expect(judged(&s, &v) == INSPECTION_NONE, "%s", names[i]);
        forget(&s, &v);
    }
    X509_free(x);
    X509_free(ca);
}

/* One handshake with this leaf and the verdict on it. */
static enum inspection alone(const char *host, struct cert *leaf, X509 *ca)
{
    struct scene s;
    struct verdict v;
    show(&s, host, leaf, ca ? read_cert(ca) : NULL, 1, 0);
    interception_learn(env.ix, &s.hs, NULL);
    enum inspection got = judged(&s, &v);
    forget(&s, &v);
    return got;
}

static enum inspection alone_by(const char *cn, const char *o, const char *host)
{
    X509 *ca = make_ca(cn, o);
    struct cert *leaf = leaf_of(ca, host, env.key[0], NULL, 33 * DAY + 55);
    enum inspection got = alone(host, leaf, ca);
    X509_free(ca);
    return got;
}

Test(interception, device_with_its_own_page)
{
    X509 *x = certs_make(&(struct certs_spec){
        .subject = "FortiGate CA",
        .organization = "Fortinet",
        .key = env.key[0],
        .extensions = {"subjectAltName", "DNS:www.example-corp.com", NULL}});
    cr_expect(alone("www.example-corp.com", read_cert(x), NULL) ==
              INSPECTION_NONE);
    X509_free(x);
    /* The unit's own name under the vendor's authority. */
    cr_expect(alone_by("fortinet-subca2001", "Fortinet", "fw.corp") ==
              INSPECTION_NONE);
    cr_expect(alone_by("Sophos_CA_C01001", "Sophos", "fw.example.internal") ==
              INSPECTION_NONE);
}

Test(interception, products_by_name)
{
    static const struct {
        const char *cn, *o, *host;
        enum inspection want;
    } rows[] = {
        {"Zscaler Intermediate Root CA (zscaler.net) (t) ", "Zscaler Inc.",
         "www.example-corp.com", INSPECTION_DETECTED},
        {"ESET SSL Filter CA", "ESET, spol. s r. o.", "www.example-corp.com",
         INSPECTION_DETECTED},
        {"FortiGate CA", "Fortinet", "www.example-corp.com",
         INSPECTION_DETECTED},
        {"Cisco Secure Access Secondary SubCA p-aps111-SG", "Cisco",
         "www.example-corp.com", INSPECTION_DETECTED},
        {"NetFree Sign ,019Mobile", "NetFree", "www.example-corp.com",
         INSPECTION_DETECTED},
        {"BarracudaWeb", "Barracuda Networks", "www.example-corp.com",
         INSPECTION_DETECTED},
        {"DrWeb CA", "DrWeb", "www.example-corp.com", INSPECTION_DETECTED},
        {"10.1.2.3", "Blue Coat SG200 Series", "www.example-corp.com",
         INSPECTION_DETECTED},
        /* Companies that are called nearly like one. */
        {"Barracuda Shipping Root CA", "Barracuda Shipping Ltd",
         "www.example-corp.com", INSPECTION_NONE},
        {"Nordnet Bank CA", "Nordnet Bank AB", "www.example-corp.com",
         INSPECTION_NONE},
        {"Cedrweb CA", "Cedrweb Hosting", "www.example-corp.com",
         INSPECTION_NONE},
        {"Blue Coat Pony Club CA", "Blue Coat Pony Club",
         "www.example-corp.com", INSPECTION_NONE},
        {"Wajamaa CA", "Wajamaa Foods", "www.example-corp.com",
         INSPECTION_NONE},
        {"Martian Chocolate Authority", "Martian", "www.example-corp.com",
         INSPECTION_NONE},
        /* The vendor's own service under the vendor's own authority. */
        {"Zscaler Root CA", "Zscaler Inc.", "gateway.zscaler.com",
         INSPECTION_NONE},
        {"FortiGate CA", "Fortinet", "update.fortiguard.net", INSPECTION_NONE},
        /* Another organization with the name in it. */
        {"Zscaler Fan Club CA", "Zscaler Fan Club", "www.example-corp.com",
         INSPECTION_NONE},
        /* Not verified: a suspicion at most. */
        {"Forward-Trust-CA", "Example", "www.example-corp.com",
         INSPECTION_SUSPECTED},
        {"Issuing CA", "Cloud Services", "www.example-corp.com",
         INSPECTION_SUSPECTED},
        /* data/private_issuers.tsv */
        {"mkcert someone@host", "mkcert development CA", "www.example-corp.com",
         INSPECTION_NONE},
        {"Amazon RDS eu-central-1 Root CA RSA2048 G1",
         "Amazon Web Services, Inc.", "github.com", INSPECTION_NONE},
        {"(STAGING) Artificial Apricot R3", "(STAGING) Let's Encrypt",
         "github.com", INSPECTION_NONE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        enum inspection got = alone_by(rows[i].cn, rows[i].o, rows[i].host);
        cr_expect(got == rows[i].want, "%s for %s: %d", rows[i].cn,
                  rows[i].host, (int)got);
    }
}

/* The vendor as the subject, under somebody else's authority. */
Test(interception, vendor_as_the_subject)
{
    X509 *ca = make_ca("Hosting CA", "Hosting");
    struct cert *leaf = leaf_of(ca, "www.example-corp.com", env.key[0],
                                "Zscaler Inc.", 33 * DAY + 55);
    cr_expect(alone("www.example-corp.com", leaf, ca) == INSPECTION_NONE);
    X509_free(ca);
}

/* A product that names itself in the subject, with whatever authority it was
 * given: here one of a kind that signs for developers. */
Test(interception, product_as_the_subject)
{
    static const struct {
        const char *organization;
        enum inspection want;
    } rows[] = {
        {"GoProxy untrusted MITM proxy Inc", INSPECTION_DETECTED},
        {"GoProxy untrusted MITM proxy Incorporated", INSPECTION_NONE},
        {"mkcert development certificate", INSPECTION_NONE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        X509 *ca = make_ca("mkcert someone@host", "mkcert development CA");
        struct cert *leaf = leaf_of(ca, "api.example-corp.com", env.key[0],
                                    rows[i].organization, 33 * DAY + 55);
        cr_expect(alone("api.example-corp.com", leaf, ca) == rows[i].want, "%s",
                  rows[i].organization);
        X509_free(ca);
    }
}

/* A certificate of an enterprise's enrolment service (1.3.6.1.4.1.311.20.2) and
 * one that was logged (1.3.6.1.4.1.11129.2.4.2) are nobody's forgeries. */
Test(interception, enrolled_and_logged_certificates)
{
    static const char *const oids[] = {"1.3.6.1.4.1.311.20.2",
                                       "1.3.6.1.4.1.311.21.7"};
    X509 *ca = make_ca("Corporate CA", "Example");
    for (size_t i = 0; i < COUNT(oids); i++) {
        X509 *x = certs_make(&(struct certs_spec){
            .subject = "github.com",
            .key = env.ca_key,
            .issuer = ca,
            .issuer_key = env.ca_key,
            .extensions = {"subjectAltName", "DNS:github.com", oids[i],
                           "ASN1:UTF8String:WebServer", NULL}});
        cr_expect(alone("github.com", read_cert(x), ca) == INSPECTION_NONE);
        X509_free(x);
    }
    struct cert *leaf = leaf_of(ca, "github.com", env.ca_key, NULL, DAY);
    leaf->has_sct = true;
    cr_expect(alone("github.com", leaf, ca) == INSPECTION_NONE);
    X509_free(ca);
}

/* A certificate that is not for the name asked for is a default one. */
Test(interception, wrong_name)
{
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    struct cert *leaf = leaf_of(ca, "github.com", env.key[0], NULL, 2 * DAY);
    cr_expect(alone("pypi.org", leaf, ca) == INSPECTION_NONE);
    X509_free(ca);
}

/* A name that leads to a private address is served inside. */
Test(interception, private_server_address)
{
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("Corporate CA", "Example");
    struct cert *leaf =
        leaf_of(ca, "github.com", env.ca_key, NULL, 55 * DAY + 777);
    show(&s, "github.com", leaf, read_cert(ca), 1, 0);
    memcpy(s.hs.addr[SIDE_SERVER].ip, "\x0a\x01\x02\x03", 4);
    interception_learn(env.ix, &s.hs, NULL);
    cr_expect(judged(&s, &v) != INSPECTION_DETECTED);
    forget(&s, &v);
    X509_free(ca);
}

/* ---- state ---- */

/* A Certificate message of TLS 1.2 with one certificate. */
static struct span message_of(struct span der)
{
    uint8_t *p = arena_alloc(&env.arena, der.n + 6);
    cr_assert(p);
    size_t n = der.n + 3;
    const uint8_t head[] = {0, (uint8_t)(n >> 8),     (uint8_t)n,
                            0, (uint8_t)(der.n >> 8), (uint8_t)der.n};
    memcpy(p, head, sizeof head);
    memcpy(p + sizeof head, der.p, der.n);
    return span_of(p, der.n + 6);
}

Test(interception, only_new_and_forging_certificates_are_wanted)
{
    struct scene s;
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    struct cert *forged = leaf_of(ca, "github.com", env.key[0], NULL, 2 * DAY);
    struct cert *clean = leaf_of(ca, "github.com", env.key[0], NULL, 3 * DAY);
    clean->self_signed = true;
    struct cert *const both[] = {clean, forged};
    for (int i = 0; i < 2; i++) {
        show(&s, "github.com", both[i], NULL, 1, 0);
        s.hs.raw[HS_RAW_SERVER_CERTIFICATE] = message_of(both[i]->der);
        cr_expect(interception_wants(env.ix, &s.hs));
        interception_learn(env.ix, &s.hs, NULL);
        cr_expect(interception_wants(env.ix, &s.hs) == (both[i] == forged));
        hs_free(&s.hs);
    }
    /* Then also clean ones: they end what sessions began with. */
    show(&s, "github.com", clean, NULL, 1, 0);
    s.hs.raw[HS_RAW_SERVER_CERTIFICATE] = message_of(clean->der);
    cr_expect(interception_wants(env.ix, &s.hs));
    hs_free(&s.hs);
    /* Nothing there, or cut. */
    show(&s, "github.com", forged, NULL, 1, 0);
    cr_expect(!interception_wants(env.ix, &s.hs));
    s.hs.raw[HS_RAW_SERVER_CERTIFICATE] =
        span_sub(message_of(forged->der), 0, 100);
    cr_expect(!interception_wants(env.ix, &s.hs));
    hs_free(&s.hs);
    X509_free(ca);
}

/* More issuers than there is room for, and more names and clients than are
 * told apart. */
Test(interception, bounds)
{
    struct scene s;
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    struct cert *leaf = leaf_of(ca, "github.com", env.key[0], NULL, 2 * DAY);
    for (unsigned i = 0; i < 20000; i++) {
        struct cert other = *leaf;
        char name[16];
        snprintf(name, sizeof name, "issuer %u", i);
        other.issuer.der = span_text(name);
        show(&s, "github.com", &other, NULL, (uint8_t)i, (int)i);
        interception_learn(env.ix, &s.hs, NULL);
        hs_free(&s.hs);
    }
    struct interception_story story[STORIES_MAX + 1];
    cr_expect(interception_stories(env.ix, story, STORIES_MAX + 1) ==
              STORIES_MAX);
    X509_free(ca);
}

Test(interception, story_counts)
{
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("Web Gateway", "Example");
    struct cert *issuer = read_cert(ca);
    for (unsigned i = 0; i < 4; i++) {
        struct cert *leaf =
            leaf_of(ca, public_names[i], env.key[0], NULL, DAY - i);
        for (uint8_t client = 1; client <= 3; client++) {
            show(&s, public_names[i], leaf, issuer, client, (int)i);
            interception_learn(env.ix, &s.hs, NULL);
            if (client == 1) {
                interception_broke(env.ix, &s.hs);
            }
            hs_free(&s.hs);
        }
    }
    struct interception_story story[1];
    cr_assert(interception_stories(env.ix, story, 1) == 1);
    cr_expect_str_eq(story[0].verdict, "detected");
    cr_expect_str_eq(story[0].issuer, "Web Gateway");
    cr_expect(story[0].product == NULL && !story[0].names_more);
    cr_expect(story[0].names_n == 4 && story[0].clients_n == 3);
    cr_expect(story[0].handshakes == 12 && story[0].broken == 4);
    cr_expect_str_eq(story[0].names[3], "pypi.org");
    cr_expect(story[0].first == NOW && story[0].last == NOW + 3 * TICK_SEC);
    memset(&v, 0, sizeof v);
    X509_free(ca);
}

/* ---- the outside of an inspection ---- */

#define QUIC_CLIENT 9

/* The ClientHello that asks for a host, with these suites. */
static void ask(struct scene *s, const char *host, const char *suites,
                uint8_t client)
{
    static uint8_t bytes[512];
    size_t n = strlen(host);
    size_t m = 6; /* three suites */
    uint8_t *p = bytes;
    memset(s, 0, sizeof *s);
    hs_init(&s->hs, 64 * 1024);
    *p++ = 3;
    *p++ = 3;
    memset(p, 7, 32);
    p += 32;
    *p++ = 0; /* session id */
    *p++ = 0;
    *p++ = (uint8_t)m;
    memcpy(p, suites, m);
    p += m;
    *p++ = 1; /* compression: none */
    *p++ = 0;
    *p++ = 0;
    *p++ = (uint8_t)(n + 9);
    const uint8_t sni[] = {
        0, 0, 0, (uint8_t)(n + 5), 0, (uint8_t)(n + 3), 0, 0, (uint8_t)n};
    memcpy(p, sni, sizeof sni);
    p += sizeof sni;
    memcpy(p, host, n);
    p += n;
    s->hs.raw[HS_RAW_CLIENT_HELLO] = span_of(bytes, (size_t)(p - bytes));
    s->hs.ip_version = 4;
    s->hs.flavour = client == QUIC_CLIENT ? FLAVOUR_QUIC : FLAVOUR_TLS;
    memcpy(s->hs.addr[SIDE_CLIENT].ip, "\xc0\x00\x02\x00", 4);
    s->hs.addr[SIDE_CLIENT].ip[3] = client;
    s->hs.first = NOW;
}

/* Asks for all, and says whether the last one looks like a proxy's. */
static bool asks_like_a_proxy(const char *const *hosts, size_t n,
                              const char *suites, uint8_t client)
{
    struct scene s;
    struct verdict v;
    bool found = false;
    verdict_init(&v, OUTCOME_FAILURE);
    for (size_t i = 0; i < n; i++) {
        ask(&s, hosts[i], suites, client);
        note_hello(&s.hs);
        found = interception_outer(env.ix, &s.hs, &v);
        hs_free(&s.hs);
    }
    cr_expect(found == (v.interception != NULL));
    cr_expect(!found || strcmp(v.interception, "suspected") == 0);
    verdict_fini(&v);
    return found;
}

static const char openssl_suites[] = "\x13\x02\x13\x03\x13\x01";
static const char firefox_suites[] = "\x13\x01\x13\x03\x13\x02";
static const char chromium_suites[] = "\x1a\x1a\x13\x01\x13\x02";

Test(interception, outside_of_a_proxy)
{
    static const char *const hosts[] = {
        "push.services.mozilla.com", "optimizationguide-pa.googleapis.com",
        "github.com", "www.wikipedia.org", "pypi.org"};
    cr_expect(!asks_like_a_proxy(hosts, 4, openssl_suites, 1));
    cr_expect(asks_like_a_proxy(hosts, 5, openssl_suites, 2));
    struct interception_story story[2];
    cr_assert(interception_stories(env.ix, story, 2) == 1);
    cr_expect(story[0].outer && story[0].proxy.ip[3] == 2);
    cr_expect(story[0].handshakes == 5 && story[0].names_n == 2);
    cr_expect_str_eq(story[0].names[0], hosts[0]);
}

Test(interception, browsers_ask_for_what_is_theirs)
{
    static const char *const firefox[] = {"push.services.mozilla.com",
                                          "shavar.services.mozilla.com",
                                          "github.com",
                                          "www.wikipedia.org",
                                          "pypi.org",
                                          "www.example.com"};
    static const char *const chromium[] = {
        "content-autofill.googleapis.com",
        "optimizationguide-pa.googleapis.com",
        "github.com",
        "www.wikipedia.org",
        "pypi.org",
        "www.example.com"};
    /* A program that asks for one of them, and for many others. */
    static const char *const other[] = {
        "push.services.mozilla.com", "www.mozilla.org", "github.com",
        "www.wikipedia.org",         "pypi.org",        "www.example.com"};
    cr_expect(!asks_like_a_proxy(firefox, 6, firefox_suites, 1));
    cr_expect(!asks_like_a_proxy(chromium, 6, chromium_suites, 1));
    cr_expect(!asks_like_a_proxy(other, 6, openssl_suites, 1));
    /* Chromium's QUIC has no GREASE among its suites. */
    cr_expect(!asks_like_a_proxy(chromium, 6, openssl_suites, QUIC_CLIENT));
}

/* ---- clients that leave ---- */

enum leaving {
    GOES_ON,
    SAYS_GOODBYE, /* which is answered */
    LEAVES,       /* behind both Finished, with an alert that nobody answers */
    REFUSES,      /* before the server's Finished */
};

/* A client of the proxy. */
static void goes(X509 *ca, unsigned name, uint8_t client, enum leaving how)
{
    struct scene s;
    show(&s, public_names[name],
         leaf_of(ca, public_names[name], env.key[0], NULL, DAY), read_cert(ca),
         client, (int)name);
    struct conclusion *c = &s.hs.end_state;
    c->outcome = how == REFUSES ? OUTCOME_FAILURE : OUTCOME_SUCCESS;
    c->by = BY_CLIENT;
    c->has_alert = how == REFUSES;
    c->late_rejection_possible = how == LEAVES || how == SAYS_GOODBYE;
    c->late_alert_unanswered = how == LEAVES;
    c->late_alert_answered = how == SAYS_GOODBYE;
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);
}

static bool distrusts(X509 *ca, uint8_t client, bool reset)
{
    struct scene s;
    show(&s, public_names[0],
         leaf_of(ca, public_names[0], env.key[0], NULL, DAY), read_cert(ca),
         client, 9);
    if (reset) {
        hs_note(&s.hs, HS_RST, SIDE_CLIENT, 0, 0, s.hs.first + 1, 9);
    }
    bool distrusted = interception_distrusted(env.ix, &s.hs);
    hs_free(&s.hs);
    return distrusted;
}

/* It opens connections and never uses them. */
Test(interception, who_only_leaves_may_trust)
{
    X509 *ca = make_ca("Web Gateway", "Example");
    for (unsigned name = 0; name < 4; name++) {
        goes(ca, name, 1, LEAVES);
        cr_expect(!distrusts(ca, 1, false));
    }
    X509_free(ca);
}

Test(interception, who_left_too_early_for_a_goodbye_distrusts)
{
    X509 *ca = make_ca("Web Gateway", "Example");
    goes(ca, 0, 1, LEAVES);
    goes(ca, 1, 1, REFUSES);
    cr_expect(distrusts(ca, 1, false));
    cr_expect(!distrusts(ca, 2, false));
    X509_free(ca);
}

/* A proxy that answers goodbyes did not take this for one, unless the client
 * was gone before it could. */
Test(interception, who_is_not_answered_distrusts)
{
    X509 *ca = make_ca("Web Gateway", "Example");
    goes(ca, 0, 1, LEAVES);
    goes(ca, 1, 2, SAYS_GOODBYE);
    cr_expect(distrusts(ca, 1, false));
    cr_expect(!distrusts(ca, 1, true));
    cr_expect(!distrusts(ca, 2, false));
    X509_free(ca);
}

Test(interception, who_goes_on_trusts)
{
    X509 *ca = make_ca("Web Gateway", "Example");
    goes(ca, 0, 1, REFUSES);
    goes(ca, 1, 1, GOES_ON);
    goes(ca, 2, 1, LEAVES);
    goes(ca, 3, 1, SAYS_GOODBYE);
    cr_expect(!distrusts(ca, 1, false));
    X509_free(ca);
}

/* ---- resumed sessions ---- */

/* Without a certificate, it is what the session began with. */
static void expect_resumed(const char *host, uint8_t client, int after,
                           enum inspection want)
{
    struct scene s;
    struct verdict v;
    show(&s, host, NULL, NULL, client, after);
    s.hs.server_chain = (struct cert_chain){.seen = false};
    s.hs.end_state.resumed = true;
    cr_expect(judged(&s, &v) == want, "%s, client %u, %d s: %s", host, client,
              after, v.interception ? v.interception : "none");
    cr_expect(want == INSPECTION_NONE || v.interception_evidence.n == 1);
    cr_expect(want == INSPECTION_NONE ||
              strcmp(v.interception_product, "mitmproxy") == 0);
    forget(&s, &v);
}

Test(interception, resumed_sessions)
{
    struct scene s;
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    struct cert *issuer = read_cert(ca);
    struct cert *leaf = leaf_of(ca, "github.com", env.key[0], NULL, 2 * DAY);
    show(&s, "github.com", leaf, issuer, 1, 10);
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);
    expect_resumed("github.com", 1, 20, INSPECTION_DETECTED);
    expect_resumed("GitHub.com", 1, 20, INSPECTION_DETECTED);
    expect_resumed("github.com", 1, 5, INSPECTION_NONE);
    expect_resumed("github.com", 2, 20, INSPECTION_NONE);
    expect_resumed("pypi.org", 1, 20, INSPECTION_NONE);

    /* The inspection is switched off, and on again later. */
    struct cert *good = leaf_of(ca, "github.com", env.key[1], NULL, 50 * DAY);
    struct cert genuine = *good;
    genuine.has_sct = genuine.has_aia = true;
    X509 *other = make_ca("R11", "Let's Encrypt");
    genuine.issuer = read_cert(other)->subject;
    show(&s, "github.com", &genuine, NULL, 1, 30);
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);
    expect_resumed("github.com", 1, 20, INSPECTION_DETECTED);
    expect_resumed("github.com", 1, 40, INSPECTION_NONE);
    show(&s, "github.com", leaf, issuer, 1, 50);
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);
    expect_resumed("github.com", 1, 40, INSPECTION_NONE);
    expect_resumed("github.com", 1, 60, INSPECTION_DETECTED);
    expect_resumed("github.com", 1, 2 * DAY, INSPECTION_NONE);

    /* A private certificate of nobody's making ends it as well. */
    struct cert own = *good;
    own.self_signed = true;
    show(&s, "github.com", &own, NULL, 1, 70);
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);
    expect_resumed("github.com", 1, 80, INSPECTION_NONE);
    X509_free(ca);
    X509_free(other);
}

/* ---- the rule ---- */

/* A TLS 1.2 handshake that the client ended with an alert after the server's
 * flight. */
static struct verdict *refused(struct judge *j, struct cert *leaf,
                               uint16_t code)
{
    static const uint16_t suites[] = {0xc02f};
    struct scene s;
    show(&s, "www.github.com", leaf, NULL, 1, 0);
    struct handshake *hs = &s.hs;
    hs->offer.ciphers = (struct u16_list){suites, 1, true};
    hs->offer.max_version = hs->offer.min_version = 0x0303;
    hs->cipher = 0xc02f;
    hs->choice.seen = true;
    hs->choice.version = 0x0303;
    hs->choice.cipher = 0xc02f;
    hs->syn_seen[0] = hs->syn_seen[1] = true;
    hs->end = HS_END_CLOSED;
    static const struct {
        enum hs_kind kind;
        enum side side;
    } events[] = {
        {HS_SYN, SIDE_CLIENT},          {HS_SYN_ACK, SIDE_SERVER},
        {HS_CLIENT_HELLO, SIDE_CLIENT}, {HS_SERVER_HELLO, SIDE_SERVER},
        {HS_CERTIFICATE, SIDE_SERVER},  {HS_SERVER_HELLO_DONE, SIDE_SERVER}};
    tick_t when = hs->first;
    uint64_t frame = 0;
    for (size_t i = 0; i < COUNT(events); i++) {
        hs_note(hs, events[i].kind, events[i].side, 100, 0, when += TICK_MSEC,
                ++frame);
    }
    hs_note(hs, HS_ALERT, SIDE_CLIENT, 2, (uint16_t)(2u << 8 | code),
            when += TICK_MSEC, ++frame);
    hs_note(hs, HS_FIN, SIDE_CLIENT, 0, 0, when, ++frame);
    for (int i = 0; i < 2; i++) {
        hs->dir[i].packets = 5;
        hs->dir[i].bytes = 500;
    }
    hs_conclude(hs);
    judge_learn_certificates(j, hs);
    struct verdict *v = judge_run(j, hs);
    cr_assert(v && v->cause);
    hs_free(hs);
    return v;
}

static void expect_cause(struct verdict *v, const char *cause,
                         enum confidence c)
{
    cr_expect_str_eq(v->cause->slug, cause);
    cr_expect(v->confidence == c, "%s: %s", v->cause->slug,
              confidence_name(v->confidence));
    verdict_free(v);
}

Test(interception, rule)
{
    struct judge *j = judge_new(NULL);
    X509 *ca = make_ca("FortiGate CA", "Fortinet");
    struct cert *leaf =
        leaf_of(ca, "www.github.com", env.key[0], NULL, 33 * DAY + 55);
    static const uint16_t alerts[] = {42, 46, 48};
    for (size_t i = 0; i < COUNT(alerts); i++) {
        struct verdict *v = refused(j, leaf, alerts[i]);
        cr_expect_str_eq(v->interception_product, "FortiGate");
        expect_cause(v, "interception_untrusted", CONF_CERTAIN);
    }
    /* Said to have expired, and it has: the proxy is not what is at fault. */
    struct cert old = *leaf;
    old.not_after = NOW - TICK_SEC;
    struct verdict *v = refused(j, &old, 45);
    cr_expect_str_eq(v->interception, "detected");
    expect_cause(v, "server_certificate_expired", CONF_CERTAIN);
    X509_free(ca);

    /* Suspected: the cause stays what the chain says. */
    ca = make_ca("Forward-Trust-CA", "Example");
    leaf = leaf_of(ca, "www.github.com", env.key[0], NULL, 33 * DAY + 55);
    leaf->authority_key_id = (struct span){NULL, 0};
    v = refused(j, leaf, 48);
    if (strcmp(v->interception, "suspected") == 0) {
        cr_expect_str_neq(v->cause->slug, "interception_untrusted");
        bool listed = false;
        for (size_t i = 0; i < v->alternatives_n; i++) {
            listed = listed || strcmp(v->alternatives[i].cause,
                                      "interception_untrusted") == 0;
        }
        cr_expect(listed);
    }
    verdict_free(v);
    X509_free(ca);
    judge_free(j);
}

/* ---- certificates that are hidden ---- */

struct refusals {
    unsigned names, clients;
    bool far, unlike, accepted, alone_in_net, large;
};

/* A TLS 1.3 handshake that the client ended with unknown_ca, as OpenSSL's does
 * it in the clear, after a flight as mitmproxy writes it. */
static void refuse_hidden(struct scene *s, const struct refusals *r,
                          unsigned name, uint8_t client, bool success)
{
    static const uint16_t suites[] = {0x1301, 0x1302};
    static const uint16_t extensions[] = {43, 51};
    show(s, public_names[name], NULL, NULL, client, (int)name);
    struct handshake *hs = &s->hs;
    hs->server_chain = (struct cert_chain){0};
    hs->version = 0x0304;
    hs->addr[SIDE_SERVER].ip[0] = (uint8_t)(r->alone_in_net ? 198 : 20 + name);
    hs->dir[SIDE_SERVER].ttl_syn = 64;
    hs->offer.ciphers = (struct u16_list){suites, 2, true};
    hs->choice.seen = true;
    hs->choice.version = 0x0304;
    hs->choice.cipher = r->unlike && name % 2 ? 0x1302 : 0x1301;
    hs->choice.group = 0x001d;
    hs->choice.extensions = (struct u16_list){extensions, 2, true};
    const uint32_t certificate = r->large ? 2000 + 1200 * name : 820;
    tick_t t = hs->first;
    tick_t trip = r->far ? 20 * TICK_MSEC : TICK_MSEC / 2;
    hs_note(hs, HS_SYN, SIDE_CLIENT, 0, 0, t, 1);
    hs_note(hs, HS_SYN_ACK, SIDE_SERVER, 0, 0, t += trip, 2);
    hs_note(hs, HS_CLIENT_HELLO, SIDE_CLIENT, 300, 0, t += TICK_MSEC, 3);
    hs_note(hs, HS_SERVER_HELLO, SIDE_SERVER, 90, 0, t += TICK_MSEC, 4);
    hs_note(hs, HS_PROTECTED, SIDE_SERVER, 30, 0, t, 4);
    hs_note(hs, HS_PROTECTED, SIDE_SERVER, certificate, 0, t, 4);
    hs_note(hs, HS_PROTECTED, SIDE_SERVER, 281, 0, t, 4);
    hs_note(hs, HS_PROTECTED, SIDE_SERVER, 69, 0, t, 4);
    struct conclusion *c = &hs->end_state;
    if (success) {
        c->outcome = OUTCOME_SUCCESS;
        return;
    }
    hs_note(hs, HS_ALERT, SIDE_CLIENT, 2, 2u << 8 | 48, t += TICK_MSEC, 5);
    c->outcome = OUTCOME_FAILURE;
    c->by = BY_CLIENT;
    c->how = HOW_ALERT;
    c->has_alert = true;
    c->alert_code = 48;
    c->when_decisive = t;
}

static enum inspection hidden(const struct refusals *r)
{
    struct scene s;
    struct verdict v;
    enum inspection all = INSPECTION_DETECTED;
    interception_free(env.ix);
    env.ix = interception_new();
    for (int round = 0; round < 2; round++) {
        for (unsigned n = 0; n < r->names; n++) {
            uint8_t client = (uint8_t)(1 + n % r->clients);
            refuse_hidden(&s, r, n, client, false);
            if (round == 0) {
                note_hello(&s.hs);
                interception_learn(env.ix, &s.hs, NULL);
                hs_free(&s.hs);
                refuse_hidden(&s, r, n, client, true);
                if (r->accepted) {
                    note_hello(&s.hs);
                }
                hs_free(&s.hs);
                continue;
            }
            enum inspection got = judged(&s, &v);
            all = got < all ? got : all;
            forget(&s, &v);
        }
    }
    return all;
}

Test(interception, hidden_certificates)
{
    static const struct {
        struct refusals r;
        enum inspection want;
        const char *what;
    } rows[] = {
        {{.names = 4, .clients = 2}, INSPECTION_SUSPECTED, "all signs"},
        {{.names = 3, .clients = 2}, INSPECTION_NONE, "few names"},
        {{.names = 4, .clients = 1}, INSPECTION_NONE, "one client"},
        {{.names = 4, .clients = 2, .far = true}, INSPECTION_NONE, "far"},
        {{.names = 4, .clients = 2, .unlike = true}, INSPECTION_NONE, "makes"},
        {{.names = 4, .clients = 2, .accepted = true}, INSPECTION_NONE, "good"},
        {{.names = 4, .clients = 2, .large = true}, INSPECTION_NONE, "large"},
        {{.names = 4, .clients = 2, .alone_in_net = true},
         INSPECTION_NONE,
         "one network"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct interception_story story[STORIES_MAX];
        cr_expect(hidden(&rows[i].r) == rows[i].want, "%s", rows[i].what);
        size_t stories = interception_stories(env.ix, story, STORIES_MAX);
        cr_expect(stories == (rows[i].want == INSPECTION_SUSPECTED), "%s",
                  rows[i].what);
        if (stories) {
            cr_expect(story[0].issuer == NULL && story[0].proxy.port == 0);
            cr_expect_str_eq(story[0].verdict, "suspected");
            cr_expect(story[0].names_n == 4 && story[0].clients_n == 2);
            cr_expect(story[0].handshakes == 4 && story[0].broken == 4);
            cr_expect_str_eq(story[0].names[3], "pypi.org");
            cr_expect(story[0].first == NOW);
            cr_expect(story[0].last == NOW + 3 * TICK_SEC);
        }
    }
}

/* ---- certificates that are hidden and come alone ---- */

struct small_row {
    const char *what;
    const char *const *names;
    uint32_t certificate; /* of its record */
    uint32_t signature;   /* of CertificateVerify's record; 0: RSA 2048 */
    bool proxied, one_net, uneven, far, compressed, lost;
    enum inspection want;
};

/* A TLS 1.3 handshake that succeeded. */
static void keep_hidden(struct scene *s, const struct small_row *r,
                        unsigned name)
{
    const struct refusals base = {.alone_in_net = r->one_net, .far = r->far};
    static const uint16_t algorithms[] = {2};
    refuse_hidden(s, &base, name, 1, true);
    struct handshake *hs = &s->hs;
    hs->offer.sni = span_text(r->names[name]);
    hs->carrier = r->proxied ? "http-connect" : NULL;
    if (r->compressed) {
        hs->offer.compress_certificate = (struct u16_list){algorithms, 1, true};
    }
    hs->end_state.blind = r->lost ? BLIND_GAP : 0;
    hs->cipher = 0x1301;
    for (unsigned i = 0; i < hs->events_n; i++) {
        struct hs_event *e = &hs->events[i];
        if (e->kind == HS_SYN_ACK && r->uneven) {
            e->when += name * 8 * TICK_MSEC;
        }
        e->len = e->len == 820 ? r->certificate : e->len;
        e->len = e->len == 281 && r->signature ? r->signature : e->len;
        e->len = e->len == 69 ? 53 : e->len;
    }
}

static enum inspection small(const struct small_row *r, unsigned names)
{
    struct scene s;
    struct verdict v;
    enum inspection all = INSPECTION_DETECTED;
    interception_free(env.ix);
    env.ix = interception_new();
    for (unsigned i = 0; i < 2 * names; i++) {
        keep_hidden(&s, r, i % names);
        if (i < names) {
            bool wanted = interception_wants(env.ix, &s.hs);
            bool fits = r->certificate < 900 && !r->compressed && !r->lost;
            cr_expect(wanted == fits, "%s", r->what);
            interception_learn(env.ix, &s.hs, NULL);
            hs_free(&s.hs);
            continue;
        }
        enum inspection got = judged(&s, &v);
        all = got < all ? got : all;
        forget(&s, &v);
    }
    return all;
}

Test(interception, hidden_certificates_without_an_intermediate)
{
    static const char *const house[] = {"www.nordwind.de", "bergquell.ch",
                                        "tiny-startup.io", "pypi.org"};
    static const struct small_row rows[] = {
        {"apart", public_names, 820, .want = INSPECTION_SUSPECTED},
        {"apart and far", public_names, 820, .far = true,
         .want = INSPECTION_SUSPECTED},
        {"proxied", public_names, 820, .proxied = true, .one_net = true,
         .want = INSPECTION_SUSPECTED},
        {"P-256", public_names, 620, .signature = 95,
         .want = INSPECTION_SUSPECTED},
        {"one network", public_names, 820, .one_net = true},
        {"distances", public_names, 820, .uneven = true},
        {"with an intermediate", public_names, 1100, .signature = 0},
        {"P-256 with an intermediate", public_names, 900, .signature = 95},
        {"compressed", public_names, 820, .compressed = true},
        {"lost", public_names, 820, .lost = true},
        {"obscure", house, 820, .signature = 0},
        {"obscure and proxied", house, 820, .proxied = true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct interception_story story[STORIES_MAX];
        cr_expect(small(&rows[i], 4) == rows[i].want, "%s", rows[i].what);
        size_t n = interception_stories(env.ix, story, STORIES_MAX);
        cr_expect(n == (rows[i].want == INSPECTION_SUSPECTED), "%s",
                  rows[i].what);
        if (n) {
            cr_expect(!story[0].issuer && !story[0].broken);
            cr_expect(story[0].handshakes == 4 && story[0].names_n == 4);
            cr_expect((story[0].proxy.port != 0) == rows[i].proxied);
        }
    }
    cr_expect(small(&rows[0], 2) == INSPECTION_NONE, "two names");
}

/* One hidden refusal is enough when the name was seen inspected elsewhere. */
Test(interception, hidden_certificate_of_an_inspected_name)
{
    static const struct refusals one = {.names = 1, .clients = 1, .far = true};
    struct scene s;
    struct verdict v;
    X509 *ca = make_ca("mitmproxy", "mitmproxy");
    struct cert *leaf = leaf_of(ca, public_names[0], env.key[0], NULL, 2 * DAY);
    show(&s, public_names[0], leaf, read_cert(ca), 9, 0);
    interception_learn(env.ix, &s.hs, NULL);
    hs_free(&s.hs);
    for (unsigned name = 0; name < 2; name++) {
        refuse_hidden(&s, &one, name, 1, false);
        interception_learn(env.ix, &s.hs, NULL);
        cr_expect(judged(&s, &v) ==
                  (name == 0 ? INSPECTION_SUSPECTED : INSPECTION_NONE));
        forget(&s, &v);
    }
    X509_free(ca);
}

/* ---- the tables ---- */

Test(interception, tables)
{
    /* The key of ISRG Root X1 (its published pin), and of nobody. */
    static const uint8_t isrg[32] = {
        0x0b, 0x9f, 0xa5, 0xa5, 0x9e, 0xed, 0x71, 0x5c, 0x26, 0xc1, 0x02,
        0x0c, 0x71, 0x1b, 0x4f, 0x6e, 0xc4, 0x2d, 0x58, 0xb0, 0x01, 0x5e,
        0x14, 0x33, 0x7a, 0x39, 0xda, 0xd3, 0x01, 0xc5, 0xaf, 0xc3};
    static const uint8_t zero[32];
    cr_expect(known_public_root(isrg));
    cr_expect(!known_public_root(zero));
    cr_expect(known_well_known_domain(span_text("github.com")));
    cr_expect(known_well_known_domain(span_text("zoom.us")));
    cr_expect(!known_well_known_domain(span_text("github.co")));
    cr_expect(!known_well_known_domain(span_text("github.comx")));
    cr_expect(!known_well_known_domain(span_text("")));

    struct known_patterns *p = known_patterns_new();
    cr_assert(p);
    struct known_issuer i = {span_text("Any CA"), span_text("Any"),
                             span_text("CN=Any CA,OU=generated by Avast "
                                       "Antivirus for SSL/TLS "
                                       "scanning,O=Any")};
    const struct known_inspection *k = known_inspection_find(p, &i);
    cr_assert(k);
    cr_expect_str_eq(k->product, "Gen Digital family");
    i.distinguished_name = span_text("CN=Any CA,O=Any");
    cr_expect(!known_inspection_find(p, &i));
    /* A name of more bytes than any honest one. */
    static const char x[1000] = "mitmproxy";
    i.common_name = span_of(x, sizeof x);
    cr_expect(!known_inspection_find(p, &i));
    i.common_name = span_text("DigiCert Global Root");
    cr_expect_str_eq(known_private_issuer(p, &i), "retired");
    i.common_name = span_text("kubernetes");
    cr_expect_str_eq(known_private_issuer(p, &i), "cluster");
    known_patterns_free(p);
}
