/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bound of the program, with its unit and its reason. What was cut by
 * one of them is counted, and the verdict says so (blind spot `limit`).
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* ---- frames ---- */

/* IP headers, and likewise Ethernet headers, in one frame. Real nesting is
 * three deep (VXLAN in GRE in MPLS); more is an attempt to keep us busy. */
#define LIMIT_NESTING 8u

/* IPv6 extension headers of one packet. RFC 8200 section 4.1 lists seven. */
#define LIMIT_EXTENSION_HEADERS 16u

/* Datagrams in progress, worst memory 16 MiB. TLS over fragmented IP is rare;
 * large DTLS and QUIC handshakes and tunnels with a wrong MTU do it. */
#define LIMIT_DATAGRAMS 256u

/* What IP's 16-bit lengths and 13-bit offsets can express. */
#define LIMIT_DATAGRAM_BYTES 65536u

/* Linux waits 30 s, RFC 8200 says 60 s; identifications repeat sooner. */
#define LIMIT_DATAGRAM_AGE (30 * TICK_SEC)

/* ---- connections ---- */

/* Connections of one tracker that are held as they are; when there are more,
 * those that waited longest are folded. A busy server has a few hundred
 * handshakes in progress; with their sessions these take 10 to 25 MiB. */
#define LIMIT_WHOLE_FLOWS 4096u

/* Messages that folded connections are compared with: the hellos of some
 * hundred programs, the chains of a few thousand servers. */
#define LIMIT_MODEL_BYTES (8u * 1024 * 1024)

/* One connection's memory: hellos (2 x 8 KiB), chains (2 x 32 KiB), their
 * parsed form and the timeline. */
#define LIMIT_SESSION_ARENA_BYTES (256u * 1024)

/* Kept bytes per message. A ClientHello with two post-quantum key shares and a
 * large ticket stays below 8 KiB; chains of more than 32 KiB are not real. */
#define LIMIT_HELLO_BYTES       (16u * 1024)
#define LIMIT_CERTIFICATE_BYTES (32u * 1024)
#define LIMIT_MESSAGE_BYTES     (16u * 1024)

/* The largest handshake message that is believed: clients stop between 100 and
 * 256 KiB (OpenSSL's default max_cert_list is 100 KiB). */
#define LIMIT_MESSAGE_LENGTH (1u << 20)

/* A handshake message that comes in pieces, as far as it is held. */
#define LIMIT_PARTIAL_MESSAGE_BYTES (64u * 1024)

/* A TLS record's length field (RFC 8446 5.2: 2^14 + 256; TLS 1.2: + 2048). */
#define LIMIT_RECORD_LENGTH (16384u + 2048u)

/* Out-of-order bytes and segments per direction: one receive window of a
 * handshake; more means that the missing segment was never captured. */
#define LIMIT_REORDER_BYTES    (256u * 1024)
#define LIMIT_REORDER_SEGMENTS 128u

/* Segments per direction, and their bytes, that are held because their headers
 * do not fit their sender: tools that mislead filters send one or two before
 * the real one, and what a server sends before the first acknowledgement comes
 * from another host than its SYN behind some balancers. Past them nothing is
 * believed that is still in doubt. */
#define LIMIT_DOUBTED_SEGMENTS 32u
#define LIMIT_DOUBTED_BYTES    (128u * 1024)

/* Foreign resets and FINs in a timeline; anybody can send these. */
#define LIMIT_FOREIGN_NOTED 8u

/* How far a connection that did not begin with TLS is watched for STARTTLS and
 * the like: the longest preludes (SMTP with authentication attempts) stay
 * below, also where a person types them, a byte a segment. */
#define LIMIT_PRELUDE_BYTES    (32u * 1024)
#define LIMIT_PRELUDE_SEGMENTS 512u

/* Protected records kept for decryption per connection: two certificate flights
 * of LIMIT_CERTIFICATE_BYTES. With it the arena grows, also by what is made of
 * them. */
#define LIMIT_KEPT_RECORD_BYTES   (64u * 1024)
#define LIMIT_DECRYPT_ARENA_BYTES (192u * 1024)

/* ICMP errors in a timeline: retransmissions of a hello bring a few. */
#define LIMIT_ICMP_NOTED 8u

/* Protected records noted after a handshake before it counts as settled. */
#define LIMIT_SETTLE_RECORDS 24u

/* Verdicts that wait for evidence from the rest of a file. */
#define LIMIT_PENDING_VERDICTS 8192u
#define LIMIT_PENDING_BYTES    (64u * 1024 * 1024)

/* All texts of one verdict: some 3 KiB, with the sentences of its rules. */
#define LIMIT_VERDICT_BYTES (512u * 1024)

/* Connections that are over and wait for their secrets. Live for that long:
 * what ends is reported within about a second. */
#define LIMIT_LATE_CONNECTIONS 4096u
#define LIMIT_LATE_BYTES       (32u * 1024 * 1024)
#define LIMIT_LATE_NS          INT64_C(700000000)

/* How far into a pcapng secrets are expected while none has come. */
#define LIMIT_SECRETS_WITHIN ((uint64_t)64 * 1024 * 1024)

/* Copies of one connection's frames (--extract, --annotate): a handshake with
 * a large chain and its retransmissions has 60 frames and 60 KiB. */
#define LIMIT_LOG_FRAMES 512u
#define LIMIT_LOG_BYTES  (256u * 1024)

/* Files that --extract writes, and their bytes in all: a directory that still
 * can be listed, a disk that is not filled by a flood. */
#define LIMIT_EXTRACT_FILES 10000u
#define LIMIT_EXTRACT_BYTES ((uint64_t)1 << 30)

/* Servers whose clients left right after the handshake, told apart in the
 * totals. */
#define LIMIT_LEFT_SERVERS 64u

/* Log-ins by 802.1X that are remembered, so that one that was captured on both
 * its ways counts once. */
#define LIMIT_LOGINS 1024u

/* QUIC connection IDs of open handshakes that are told apart where several
 * connections share two endpoints; two a connection. */
#define LIMIT_QUIC_IDS 8192u

/* Frames that --annotate holds back in order to sort them by time. */
#define LIMIT_ANNOTATE_BYTES ((size_t)128 * 1024 * 1024)

/* Servers that have metrics of their own: each is a few dozen series, and
 * Prometheus pays for each of them for weeks. */
#define LIMIT_METRICS_SERVERS 128u

/* The HTML report: what a browser still opens and searches at once. Failures
 * with all their details, rows of failures and of other connections; details
 * stop at half of the bytes, rows of what did not fail at three quarters. */
#define LIMIT_HTML_DETAILS  5000u
#define LIMIT_HTML_FAILURES 100000u
#define LIMIT_HTML_ROWS     200000u
#define LIMIT_HTML_BYTES    ((uint64_t)64 << 20)

/* Records to be sent elsewhere. A broker takes 1 MB a message unless it is told
 * otherwise; longer records are written without their long lists. Between this
 * process and the sender's (the memory is taken only then): a second of a flood
 * of 50,000 failures, most of it for a sender that gets no CPU time. On their
 * way to a destination: a quarter of that. */
#define LIMIT_SEND_KEY_BYTES    64u
#define LIMIT_SEND_RECORD_BYTES 900000u
#define LIMIT_SEND_QUEUE_BYTES  ((size_t)256 * 1024 * 1024)
#define LIMIT_SEND_FLIGHT_BYTES ((size_t)64 * 1024 * 1024)

/* Of the spill file, when nobody says how much; and at most half of what is
 * free. A flood as above fills it in a quarter of a minute. */
#define LIMIT_SEND_SPILL_BYTES ((uint64_t)4 << 30)

/* At the end: a live capture ends within a second, files may wait as long as
 * there is progress this often. */
#define LIMIT_SEND_LIVE_MS     600u
#define LIMIT_SEND_PATIENCE_MS 10000u

#endif
