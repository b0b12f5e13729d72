/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP by libmicrohttpd in its mode without threads; GET /metrics only. The
 * file is written under another name and renamed, so that no reader sees half
 * of it.
 */
#include "config.h"

#include "metrics_outlet.h"

#include "renewal.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef HAVE_MICROHTTPD
#include <microhttpd.h>
#endif

#define FILE_EVERY      (10 * TICK_SEC)
#define PAGE_BYTES      ((size_t)1 << 20)
#define CONNECTIONS_MAX 16u
#define PATIENCE_SEC    10u

struct metrics_outlet {
    metrics_source *source;
    void *ctx;
    struct renewal file; /* its directory is -1: none */
    char *path;          /* owned; of the file */
    char temporary[300];
    tick_t due;
    bool failed;
#ifdef HAVE_MICROHTTPD
    struct MHD_Daemon *daemon;
#endif
};

/* ---- the file ---- */

static bool is_file(const char *where)
{
    size_t n = strlen(where);
    return n > 5 && strcmp(where + n - 5, ".prom") == 0;
}

static bool open_file(struct metrics_outlet *m, const char *where,
                      char error[256])
{
    m->path = strdup(where);
    if (!m->path) {
        snprintf(error, 256, "out of memory");
        return false;
    }
    char *slash = strrchr(m->path, '/');
    m->file.base = m->temporary;
    m->file.name = slash ? slash + 1 : m->path;
    int n =
        snprintf(m->temporary, sizeof m->temporary, ".%s.new", m->file.name);
    if (n < 0 || (size_t)n >= sizeof m->temporary) {
        snprintf(error, 256, "the file's name is too long");
        return false;
    }
    const char *directory = ".";
    if (slash) {
        *slash = '\0';
        directory = slash == m->path ? "/" : m->path;
    }
    m->file.directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->file.directory < 0) {
        snprintf(error, 256, "%s", strerror(errno));
    }
    return m->file.directory >= 0;
}

/* 0, or an errno. */
static int write_file(const struct metrics_outlet *m, const struct text *t)
{
    int fd = renewal_open(&m->file);
    if (fd < 0) {
        return errno;
    }
    errno = ENOSPC;
    bool ok = write(fd, text_str(t), t->n) == (ssize_t)t->n;
    int error = ok ? 0 : errno;
    if (close(fd) != 0 && !error) {
        error = errno;
    }
    return error ? error : renewal_shift(&m->file);
}

static void update_file(struct metrics_outlet *m)
{
    struct text t;
    text_init(&t, PAGE_BYTES);
    m->source(m->ctx, METRICS_PROMETHEUS, &t);
    int error = write_file(m, &t);
    if (error && !m->failed) {
        fprintf(stderr, "tlswhy: %s: %s\n", m->file.name, strerror(error));
    }
    m->failed = error != 0;
    text_free(&t);
}

/* ---- HTTP ---- */

#ifdef HAVE_MICROHTTPD

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status,
                              const char *type, const char *body, size_t n)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(
        n, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
    if (!r) {
        return MHD_NO;
    }
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *c, unsigned status,
                              const char *what)
{
    return answer(c, status, "text/plain", what, strlen(what));
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c,
                                  const char *url, const char *method,
                                  const char *version, const char *data,
                                  size_t *data_n, void **state)
{
    struct metrics_outlet *m = ctx;
    (void)version;
    (void)data;
    (void)data_n;
    (void)state;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0) {
        return refuse(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
    }
    if (strcmp(url, "/metrics") != 0) {
        return refuse(c, MHD_HTTP_NOT_FOUND, "see /metrics\n");
    }
    const char *accept =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    bool open = accept && strstr(accept, "application/openmetrics-text");
    struct text t;
    text_init(&t, PAGE_BYTES);
    m->source(m->ctx, open ? METRICS_OPENMETRICS : METRICS_PROMETHEUS, &t);
    enum MHD_Result result =
        answer(c, MHD_HTTP_OK,
               open ? "application/openmetrics-text; version=1.0.0; "
                      "charset=utf-8"
                    : "text/plain; version=0.0.4; charset=utf-8",
               text_str(&t), t.n);
    text_free(&t);
    return result;
}

/* ADDRESS:PORT, [ADDRESS]:PORT or PORT; text is taken apart. */
static bool split(char *text, const char **address, const char **port)
{
    char *colon = strrchr(text, ':');
    *address = "127.0.0.1";
    *port = text;
    if (colon) {
        *colon = '\0';
        *port = colon + 1;
        *address = text;
        size_t n = strlen(text);
        if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
            text[n - 1] = '\0';
            *address = text + 1;
        }
    }
    char *end;
    unsigned long v = strtoul(*port, &end, 10);
    return **port >= '0' && **port <= '9' && !*end && v > 0 && v < 65536;
}

/* A listening socket; -1 with error[]. */
static int listen_at(const char *where, char error[256])
{
    char text[128];
    const char *address;
    const char *port;
    struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                             .ai_socktype = SOCK_STREAM};
    struct addrinfo *a = NULL;
    int on = 1;
    snprintf(text, sizeof text, "%s", where);
    if (!split(text, &address, &port) ||
        getaddrinfo(strcmp(address, "localhost") == 0 ? "127.0.0.1" : address,
                    port, &hints, &a) != 0) {
        snprintf(error, 256, "neither ADDRESS:PORT nor a file named .prom");
        return -1;
    }
    int fd =
        socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 8) != 0) {
        snprintf(error, 256, "%s", strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        fd = -1;
    }
    freeaddrinfo(a);
    return fd;
}

static bool serve(struct metrics_outlet *m, const char *where, char error[256])
{
    int fd = listen_at(where, error);
    if (fd < 0) {
        return false;
    }
    m->daemon = MHD_start_daemon(
        MHD_USE_EPOLL, 0, NULL, NULL, on_request, m, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, PATIENCE_SEC, MHD_OPTION_END);
    if (!m->daemon) {
        snprintf(error, 256, "the HTTP server does not start");
        close(fd);
    }
    return m->daemon;
}

static void poll_server(struct metrics_outlet *m)
{
    /* Accepting, reading and answering may take a round each. */
    for (int i = 0; i < 4 && m->daemon; i++) {
        MHD_run(m->daemon);
    }
}

static void stop_server(struct metrics_outlet *m)
{
    if (m->daemon) {
        MHD_stop_daemon(m->daemon);
    }
}

bool metrics_outlet_serves(const struct metrics_outlet *m)
{
    return m && m->daemon;
}

const char *metrics_outlet_version(void)
{
    return MHD_get_version();
}

#else

static bool serve(struct metrics_outlet *m, const char *where, char error[256])
{
    (void)m;
    (void)where;
    snprintf(error, 256,
             "built without libmicrohttpd; a file named .prom can be written");
    return false;
}

static void poll_server(struct metrics_outlet *m)
{
    (void)m;
}

static void stop_server(struct metrics_outlet *m)
{
    (void)m;
}

bool metrics_outlet_serves(const struct metrics_outlet *m)
{
    (void)m;
    return false;
}

const char *metrics_outlet_version(void)
{
    return NULL;
}

#endif

/* ---- both ---- */

struct metrics_outlet *metrics_outlet_new(const char *where,
                                          metrics_source *source, void *ctx,
                                          char error[256])
{
    struct metrics_outlet *m = calloc(1, sizeof *m);
    if (!m) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    m->source = source;
    m->ctx = ctx;
    m->file.directory = m->file.socket = -1;
    bool ok =
        is_file(where) ? open_file(m, where, error) : serve(m, where, error);
    if (!ok) {
        metrics_outlet_free(m);
        return NULL;
    }
    return m;
}

struct renewal *metrics_outlet_renewal(struct metrics_outlet *m)
{
    return m ? &m->file : NULL;
}

void metrics_outlet_poll(struct metrics_outlet *m)
{
    poll_server(m);
    if (m->file.directory >= 0 && tick_now() >= m->due) {
        m->due = tick_now() + FILE_EVERY;
        update_file(m);
    }
}

void metrics_outlet_free(struct metrics_outlet *m)
{
    if (!m) {
        return;
    }
    stop_server(m);
    if (m->file.directory >= 0) {
        update_file(m);
    }
    renewal_end(&m->file);
    free(m->path);
    free(m);
}
