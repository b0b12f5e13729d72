/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/http_page.h"

#include "base/ascii.h"
#include "judge/advice_when.h"
#include "judge/say.h"

#define NETWORK_WANTS_LOGIN 511u /* RFC 6585 section 6 */

/* The status of the page; 0: there is none. */
static unsigned status_of(const struct handshake *hs)
{
    struct span first = hs->raw[HS_RAW_SERVER_FIRST];
    if (!carrier_starts(hs, "direct") ||
        !hs_find(hs, HS_PLAINTEXT, SIDE_SERVER) ||
        !span_starts(first, "HTTP/1.") || first.n < 12) {
        return 0;
    }
    unsigned status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (first.p[i] < '0' || first.p[i] > '9') {
            return 0;
        }
        status = status * 10 + (unsigned)(first.p[i] - '0');
    }
    return status;
}

/* Others of 3xx lead nowhere: 304 says that nothing has changed. */
static bool is_redirect(unsigned status)
{
    return (status >= 301 && status <= 303) || status == 307 || status == 308;
}

static size_t line_bytes(struct span s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '\r' && s.p[n] != '\n') {
        n++;
    }
    return n;
}

/* The value of a header line of that name (RFC 9110 section 5), if all of it is
 * here. */
static struct span value_of(struct span page, const char *name)
{
    const size_t n = strlen(name);
    for (size_t line; (line = line_bytes(page)) < page.n;) {
        struct span s = span_sub(page, 0, line);
        if (s.n > n && s.p[n] == ':' && ascii_same(s.p, name, n)) {
            for (s = span_sub(s, n + 1, s.n); s.n && s.p[0] == ' ';) {
                s = span_sub(s, 1, s.n);
            }
            return s;
        }
        bool crlf = page.p[line] == '\r' && span_u8(page, line + 1) == '\n';
        page = span_sub(page, line + (crlf ? 2 : 1), page.n);
        if (line == 0) {
            break; /* what follows is the page itself */
        }
    }
    return span_sub(page, 0, 0);
}

struct span http_page_target(const struct handshake *hs)
{
    struct span first = hs->raw[HS_RAW_SERVER_FIRST];
    return is_redirect(status_of(hs)) ? value_of(first, "location")
                                      : span_sub(first, 0, 0);
}

/* The host of an http or https URL (RFC 3986 section 3.2); empty where it gives
 * none, as one that is relative. */
static struct span host_of(struct span url)
{
    size_t at = 0;
    while (at < url.n && url.p[at] != ':' && url.p[at] != '/') {
        at++;
    }
    if (!span_starts(span_sub(url, at, url.n), "://")) {
        return span_sub(url, 0, 0);
    }
    struct span host = span_sub(url, at + 3, url.n);
    size_t n = 0;
    while (n < host.n && !strchr("/?#:", host.p[n])) {
        n++;
    }
    return span_sub(host, 0, n);
}

/* The last two labels: a site's own hosts share them. */
static struct span site_of(struct span host)
{
    size_t at = host.n;
    for (unsigned dots = 0; at > 0; at--) {
        dots += host.p[at - 1] == '.';
        if (dots == 2) {
            break;
        }
    }
    return span_sub(host, at, host.n);
}

static bool is_same(struct span a, struct span b)
{
    return a.n == b.n && ascii_same(a.p, b.p, a.n);
}

bool http_page_is_portal(const struct handshake *hs)
{
    struct span host = host_of(http_page_target(hs));
    struct span asked = hs->offer.sni;
    if (status_of(hs) == NETWORK_WANTS_LOGIN) {
        return true;
    }
    return host.n && asked.n && !is_same(site_of(host), site_of(asked)) &&
           !is_same(host, span_text(say_ip(hs, SIDE_SERVER).s));
}
