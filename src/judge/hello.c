/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few fields of a ClientHello (RFC 8446 section 4.1.2; RFC 9147 section
 * 5.3) that profiles want of every connection. dissectors/tls_client_hello.c
 * is the parser; this walks past everything else and takes no memory.
 */
#include "judge/hello.h"

#include "known/known.h"

enum { EXT_SERVER_NAME = 0 };

/* Mixes one value; sums of these do not depend on the order. */
static uint32_t mix(uint32_t v)
{
    v = (v ^ v >> 16) * 0x45d9f3bu;
    v = (v ^ v >> 16) * 0x45d9f3bu;
    return v ^ v >> 16;
}

static struct span read_name(struct cursor body)
{
    struct cursor list = cursor_vec16(&body, "server_name");
    if (cursor_u8(&list, "name type") != 0) {
        return (struct span){0};
    }
    struct cursor name = cursor_vec16(&list, "host name");
    return cursor_ok(&list) ? cursor_rest(&name) : (struct span){0};
}

static void read_extensions(struct cursor list, struct hello_sight *out)
{
    while (cursor_left(&list)) {
        uint16_t type = cursor_u16(&list, "type");
        struct cursor body = cursor_vec16(&list, "extension");
        if (cursor_ok(&list) && type == EXT_SERVER_NAME) {
            out->sni = read_name(body);
            return;
        }
    }
}

void hello_look(const struct handshake *hs, struct hello_sight *out)
{
    *out = (struct hello_sight){.seen = false};
    struct cursor c = cursor_open(hs->raw[HS_RAW_CLIENT_HELLO]);
    cursor_u16(&c, "version");
    out->random = cursor_take(&c, 32, "random");
    cursor_vec8(&c, "session id");
    if (hs->flavour == FLAVOUR_DTLS) {
        cursor_vec8(&c, "cookie");
    }
    struct cursor suites = cursor_vec16(&c, "suites");
    cursor_vec8(&c, "compression");
    if (!cursor_ok(&c)) {
        return;
    }
    out->seen = true;
    out->suites = cursor_rest(&suites);
    if (cursor_left(&c)) {
        read_extensions(cursor_vec16(&c, "extensions"), out);
    }
}

uint32_t hello_kind(const struct handshake *hs, const struct hello_sight *hello)
{
    if (!hello->seen) {
        return 0;
    }
    struct cursor c = cursor_open(hs->raw[HS_RAW_CLIENT_HELLO]);
    uint32_t version = cursor_u16(&c, "version");
    uint32_t kind = mix(version << 16 | hs->hello_version);
    struct cursor list = cursor_open(hello->suites);
    while (cursor_left(&list) >= 2) {
        uint16_t suite = cursor_u16(&list, "suite");
        kind += known_is_grease(suite) ? 0 : mix(suite + 1u);
    }
    return kind | (kind == 0);
}

bool hello_first_suites(const struct hello_sight *hello, uint16_t first[3])
{
    struct cursor list = cursor_open(hello->suites);
    bool grease = false;
    unsigned n = 0;
    memset(first, 0, 3 * sizeof *first);
    while (cursor_left(&list) >= 2) {
        uint16_t suite = cursor_u16(&list, "suite");
        if (known_is_grease(suite)) {
            grease = true;
        } else if (n < 3) {
            first[n++] = suite;
        }
    }
    return grease;
}
