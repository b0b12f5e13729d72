/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server of DTLS 1.3 with wolfSSL, for the lab: a handshake, one
 * message each way, and a key log.
 *
 * usage: dtls13 server|client ADDRESS PORT CERTIFICATE KEY CA KEYLOG
 * [OPTION]... suite=NAME   cipher suites verify       the server demands a
 * client certificate name=NAME    the client checks it CERTIFICATE, KEY and CA
 * may be `-`: none.
 */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct options {
    const char *suite, *name;
    int verify;
};

static const char *label(int id)
{
    switch (id) {
    case CLIENT_EARLY_TRAFFIC_SECRET:
        return "CLIENT_EARLY_TRAFFIC_SECRET";
    case CLIENT_HANDSHAKE_TRAFFIC_SECRET:
        return "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
    case SERVER_HANDSHAKE_TRAFFIC_SECRET:
        return "SERVER_HANDSHAKE_TRAFFIC_SECRET";
    case CLIENT_TRAFFIC_SECRET:
        return "CLIENT_TRAFFIC_SECRET_0";
    case SERVER_TRAFFIC_SECRET:
        return "SERVER_TRAFFIC_SECRET_0";
    default:
        return NULL;
    }
}

static int on_secret(WOLFSSL *ssl, int id, const unsigned char *secret, int n,
                     void *path)
{
    unsigned char random[32];
    FILE *f = label(id) ? fopen(path, "a") : NULL;
    if (!f || wolfSSL_get_client_random(ssl, random, sizeof random) != 32) {
        return 0;
    }
    fprintf(f, "%s ", label(id));
    for (int i = 0; i < 32; i++) {
        fprintf(f, "%02x", random[i]);
    }
    fputc(' ', f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "%02x", secret[i]);
    }
    fputc('\n', f);
    fclose(f);
    return 0;
}

static int report(WOLFSSL *ssl, const char *what)
{
    char text[WOLFSSL_MAX_ERROR_SZ];
    int error = wolfSSL_get_error(ssl, 0);
    WOLFSSL_ALERT_HISTORY alerts;
    printf("%s failed: error %d, %s", what, error,
           wolfSSL_ERR_error_string((unsigned long)error, text));
    if (wolfSSL_get_alert_history(ssl, &alerts) == WOLFSSL_SUCCESS) {
        printf("; alert sent %d, received %d (-1: none)", alerts.last_tx.code,
               alerts.last_rx.code);
    }
    putchar('\n');
    return 1;
}

/* The first datagram tells a server who its client is. */
static int open_socket(int server, const char *address, const char *port,
                       struct sockaddr_in *peer)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    socklen_t n = sizeof *peer;
    char first[2048];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    inet_pton(AF_INET, address, &own.sin_addr);
    own.sin_port = htons((unsigned short)atoi(port));
    if (!server) {
        *peer = own;
    } else if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0 ||
               recvfrom(fd, first, sizeof first, MSG_PEEK,
                        (struct sockaddr *)peer, &n) < 0) {
        perror("socket");
        exit(1);
    }
    if (connect(fd, (struct sockaddr *)peer, sizeof *peer) != 0) {
        perror("connect");
        exit(1);
    }
    return fd;
}

static int talk(WOLFSSL *ssl, int server)
{
    char answer[64] = "";
    if (server) {
        if (wolfSSL_accept(ssl) != WOLFSSL_SUCCESS) {
            return report(ssl, "handshake");
        }
    } else if (wolfSSL_connect(ssl) != WOLFSSL_SUCCESS) {
        return report(ssl, "handshake");
    }
    printf("handshake done: %s, %s\n", wolfSSL_get_version(ssl),
           wolfSSL_get_cipher(ssl));
    if (!server && wolfSSL_write(ssl, "hello", 5) != 5) {
        return report(ssl, "write");
    }
    int n = wolfSSL_read(ssl, answer, sizeof answer - 1);
    if (n <= 0) {
        return report(ssl, "read");
    }
    if (server && wolfSSL_write(ssl, "hello yourself", 14) != 14) {
        return report(ssl, "write");
    }
    wolfSSL_shutdown(ssl);
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {0};
    if (argc < 8) {
        fputs("usage: dtls13 server|client ADDRESS PORT CERTIFICATE KEY CA "
              "KEYLOG [OPTION]...\n",
              stderr);
        return 2;
    }
    for (int i = 8; i < argc; i++) {
        if (strncmp(argv[i], "suite=", 6) == 0) {
            o.suite = argv[i] + 6;
        } else if (strncmp(argv[i], "name=", 5) == 0) {
            o.name = argv[i] + 5;
        } else if (strcmp(argv[i], "verify") == 0) {
            o.verify = 1;
        }
    }
    int server = strcmp(argv[1], "server") == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    wolfSSL_Init();
    WOLFSSL_CTX *ctx = wolfSSL_CTX_new(server ? wolfDTLSv1_3_server_method()
                                              : wolfDTLSv1_3_client_method());
    int ok = ctx != NULL;
    if (ok && strcmp(argv[4], "-") != 0) {
        ok = wolfSSL_CTX_use_certificate_chain_file(ctx, argv[4]) ==
                 WOLFSSL_SUCCESS &&
             wolfSSL_CTX_use_PrivateKey_file(
                 ctx, argv[5], WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS;
    }
    if (ok && strcmp(argv[6], "-") != 0) {
        ok = wolfSSL_CTX_load_verify_locations(ctx, argv[6], NULL) ==
             WOLFSSL_SUCCESS;
    }
    if (ok && o.suite) {
        ok = wolfSSL_CTX_set_cipher_list(ctx, o.suite) == WOLFSSL_SUCCESS;
    }
    if (!ok) {
        puts("certificate, key, CA or suite is not usable");
        return 1;
    }
    if (server) {
        wolfSSL_CTX_set_verify(
            ctx,
            o.verify ? WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT
                     : WOLFSSL_VERIFY_NONE,
            NULL);
    }
    struct sockaddr_in peer;
    int fd = open_socket(server, argv[2], argv[3], &peer);
    WOLFSSL *ssl = wolfSSL_new(ctx);
    wolfSSL_KeepArrays(ssl);
    wolfSSL_set_fd(ssl, fd);
    wolfSSL_dtls_set_peer(ssl, &peer, sizeof peer);
    wolfSSL_set_tls13_secret_cb(ssl, on_secret, argv[7]);
    if (o.name) {
        wolfSSL_check_domain_name(ssl, o.name);
    }
    int status = talk(ssl, server);
    wolfSSL_free(ssl);
    wolfSSL_CTX_free(ctx);
    close(fd);
    return status;
}
