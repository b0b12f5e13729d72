/* SPDX-License-Identifier: Apache-2.0 */
#include "dissectors/dns.h"

#define FLAG_RESPONSE 0x8000u
#define FLAGS_RCODE   0x000fu
#define TYPE_A        1u
#define TYPE_AAAA     28u
#define CLASS_IN      1u
#define CLASS_MASK    0x7fffu /* the top bit is multicast's cache flush */
#define POINTER       0xc0u   /* RFC 1035 section 4.1.4 */
#define JUMPS_MAX     16u

/* What a name may hold to be worth showing: letters, digits, "-" and "_". */
static bool is_label_byte(uint8_t b)
{
    return (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') ||
           (b >= '0' && b <= '9') || b == '-' || b == '_';
}

/* Appends a label; false when the name is none that can be shown. */
static bool add_label(char out[DNS_NAME_BYTES], size_t *n, struct span label)
{
    if (*n + label.n + 2 > DNS_NAME_BYTES) {
        return false;
    }
    if (*n) {
        out[(*n)++] = '.';
    }
    for (size_t i = 0; i < label.n; i++) {
        uint8_t b = span_u8(label, i);
        if (!is_label_byte(b)) {
            return false;
        }
        out[(*n)++] = (char)b;
    }
    out[*n] = '\0';
    return true;
}

/* Reads a name at c, which moves behind it; pointers are followed inside the
 * message, backwards only, so it ends. False when it cannot be shown. */
static bool read_name(struct span message, struct cursor *c,
                      char out[DNS_NAME_BYTES])
{
    struct cursor jumped;
    struct cursor *at = c;
    bool good = true;
    size_t n = 0;
    size_t before = cursor_offset(c);
    out[0] = '\0';
    for (unsigned jumps = 0;;) {
        uint8_t length = cursor_u8(at, "DNS label");
        if (!cursor_ok(at)) {
            cursor_fail(c, "DNS name");
            return false;
        }
        if (length == 0) {
            return good && n > 0;
        }
        if ((length & POINTER) == POINTER) {
            size_t to = (size_t)(length & ~POINTER) << 8;
            to |= cursor_u8(at, "DNS pointer");
            if (to >= before || ++jumps > JUMPS_MAX) {
                cursor_fail(c, "DNS pointer");
                return false;
            }
            before = to;
            jumped = cursor_open(message);
            cursor_skip(&jumped, to, "DNS pointer");
            at = &jumped;
        } else if (length & POINTER) {
            cursor_fail(c, "DNS label");
            return false;
        } else {
            struct span label = cursor_take(at, length, "DNS label");
            good = good && add_label(out, &n, label);
        }
    }
}

static void read_record(struct span message, struct cursor *c,
                        const char *question, dns_address_fn *fn, void *ctx)
{
    char owner[DNS_NAME_BYTES];
    uint8_t ip[16] = {0};
    bool shown = read_name(message, c, owner);
    unsigned type = cursor_u16(c, "DNS type");
    unsigned class = cursor_u16(c, "DNS class") & CLASS_MASK;
    cursor_skip(c, 4, "DNS TTL");
    size_t n = cursor_u16(c, "DNS data length");
    struct span data = cursor_take(c, n, "DNS data");
    bool v4 = type == TYPE_A && data.n == 4;
    bool v6 = type == TYPE_AAAA && data.n == 16;
    if (!cursor_ok(c) || class != CLASS_IN || (!v4 && !v6)) {
        return;
    }
    memcpy(ip, data.p, data.n);
    if (*question || shown) {
        fn(ctx, *question ? question : owner, ip, v4 ? 4 : 6);
    }
}

void dns_addresses(struct span message, dns_address_fn *fn, void *ctx)
{
    char question[DNS_NAME_BYTES] = "";
    struct cursor c = cursor_open(message);
    cursor_skip(&c, 2, "DNS id");
    unsigned flags = cursor_u16(&c, "DNS flags");
    unsigned questions = cursor_u16(&c, "DNS question count");
    unsigned answers = cursor_u16(&c, "DNS answer count");
    cursor_skip(&c, 4, "DNS counts");
    if (!(flags & FLAG_RESPONSE) || (flags & FLAGS_RCODE) || questions > 1) {
        return;
    }
    if (questions) {
        if (!read_name(message, &c, question)) {
            return;
        }
        cursor_skip(&c, 4, "DNS question");
    }
    for (unsigned i = 0; i < answers && i < DNS_RECORDS_MAX && cursor_ok(&c);
         i++) {
        read_record(message, &c, question, fn, ctx);
    }
}
