/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a server's chain stands against a set of trust anchors, at the time of
 * the capture (RFC 5280 section 6, RFC 8446 section 4.4.2 for the order).
 *
 * libcrypto verifies first. When it refuses, the certificates are walked from
 * the leaf upwards to say which of the ways to fail it was: a private root
 * must not look like a missing intermediate, nor that like a bad signature.
 *
 * Revocation, purpose, names and the leaf's own dates are not looked at, and
 * nothing is fetched.
 */
#include "judge/judge.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

/* Certificates of a message that are looked at. */
#define SENT_MAX 16

/* CA certificates remembered: the public web has about 200 intermediates in
 * wide use. The least recently seen one makes room. */
#define LEARNED_MAX 512

/* Largest CA certificate remembered, so that the store stays below 4 MiB. */
#define LEARNED_BYTES_MAX 8192

/* Judged chains remembered, in sets of CACHE_WAYS. */
#define CACHE_SETS 256
#define CACHE_WAYS 4

/* CA certificates of chains, parsed: most chains share a few. */
#define PARSED_MAX 64

struct parsed {
    X509 *x; /* owned; NULL: free */
    uint8_t sha256[32];
};

struct learned {
    X509 *x;         /* owned */
    uint8_t key[32]; /* SHA-256 of subject and key */
    tick_t not_after;
    uint64_t stamp;
};

struct cached {
    uint8_t key[32];     /* SHA-256 over the certificates' hashes */
    tick_t from, to;     /* while from <= when < to the result holds */
    uint64_t generation; /* of the learned certificates */
    int missing_from;    /* certificate whose issuer is missing, or -1 */
    bool used;
    struct trust_result result; /* without missing_issuer */
};

struct trust {
    X509_STORE *anchors; /* NULL: nothing is judged */
    bool given;          /* they are not the system's */
    bool system_pending; /* the system's anchors are loaded when needed */
    struct learned learned[LEARNED_MAX];
    struct parsed parsed[PARSED_MAX];
    size_t learned_n;
    uint64_t stamp;
    uint64_t generation; /* changes when something new was learned */
    struct cached cache[CACHE_SETS][CACHE_WAYS];
    uint8_t next_way[CACHE_SETS];
};

/* ---- anchors
 * ----------------------------------------------------------------- */

/* A directory that `openssl rehash` made: names like 5ed36f99.0. */
static bool is_hash_name(const char *name)
{
    size_t hex = strspn(name, "0123456789abcdefABCDEF");
    if (hex != 8 || name[hex] != '.') {
        return false;
    }
    size_t digits = strspn(name + 9, "0123456789");
    return digits > 0 && name[9 + digits] == '\0';
}

/* How many anchors such a directory has. */
static unsigned dir_anchors(const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return 0;
    }
    unsigned n = 0;
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        n += is_hash_name(e->d_name);
    }
    closedir(dir);
    return n;
}

/* How many certificates a PEM file has. */
static unsigned file_anchors(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!file) {
        return 0;
    }
    char line[256];
    unsigned n = 0;
    while (fgets(line, sizeof line, file)) {
        n += strncmp(line, "-----BEGIN", 10) == 0;
    }
    fclose(file);
    return n;
}

static bool store_is_empty(X509_STORE *store)
{
    return sk_X509_OBJECT_num(X509_STORE_get0_objects(store)) == 0;
}

static const char *env_or(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value ? value : otherwise;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/*
 * The system's directory of anchors, from which libcrypto takes what it needs
 * when it needs it; to load the system's file takes 20 ms. Only when that is
 * not the user's own and has no more in it. False when the file must be read.
 */
static bool use_system_dir(X509_STORE *store)
{
    const char *dir =
        env_or(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    const char *file = X509_get_default_cert_file();
    const char *wanted = env_or(X509_get_default_cert_file_env(), file);
    if (wanted != file && !same_file(wanted, file)) {
        return false;
    }
    unsigned n = dir_anchors(dir);
    if (!n || n < file_anchors(file)) {
        return false;
    }
    X509_LOOKUP *lookup = X509_STORE_add_lookup(store, X509_LOOKUP_hash_dir());
    return lookup && X509_LOOKUP_add_dir(lookup, dir, X509_FILETYPE_PEM);
}

/* The system's anchors: where libcrypto looks, then where distributions put
 * them. False when there are none. */
static bool load_system(X509_STORE *store)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    };
    if (use_system_dir(store)) {
        return true;
    }
    X509_STORE_set_default_paths(store);
    if (!store_is_empty(store) || dir_anchors(X509_get_default_cert_dir())) {
        return true;
    }
    for (size_t i = 0; i < COUNT(bundles) && store_is_empty(store); i++) {
        X509_STORE_load_file(store, bundles[i]);
    }
    return !store_is_empty(store);
}

/* All of a directory at once: by the time one is looked up the process may not
 * be allowed to read it. */
static bool load_dir(X509_STORE *store, const char *path)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return false;
    }
    for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
        char file[4096];
        int n = snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (is_hash_name(e->d_name) && n > 0 && (size_t)n < sizeof file) {
            X509_STORE_load_file(store, file);
        }
    }
    closedir(dir);
    return !store_is_empty(store);
}

static bool load_path(X509_STORE *store, const char *path, char error[256])
{
    struct stat st;
    if (stat(path, &st) != 0) {
        snprintf(error, 256, "%s", strerror(errno));
        return false;
    }
    if (S_ISDIR(st.st_mode)) {
        if (load_dir(store, path)) {
            return true;
        }
        snprintf(error, 256,
                 "no trust anchors in it: not a directory made by "
                 "'openssl rehash'");
        return false;
    }
    if (X509_STORE_load_file(store, path) && !store_is_empty(store)) {
        return true;
    }
    snprintf(error, 256, "no PEM certificates could be read from it");
    return false;
}

/* Loads the system's anchors on first use: most runs never judge a chain. */
static bool has_anchors(struct trust *t)
{
    if (t->system_pending) {
        t->system_pending = false;
        t->anchors = X509_STORE_new();
        if (t->anchors && !load_system(t->anchors)) {
            X509_STORE_free(t->anchors);
            t->anchors = NULL;
        }
        ERR_clear_error();
    }
    return t->anchors;
}

struct trust *trust_new(const char *path, char error[256])
{
    struct trust *t = calloc(1, sizeof *t);
    if (!t) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    if (path && strcmp(path, "none") == 0) {
        return t;
    }
    t->system_pending = !path;
    t->given = path != NULL;
    if (!path) {
        return t;
    }
    t->anchors = X509_STORE_new();
    if (!t->anchors) {
        snprintf(error, 256, "out of memory");
        trust_free(t);
        return NULL;
    }
    if (!load_path(t->anchors, path, error)) {
        trust_free(t);
        t = NULL;
    }
    ERR_clear_error();
    return t;
}

void trust_free(struct trust *t)
{
    if (!t) {
        return;
    }
    for (size_t i = 0; i < t->learned_n; i++) {
        X509_free(t->learned[i].x);
    }
    for (size_t i = 0; i < PARSED_MAX; i++) {
        X509_free(t->parsed[i].x);
    }
    X509_STORE_free(t->anchors);
    free(t);
}

/* ---- one chain while it is judged
 * ----------------------------------------------- */

struct judging {
    struct trust *t;
    const struct cert_chain *chain;
    tick_t when;
    X509 *sent[SENT_MAX]; /* NULL where it does not parse */
    unsigned sent_n;
    unsigned path[SENT_MAX]; /* from the leaf upwards, indices into sent[] */
    unsigned path_n;
    tick_t from, to; /* no CA date lies between: the result holds there */
    int missing_from;
    struct trust_result *out;
};

static const struct cert *fact(const struct judging *j, unsigned i)
{
    return j->chain->v[i];
}

static X509 *parse(struct span der)
{
    const unsigned char *p = der.p;
    return der.n ? d2i_X509(NULL, &p, (long)der.n) : NULL;
}

/* The same for a certificate that other chains are likely to have, too. */
static X509 *parse_shared(struct trust *t, const struct cert *c)
{
    struct parsed *p = &t->parsed[c->sha256[0] % PARSED_MAX];
    if (!p->x || memcmp(p->sha256, c->sha256, sizeof p->sha256) != 0) {
        X509 *x = c->der.n <= LEARNED_BYTES_MAX ? parse(c->der) : NULL;
        if (!x) {
            return parse(c->der);
        }
        X509_free(p->x);
        p->x = x;
        memcpy(p->sha256, c->sha256, sizeof p->sha256);
    }
    return X509_up_ref(p->x) ? p->x : NULL;
}

static void window_note(struct judging *j, tick_t date)
{
    if (date <= j->when && date > j->from) {
        j->from = date;
    } else if (date > j->when && date < j->to) {
        j->to = date;
    }
}

static void window_note_x509(struct judging *j, X509 *x)
{
    struct tm tm = {0};
    if (ASN1_TIME_to_tm(X509_get0_notBefore(x), &tm)) {
        window_note(j, tick_make(timegm(&tm), 0));
    }
    if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm)) {
        window_note(j, tick_make(timegm(&tm), 0));
    }
}

static void judging_open(struct judging *j)
{
    j->sent_n = j->chain->n < SENT_MAX ? j->chain->n : SENT_MAX;
    for (unsigned i = 0; i < j->sent_n; i++) {
        const struct cert *c = fact(j, i);
        j->sent[i] = i > 0 ? parse_shared(j->t, c) : parse(c->der);
        if (j->sent[i] && i > 0) {
            window_note_x509(j, j->sent[i]);
        }
    }
}

static void judging_close(struct judging *j)
{
    for (unsigned i = 0; i < j->sent_n; i++) {
        X509_free(j->sent[i]);
    }
    ERR_clear_error();
}

/* From the second of notAfter on, as libcrypto has it. */
static bool is_expired(const struct cert *c, tick_t when)
{
    return when >= c->not_after;
}

/* ---- the walk over what was sent
 * --------------------------------------------------- */

/* Whether the names and key identifiers say that `issuer` issued `subject`. */
static bool may_issue(const struct judging *j, unsigned issuer,
                      unsigned subject)
{
    if (issuer == subject || !j->sent[issuer] || !j->sent[subject]) {
        return false;
    }
    struct span want = fact(j, subject)->authority_key_id;
    struct span have = fact(j, issuer)->subject_key_id;
    if (want.n && have.n && !span_eq(want, have)) {
        return false;
    }
    return X509_NAME_cmp(X509_get_issuer_name(j->sent[subject]),
                         X509_get_subject_name(j->sent[issuer])) == 0;
}

static bool on_path(const struct judging *j, unsigned i)
{
    for (unsigned k = 0; k < j->path_n; k++) {
        if (j->path[k] == i) {
            return true;
        }
    }
    return false;
}

/* The issuer of path[]'s end among those sent: one that is not expired comes
 * first, then the one sent next. -1 when it was not sent. */
static int next_on_path(const struct judging *j)
{
    unsigned last = j->path[j->path_n - 1];
    int best = -1;
    bool best_expired = false;
    for (unsigned k = 1; k <= j->sent_n; k++) {
        unsigned i = (last + k) % j->sent_n;
        if (on_path(j, i) || !may_issue(j, i, last)) {
            continue;
        }
        bool expired = is_expired(fact(j, i), j->when);
        if (best < 0 || (best_expired && !expired)) {
            best = (int)i;
            best_expired = expired;
        }
    }
    return best;
}

static void walk(struct judging *j)
{
    j->path[0] = 0;
    j->path_n = 1;
    while (!fact(j, j->path[j->path_n - 1])->self_signed) {
        int next = next_on_path(j);
        if (next < 0) {
            return;
        }
        j->path[j->path_n++] = (unsigned)next;
        if (is_expired(fact(j, (unsigned)next), j->when)) {
            j->out->ca_expired = true;
        }
    }
}

/* RFC 5246 section 7.4.2: each certificate must certify the one before it.
 * Superfluous ones behind the chain are no disorder. */
static bool is_wrong_order(const struct judging *j)
{
    unsigned at = 0;
    while (at + 1 < j->sent_n && may_issue(j, at + 1, at)) {
        at++;
    }
    if (fact(j, at)->self_signed) {
        return false;
    }
    for (unsigned i = at + 1; i < j->sent_n; i++) {
        if (may_issue(j, i, at)) {
            return true;
        }
    }
    return false;
}

/* ---- signatures
 * ---------------------------------------------------------------------- */

enum signature { SIGNATURE_GOOD, SIGNATURE_BAD, SIGNATURE_UNKNOWN };

static bool can_verify(const X509 *subject)
{
    int hash = NID_undef;
    int nid = X509_get_signature_nid(subject);
    return nid != NID_undef && OBJ_find_sigid_algs(nid, &hash, NULL) &&
           (hash == NID_undef || EVP_get_digestbynid(hash));
}

/* Bad is only said of algorithms this libcrypto can verify. */
static enum signature check_signature(X509 *subject, X509 *issuer)
{
    EVP_PKEY *key = X509_get0_pubkey(issuer);
    if (!key || !can_verify(subject)) {
        return SIGNATURE_UNKNOWN;
    }
    return X509_verify(subject, key) == 1 ? SIGNATURE_GOOD : SIGNATURE_BAD;
}

/* The worst signature on the path; *at is the place of its subject. */
static enum signature check_path(const struct judging *j, unsigned *at)
{
    enum signature worst = SIGNATURE_GOOD;
    for (unsigned k = 0; k + 1 < j->path_n; k++) {
        enum signature s =
            check_signature(j->sent[j->path[k]], j->sent[j->path[k + 1]]);
        if (s == SIGNATURE_BAD) {
            *at = k;
            return s;
        }
        if (s != SIGNATURE_GOOD) {
            worst = s;
        }
    }
    unsigned last = j->path[j->path_n - 1];
    const struct cert *c = fact(j, last);
    bool own_key = !c->authority_key_id.n || !c->subject_key_id.n ||
                   span_eq(c->authority_key_id, c->subject_key_id);
    if (c->self_issued && !c->self_signed && own_key &&
        check_signature(j->sent[last], j->sent[last]) == SIGNATURE_BAD) {
        *at = j->path_n - 1;
        return SIGNATURE_BAD;
    }
    return worst;
}

/* ---- libcrypto's verdict
 * --------------------------------------------------------------- */

/* The leaf's dates are not judged here; CAs' are. */
static int skip_leaf_dates(int ok, X509_STORE_CTX *ctx)
{
    if (ok || X509_STORE_CTX_get_error_depth(ctx) != 0) {
        return ok;
    }
    switch (X509_STORE_CTX_get_error(ctx)) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    default:
        return ok;
    }
}

/* Whether it is a root of Mozilla's list. */
static bool is_listed(const X509 *root)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(root), &der);
    uint8_t hash[32];
    bool listed = n > 0 &&
                  digest(DIGEST_SHA256, span_of(der, (size_t)n), hash) &&
                  known_public_root(hash);
    OPENSSL_free(der);
    return listed;
}

/* Notes the dates of the path libcrypto chose, and whether its root was
 * sent. */
static void note_chain(struct judging *j, X509_STORE_CTX *ctx)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(ctx);
    int n = chain ? sk_X509_num(chain) : 0;
    for (int i = 1; i < n; i++) {
        window_note_x509(j, sk_X509_value(chain, i));
    }
    bool anchored = X509_STORE_CTX_get_num_untrusted(ctx) < n;
    if (anchored) {
        j->out->anchor_listed = is_listed(sk_X509_value(chain, n - 1));
    }
    for (unsigned i = 1; i < j->sent_n && anchored; i++) {
        if (j->sent[i] &&
            X509_cmp(sk_X509_value(chain, n - 1), j->sent[i]) == 0) {
            j->out->anchor_sent = true;
        }
    }
}

/* Verifies the leaf with these helpers; X509_V_ code. */
static int verify(struct judging *j, STACK_OF(X509) * others)
{
    int error = X509_V_ERR_OUT_OF_MEM;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    if (ctx && X509_STORE_CTX_init(ctx, j->t->anchors, j->sent[0], others)) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)(j->when / TICK_SEC));
        X509_VERIFY_PARAM_set_auth_level(param, 0);
        X509_STORE_CTX_set_verify_cb(ctx, skip_leaf_dates);
        error = X509_V_OK;
        if (X509_verify_cert(ctx) != 1) {
            error = X509_STORE_CTX_get_error(ctx);
            error = error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
        }
        note_chain(j, ctx);
    }
    X509_STORE_CTX_free(ctx);
    ERR_clear_error();
    return error;
}

static int verify_sent(struct judging *j, bool with_learned)
{
    STACK_OF(X509) *others = sk_X509_new_null();
    if (!others) {
        return X509_V_ERR_OUT_OF_MEM;
    }
    for (unsigned i = 1; i < j->sent_n; i++) {
        if (j->sent[i]) {
            sk_X509_push(others, j->sent[i]);
        }
    }
    for (size_t i = 0; with_learned && i < j->t->learned_n; i++) {
        sk_X509_push(others, j->t->learned[i].x);
    }
    int error = verify(j, others);
    sk_X509_free(others);
    return error;
}

/* ---- from libcrypto's error to a state
 * ---------------------------------------------------- */

static void say(struct judging *j, enum trust_state state, const char *why)
{
    j->out->state = state;
    snprintf(j->out->why, sizeof j->out->why, "%s", why);
}

static bool no_anchor_reached(int error)
{
    return error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
           error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
           error == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE ||
           error == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
           error == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

static bool is_signature_error(int error)
{
    return error == X509_V_ERR_CERT_SIGNATURE_FAILURE ||
           error == X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE;
}

/* An expired CA on the way does not make the missing one another. */
static bool anchor_reached(int error)
{
    return error == X509_V_OK || error == X509_V_ERR_CERT_HAS_EXPIRED;
}

/* A certificate that issued another one and must not (RFC 5280 4.2.1.3,
 * 4.2.1.9). libcrypto may just pass over it, as if it had not been sent. */
static bool has_wrong_ca(const struct judging *j)
{
    for (unsigned k = 1; k < j->path_n; k++) {
        const struct cert *c = fact(j, j->path[k]);
        if ((c->has_key_usage && !(c->key_usage & CERT_KU_CERT_SIGN)) ||
            (c->has_basic_constraints && !c->is_ca)) {
            return true;
        }
    }
    return false;
}

/* Sent up to a certificate whose issuer is neither here nor an anchor. */
static void judge_incomplete(struct judging *j)
{
    unsigned last = j->path[j->path_n - 1];
    const struct cert *c = fact(j, last);
    j->missing_from = (int)last;
    if (j->t->learned_n && anchor_reached(verify_sent(j, true))) {
        j->out->issuer_learned = true;
        j->out->completable = true;
        say(j, TRUST_INCOMPLETE,
            "the missing certificate was sent by another server and leads to "
            "a trust anchor");
    } else if (span_starts(c->aia_issuer_url, "http")) {
        j->out->completable = true;
        say(j, TRUST_INCOMPLETE,
            "the issuer was not sent; the certificate says where to fetch it");
    } else {
        say(j, TRUST_INCOMPLETE, "the issuer was not sent and is not known");
    }
}

/* Rules that depend on no anchor (RFC 5280 sections 4.2.1.9, 4.2.1.10). */
static const char *violation_of(int error)
{
    switch (error) {
    case X509_V_ERR_PERMITTED_VIOLATION:
        return "it is for a name that a CA certificate in it does not permit "
               "(name constraints)";
    case X509_V_ERR_EXCLUDED_VIOLATION:
        return "it is for a name that a CA certificate in it excludes (name "
               "constraints)";
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
        return "more CA certificates follow one than it permits (path length)";
    default:
        return NULL;
    }
}

/* Goes on after every error: one that the missing anchor brings, or a date,
 * must not hide it. */
static int note_violation(int ok, X509_STORE_CTX *ctx)
{
    const char **violation = X509_STORE_CTX_get_app_data(ctx);
    if (!ok && !*violation) {
        *violation = violation_of(X509_STORE_CTX_get_error(ctx));
    }
    return 1;
}

/* The path verified as if its upper end were trusted: what goes wrong then is
 * wrong for everybody. */
static void check_rules(struct judging *j)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    X509 *end = j->sent[j->path[j->path_n - 1]];
    for (unsigned k = 1; others && k < j->path_n; k++) {
        sk_X509_push(others, j->sent[j->path[k]]);
    }
    if (j->path_n > 1 && store && others && ctx &&
        X509_STORE_add_cert(store, end) &&
        X509_STORE_CTX_init(ctx, store, j->sent[0], others)) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
        X509_VERIFY_PARAM_set_auth_level(param, 0);
        X509_VERIFY_PARAM_set_time(param, (time_t)(j->when / TICK_SEC));
        X509_STORE_CTX_set_app_data(ctx, (void *)&j->out->violation);
        X509_STORE_CTX_set_verify_cb(ctx, note_violation);
        X509_verify_cert(ctx);
    }
    sk_X509_free(others);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
}

static void judge_wrong_ca(struct judging *j)
{
    j->out->violation = "an issuing certificate is not allowed to issue";
    say(j, TRUST_OTHER, j->out->violation);
}

/* No anchor was reached: which of the three reasons was it? */
static void judge_end(struct judging *j)
{
    const struct cert *last = fact(j, j->path[j->path_n - 1]);
    if (fact(j, 0)->self_signed) {
        say(j, TRUST_SELF_SIGNED, "the certificate is its own issuer");
    } else if (has_wrong_ca(j)) {
        judge_wrong_ca(j);
    } else if (last->self_signed) {
        say(j, TRUST_UNKNOWN_ISSUER,
            "the chain ends in a root that is no trust anchor");
        check_rules(j);
    } else {
        judge_incomplete(j);
        check_rules(j);
    }
}

static void judge_signature(struct judging *j, unsigned at)
{
    char why[128];
    snprintf(why, sizeof why,
             "the signature of certificate %u does not verify with its "
             "issuer's key",
             j->path[at] + 1);
    say(j, TRUST_BAD_SIGNATURE, why);
}

/* An anchor of the right name was found, but its key is not the one that
 * signed, or cannot be used. */
static void judge_anchor_mismatch(struct judging *j, enum signature worst)
{
    unsigned last = j->path[j->path_n - 1];
    if (worst == SIGNATURE_UNKNOWN || !can_verify(j->sent[last])) {
        say(j, TRUST_OTHER,
            "a signature algorithm that can't be verified here");
    } else {
        say(j, TRUST_UNKNOWN_ISSUER,
            "a trust anchor has the issuer's name, but another key");
    }
}

static void judge_error(struct judging *j, int error)
{
    unsigned at = 0;
    enum signature worst = check_path(j, &at);
    if (worst == SIGNATURE_BAD) {
        judge_signature(j, at);
    } else if (no_anchor_reached(error)) {
        judge_end(j);
    } else if (is_signature_error(error)) {
        judge_anchor_mismatch(j, worst);
    } else if (error == X509_V_ERR_CERT_HAS_EXPIRED) {
        j->out->ca_expired = true;
        say(j, TRUST_EXPIRED_CA, "a CA certificate of the chain has expired");
    } else if (error == X509_V_ERR_INVALID_CA ||
               error == X509_V_ERR_KEYUSAGE_NO_CERTSIGN) {
        judge_wrong_ca(j);
    } else {
        j->out->violation = violation_of(error);
        say(j, TRUST_OTHER,
            j->out->violation ? j->out->violation
                              : X509_verify_cert_error_string(error));
    }
}

static void judge_parsed(struct judging *j)
{
    walk(j);
    j->out->wrong_order = is_wrong_order(j);
    int error = verify_sent(j, false);
    if (error == X509_V_OK) {
        j->out->state = TRUST_OK;
        return;
    }
    judge_error(j, error);
}

/* ---- cache
 * ---------------------------------------------------------------------------------
 */

static void chain_key(const struct cert_chain *chain, uint8_t key[32])
{
    uint8_t hashes[SENT_MAX * 32];
    size_t n = 0;
    for (unsigned i = 0; i < chain->n && i < SENT_MAX; i++) {
        memcpy(hashes + n, chain->v[i]->sha256, 32);
        n += 32;
    }
    digest(DIGEST_SHA256, span_of(hashes, n), key);
}

static struct cached *cache_find(struct trust *t, const uint8_t key[32],
                                 tick_t when)
{
    struct cached *set = t->cache[key[0] % CACHE_SETS];
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        struct cached *c = &set[i];
        bool stale = c->result.state == TRUST_INCOMPLETE &&
                     c->generation != t->generation;
        if (c->used && !stale && memcmp(c->key, key, 32) == 0 &&
            when >= c->from && when < c->to) {
            return c;
        }
    }
    return NULL;
}

static struct cached *cache_add(struct judging *j, const uint8_t key[32])
{
    unsigned set = key[0] % CACHE_SETS;
    unsigned way = j->t->next_way[set]++ % CACHE_WAYS;
    struct cached *c = &j->t->cache[set][way];
    *c = (struct cached){.from = j->from,
                         .to = j->to,
                         .generation = j->t->generation,
                         .missing_from = j->missing_from,
                         .used = true,
                         .result = *j->out};
    memcpy(c->key, key, 32);
    return c;
}

static struct cached *judge_new_chain(struct trust *t,
                                      const struct cert_chain *chain,
                                      tick_t when, const uint8_t key[32])
{
    struct trust_result result = {.state = TRUST_UNKNOWN,
                                  .anchors_given = t->given};
    struct judging j = {.t = t,
                        .chain = chain,
                        .when = when,
                        .from = INT64_MIN,
                        .to = INT64_MAX,
                        .missing_from = -1,
                        .out = &result};
    judging_open(&j);
    if (j.sent[0]) {
        judge_parsed(&j);
    } else {
        say(&j, TRUST_UNKNOWN, "the server's certificate can't be parsed");
    }
    judging_close(&j);
    return cache_add(&j, key);
}

void trust_judge(struct trust *t, const struct cert_chain *chain, tick_t when,
                 struct trust_result *out)
{
    *out = (struct trust_result){.state = TRUST_UNKNOWN};
    if (!t || !chain->seen || !chain->n || !has_anchors(t)) {
        return;
    }
    uint8_t key[32];
    chain_key(chain, key);
    const struct cached *c = cache_find(t, key, when);
    if (!c) {
        c = judge_new_chain(t, chain, when, key);
    }
    *out = c->result;
    if (c->missing_from >= 0 && c->missing_from < chain->n) {
        out->missing_issuer =
            chain->v[c->missing_from]->issuer.distinguished_name;
    }
}

/* ---- learning
 * ---------------------------------------------------------------------------------
 */

/* Roots need not be learned: what is no anchor leads nowhere. */
static bool is_intermediate(const struct cert *c)
{
    return c->is_ca && !c->malformed && !c->self_issued && c->subject.der.n &&
           c->der.n <= LEARNED_BYTES_MAX;
}

/* Same subject and key: the same CA, however often its certificate was
 * renewed. */
static void learned_key(const struct cert *c, uint8_t key[32])
{
    uint8_t both[64];
    digest(DIGEST_SHA256, c->subject.der, both);
    memcpy(both + 32, c->spki_sha256, 32);
    digest(DIGEST_SHA256, span_of(both, sizeof both), key);
}

/* The entry of this key, a free one, or the least recently seen one. */
static struct learned *learned_slot(struct trust *t, const uint8_t key[32])
{
    struct learned *oldest = &t->learned[0];
    for (size_t i = 0; i < t->learned_n; i++) {
        if (memcmp(t->learned[i].key, key, 32) == 0) {
            return &t->learned[i];
        }
        if (t->learned[i].stamp < oldest->stamp) {
            oldest = &t->learned[i];
        }
    }
    return t->learned_n < LEARNED_MAX ? &t->learned[t->learned_n] : oldest;
}

static void learn_one(struct trust *t, const struct cert *c)
{
    uint8_t key[32];
    learned_key(c, key);
    struct learned *slot = learned_slot(t, key);
    bool known = slot->x && memcmp(slot->key, key, 32) == 0;
    if (known && slot->not_after >= c->not_after) {
        slot->stamp = ++t->stamp;
        return;
    }
    X509 *x = parse(c->der);
    if (!x) {
        ERR_clear_error();
        return;
    }
    if (!slot->x) {
        t->learned_n++;
    }
    X509_free(slot->x);
    *slot = (struct learned){
        .x = x, .not_after = c->not_after, .stamp = ++t->stamp};
    memcpy(slot->key, key, 32);
    t->generation++;
}

void trust_learn(struct trust *t, const struct cert_chain *chain)
{
    if (!t || !has_anchors(t)) {
        return;
    }
    for (unsigned i = 1; i < chain->n && i < SENT_MAX; i++) {
        if (is_intermediate(chain->v[i])) {
            learn_one(t, chain->v[i]);
        }
    }
}
