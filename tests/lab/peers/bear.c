/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BearSSL peer of the lab: `bearpeer server|client HOST PORT
 * [key=value]...`. It prints BearSSL's error number: up to 255 its own, 256 and
 * more the alert that came, 512 and more the alert that went.
 *
 * Keys: cert (repeated, leaf first), key, ca (repeated), all of them DER; min
 * (10 to 12); auth (server: required, optional).
 */
#include <bearssl.h>

#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST 4

static br_x509_certificate chain[MOST];
static size_t chain_n;
static br_x509_trust_anchor anchors[MOST];
static size_t anchors_n;
static br_skey_decoder_context key;
static unsigned oldest = BR_TLS10;
static const char *auth;

static br_ssl_client_context client;
static br_ssl_server_context server;
static br_x509_minimal_context verifier;
static unsigned char buffer[BR_SSL_BUFSIZE_BIDI];

static unsigned char *slurp(const char *name, size_t *n)
{
    static unsigned char room[65536];
    FILE *f = fopen(name, "rb");

    if (!f) {
        perror(name);
        exit(1);
    }
    *n = fread(room, 1, sizeof room, f);
    fclose(f);
    unsigned char *bytes = malloc(*n);
    memcpy(bytes, room, *n);
    return bytes;
}

static void add_name(void *anchor, const void *bytes, size_t n)
{
    br_x500_name *name = &((br_x509_trust_anchor *)anchor)->dn;

    name->data = realloc(name->data, name->len + n);
    memcpy(name->data + name->len, bytes, n);
    name->len += n;
}

static void add_anchor(const char *name)
{
    static br_x509_decoder_context decoders[MOST]; /* they hold the keys */
    br_x509_trust_anchor *a = &anchors[anchors_n];
    br_x509_decoder_context *d = &decoders[anchors_n++];
    size_t n;
    unsigned char *bytes = slurp(name, &n);

    br_x509_decoder_init(d, add_name, a);
    br_x509_decoder_push(d, bytes, n);
    a->flags = BR_X509_TA_CA;
    a->pkey = *br_x509_decoder_get_pkey(d);
}

static void read_option(const char *text)
{
    const char *value = strchr(text, '=') + 1;
    size_t n;

    if (!strncmp(text, "cert=", 5)) {
        chain[chain_n].data = slurp(value, &n);
        chain[chain_n++].data_len = n;
    } else if (!strncmp(text, "key=", 4)) {
        unsigned char *bytes = slurp(value, &n);
        br_skey_decoder_init(&key);
        br_skey_decoder_push(&key, bytes, n);
    } else if (!strncmp(text, "ca=", 3)) {
        add_anchor(value);
    } else if (!strncmp(text, "min=", 4)) {
        oldest = BR_TLS10 + (unsigned)atoi(value) - 10;
    } else {
        auth = value;
    }
}

static br_ssl_engine_context *be_client(const char *host)
{
    br_ssl_client_init_full(&client, &verifier, anchors, anchors_n);
    br_ssl_engine_set_buffer(&client.eng, buffer, sizeof buffer, 1);
    br_ssl_client_reset(&client, host, 0);
    return &client.eng;
}

static br_ssl_engine_context *be_server(void)
{
    br_ssl_engine_context *e = &server.eng;

    br_ssl_server_init_full_rsa(&server, chain, chain_n,
                                br_skey_decoder_get_rsa(&key));
    if (auth) {
        br_x509_minimal_init_full(&verifier, anchors, anchors_n);
        br_ssl_engine_set_default_rsavrfy(e);
        br_ssl_engine_set_default_ecdsa(e);
        br_ssl_engine_set_x509(e, &verifier.vtable);
        br_ssl_server_set_trust_anchor_names_alt(&server, anchors, anchors_n);
        br_ssl_engine_add_flags(e, *auth == 'o' ? BR_OPT_TOLERATE_NO_CLIENT_AUTH
                                                : 0);
    }
    br_ssl_engine_set_versions(e, oldest, BR_TLS12);
    br_ssl_engine_set_buffer(e, buffer, sizeof buffer, 1);
    br_ssl_server_reset(&server);
    return e;
}

static int receive(void *socket, unsigned char *bytes, size_t n)
{
    ssize_t got = read(*(int *)socket, bytes, n);

    return got > 0 ? (int)got : -1;
}

static int transmit(void *socket, const unsigned char *bytes, size_t n)
{
    ssize_t done = write(*(int *)socket, bytes, n);

    return done > 0 ? (int)done : -1;
}

static void talk(br_ssl_engine_context *e, int socket, const char *who)
{
    br_sslio_context io;
    char text[500];

    br_sslio_init(&io, e, receive, &socket, transmit, &socket);
    if (*who == 'c') {
        br_sslio_write_all(&io, "GET / HTTP/1.0\r\n\r\n", 18);
        br_sslio_flush(&io);
        br_sslio_read(&io, text, sizeof text);
    } else if (br_sslio_read(&io, text, sizeof text) > 0) {
        br_sslio_write_all(&io, "HTTP/1.0 200 OK\r\n\r\nhello\n", 25);
    }
    br_sslio_close(&io);
    printf("%s: error %d\n", who, br_ssl_engine_last_error(e));
    fflush(stdout);
    close(socket);
}

static int reach(const char *host, const char *port)
{
    struct addrinfo *a;
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};

    if (getaddrinfo(host, port, &hints, &a)) {
        return -1;
    }
    int s = socket(AF_INET, SOCK_STREAM, 0);
    return connect(s, a->ai_addr, a->ai_addrlen) ? -1 : s;
}

static int await(const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)atoi(port))};
    int s = socket(AF_INET, SOCK_STREAM, 0);
    int on = 1;

    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return bind(s, (struct sockaddr *)&a, sizeof a) || listen(s, 5) ? -1 : s;
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    for (int i = 4; i < argc; i++) {
        read_option(argv[i]);
    }
    if (argc < 4) {
        return 2;
    }
    if (*argv[1] == 'c') {
        talk(be_client(argv[2]), reach(argv[2], argv[3]), argv[1]);
        return 0;
    }
    for (int s = await(argv[3]); s >= 0;) {
        talk(be_server(), accept(s, NULL, NULL), argv[1]);
    }
    return 1;
}
