/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of a record that more than one reporter prints, derived once.
 */
#ifndef REPORT_FIELDS_H
#define REPORT_FIELDS_H

#include "report/report.h"

/* config.h's VERSION, where the build has one. */
extern const char *const tlswhy_version;

/* Whether a reporter prints this record at all: failures, or everything. */
bool record_wanted(const struct record *r, const struct report_options *o);

enum outcome record_outcome(const struct record *r);

/* The verdict's cause, or NULL; only failures have one. */
const struct known_cause *record_cause(const struct record *r);

/* "client", "server", "network", "proxy", or NULL. */
const char *fix_side_name(enum known_side side);

/* The cause's side to fix, NULL when there is none. */
const char *record_fix_side(const struct record *r);

/* The verdict's sentence, or why it is benign, or NULL. */
const char *record_reason(const struct record *r);

/* What the ClientHello asked for; empty when there was none. */
struct span record_sni(const struct record *r);

/* Negotiated protocol version, suite and group; UNSEEN_U16 when unknown. */
uint16_t record_version(const struct record *r);
uint16_t record_cipher(const struct record *r);
uint16_t record_group(const struct record *r);

/* "1.2" and "tls", as ECS has them; NULL when it is unknown. */
const char *record_version_name(const struct record *r, const char **protocol);

/* The leaf certificate of a chain, or NULL. */
const struct cert *chain_leaf(const struct cert_chain *chain);

/* First packet of the ClientHello, else of the connection. */
tick_t record_when(const struct record *r);

/* 0 when nothing in particular decided. */
uint64_t record_frame_decisive(const struct record *r);

/* A frame's number as it is told; 0: it has none. */
uint64_t record_frame(const struct record *r, uint64_t frame);

/* "tls", "dtls", "quic" */
const char *flavour_name(enum tls_flavour f);

/* "warning", "fatal", or NULL for a level that RFC 8446 section 6 lacks. */
const char *alert_level_name(unsigned level);

/* The name of a code point, or "0x1234" when it has none. */
void text_code(struct text *t, const char *name, uint16_t code);

/* Whole seconds, as certificates have them: 2026-11-25T12:34:56Z */
void text_date(struct text *t, tick_t when);

/* For people: 2026-11-25 12:34:56.123Z */
void text_clock(struct text *t, tick_t when);

/* Hexadecimal, two digits a byte. */
void text_hex_upper(struct text *t, struct span s);

/* One row for each BLIND_* bit: contract's word, and plain words. */
struct blind_spot {
    uint32_t bit;
    const char *name;
    const char *sentence;
};
#define BLIND_SPOTS 7
extern const struct blind_spot blind_spots[BLIND_SPOTS];

#endif
