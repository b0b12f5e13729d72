/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one model of one handshake attempt.
 *
 * Plain data. The pipeline and the dissectors write it through hs_*() only;
 * the judge and the reporters read it. Two tiers:
 *
 *   1. While the connection lives: the timeline (what, who, when, which frame),
 *      a few facts that steer the tracker, and the raw messages, kept in the
 *      arena with a cap.
 *   2. When it is to be reported, tls_expand() (dissectors/) parses the raw
 *      messages into offers, choices and certificates. Most connections never
 *      get there: it costs more than everything before.
 *
 * "Not seen" is a value of its own everywhere: a seen flag, an empty span, or
 * UNSEEN_U16.
 */
#ifndef HANDSHAKE_HANDSHAKE_H
#define HANDSHAKE_HANDSHAKE_H

#include "base/arena.h"
#include "base/span.h"
#include "base/tick.h"

#include <stddef.h>

enum side { SIDE_CLIENT = 0, SIDE_SERVER = 1, SIDE_NONE = 2 };

#define UNSEEN_U16 0xffff
#define ALERT_NONE 0xffff /* alert code not seen */

enum transport { TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORT_LINK /* EAPOL */ };
enum tls_flavour { FLAVOUR_TLS, FLAVOUR_DTLS, FLAVOUR_QUIC };

/* ---- timeline -------------------------------------------------------- */

/*
 * What happened. One event per message, record or transport event, in the
 * order of the capture (TCP data in stream order, stamped with the frame that
 * carried the last byte of it).
 */
enum hs_kind {
    HS_NONE,
    /* transport */
    HS_SYN,
    HS_SYN_ACK,
    HS_FIN,       /* aux: HS_RST_* bits */
    HS_RST,       /* aux: HS_RST_* bits */
    HS_GAP,       /* bytes this capture lacks; len: how many */
    HS_ICMP,      /* aux: type << 8 | code; side: who the error was sent to */
    HS_PLAINTEXT, /* first bytes that are no TLS where TLS should be */
    HS_CARRIER,   /* carrier says: TLS asked for (STARTTLS, CONNECT ...) */
    HS_CARRIER_OK,
    HS_CARRIER_REFUSED, /* aux: 1 when it asks for credentials */
    HS_EAP_SUCCESS,     /* what the authenticator made of it (RFC 3748 4.2) */
    HS_EAP_FAILURE,
    /* plaintext handshake messages; len: message bytes with header */
    HS_CLIENT_HELLO,
    HS_SERVER_HELLO,
    HS_HELLO_RETRY_REQUEST,
    HS_HELLO_VERIFY_REQUEST, /* DTLS */
    HS_CERTIFICATE,
    HS_CERTIFICATE_STATUS,
    HS_SERVER_KEY_EXCHANGE,
    HS_CERTIFICATE_REQUEST,
    HS_SERVER_HELLO_DONE,
    HS_CLIENT_KEY_EXCHANGE,
    HS_CERTIFICATE_VERIFY,
    HS_NEW_SESSION_TICKET,
    HS_HELLO_REQUEST,
    HS_OTHER_HANDSHAKE,      /* aux: handshake type, HS_RETURNED */
    HS_ENCRYPTED_EXTENSIONS, /* only when decrypted or replayed in clear */
    HS_FINISHED,             /* TLS <= 1.2: the first encrypted handshake record
                                after a ChangeCipherSpec (told by place; aux as
                                for HS_PROTECTED), or decrypted */
    HS_END_OF_EARLY_DATA,
    HS_KEY_UPDATE,
    /* records */
    HS_CHANGE_CIPHER_SPEC,
    HS_ENCRYPTED_HANDSHAKE, /* TLS <= 1.2 type 22 after Finished; len: record;
                               aux as for HS_PROTECTED */
    HS_ALERT,               /* readable; aux: level << 8 | code; len: record,
                               from which hs_alert_was_encrypted() tells */
    HS_ENCRYPTED_ALERT,     /* TLS <= 1.2 type 21 after CCS; len: record; aux as
                               for HS_PROTECTED */
    HS_PROTECTED,           /* TLS 1.3 type 23 during the handshake, contents
                               unknown; len: record length field; aux: 0, or
                               the number of the kept record (from 1) */
    HS_APPLICATION_DATA,    /* application data for sure */
    HS_BAD_RECORD,          /* bytes that should be a record and are none */
    HS_BAD_MESSAGE,         /* handshake message that does not parse;
                               aux: handshake type */
    HS_QUIC_CLOSE,          /* aux: see hs_close_code() */
    HS_QUIC_RETRY, /* QUIC: address validation, the hello comes again */
    HS_VERSION_NEGOTIATION, /* QUIC: none of ours; aux: versions listed */
    HS_HANDSHAKE_DONE, /* QUIC, decrypted: the server confirms (RFC 9001 4.1.2)
                        */
    HS_FOREIGN,        /* TCP: a segment that is not its sender's; aux:
                          HS_RST_* bits; len: its data */
    HS_ACK,            /* decrypted, and nothing but acknowledgements and the
                          like; aux as for HS_PROTECTED */
    HS_KIND_COUNT
};

/* HS_PROTECTED's aux in QUIC and DTLS 1.3: under which keys it travelled (RFC
 * 9001 section 2.1; the lower bits of a DTLS 1.3 epoch), and above that the
 * number of the kept record (from 1), or 0. In TLS that number alone. */
enum hs_level {
    HS_LEVEL_UNKNOWN,
    HS_LEVEL_EARLY,
    HS_LEVEL_HANDSHAKE,
    HS_LEVEL_APPLICATION,
};

/* aux bits of HS_RST, HS_FIN and HS_FOREIGN: what is odd about them, from their
 * headers. */
enum {
    HS_RST_ACK = 1,         /* ACK flag set */
    HS_RST_TTL_ODD = 2,     /* TTL differs from this sender's other packets */
    HS_RST_IPID_ODD = 4,    /* IP-ID does not fit this sender's others */
    HS_RST_SEQ_ODD = 8,     /* sequence is not the sender's next byte */
    HS_RST_DATA_AFTER = 16, /* the "sender" went on as if nothing was */
    HS_RST_EARLY = 32,      /* came sooner than the peer's round trip allows */
    HS_RST_DF_ODD = 64,     /* "don't fragment" unlike this sender's others */
    HS_ODD_CHECKSUM = 128,  /* its checksum is wrong, its SYN's is right */
    HS_ODD_ACK = 256,       /* acknowledges what was never sent */
    HS_ODD_OPTIONS = 512,   /* lacks timestamps, or is signed, unlike its SYN */
    HS_ODD_TAKEN = 1024,    /* HS_FOREIGN: the receiver took it nevertheless */
    HS_ODD_RST = 2048,      /* HS_FOREIGN: a reset, */
    HS_ODD_FIN = 4096,      /* or a FIN, that no stack accepts */
    HS_RST_BARE = 8192,     /* acknowledges nothing, and is the first that its
                              sender says to data: no application's */
    HS_RST_ACK_AFTER = 16384, /* something of the "sender" came after it, which
                                 may have been late */
};

/* aux bit of HS_OTHER_HANDSHAKE: it is the message that its receiver sent. */
#define HS_RETURNED 0x100u

struct hs_event {
    tick_t when;
    uint64_t frame;
    uint32_t len;
    uint16_t aux;
    uint8_t kind; /* enum hs_kind */
    uint8_t side; /* enum side: the sender */
};

static inline uint16_t hs_level_aux(enum hs_level level, uint16_t record)
{
    return (uint16_t)(record << 2 | (uint16_t)level);
}

static inline enum hs_level hs_level_of(const struct hs_event *e)
{
    return (enum hs_level)(e->aux & 3);
}

static inline uint16_t hs_level_record(const struct hs_event *e)
{
    return e->aux >> 2;
}

/* The error code of a CONNECTION_CLOSE; large ones are cut. */
#define HS_CLOSE_SEALED 0x8000u /* it was not in an Initial packet */

enum { QUIC_NO_ERROR = 0, QUIC_APPLICATION_ERROR = 0x0c };

static inline uint16_t hs_close_aux(uint64_t code, bool sealed)
{
    uint16_t low = code > 0x7fff ? 0x7fff : (uint16_t)code;
    return (uint16_t)(low | (sealed ? HS_CLOSE_SEALED : 0));
}

static inline uint16_t hs_close_code(const struct hs_event *e)
{
    return e->aux & 0x7fff;
}

/* Error codes 0x0100 to 0x01ff are TLS alerts (RFC 9001 section 4.8). */
static inline bool hs_close_is_alert(const struct hs_event *e)
{
    return hs_close_code(e) >> 8 == 1;
}

#define HS_EVENTS_MAX 96 /* later ones only count in `events_lost` */

/* An alert that was decrypted: in clear its record holds two bytes, and no more
 * than a few alerts; every protection adds more than that. */
#define HS_CLEAR_ALERT_MAX 8
static inline bool hs_alert_was_encrypted(const struct hs_event *e)
{
    return e->kind == HS_ALERT && e->len > HS_CLEAR_ALERT_MAX;
}

/* ---- protected records, kept for decryption ---------------------------- */

struct hs_record {
    struct span body; /* without its header; `tail`: only the end of it. QUIC
                         and DTLS 1.3: with its header */
    tick_t when;      /* of its last byte */
    uint64_t frame;
    uint64_t number;  /* among this side's protected records since its last
                         ChangeCipherSpec (TLS 1.3: of all), from 0; DTLS <=
                         1.2: epoch and sequence number; else 0 */
    uint32_t len;     /* of the whole body */
    uint32_t version; /* of its header; QUIC: of the connection */
    uint16_t header;  /* QUIC, DTLS 1.3: where the packet number begins; DTLS
                         1.2 of type 25: the body's connection ID, which the
                         length (two bytes) follows */
    uint8_t type;     /* QUIC, DTLS 1.3: enum hs_level */
    uint8_t side;     /* enum side: the sender */
    uint8_t epoch;    /* the sender's ChangeCipherSpecs before it */
    bool whole;       /* every byte was captured */
    bool tail;
};

#define HS_RECORDS_MAX 64

/* ---- raw messages ---------------------------------------------------- */

enum hs_raw {
    HS_RAW_CLIENT_HELLO,  /* first one; handshake body without the 4-byte
                             header (TLS), in the arena */
    HS_RAW_CLIENT_HELLO2, /* the one after a HelloRetryRequest */
    HS_RAW_SERVER_HELLO,
    HS_RAW_HELLO_RETRY,
    HS_RAW_SERVER_CERTIFICATE,
    HS_RAW_SERVER_KEY_EXCHANGE,
    HS_RAW_CERTIFICATE_REQUEST,
    HS_RAW_CERTIFICATE_STATUS,
    HS_RAW_CLIENT_CERTIFICATE,
    HS_RAW_CERTIFICATE_VERIFY, /* the client's */
    HS_RAW_ENCRYPTED_EXTENSIONS,
    HS_RAW_CLIENT_FIRST, /* first bytes of each direction, for protocol */
    HS_RAW_SERVER_FIRST, /* recognition (at most HS_FIRST_BYTES) */
    HS_RAW_COUNT
};

#define HS_FIRST_BYTES 1024

/* ---- expanded parts --------------------------------------------------- */

/* A list of 16-bit code points as offered, in order, GREASE included. */
struct u16_list {
    const uint16_t *v; /* in the arena */
    uint16_t n;
    bool seen; /* the extension or field was there */
};

struct span_list {
    const struct span *v; /* in the arena */
    uint16_t n;
    bool seen;
};

/* ClientHello as offered (RFC 8446 section 4.1.2). */
struct client_offer {
    bool seen;      /* a ClientHello was parsed */
    bool malformed; /* `why` names the field */
    const char *why;
    bool partial;            /* the end of it is missing from the capture, or
                                was too long: what is absent may stand there */
    bool v2_format;          /* SSLv2-compatible hello */
    uint16_t record_version; /* of the record that carried it */
    uint16_t legacy_version;
    uint16_t max_version; /* highest offered, GREASE ignored; 0 unknown */
    uint16_t min_version; /* lowest in supported_versions; without that
                             extension the same as max (unknown below) */
    struct span random;
    struct span session_id;
    struct u16_list ciphers;
    struct u16_list extensions; /* types in order */
    struct u16_list versions;   /* supported_versions */
    struct u16_list groups;
    struct u16_list key_shares; /* groups a share was sent for */
    struct u16_list signature_algorithms;
    struct u16_list signature_algorithms_cert;
    struct u16_list compress_certificate; /* RFC 8879 algorithms */
    struct span point_formats;
    struct span psk_modes; /* psk_key_exchange_modes */
    struct span_list alpn;
    bool has_sni;
    struct span sni; /* host_name as sent; empty when malformed */
    bool has_psk, has_early_data, has_ticket, ticket_nonempty;
    bool has_renegotiation_info, has_scsv; /* 0xff01; 0x00ff */
    bool has_fallback_scsv;                /* 0x5600 (RFC 7507) */
    bool has_ems, has_etm, has_status_request, has_sct;
    bool has_ech, has_grease, has_post_handshake_auth, has_cookie;
    bool has_quic_transport; /* quic_transport_parameters */
    uint32_t bytes;          /* handshake message with its header */
    uint16_t psk_identities;
    bool psk_external; /* one has the ticket age 0: no ticket of this server,
                          but a key agreed outside (RFC 8446 4.2.11) */
};

/* ServerHello / HelloRetryRequest (RFC 8446 section 4.1.3). */
struct server_choice {
    bool seen;
    bool malformed;
    bool partial; /* as of the offer */
    const char *why;
    uint16_t record_version;
    uint16_t legacy_version;
    uint16_t version; /* negotiated: supported_versions or legacy */
    uint16_t cipher;
    uint16_t group; /* key_share, or the HRR's selected_group; for TLS <= 1.2
                       from ServerKeyExchange; UNSEEN_U16 otherwise */
    struct span random;
    struct span session_id;
    struct u16_list extensions;
    struct span alpn; /* readable in TLS <= 1.2 only */
    bool has_alpn, has_psk, has_renegotiation_info, has_ems, has_etm;
    bool has_ticket, has_status_request, has_sni_ack, has_cookie;
    uint16_t downgrade; /* 0; 0x0303 or 0x0302 by RFC 8446 4.1.3's sentinel */
};

/* Key exchange of TLS <= 1.2. */
struct key_exchange {
    bool seen;
    bool is_dh, is_ecdh;
    uint16_t group;     /* named curve, or UNSEEN_U16 */
    uint16_t dh_bits;   /* size of the DH prime */
    uint16_t signature; /* SignatureScheme, TLS 1.2 only; UNSEEN_U16 */
};

struct certificate_request {
    bool seen;
    struct span types; /* ClientCertificateType, TLS <= 1.2 */
    struct u16_list signature_algorithms;
    struct span_list authorities; /* DER names */
};

struct cert; /* x509/cert.h: facts of one certificate */

struct cert_chain {
    bool seen;      /* a Certificate message was there */
    bool empty;     /* with no certificate in it */
    bool malformed; /* framing or leaf does not parse */
    const char *why;
    bool cut;              /* more than CERTS_MAX, or over the byte cap */
    uint16_t n;            /* certificates parsed */
    struct cert *const *v; /* leaf first; in the arena */
};

/* ---- transport view ---------------------------------------------------- */

struct hs_dir {
    uint64_t bytes, packets;  /* TCP payload bytes (wire), packets */
    uint32_t retransmits;     /* segments seen again */
    uint32_t retransmits_big; /* of them, of at least 1200 bytes */
    uint32_t out_of_order, overlaps, conflicts; /* conflicts: other bytes */
    uint64_t gap_bytes;                         /* never captured */
    uint64_t stream_bytes;  /* in order, each counted once */
    uint64_t lost_bytes;    /* sent, but neither captured nor acknowledged:
                               lost on the way to here */
    uint64_t unacked_bytes; /* data the peer never acknowledged */
    bool acked_any_data;    /* the peer acknowledged some data of it */
    bool hello_acked;       /* all bytes of the first hello acknowledged */
    bool finish_unacked;    /* its Finished was never acknowledged */
    bool acked_beyond;      /* the peer reported bytes behind a hole (SACK) */
    bool cut;               /* snapshot length cut its data */
    uint8_t ttl_syn, ttl_min, ttl_max; /* 0: not seen; RSTs not counted */
    uint16_t mss;                      /* from its SYN */
    uint16_t max_segment;              /* largest payload seen */
    uint32_t first_flight_segments;    /* segments its first hello took */
    tick_t first, last;                /* first/last packet; 0 when none */
    tick_t last_data;
    uint32_t keepalives;
    /* Of the first byte that the peer never acknowledged: how often it was
     * sent again before either side closed, copies of one moment counted
     * once; when first and when last. */
    uint32_t resent;
    uint32_t resent_size; /* of the largest segment that was sent again so */
    tick_t resent_first, resent_last;
};

/* It sent something again and again, and the peer never acknowledged it: so
 * often and over such a time, data did not just cross a close. */
bool hs_dir_in_vain(const struct hs_dir *d);

/* What the capture lacks (contract: tlswhy.blind_spots), as bits. */
enum {
    BLIND_ONE_DIRECTION = 1,
    BLIND_MIDSTREAM = 2,
    BLIND_GAP = 4,
    BLIND_SNAPLEN = 8,
    BLIND_CAPTURE_ENDED = 16,
    BLIND_NO_KEYS = 32,
    BLIND_LIMIT = 64,
    /* Packets, or parts of them, that the capture does not have. */
    BLIND_HOLES =
        BLIND_ONE_DIRECTION | BLIND_MIDSTREAM | BLIND_GAP | BLIND_SNAPLEN,
};

/* Why the connection's observation ended. */
enum hs_end {
    HS_END_OPEN,    /* still running */
    HS_END_CLOSED,  /* FIN or RST */
    HS_END_TIMEOUT, /* handshake timeout without progress */
    HS_END_CAPTURE, /* the capture ended first */
    HS_END_SETTLED, /* established for sure; no longer watched */
    HS_END_EVICTED, /* a limit */
    HS_END_REUSED,  /* the ports were reused by a new connection */
};

/* ---- conclusion -------------------------------------------------------- */

enum outcome { OUTCOME_UNKNOWN, OUTCOME_SUCCESS, OUTCOME_FAILURE };

/* Contract's tlswhy.stage, in order. */
enum stage {
    STAGE_TCP,
    STAGE_TUNNEL,
    STAGE_CLIENT_HELLO,
    STAGE_HELLO_RETRY_REQUEST,
    STAGE_SERVER_HELLO,
    STAGE_SERVER_CERTIFICATE,
    STAGE_CERTIFICATE_REQUEST,
    STAGE_SERVER_DONE,
    STAGE_CLIENT_CERTIFICATE,
    STAGE_CLIENT_KEY_EXCHANGE,
    STAGE_CLIENT_FINISHED,
    STAGE_SERVER_FINISHED,
    STAGE_ESTABLISHED,
    STAGE_COUNT
};

enum ended_by { BY_NONE, BY_CLIENT, BY_SERVER, BY_MIDDLEBOX, BY_NOBODY };
enum ended_how {
    HOW_NONE,
    HOW_ALERT,
    HOW_RESET,
    HOW_CLOSE,
    HOW_TIMEOUT,
    HOW_PLAINTEXT,
    HOW_QUIC_CLOSE,
};

/* How the handshake went, from the timeline alone (conclude.c). */
struct conclusion {
    enum outcome outcome;
    enum stage stage;
    enum ended_by by;   /* set on failure */
    enum ended_how how; /* set on failure */
    bool established, resumed;
    bool benign;            /* looks like a failure and is none */
    const char *benign_why; /* one sentence */
    uint32_t blind;         /* BLIND_* */
    /* The alert that ended it. */
    bool has_alert;
    bool alert_encrypted;
    enum side alert_side;
    uint16_t alert_code; /* ALERT_NONE while encrypted and unread */
    uint8_t alert_level;
    uint64_t frame_decisive; /* 0 when silence decided */
    tick_t when_decisive;
    /* TLS 1.3 without keys: what the record sizes carry. */
    bool certificate_request_likely; /* server asked for a certificate */
    bool client_certificate_empty_likely;
    bool client_certificate_sent_likely;
    bool late_rejection_possible; /* established, then closed unused */
    bool late_alert_unanswered;   /* by an encrypted alert of the client that
                                     the server did not answer with its own:
                                     with a faulty certificate a refusal */
    bool late_alert_answered;     /* by an alert of the server: a goodbye */
    bool rejected_after_finished; /* server refused after client Finished */
    bool sizes_decided;           /* the verdict rests on record sizes */
};

/* ---- the handshake ------------------------------------------------------ */

struct hs_addr {
    uint8_t ip[16]; /* IPv4 in the first four bytes; without IP (EAPOL) a MAC
                       address in the first six */
    uint16_t port;
};

/* What a judge knows its ends by (src/judge/profile.c): seeded hashes, 0 where
 * none was made. */
struct hs_keys {
    uint64_t server, client, pair, name;
};

struct cert_cache; /* dissectors/x509_cache.h */
struct frame_log;  /* base/frame_log.h */

struct handshake {
    struct arena arena;            /* all spans and lists below live here */
    struct cert_cache *cert_cache; /* borrowed; NULL: none */
    enum transport transport;
    enum tls_flavour flavour;
    uint8_t ip_version;          /* 4, 6, or 0 for EAPOL */
    uint16_t vlan;               /* VLAN_NONE (0xffff) when untagged */
    struct hs_addr addr[2];      /* by enum side */
    uint32_t source;             /* index of the capture it came from */
    const char *carrier;         /* contract's tlswhy.carrier; static text */
    const char *carrier_request; /* what the carrier is asked for, in words */
    bool carrier_not_offered;    /* and was not asked for */
    bool carrier_demanded;       /* the server wants it; not asked for */
    bool carrier_unlisted;       /* asked for and turned down, and not in the
                                    server's list of what it can do */
    /* Plaintext between STARTTLS and TLS, by side: bytes, and where. */
    uint32_t carrier_injected[2];
    uint64_t carrier_injected_frame[2];
    struct span carrier_note;  /* the carrier's reply, or empty */
    struct span carrier_agent; /* what its server calls itself, or empty */
    struct span carrier_asked; /* tunnel's target, PROXY header, or empty */
    const char *application;   /* nDPI's name, lower case; or NULL */
    const char *peer_protocol; /* what a non-TLS side speaks, e.g. "http" */

    struct hs_event *events; /* in the arena or malloc'd by handshake.c */
    uint16_t events_n, events_size;
    uint32_t events_lost;

    /* What can be decrypted later (hs_keep_record()), and the timeline as the
     * wire showed it once that was done; NULL before, and without keys. */
    bool keep_records;
    uint16_t records_n;
    uint32_t records_bytes;
    struct hs_record *records;
    struct hs_event *wire_events;
    uint16_t wire_events_n;

    struct span raw[HS_RAW_COUNT];
    bool raw_cut[HS_RAW_COUNT]; /* the message was longer than we kept */

    /* steering facts, written while it runs */
    uint16_t version;           /* negotiated; UNSEEN_U16 before ServerHello */
    uint16_t cipher;            /* UNSEEN_U16 before ServerHello */
    uint16_t hello_version;     /* ClientHello's highest offer */
    uint16_t record_version[2]; /* of the first hello record each way */
    bool client_swapped;        /* the TLS client is not the TCP client */
    bool server_began;          /* TCP: bytes of the server came behind the
                                   ClientHello */
    bool unproven;              /* a plaintext client was turned down: of note
                                   only if other connections show that the
                                   server speaks TLS */
    bool early_data_offered;    /* early_data in the ClientHello */
    bool late_auth_offered;     /* post_handshake_auth in it */
    bool psk_accepted;          /* pre_shared_key in the ServerHello */
    bool encrypted[2];          /* that side's records are protected now */
    bool midstream;             /* no SYN was captured */
    bool limited;      /* a limit cut a message, or what came out of order or
                          in doubt */
    bool many_sources; /* its packets come from several captures, whose
                          frame numbers say nothing of their order */
    bool unnumbered;   /* frame numbers are one thread's own: for nobody else */
    bool syn_seen[2];
    bool fin_seen[2], rst_seen[2];
    enum hs_end end;
    uint32_t timeout_ms; /* the handshake timeout that applied */

    tick_t first, last; /* first and last packet of the handshake */
    uint64_t frame_first, frame_last;
    tick_t when_hello;    /* first packet of the ClientHello; 0 unseen */
    tick_t rtt;           /* SYN to SYN-ACK, as captured; 0 unknown */
    tick_t capture_last;  /* last packet of the capture when it ended */
    struct hs_dir dir[2]; /* by enum side (the sender) */

    /* Expanded by tls_expand(). A live session carries what is above this line
     * only (HS_LIVE_BYTES): facts noted while it runs go there. */
    bool expanded;
    struct client_offer offer;   /* the first ClientHello */
    struct client_offer offer2;  /* after a HelloRetryRequest */
    struct server_choice retry;  /* HelloRetryRequest */
    struct server_choice choice; /* ServerHello */
    struct key_exchange ske;
    struct certificate_request certificate_request;
    struct cert_chain server_chain, client_chain;
    bool ocsp_staple; /* CertificateStatus was sent */
    bool client_verify_seen;

    struct conclusion end_state; /* by hs_conclude() */
    struct hs_keys keys;         /* once a judge has learned from it */

    struct frame_log *frames; /* its packets, one reference; or NULL */
};

#define HS_LIVE_BYTES offsetof(struct handshake, expanded)

/* Zeroes and prepares a handshake; the arena takes at most cap_bytes. */
void hs_init(struct handshake *hs, uint32_t cap_bytes);

/* The same for the first HS_LIVE_BYTES of a handshake, which is all that *hs
 * needs to have room for. pool may be NULL. */
void hs_init_live(struct handshake *hs, uint32_t cap_bytes,
                  struct arena_pool *pool);

/* Moves a live handshake, of HS_LIVE_BYTES, to *out; it owns nothing more. */
void hs_move_live(struct handshake *live, struct handshake *out);
void hs_free(struct handshake *hs);

/* Appends an event; over HS_EVENTS_MAX it only counts. */
void hs_note(struct handshake *hs, enum hs_kind kind, enum side side,
             uint32_t len, uint16_t aux, tick_t when, uint64_t frame);

/* Takes the last event of a kind back: it turned out to decide nothing. */
void hs_withdraw(struct handshake *hs, enum hs_kind kind);

/* Puts the events in the order of their frames. Those of one side's byte stream
 * keep their order: a message may have been completed by a late segment. */
void hs_sort(struct handshake *hs);

/* Keeps a raw message (copied, at most max_bytes of it). The first one of a
 * kind stays; later ones are ignored. */
void hs_keep(struct handshake *hs, enum hs_raw which, struct span body,
             size_t max_bytes);

/* Keeps a protected record whose body is still to come: returns its number
 * (from 1) and where its r->body.n bytes go, or 0 when there is no room. Does
 * nothing unless keep_records is set. */
uint16_t hs_keep_record(struct handshake *hs, const struct hs_record *r,
                        uint8_t **body);

/*
 * Tells the timeline anew: `open` is called for every event in its place, and
 * either notes there what was in it and returns true, or returns false and the
 * event stays. The old timeline becomes wire_events. When nothing was opened,
 * or there is no room for what was, all is as before and false is returned.
 */
bool hs_retell(struct handshake *hs,
               bool (*open)(void *ctx, const struct hs_event *e), void *ctx);

/* The first event of a kind from a side (SIDE_NONE: any), or NULL. */
const struct hs_event *hs_find(const struct handshake *hs, enum hs_kind kind,
                               enum side side);
/* How many there are. */
unsigned hs_count(const struct handshake *hs, enum hs_kind kind,
                  enum side side);

/* Fills hs->end_state from the timeline; pure, may be called again. */
void hs_conclude(struct handshake *hs);

/* Whether an alert, or a close of QUIC under keys that everybody can derive,
 * ended nothing: datagrams are sent in anybody's name, and its supposed sender
 * went on, to the end of the handshake. An end that sends one says no more (RFC
 * 5246 section 7.2.2, RFC 9000 section 10.2). */
bool hs_ended_nothing(const struct handshake *hs, const struct hs_event *e);

/* Whether a host is told by a literal address (digits and dots, or a colon
 * anywhere), not by a name. */
bool hs_is_address(struct span host);

/* Where a proxy was asked to connect to: the server behind the tunnel. */
struct hs_target {
    struct span host; /* without brackets */
    uint16_t port;
    bool is_address; /* a literal, not a name */
};

/* False where there was no tunnel, or where it leads is not known. */
bool hs_tunnel_target(const struct handshake *hs, struct hs_target *out);

/* How many tunnels lie within each other (CONNECT, SOCKS), a refused one
 * included. */
unsigned hs_tunnels(const struct handshake *hs);

/* Whether it is part of an 802.1X log-in (EAPOL or RADIUS). */
bool hs_is_eap(const struct handshake *hs);

static inline enum side side_other(enum side s)
{
    return s == SIDE_CLIENT ? SIDE_SERVER : SIDE_CLIENT;
}

/* Contract's words. */
const char *stage_name(enum stage s);
const char *stage_words(enum stage s); /* for sentences: "the ClientHello" */
const char *outcome_name(enum outcome o);
const char *ended_by_name(enum ended_by b);   /* NULL for BY_NONE */
const char *ended_how_name(enum ended_how h); /* NULL for HOW_NONE */
const char *side_name(enum side s);           /* "client", "server" */
const char *hs_kind_name(enum hs_kind k);     /* "ClientHello", "RST" ... */

#endif
