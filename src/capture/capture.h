/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where frames come from: saved captures (pcap, pcapng; plain or gzip, zstd,
 * xz, lz4; `-` is standard input) and live interfaces.
 */
#ifndef CAPTURE_CAPTURE_H
#define CAPTURE_CAPTURE_H

#include "base/frame.h"

#define CAPTURE_ERROR_BYTES 256

/* Lines longer than this are handed out cut. */
#define CAPTURE_LINE_BYTES (1u << 20)

struct capture;

enum capture_status {
    CAPTURE_FRAME, /* *out is filled */
    CAPTURE_LINE, /* the file is no capture but lines of text (JSON Lines): data
                     and number are filled, the rest is not */
    CAPTURE_IDLE, /* live: nothing within the poll interval (100 ms); *out is
                     unset; call again. Also for a pipe that is still open. */
    CAPTURE_END,  /* end of file, or stopped */
    CAPTURE_ERROR, /* damage or a vanished interface: capture_error() says
                      what; all frames before it were delivered */
};

/*
 * Opens a saved capture, or JSON Lines (told by their first byte, a brace),
 * which come as CAPTURE_LINE and take no filter. `filter` is a pcap-filter(7)
 * expression or NULL. On failure NULL, with one line without the file's name in
 * error[]. A pipe that has sent too little to tell is not waited for: what is
 * wrong with it or with the filter then comes as CAPTURE_ERROR from
 * capture_next().
 */
struct capture *capture_open_file(const char *path, const char *filter,
                                  char error[CAPTURE_ERROR_BYTES]);

/* The same in two steps: opens the file and reads nothing (-1 and errno), */
int capture_file(const char *path);

/* and reads it, in which parsers see their first byte. Owns fd. */
struct capture *capture_read_file(int fd, const char *path, const char *filter,
                                  char error[CAPTURE_ERROR_BYTES]);

struct capture_live_options {
    const char *interface;
    const char *filter;     /* or NULL */
    uint32_t snaplen_bytes; /* 0: whole packets */
    uint32_t buffer_bytes;  /* kernel ring; 0: our default */
    bool promiscuous;
};

/* Opens an interface. On failure NULL and one line in error[]. */
struct capture *capture_open_live(const struct capture_live_options *o,
                                  char error[CAPTURE_ERROR_BYTES]);

enum capture_status capture_next(struct capture *c, struct frame *out);

/*
 * Of a live capture: hands over the frames at hand, at most `max`, each valid
 * during its call; waits for none, and copies none. CAPTURE_FRAME when there
 * were some.
 */
enum capture_status
capture_dispatch(struct capture *c, int max,
                 void (*take)(void *ctx, const struct frame *f), void *ctx);

/* Waits until one of several live captures has something, 100 ms at most. */
#define CAPTURE_WAIT_MAX 64u
void capture_wait(struct capture *const *v, size_t n);

/*
 * Several captures of an interface share its packets: both directions of a
 * conversation, and ICMP errors about it, go to one of them, and what cannot be
 * told goes to the first. `ports` are the UDP ports that carry tunnels. Call it
 * for the first one with group -1, for the others with what it returned, in the
 * same order for every interface: then a conversation seen on several is in the
 * captures of the same place. Until all have joined, packets are seen more than
 * once. Returns -1 when this is not possible.
 */
int capture_spread(struct capture *c, int group, const uint16_t *ports,
                   size_t ports_n);

/* Who talks to whom. */
struct capture_talk {
    uint8_t ip_version; /* 4 or 6 */
    uint8_t proto;      /* 6 TCP, 17 UDP */
    uint8_t ip[2][16];  /* IPv4 in the first four bytes, the rest zero */
    uint16_t port[2];   /* host order */
};

/*
 * Lets the kernel drop packets of a live capture that nobody waits for, for
 * about as many conversations as there are slots (64 bytes each). To be called
 * before the process gives up its rights (CAP_BPF, or root). False, and one
 * line in why[], where that cannot be done; the capture works without.
 */
bool capture_relieve(struct capture *c, unsigned slots,
                     char why[CAPTURE_ERROR_BYTES]);

/*
 * A packet of this conversation, at that time, was of no use, and its like will
 * not be either until a SYN, a handshake message of TLS or DTLS, or a long
 * header of QUIC: those are still delivered, and so are FIN and RST. Nothing
 * happens without capture_relieve().
 */
void capture_ignore(struct capture *c, const struct capture_talk *t,
                    tick_t when);

/* Frames handed out at a time by capture_more(). */
#define CAPTURE_BATCH 16u

/*
 * Up to max frames that follow the one of the last capture_next() and are at
 * hand already; that one stays valid with them until the next call of it. 0
 * means nothing: ask capture_next().
 */
size_t capture_more(struct capture *c, struct frame *v, size_t max);

/* What went wrong, without the file's name; valid after CAPTURE_ERROR. */
const char *capture_error(const struct capture *c);

/* The name for messages and tlswhy.file: the path as given, or the
 * interface. */
const char *capture_name(const struct capture *c);
bool capture_is_live(const struct capture *c);

/* The link type of interface 0 (LINKTYPE_ value); -1 while it is not known: a
 * pipe that has sent nothing yet, a pcapng without interfaces. */
int capture_linktype(const struct capture *c);

/* Whether an expression can be understood, for Ethernet; false with one line
 * in error[]. */
bool capture_check_filter(const char *text, char error[CAPTURE_ERROR_BYTES]);

/* Secrets that a pcapng brings along (Decryption Secrets Block), as many as
 * were read so far. */
struct capture_secret {
    uint32_t type;    /* 0x544c534b: text in the format of SSLKEYLOGFILE */
    struct span data; /* lives as long as the capture */
};

/* Whether there may be any: a pcapng, as far as is known yet. */
bool capture_may_bring_secrets(const struct capture *c);
size_t capture_secret_count(const struct capture *c);
struct capture_secret capture_secret(const struct capture *c, size_t i);

struct capture_stats {
    uint64_t frames;         /* delivered (after the filter) */
    uint64_t bytes;          /* captured bytes of them */
    uint64_t dropped_kernel; /* live only */
    uint64_t relieved;       /* dropped by the kernel on our behalf */
    uint64_t dropped_interface;
    bool snaplen_cut; /* some frame was shorter than on the wire */
};

/* Totals so far; live counters are read from the kernel. */
void capture_stats(struct capture *c, struct capture_stats *out);

/* How many bytes of the file were read, and how many it has, both as stored;
 * 0 where that is unknown: pipes, interfaces. */
void capture_position(const struct capture *c, uint64_t *read, uint64_t *total);

/* Makes capture_next() return CAPTURE_END soon; async-signal-safe. */
void capture_stop(struct capture *c);

void capture_close(struct capture *c);

/* Wall clock, for live mode's idle ticks. */
tick_t capture_now(void);

/* Prints the interfaces, one a line: NAME, flags, addresses, as tcpdump -D
 * does. 0, or -1 and one line in error[]. */
int capture_list_interfaces(char error[CAPTURE_ERROR_BYTES]);

/* Versions of libpcap and of the decompressors compiled in, one line each,
 * for -V. */
const char *capture_versions(void);

#endif
