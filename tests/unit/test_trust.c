/* SPDX-License-Identifier: Apache-2.0 */
/*
 * src/judge/trust.c: every way a chain can stand against the anchors, with
 * chains made here. Root -> intermediate -> leaf, all P-256.
 */
#include "judge/judge.h"
#include "tests/unit/certs.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW  (CERTS_NOW * TICK_SEC)
#define DAYS (CERTS_DAY * TICK_SEC)

static struct {
    EVP_PKEY *root_key, *mid_key, *leaf_key, *other_key;
    X509 *root, *mid, *leaf;
    char file[64];
    struct trust *trust; /* with root as its only anchor */
    struct arena arena;
} env;

static X509 *make_ca(const char *cn, EVP_PKEY *key, X509 *issuer,
                     EVP_PKEY *issuer_key)
{
    return certs_make(&(struct certs_spec){.subject = cn,
                                           .key = key,
                                           .issuer = issuer,
                                           .issuer_key = issuer_key,
                                           .ca = true,
                                           .key_ids = true});
}

static X509 *make_leaf(X509 *issuer, EVP_PKEY *issuer_key)
{
    return certs_make(&(struct certs_spec){.subject = "www.example.com",
                                           .key = env.leaf_key,
                                           .issuer = issuer,
                                           .issuer_key = issuer_key,
                                           .key_ids = true});
}

static struct trust *trust_in(X509 *anchor)
{
    char error[256] = "";
    FILE *f = fopen(env.file, "w");
    cr_assert(f && PEM_write_X509(f, anchor));
    fclose(f);
    struct trust *t = trust_new(env.file, error);
    cr_assert(t, "%s", error);
    unlink(env.file);
    return t;
}

static void set_up(void)
{
    env.root_key = certs_key("P-256");
    env.mid_key = certs_key("P-256");
    env.leaf_key = certs_key("P-256");
    env.other_key = certs_key("P-256");
    env.root = make_ca("Root", env.root_key, NULL, NULL);
    env.mid = make_ca("Middle", env.mid_key, env.root, env.root_key);
    env.leaf = make_leaf(env.mid, env.mid_key);
    snprintf(env.file, sizeof env.file, "/tmp/test_trust.%ld.pem",
             (long)getpid());
    env.trust = trust_in(env.root);
    arena_init(&env.arena, 1u << 20);
}

static void tear_down(void)
{
    trust_free(env.trust);
    arena_free(&env.arena);
    X509_free(env.leaf);
    X509_free(env.mid);
    X509_free(env.root);
    EVP_PKEY_free(env.root_key);
    EVP_PKEY_free(env.mid_key);
    EVP_PKEY_free(env.leaf_key);
    EVP_PKEY_free(env.other_key);
}

static struct cert_chain chain_of(X509 *const *x, unsigned n)
{
    struct cert **v = arena_alloc(&env.arena, n * sizeof(struct cert *));
    for (unsigned i = 0; i < n; i++) {
        struct span der = certs_der(x[i]);
        v[i] = arena_alloc(&env.arena, sizeof *v[i]);
        cr_assert(x509_read(&env.arena, der, v[i]));
        OPENSSL_free((void *)(uintptr_t)der.p);
    }
    return (struct cert_chain){.seen = true, .n = (uint16_t)n, .v = v};
}

#define CHAIN(...)                                                             \
    chain_of((X509 *const[]){__VA_ARGS__},                                     \
             sizeof((X509 *const[]){__VA_ARGS__}) / sizeof(X509 *))

static struct trust_result judge_at(struct trust *t, struct cert_chain chain,
                                    tick_t when)
{
    struct trust_result first, again;
    trust_judge(t, &chain, when, &first);
    /* The second answer comes from the cache and must be the same. */
    trust_judge(t, &chain, when, &again);
    cr_expect_eq(first.state, again.state);
    cr_expect_eq(first.wrong_order, again.wrong_order);
    cr_expect_eq(first.completable, again.completable);
    cr_expect_eq(first.anchor_sent, again.anchor_sent);
    cr_expect(span_eq(first.missing_issuer, again.missing_issuer));
    cr_expect_str_eq(first.why, again.why);
    return first;
}

static struct trust_result judge(struct cert_chain chain)
{
    return judge_at(env.trust, chain, NOW);
}

TestSuite(trust, .init = set_up, .fini = tear_down);

Test(trust, complete)
{
    struct trust_result r = judge(CHAIN(env.leaf, env.mid));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(!r.wrong_order && !r.anchor_sent && !r.ca_expired);
    cr_expect_eq(r.missing_issuer.n, 0);
}

Test(trust, complete_with_anchor)
{
    struct trust_result r = judge(CHAIN(env.leaf, env.mid, env.root));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(r.anchor_sent);
    cr_expect(!r.wrong_order);
}

Test(trust, leaf_dates_do_not_matter)
{
    X509 *old = certs_make(
        &(struct certs_spec){.subject = "www.example.com",
                             .key = env.leaf_key,
                             .issuer = env.mid,
                             .issuer_key = env.mid_key,
                             .key_ids = true,
                             .not_after = CERTS_NOW - 5 * CERTS_DAY});
    cr_expect_eq(judge(CHAIN(old, env.mid)).state, TRUST_OK);
    X509_free(old);
}

Test(trust, incomplete_then_learned)
{
    struct trust_result r = judge(CHAIN(env.leaf));
    cr_expect_eq(r.state, TRUST_INCOMPLETE, "%s", r.why);
    cr_expect(!r.completable && !r.issuer_learned);
    cr_expect(span_eq(r.missing_issuer, span_text("CN=Middle")));

    /* The root sent, the intermediate not: still incomplete. */
    r = judge(CHAIN(env.leaf, env.root));
    cr_expect_eq(r.state, TRUST_INCOMPLETE, "%s", r.why);
    cr_expect(!r.wrong_order);

    struct cert_chain good = CHAIN(env.leaf, env.mid);
    trust_learn(env.trust, &good);
    r = judge(CHAIN(env.leaf));
    cr_expect_eq(r.state, TRUST_INCOMPLETE, "%s", r.why);
    cr_expect(r.completable && r.issuer_learned);
}

Test(trust, learned_but_leads_nowhere)
{
    X509 *root = make_ca("Private", env.other_key, NULL, NULL);
    X509 *mid = make_ca("Private middle", env.mid_key, root, env.other_key);
    X509 *leaf = make_leaf(mid, env.mid_key);
    struct cert_chain sent = CHAIN(leaf, mid, root);
    trust_learn(env.trust, &sent);
    struct trust_result r = judge(CHAIN(leaf));
    cr_expect_eq(r.state, TRUST_INCOMPLETE, "%s", r.why);
    cr_expect(!r.completable);
    X509_free(root);
    X509_free(mid);
    X509_free(leaf);
}

Test(trust, incomplete_with_url)
{
    X509 *leaf = certs_make(&(struct certs_spec){
        .subject = "www.example.com",
        .key = env.leaf_key,
        .issuer = env.mid,
        .issuer_key = env.mid_key,
        .extensions = {"authorityInfoAccess",
                       "caIssuers;URI:http://ca.example/i.cer"}});
    struct trust_result r = judge(CHAIN(leaf));
    cr_expect_eq(r.state, TRUST_INCOMPLETE, "%s", r.why);
    cr_expect(r.completable && !r.issuer_learned);
    X509_free(leaf);
}

Test(trust, wrong_order)
{
    X509 *low = make_ca("Low", env.other_key, env.mid, env.mid_key);
    X509 *leaf = make_leaf(low, env.other_key);
    struct trust_result r = judge(CHAIN(leaf, env.mid, low));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(r.wrong_order);
    r = judge(CHAIN(leaf, low, env.mid));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(!r.wrong_order);
    r = judge(CHAIN(leaf, env.root, env.mid, low));
    cr_expect(r.wrong_order && r.anchor_sent);
    /* Something superfluous behind the chain. */
    r = judge(CHAIN(env.leaf, env.mid, low));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(!r.wrong_order);
    X509_free(low);
    X509_free(leaf);
}

Test(trust, unknown_root)
{
    X509 *root = make_ca("Private", env.other_key, NULL, NULL);
    X509 *leaf = make_leaf(root, env.other_key);
    struct trust_result r = judge(CHAIN(leaf, root));
    cr_expect_eq(r.state, TRUST_UNKNOWN_ISSUER, "%s", r.why);
    cr_expect(!r.anchor_sent && !r.completable);
    /* Without the root nobody can tell. */
    r = judge(CHAIN(leaf));
    cr_expect_eq(r.state, TRUST_INCOMPLETE, "%s", r.why);
    cr_expect(!r.completable);
    X509_free(root);
    X509_free(leaf);
}

Test(trust, same_name_other_key)
{
    /* No key identifiers: only the signature tells that this "Root" is none of
     * ours. */
    struct certs_spec spec = {
        .subject = "Root", .key = env.other_key, .ca = true};
    X509 *root = certs_make(&spec);
    X509 *leaf = certs_make(&(struct certs_spec){.subject = "www.example.com",
                                                 .key = env.leaf_key,
                                                 .issuer = root,
                                                 .issuer_key = env.other_key});
    struct trust_result r = judge(CHAIN(leaf, root));
    cr_expect_eq(r.state, TRUST_UNKNOWN_ISSUER, "%s", r.why);
    r = judge(CHAIN(leaf));
    cr_expect_eq(r.state, TRUST_UNKNOWN_ISSUER, "%s", r.why);
    X509_free(root);
    X509_free(leaf);
}

Test(trust, self_signed)
{
    X509 *leaf = make_leaf(NULL, NULL);
    struct trust_result r = judge(CHAIN(leaf));
    cr_expect_eq(r.state, TRUST_SELF_SIGNED, "%s", r.why);
    cr_expect(!r.wrong_order);
    /* As an anchor it is fine. */
    struct trust *t = trust_in(leaf);
    cr_expect_eq(judge_at(t, CHAIN(leaf), NOW).state, TRUST_OK);
    trust_free(t);
    X509 *broken = certs_break_signature(leaf);
    r = judge(CHAIN(broken));
    cr_expect_eq(r.state, TRUST_BAD_SIGNATURE, "%s", r.why);
    X509_free(broken);
    X509_free(leaf);
}

Test(trust, bad_signature)
{
    X509 *leaf = certs_break_signature(env.leaf);
    struct trust_result r = judge(CHAIN(leaf, env.mid));
    cr_expect_eq(r.state, TRUST_BAD_SIGNATURE, "%s", r.why);
    cr_expect(strstr(r.why, "certificate 1"), "%s", r.why);
    X509_free(leaf);

    /* Also when the root is unknown. */
    X509 *root = make_ca("Private", env.other_key, NULL, NULL);
    X509 *good = make_leaf(root, env.other_key);
    leaf = certs_break_signature(good);
    cr_expect_eq(judge(CHAIN(leaf, root)).state, TRUST_BAD_SIGNATURE);
    X509_free(leaf);
    X509_free(good);
    X509_free(root);
}

static X509 *make_old_mid(void)
{
    return certs_make(
        &(struct certs_spec){.subject = "Middle",
                             .key = env.mid_key,
                             .issuer = env.root,
                             .issuer_key = env.root_key,
                             .ca = true,
                             .key_ids = true,
                             .not_after = CERTS_NOW + 10 * CERTS_DAY});
}

Test(trust, expired_intermediate)
{
    X509 *mid = make_old_mid();
    struct cert_chain chain = CHAIN(env.leaf, mid);
    tick_t end = NOW + 10 * DAYS;
    struct trust_result r = judge_at(env.trust, chain, NOW);
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    /* Cached answers must not outlive the date. */
    r = judge_at(env.trust, chain, end - TICK_SEC);
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    r = judge_at(env.trust, chain, end + TICK_SEC);
    cr_expect_eq(r.state, TRUST_EXPIRED_CA, "%s", r.why);
    cr_expect(r.ca_expired);
    r = judge_at(env.trust, chain, NOW);
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(!r.ca_expired);
    /* A valid one beside it is used. */
    r = judge_at(env.trust, CHAIN(env.leaf, mid, env.mid), end + DAYS);
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    X509_free(mid);
}

Test(trust, expired_root)
{
    struct trust_result r =
        judge_at(env.trust, CHAIN(env.leaf, env.mid), NOW + 200 * DAYS);
    cr_expect_eq(r.state, TRUST_EXPIRED_CA, "%s", r.why);
    r = judge_at(env.trust, CHAIN(env.leaf, env.mid), NOW - 200 * DAYS);
    cr_expect_eq(r.state, TRUST_OTHER, "%s", r.why);
}

Test(trust, old_cross_signed_root_sent)
{
    /* Our root, signed by an old one that has expired, is sent as well. */
    struct certs_spec spec = {.subject = "Old root",
                              .key = env.other_key,
                              .ca = true,
                              .key_ids = true,
                              .not_after = CERTS_NOW - CERTS_DAY};
    X509 *old = certs_make(&spec);
    X509 *cross = make_ca("Root", env.root_key, old, env.other_key);
    struct trust_result r = judge(CHAIN(env.leaf, env.mid, cross));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    r = judge(CHAIN(env.leaf, env.mid, cross, old));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    cr_expect(!r.wrong_order);
    X509_free(cross);
    X509_free(old);
}

Test(trust, issuer_is_no_ca)
{
    X509 *mid = certs_make(&(struct certs_spec){
        .subject = "Middle",
        .key = env.mid_key,
        .issuer = env.root,
        .issuer_key = env.root_key,
        .key_ids = true,
        .extensions = {"basicConstraints", "critical,CA:FALSE"}});
    struct trust_result r = judge(CHAIN(env.leaf, mid));
    cr_expect_eq(r.state, TRUST_OTHER, "%s", r.why);
    cr_expect(r.violation && strstr(r.violation, "not allowed to issue"));
    X509_free(mid);
    mid = certs_make(&(struct certs_spec){
        .subject = "Middle",
        .key = env.mid_key,
        .issuer = env.root,
        .issuer_key = env.root_key,
        .key_ids = true,
        .extensions = {"basicConstraints", "critical,CA:TRUE", "keyUsage",
                       "digitalSignature"}});
    r = judge(CHAIN(env.leaf, mid));
    cr_expect_eq(r.state, TRUST_OTHER, "%s", r.why);
    cr_expect(r.violation && strstr(r.violation, "not allowed to issue"));
    X509_free(mid);
    r = judge(CHAIN(env.leaf, env.mid));
    cr_expect_null(r.violation);
}

Test(trust, path_length)
{
    X509 *mid = certs_make(&(struct certs_spec){
        .subject = "Middle",
        .key = env.mid_key,
        .issuer = env.root,
        .issuer_key = env.root_key,
        .key_ids = true,
        .extensions = {"basicConstraints", "critical,CA:TRUE,pathlen:0"}});
    X509 *low = make_ca("Low", env.other_key, mid, env.mid_key);
    X509 *leaf = make_leaf(low, env.other_key);
    struct trust_result r = judge(CHAIN(leaf, low, mid));
    cr_expect_eq(r.state, TRUST_OTHER);
    cr_expect(strstr(r.why, "(path length)"));
    cr_expect_str_eq(r.why, r.violation);
    X509_free(leaf);
    X509_free(low);
    X509_free(mid);
}

/* A private root, an intermediate with these constraints, a leaf. */
static struct trust_result
judge_constrained(const char *name, const char *constraint, bool with_root)
{
    X509 *root = make_ca("Private", env.other_key, NULL, NULL);
    X509 *mid = certs_make(&(struct certs_spec){
        .subject = "Middle",
        .key = env.mid_key,
        .issuer = root,
        .issuer_key = env.other_key,
        .key_ids = true,
        .extensions = {"basicConstraints", "critical,CA:TRUE",
                       "nameConstraints", constraint}});
    X509 *leaf = certs_make(
        &(struct certs_spec){.subject = "www.example.com",
                             .key = env.leaf_key,
                             .issuer = mid,
                             .issuer_key = env.mid_key,
                             .not_after = CERTS_NOW - CERTS_DAY,
                             .extensions = {"subjectAltName", name}});
    struct trust_result r =
        with_root ? judge(CHAIN(leaf, mid, root)) : judge(CHAIN(leaf, mid));
    X509_free(leaf);
    X509_free(mid);
    X509_free(root);
    return r;
}

/* What was sent breaks a rule, although no anchor is reached; an expired leaf
 * does not hide it. */
Test(trust, name_constraints_without_an_anchor)
{
    static const char permitted[] = "critical,permitted;DNS:example.org";
    static const char excluded[] = "critical,excluded;DNS:example.com";
    struct trust_result r =
        judge_constrained("DNS:www.example.com", permitted, true);
    cr_expect_eq(r.state, TRUST_UNKNOWN_ISSUER);
    cr_expect(r.violation && strstr(r.violation, "does not permit"));
    r = judge_constrained("DNS:www.example.com", permitted, false);
    cr_expect_eq(r.state, TRUST_INCOMPLETE);
    cr_expect(r.violation && strstr(r.violation, "does not permit"));
    r = judge_constrained("DNS:www.example.com", excluded, false);
    cr_expect(r.violation && strstr(r.violation, "excludes"));
    /* Within the constraints. */
    r = judge_constrained("DNS:www.example.org", permitted, true);
    cr_expect_eq(r.state, TRUST_UNKNOWN_ISSUER);
    cr_expect_null(r.violation);
    r = judge_constrained("DNS:www.example.net", excluded, false);
    cr_expect_eq(r.state, TRUST_INCOMPLETE);
    cr_expect_null(r.violation);
}

Test(trust, path_length_without_an_anchor)
{
    X509 *root = make_ca("Private", env.other_key, NULL, NULL);
    X509 *mid = certs_make(&(struct certs_spec){
        .subject = "Middle",
        .key = env.mid_key,
        .issuer = root,
        .issuer_key = env.other_key,
        .key_ids = true,
        .extensions = {"basicConstraints", "critical,CA:TRUE,pathlen:0"}});
    X509 *low = make_ca("Low", env.root_key, mid, env.mid_key);
    X509 *leaf = make_leaf(low, env.root_key);
    X509 *good = make_leaf(mid, env.mid_key);
    struct trust_result r = judge(CHAIN(leaf, low, mid));
    cr_expect_eq(r.state, TRUST_INCOMPLETE);
    cr_expect(r.violation && strstr(r.violation, "(path length)"));
    r = judge(CHAIN(good, mid));
    cr_expect_eq(r.state, TRUST_INCOMPLETE);
    cr_expect_null(r.violation);
    X509_free(good);
    X509_free(leaf);
    X509_free(low);
    X509_free(mid);
    X509_free(root);
}

Test(trust, name_constraints)
{
    X509 *mid = certs_make(&(struct certs_spec){
        .subject = "Middle",
        .key = env.mid_key,
        .issuer = env.root,
        .issuer_key = env.root_key,
        .key_ids = true,
        .extensions = {"basicConstraints", "critical,CA:TRUE",
                       "nameConstraints",
                       "critical,permitted;DNS:example.org"}});
    X509 *leaf = certs_make(&(struct certs_spec){
        .subject = "www.example.com",
        .key = env.leaf_key,
        .issuer = mid,
        .issuer_key = env.mid_key,
        .extensions = {"subjectAltName", "DNS:www.example.com"}});
    struct trust_result r = judge(CHAIN(leaf, mid));
    cr_expect_eq(r.state, TRUST_OTHER);
    cr_expect(strstr(r.why, "does not permit (name constraints)"));
    cr_expect_str_eq(r.why, r.violation);
    X509_free(leaf);
    X509_free(mid);
}

Test(trust, weak_signatures_are_verified_all_the_same)
{
    X509 *leaf = certs_make(&(struct certs_spec){.subject = "www.example.com",
                                                 .key = env.leaf_key,
                                                 .issuer = env.mid,
                                                 .issuer_key = env.mid_key,
                                                 .md = EVP_sha1()});
    cr_expect_eq(judge(CHAIN(leaf, env.mid)).state, TRUST_OK);
    X509_free(leaf);
}

Test(trust, unreadable_certificates)
{
    struct cert junk = {.der = span_text("junk"), .malformed = true};
    struct cert_chain good = CHAIN(env.leaf, env.mid);
    struct cert *v[] = {good.v[0], &junk, good.v[1]};
    struct cert_chain chain = {.seen = true, .n = 3, .v = v};
    struct trust_result r = judge(chain);
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
    v[0] = &junk;
    r = judge((struct cert_chain){.seen = true, .n = 2, .v = v});
    cr_expect_eq(r.state, TRUST_UNKNOWN);
    r = judge((struct cert_chain){.seen = true, .empty = true});
    cr_expect_eq(r.state, TRUST_UNKNOWN);
    r = judge((struct cert_chain){.n = 0});
    cr_expect_eq(r.state, TRUST_UNKNOWN);
}

Test(trust, long_chain_of_the_same)
{
    X509 *x[40];
    for (size_t i = 0; i < 40; i++) {
        x[i] = i % 2 ? env.mid : env.leaf;
    }
    struct trust_result r = judge(chain_of(x, 40));
    cr_expect_eq(r.state, TRUST_OK, "%s", r.why);
}

Test(trust, learns_no_more_than_it_may)
{
    /* More intermediates than it keeps, then one it can use. */
    struct cert_chain good = CHAIN(env.leaf, env.mid);
    struct cert fake = *good.v[1];
    struct cert *v[] = {good.v[0], &fake};
    struct cert_chain chain = {.seen = true, .n = 2, .v = v};
    for (unsigned i = 0; i < 1200; i++) {
        memcpy(fake.spki_sha256, &i, sizeof i);
        trust_learn(env.trust, &chain);
    }
    trust_learn(env.trust, &good);
    struct trust_result r = judge(CHAIN(env.leaf));
    cr_expect(r.issuer_learned, "%s", r.why);
}

Test(trust, none_and_errors)
{
    char error[256] = "";
    struct trust *t = trust_new("none", error);
    cr_assert(t);
    struct cert_chain chain = CHAIN(env.leaf, env.mid);
    trust_learn(t, &chain);
    cr_expect_eq(judge_at(t, chain, NOW).state, TRUST_UNKNOWN);
    trust_free(t);

    cr_expect_null(trust_new("/nonexistent/ca.pem", error));
    cr_expect(strstr(error, "No such file"), "%s", error);
    *error = '\0';
    cr_expect_null(trust_new("/dev/null", error));
    cr_expect(*error);
    *error = '\0';
    cr_expect_null(trust_new("/", error));
    cr_expect(*error);
    trust_free(NULL);
}

Test(trust, hashed_directory)
{
    char dir[] = "/tmp/test_trust.XXXXXX";
    char file[64], error[256] = "";
    cr_assert(mkdtemp(dir));
    snprintf(file, sizeof file, "%s/%08lx.0", dir,
             X509_subject_name_hash(env.root));
    FILE *f = fopen(file, "w");
    cr_assert(f && PEM_write_X509(f, env.root));
    fclose(f);
    struct trust *t = trust_new(dir, error);
    cr_assert(t, "%s", error);
    cr_expect_eq(judge_at(t, CHAIN(env.leaf, env.mid), NOW).state, TRUST_OK);
    trust_free(t);
    unlink(file);
    rmdir(dir);
}
