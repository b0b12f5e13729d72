/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wolfSSL peer of the lab: `wolfpeer server|client PORT [key=value]...`.
 * It prints what the library says.
 *
 * Keys: cert, key, ca (file names), min, max (10 to 13), suites (a list,
 * wolfSSL's names), alpn (a list), name (SNI; `none`; server: the only one
 * known), auth (server: required, optional), curve (p256, p384, p521), twice
 * (client: connect again and resume).
 */
#include <wolfssl/options.h>

#include <wolfssl/ssl.h>

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int argument_count;
static char **arguments;
static bool server;

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

static void must(const char *what, bool good)
{
    if (!good) {
        fprintf(stderr, "setup: %s failed\n", what);
        exit(1);
    }
}

static int version(const char *text)
{
    static const int versions[] = {WOLFSSL_TLSV1, WOLFSSL_TLSV1_1,
                                   WOLFSSL_TLSV1_2, WOLFSSL_TLSV1_3};

    return versions[atoi(text) - 10];
}

static WOLFSSL_CTX *context(void)
{
    int max = atoi(option("max", "13"));
    WOLFSSL_METHOD *method =
        max == 13
            ? server ? wolfSSLv23_server_method() : wolfSSLv23_client_method()
        : max == 12
            ? server ? wolfTLSv1_2_server_method() : wolfTLSv1_2_client_method()
            : (server ? wolfTLSv1_1_server_method()
                      : wolfTLSv1_1_client_method());
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
    const char *cert = option("cert", NULL), *ca = option("ca", NULL),
               *auth = option("auth", NULL);

    must("context", ctx != NULL);
    if (max == 13) {
        must("min", wolfSSL_CTX_SetMinVersion(
                        ctx, version(option("min", "12"))) == WOLFSSL_SUCCESS);
    }
    if (cert) {
        must("cert", wolfSSL_CTX_use_certificate_chain_file(ctx, cert) ==
                         WOLFSSL_SUCCESS);
        must("key", wolfSSL_CTX_use_PrivateKey_file(ctx, option("key", cert),
                                                    WOLFSSL_FILETYPE_PEM) ==
                        WOLFSSL_SUCCESS);
    }
    if (ca) {
        must("ca", wolfSSL_CTX_load_verify_locations(ctx, ca, NULL) ==
                       WOLFSSL_SUCCESS);
    }
    if (option("suites", NULL)) {
        must("suites", wolfSSL_CTX_set_cipher_list(
                           ctx, option("suites", NULL)) == WOLFSSL_SUCCESS);
    }
    if (!server) {
        wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER, NULL);
    } else {
        wolfSSL_CTX_set_verify(ctx,
                               !auth ? WOLFSSL_VERIFY_NONE
                               : !strcmp(auth, "required")
                                   ? WOLFSSL_VERIFY_PEER |
                                         WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                   : WOLFSSL_VERIFY_PEER,
                               NULL);
    }
    return ctx;
}

static void curves(WOLFSSL *ssl)
{
    const char *name = option("curve", NULL);
    int group;

    if (!name) {
        return;
    }
    group = !strcmp(name, "p256")   ? WOLFSSL_ECC_SECP256R1
            : !strcmp(name, "p384") ? WOLFSSL_ECC_SECP384R1
                                    : WOLFSSL_ECC_SECP521R1;
    if (server) {
        must("groups", wolfSSL_set_groups(ssl, &group, 1) == WOLFSSL_SUCCESS);
    } else {
        must("curve", wolfSSL_UseSupportedCurve(ssl, (unsigned short)group) ==
                          WOLFSSL_SUCCESS);
        if (atoi(option("max", "13")) == 13) {
            must("share", wolfSSL_UseKeyShare(ssl, (unsigned short)group) ==
                              WOLFSSL_SUCCESS);
        }
    }
}

static void names(WOLFSSL *ssl)
{
    const char *name = option("name", server ? NULL : "www.example.test");
    char *alpn = (char *)option("alpn", NULL);

    if (name && strcmp(name, "none") != 0) {
        wolfSSL_UseSNI(ssl, WOLFSSL_SNI_HOST_NAME, name,
                       (unsigned short)strlen(name));
        if (!server) {
            wolfSSL_check_domain_name(ssl, name);
        }
    }
    if (alpn) {
        must("alpn", wolfSSL_UseALPN(ssl, alpn, (unsigned)strlen(alpn),
                                     WOLFSSL_ALPN_FAILED_ON_MISMATCH) ==
                         WOLFSSL_SUCCESS);
    }
}

static void say(const char *what, WOLFSSL *ssl, int status)
{
    char text[WOLFSSL_MAX_ERROR_SZ];
    int code = wolfSSL_get_error(ssl, status);

    wolfSSL_ERR_error_string((unsigned long)code, text);
    printf("%s: %s: %s (%d)\n", server ? "server" : "client", what, text, code);
    fflush(stdout);
}

/* A handshake, a line of text, the reply, close_notify. */
static void talk(WOLFSSL_CTX *ctx, int fd, WOLFSSL_SESSION **session)
{
    WOLFSSL *ssl = wolfSSL_new(ctx);
    const char *text =
        server ? "HTTP/1.0 200 OK\r\n\r\nhello\n" : "GET / HTTP/1.0\r\n\r\n";
    char reply[512];
    int status, got = 1;

    must("ssl", ssl && wolfSSL_set_fd(ssl, fd) == WOLFSSL_SUCCESS);
    curves(ssl);
    names(ssl);
    if (session && *session) {
        must("session", wolfSSL_set_session(ssl, *session) == WOLFSSL_SUCCESS);
    }
    status = server ? wolfSSL_accept(ssl) : wolfSSL_connect(ssl);
    if (status != WOLFSSL_SUCCESS) {
        say("handshake", ssl, status);
    } else {
        if (server) {
            got = wolfSSL_read(ssl, reply, sizeof reply);
        }
        if (got > 0) {
            wolfSSL_write(ssl, text, (int)strlen(text));
        }
        if (!server) {
            got = wolfSSL_read(ssl, reply, sizeof reply);
            *session = wolfSSL_get1_session(ssl);
        }
        printf("%s: %s %s, resumed %d, %d bytes read\n",
               server ? "server" : "client", wolfSSL_get_version(ssl),
               wolfSSL_get_cipher(ssl), wolfSSL_session_reused(ssl), got);
        if (got <= 0) {
            say("read", ssl, got);
        }
        fflush(stdout);
        wolfSSL_shutdown(ssl);
    }
    close(fd);
    wolfSSL_free(ssl);
}

static void serve(WOLFSSL_CTX *ctx)
{
    struct sockaddr_in6 where = {.sin6_family = AF_INET6,
                                 .sin6_port =
                                     htons((uint16_t)atoi(arguments[2]))};
    int listener = socket(AF_INET6, SOCK_STREAM, 0), on = 1;

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    must("bind", !bind(listener, (struct sockaddr *)&where, sizeof where) &&
                     !listen(listener, 8));
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        must("accept", fd >= 0);
        talk(ctx, fd, NULL);
    }
}

static void connect_to(WOLFSSL_CTX *ctx)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    WOLFSSL_SESSION *session = NULL;
    int times = option("twice", NULL) ? 2 : 1;

    must("name",
         !getaddrinfo("www.example.test", arguments[2], &hints, &found));
    for (int i = 0; i < times; i++) {
        int fd = socket(found->ai_family, SOCK_STREAM, 0);

        must("connect", !connect(fd, found->ai_addr, found->ai_addrlen));
        talk(ctx, fd, &session);
    }
    freeaddrinfo(found);
}

int main(int argc, char **argv)
{
    WOLFSSL_CTX *ctx;

    if (argc < 3) {
        return 2;
    }
    argument_count = argc;
    arguments = argv;
    server = !strcmp(argv[1], "server");
    wolfSSL_Init();
    ctx = context();
    if (server) {
        serve(ctx);
    } else {
        connect_to(ctx);
    }
    wolfSSL_CTX_free(ctx);
    return 0;
}
