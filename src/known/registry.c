/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and properties of alerts, groups, signature schemes, extensions and
 * handshake messages: IANA's registries "TLS Parameters" and "TLS Extensions"
 * as compiled from the tables in data/, and GREASE (RFC 8701). Cipher suites
 * are in suite.c.
 */
#include "known/registry.h"

#include "known/known.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static const struct registry_row alerts[] = {
#include "known/alerts.inc"
};

static const struct registry_row groups[] = {
#include "known/groups.inc"
};

static const struct registry_row signatures[] = {
#include "known/signatures.inc"
};

static const struct registry_row extensions[] = {
#include "known/extensions.inc"
};

static const struct registry_row handshake_types[] = {
#include "known/handshake_types.inc"
};

const struct registry_row *registry_find(struct registry r, uint16_t code)
{
    size_t lo = 0;
    size_t hi = r.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r.rows[mid].code < code) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo < r.n && r.rows[lo].code == code ? &r.rows[lo] : NULL;
}

static const char *name_of(const struct registry_row *row)
{
    return row ? row->name : NULL;
}

/* ---- alerts ---- */

static const struct registry_row *find_alert(uint16_t code)
{
    return registry_find((struct registry){alerts, COUNT(alerts)}, code);
}

const char *known_alert_name(uint16_t code)
{
    return name_of(find_alert(code));
}

const char *known_alert_meaning(uint16_t code)
{
    const struct registry_row *row = find_alert(code);
    return row ? row->text : NULL;
}

bool known_alert_is_fatal(uint16_t code, uint8_t level)
{
    const struct registry_row *row = find_alert(code);
    if (!row) {
        return true; /* RFC 8446 section 6: unknown alerts are errors */
    }
    if (row->kind == ALERT_EITHER) {
        return level != 1;
    }
    return row->kind == ALERT_FATAL;
}

/* ---- groups ---- */

static const struct registry_row *find_group(uint16_t code)
{
    return registry_find((struct registry){groups, COUNT(groups)}, code);
}

static bool group_is(uint16_t code, uint8_t kind)
{
    const struct registry_row *row = find_group(code);
    return row && row->kind == kind;
}

const char *known_group_name(uint16_t code)
{
    return name_of(find_group(code));
}

bool known_group_is_pq(uint16_t group)
{
    return group_is(group, GROUP_PQ);
}

bool known_group_is_ffdhe(uint16_t group)
{
    return group_is(group, GROUP_FFDHE);
}

/* ---- signature schemes ---- */

static const struct registry_row *find_signature(uint16_t code)
{
    return registry_find((struct registry){signatures, COUNT(signatures)},
                         code);
}

const char *known_signature_name(uint16_t code)
{
    return name_of(find_signature(code));
}

const char *known_signature_key(uint16_t scheme)
{
    const struct registry_row *row = find_signature(scheme);
    return row ? row->text : NULL;
}

/* ---- the others ---- */

const char *known_extension_name(uint16_t type)
{
    return name_of(
        registry_find((struct registry){extensions, COUNT(extensions)}, type));
}

const char *known_handshake_name(uint8_t type)
{
    return name_of(registry_find(
        (struct registry){handshake_types, COUNT(handshake_types)}, type));
}

bool known_is_grease(uint16_t v)
{
    return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}
