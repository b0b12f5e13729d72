/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From options to a plan for the sandbox.
 *
 * Captures, outputs and sockets are open by now. Files are made later only by
 * --extract, by --rotate and when a live capture's -o is opened again: in the
 * directories that these hold open.
 */
#include "config.h"

#include "confine.h"

#include "renewal.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define READABLE_MAX 32u /* besides captures */

struct readable {
    const char **v;
    size_t n, size;
    char *keylog_directory; /* owned */
};

static void may_read(struct readable *r, const char *path)
{
    if (path && *path && r->n < r->size) {
        r->v[r->n++] = path;
    }
}

/* The system's trust anchors, wherever distributions keep them and what their
 * links lead to. */
static void may_read_anchors(struct readable *r)
{
    static const char *const places[] = {
        "/etc/ssl/certs",
        "/etc/ssl/cert.pem",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/certs",
        "/etc/pki/tls/cert.pem",
        "/etc/pki/ca-trust",
        "/etc/ca-certificates",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
        "/usr/share/pki",
        "/var/lib/ca-certificates",
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        may_read(r, places[i]);
    }
    may_read(r, X509_get_default_cert_dir());
    may_read(r, X509_get_default_cert_file());
    may_read(r, getenv(X509_get_default_cert_dir_env()));
    may_read(r, getenv(X509_get_default_cert_file_env()));
}

/* Names in a filter over files; that of an interface is compiled already. */
static void may_read_names(struct readable *r)
{
    static const char *const places[] = {
        "/etc/services", "/etc/protocols",     "/etc/hosts",
        "/etc/networks", "/etc/nsswitch.conf", "/etc/ethers",
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        may_read(r, places[i]);
    }
}

/* A key log that is followed may be replaced, or come into being. */
static void may_read_keylog(struct readable *r, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    r->keylog_directory = slash ? strndup(path, n ? n : 1) : strdup(".");
    may_read(r, r->keylog_directory);
}

static bool readable(struct readable *r, const struct confine_needs *n)
{
    const struct options *o = n->options;
    size_t late = o->files_n - n->files_open;
    *r = (struct readable){.size = READABLE_MAX + late};
    r->v = calloc(r->size, sizeof *r->v);
    if (!r->v) {
        return false;
    }
    may_read(r, "/etc/localtime");
    may_read(r, "/proc/sys/crypto/fips_enabled"); /* nDPI's libgcrypt */
    if (!o->ca) {
        may_read_anchors(r);
    }
    if (o->filter && !o->interfaces_n) {
        may_read_names(r);
    }
    if (o->keylog && o->interfaces_n) {
        may_read_keylog(r, o->keylog);
    }
    for (size_t i = n->files_open; i < o->files_n; i++) {
        may_read(r, o->files[i]);
    }
    return true;
}

/* Stays root, without its capabilities, rather than fail to write where only
 * root may. Of a user asked for that is an error. */
static bool settle_user(const struct confine_needs *n, struct sandbox_user *u,
                        char error[256])
{
    const struct options *o = n->options;
    if (n->extract < 0 || !u->change || sandbox_may_write(u, n->extract)) {
        return true;
    }
    if (o->user) {
        snprintf(error, 256, "user %s cannot make files in %.120s", u->name,
                 o->extract);
        return false;
    }
    if (o->interfaces_n && !o->quiet) {
        fprintf(stderr,
                "tlswhy: user %s cannot make files in %s: staying root, "
                "without its capabilities\n",
                u->name, o->extract);
    }
    u->change = false;
    return true;
}

static void add_writable(struct sandbox_plan *p, int directory)
{
    if (directory >= 0) {
        p->writable[p->writable_n++] = directory;
    }
}

/* A file that is made anew, by a process that stays root where only root may.
 */
static bool settle_file(struct renewal *r, struct sandbox_plan *p,
                        char error[256])
{
    if (!r || r->directory < 0) {
        return true;
    }
    if (p->user.change && !sandbox_may_write(&p->user, r->directory)) {
        p->passes = true;
        return renewal_delegate(r, error);
    }
    add_writable(p, r->directory);
    return true;
}

static bool settle_outputs(const struct confine_needs *n,
                           struct sandbox_plan *p, char error[256])
{
    const struct options *o = n->options;
    if (p->user.change && n->extract_made &&
        fchown(n->extract, p->user.uid, p->user.gid) != 0) {
        snprintf(error, 256, "%.120s: %s", o->extract, strerror(errno));
        return false;
    }
    if (!settle_user(n, &p->user, error) ||
        !settle_file(n->metrics, p, error) ||
        !settle_file(n->renewal, p, error)) {
        return false;
    }
    add_writable(p, n->extract);
    /* So that it can be opened again, and its successors be alike. */
    if (p->user.change && n->output >= 0 && n->renewal->directory >= 0 &&
        n->renewal->socket < 0 &&
        fchown(n->output, p->user.uid, p->user.gid) != 0 && o->verbose) {
        perror("tlswhy: the output's owner stays");
    }
    return true;
}

static void tell(const struct options *o, const struct sandbox_status *s)
{
    char what[512];
    if (o->verbose) {
        sandbox_describe(s, what, sizeof what);
        fprintf(stderr, "tlswhy: sandbox: %s\n", what);
    }
}

bool confine(const struct confine_needs *n, struct sandbox_status *status,
             char error[256])
{
    const struct options *o = n->options;
    *status = (struct sandbox_status){.off = true};
    if (o->no_sandbox) {
        tell(o, status);
        return true;
    }
    struct sandbox_plan p = {.serves = n->serves,
                             .reconnecting = n->reconnecting};
    if (!sandbox_find_user(o->user, &p.user, error) ||
        !settle_outputs(n, &p, error)) {
        return false;
    }
    /* Its configuration may ask for modules, and these for executable memory.
     */
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
    struct readable r;
    bool ok = readable(&r, n);
    if (!ok) {
        snprintf(error, 256, "out of memory");
    } else {
        p.readable = r.v;
        p.readable_n = r.n;
        ok = sandbox_enter(&p, status, error);
    }
    free(r.keylog_directory);
    free((void *)r.v);
    if (ok) {
        tell(o, status);
    }
    return ok;
}
