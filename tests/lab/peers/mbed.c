/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Mbed TLS peer of the lab: `mbedpeer server|client PORT [key=value]...`.
 * It prints what the library says. TLS 1.2 at most: Mbed TLS 2.28, as Debian 12
 * has it, knows no later version as a server.
 *
 * Keys: cert, key, ca (file names), min, max (10 to 12), suites (a name),
 * alpn (a name), name (SNI; `none`), host (to connect to), auth (required,
 * optional; server: none), curve (a name), twice (client: connect again
 * and resume), hash (sha1, sha256, sha384).
 */
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct peer {
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_ssl_config config;
    mbedtls_ssl_cache_context cache;
    mbedtls_x509_crt cert, ca;
    mbedtls_pk_context key;
    const char *alpn[2];
    int suites[2];
    mbedtls_ecp_group_id curves[2];
    int hashes[2];
    bool server;
};

static int argument_count;
static char **arguments;

static const char *option(const char *key, const char *fallback)
{
    size_t n = strlen(key);

    for (int i = 3; i < argument_count; i++) {
        if (!strncmp(arguments[i], key, n) && arguments[i][n] == '=') {
            return arguments[i] + n + 1;
        }
    }
    return fallback;
}

static void must(const char *what, int status)
{
    if (status) {
        fprintf(stderr, "setup: %s: -0x%04x\n", what, (unsigned)-status);
        exit(1);
    }
}

static void say(const struct peer *p, const char *what, int status)
{
    char text[160];

    mbedtls_strerror(status, text, sizeof text);
    printf("%s: %s: %s (-0x%04x)\n", p->server ? "server" : "client", what,
           text, (unsigned)-status);
    fflush(stdout);
}

static void credentials(struct peer *p)
{
    const char *cert = option("cert", NULL), *ca = option("ca", NULL);

    mbedtls_x509_crt_init(&p->cert);
    mbedtls_x509_crt_init(&p->ca);
    mbedtls_pk_init(&p->key);
    if (cert) {
        must("cert", mbedtls_x509_crt_parse_file(&p->cert, cert));
        must("key",
             mbedtls_pk_parse_keyfile(&p->key, option("key", cert), NULL));
        must("own", mbedtls_ssl_conf_own_cert(&p->config, &p->cert, &p->key));
    }
    if (ca) {
        must("ca", mbedtls_x509_crt_parse_file(&p->ca, ca));
        mbedtls_ssl_conf_ca_chain(&p->config, &p->ca, NULL);
    }
}

static void limits(struct peer *p)
{
    const char *name = option("suites", NULL), *curve = option("curve", NULL),
               *hash = option("hash", NULL);

    mbedtls_ssl_conf_min_version(&p->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 atoi(option("min", "12")) - 9);
    mbedtls_ssl_conf_max_version(&p->config, MBEDTLS_SSL_MAJOR_VERSION_3,
                                 atoi(option("max", "12")) - 9);
    if (name) {
        p->suites[0] = mbedtls_ssl_get_ciphersuite_id(name);
        mbedtls_ssl_conf_ciphersuites(&p->config, p->suites);
    }
    if (curve) {
        p->curves[0] = mbedtls_ecp_curve_info_from_name(curve)->grp_id;
        p->curves[1] = MBEDTLS_ECP_DP_NONE;
        mbedtls_ssl_conf_curves(&p->config, p->curves);
    }
    if (hash) {
        p->hashes[0] = !strcmp(hash, "sha1")     ? MBEDTLS_MD_SHA1
                       : !strcmp(hash, "sha384") ? MBEDTLS_MD_SHA384
                                                 : MBEDTLS_MD_SHA256;
        p->hashes[1] = MBEDTLS_MD_NONE;
        mbedtls_ssl_conf_sig_hashes(&p->config, p->hashes);
    }
    p->alpn[0] = option("alpn", NULL);
    if (p->alpn[0]) {
        must("alpn", mbedtls_ssl_conf_alpn_protocols(&p->config, p->alpn));
    }
}

static void set_up(struct peer *p)
{
    const char *auth = option("auth", p->server ? "none" : "required");

    mbedtls_entropy_init(&p->entropy);
    mbedtls_ctr_drbg_init(&p->random);
    must("random", mbedtls_ctr_drbg_seed(&p->random, mbedtls_entropy_func,
                                         &p->entropy, NULL, 0));
    mbedtls_ssl_config_init(&p->config);
    must("config",
         mbedtls_ssl_config_defaults(
             &p->config,
             p->server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
             MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT));
    mbedtls_ssl_conf_rng(&p->config, mbedtls_ctr_drbg_random, &p->random);
    mbedtls_ssl_conf_authmode(
        &p->config, !strcmp(auth, "required")   ? MBEDTLS_SSL_VERIFY_REQUIRED
                    : !strcmp(auth, "optional") ? MBEDTLS_SSL_VERIFY_OPTIONAL
                                                : MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_cache_init(&p->cache);
    if (p->server) {
        mbedtls_ssl_conf_session_cache(&p->config, &p->cache,
                                       mbedtls_ssl_cache_get,
                                       mbedtls_ssl_cache_set);
    }
    limits(p);
    credentials(p);
}

/* A handshake, a line of text, the reply, close_notify. */
static void talk(struct peer *p, mbedtls_net_context *net,
                 mbedtls_ssl_session *session, bool resume)
{
    mbedtls_ssl_context ssl;
    unsigned char reply[512];
    const char *name = option("name", "www.example.test");
    const char *text =
        p->server ? "HTTP/1.0 200 OK\r\n\r\nhello\n" : "GET / HTTP/1.0\r\n\r\n";
    int status, got = 0;

    mbedtls_ssl_init(&ssl);
    must("ssl", mbedtls_ssl_setup(&ssl, &p->config));
    if (!p->server && strcmp(name, "none") != 0) {
        must("name", mbedtls_ssl_set_hostname(&ssl, name));
    }
    if (resume) {
        must("session", mbedtls_ssl_set_session(&ssl, session));
    }
    mbedtls_ssl_set_bio(&ssl, net, mbedtls_net_send, mbedtls_net_recv, NULL);
    status = mbedtls_ssl_handshake(&ssl);
    if (status) {
        char why[400] = "";

        say(p, "handshake", status);
        mbedtls_x509_crt_verify_info(why, sizeof why, "",
                                     mbedtls_ssl_get_verify_result(&ssl));
        if (status == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED) {
            printf("%s: verify: %s\n", p->server ? "server" : "client", why);
        }
    } else {
        if (p->server) {
            got = mbedtls_ssl_read(&ssl, reply, sizeof reply);
        }
        if (got >= 0) {
            mbedtls_ssl_write(&ssl, (const unsigned char *)text, strlen(text));
        }
        if (!p->server) {
            got = mbedtls_ssl_read(&ssl, reply, sizeof reply);
            mbedtls_ssl_get_session(&ssl, session);
        }
        printf("%s: %s %s, %d bytes read\n", p->server ? "server" : "client",
               mbedtls_ssl_get_version(&ssl), mbedtls_ssl_get_ciphersuite(&ssl),
               got);
        if (got < 0 && got != MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
            say(p, "read", got);
        }
        mbedtls_ssl_close_notify(&ssl);
    }
    fflush(stdout);
    mbedtls_net_free(net);
    mbedtls_ssl_free(&ssl);
}

static void serve(struct peer *p)
{
    mbedtls_net_context listener, net;

    mbedtls_net_init(&listener);
    must("bind", mbedtls_net_bind(&listener, NULL, arguments[2],
                                  MBEDTLS_NET_PROTO_TCP));
    for (;;) {
        mbedtls_net_init(&net);
        must("accept", mbedtls_net_accept(&listener, &net, NULL, 0, NULL));
        talk(p, &net, NULL, false);
    }
}

static void connect_to(struct peer *p)
{
    mbedtls_net_context net;
    mbedtls_ssl_session session;
    int times = option("twice", NULL) ? 2 : 1;

    mbedtls_ssl_session_init(&session);
    for (int i = 0; i < times; i++) {
        mbedtls_net_init(&net);
        must("connect",
             mbedtls_net_connect(&net, option("host", "www.example.test"),
                                 arguments[2], MBEDTLS_NET_PROTO_TCP));
        talk(p, &net, &session, i > 0);
    }
}

int main(int argc, char **argv)
{
    struct peer p = {.server = argc > 1 && !strcmp(argv[1], "server")};

    if (argc < 3) {
        return 2;
    }
    argument_count = argc;
    arguments = argv;
    set_up(&p);
    if (p.server) {
        serve(&p);
    } else {
        connect_to(&p);
    }
    return 0;
}
