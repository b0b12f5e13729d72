/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol versions: SSL 2.0 and 3.0 (RFC 6101), TLS 1.0 to 1.3 (RFC 8446
 * section 4.2.1) with the drafts of 1.3, DTLS 1.0 to 1.3 (RFC 9147 section
 * 5.3). Does not know TLCP (0x0101).
 */
#include "known/known.h"

struct version_row {
    uint16_t first, last;
    const char *name;
    const char *protocol;
    const char *title;
};

static const struct version_row versions[] = {
    {0x0304, 0x0304, "1.3", "tls", "TLS 1.3"},
    {0x0303, 0x0303, "1.2", "tls", "TLS 1.2"},
    {0x0302, 0x0302, "1.1", "tls", "TLS 1.1"},
    {0x0301, 0x0301, "1.0", "tls", "TLS 1.0"},
    {0x0300, 0x0300, "3.0", "ssl", "SSL 3.0"},
    {0x0002, 0x0002, "2.0", "ssl", "SSL 2.0"},
    {0xfefc, 0xfefc, "1.3", "dtls", "DTLS 1.3"},
    {0xfefd, 0xfefd, "1.2", "dtls", "DTLS 1.2"},
    {0xfeff, 0xfeff, "1.0", "dtls", "DTLS 1.0"},
    /* OpenSSL 0.9.8's DTLS, before RFC 4347 was final; Cisco AnyConnect */
    {0x0100, 0x0100, "1.0", "dtls", "DTLS 1.0"},
    /* draft-ietf-tls-tls13, section 4.2.1.1: 0x7f00 | draft number */
    {0x7f00, 0x7fff, "1.3", "tls", "TLS 1.3"},
    /* Facebook's builds of drafts 23 and 26 */
    {0xfb17, 0xfb17, "1.3", "tls", "TLS 1.3"},
    {0xfb1a, 0xfb1a, "1.3", "tls", "TLS 1.3"},
};

static const struct version_row *find_version(uint16_t version)
{
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (version >= versions[i].first && version <= versions[i].last) {
            return &versions[i];
        }
    }
    return NULL;
}

const char *known_version_name(uint16_t version, const char **protocol)
{
    const struct version_row *row = find_version(version);
    if (!row) {
        return NULL;
    }
    if (protocol) {
        *protocol = row->protocol;
    }
    return row->name;
}

const char *known_version_title(uint16_t version)
{
    const struct version_row *row = find_version(version);
    return row ? row->title : NULL;
}

bool known_version_is_13_draft(uint16_t version)
{
    unsigned major = version >> 8;
    return major == 0x7f || major == 0x7e || major == 0xfb;
}

bool known_version_is_13(uint16_t version)
{
    return version == 0x0304 || version == 0xfefc ||
           known_version_is_13_draft(version);
}
