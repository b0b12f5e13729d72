/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recognises plaintext protocols by the first bytes that one side sent, where
 * TLS was expected: fixed openings, replies of three digits (RFC 5321 section
 * 4.2, RFC 959 section 4.2) and a few binary headers. None of them can be the
 * beginning of a TLS record (RFC 8446 section 5.1) or an SSL 2.0 hello.
 *
 * Names the protocol only; carriers that lead to TLS (STARTTLS, CONNECT) are
 * followed elsewhere. Does not reassemble: too few bytes are "not known".
 */
#include "known/known.h"

#include "base/ascii.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

enum { CLIENT = 1, SERVER = 2, BOTH = CLIENT | SERVER };

struct opening {
    const char *bytes;
    int side;
    const char *word;
};

/* The first that fits wins: longer ones stand before their own beginnings. */
static const struct opening openings[] = {
    /* RFC 9110 section 9.1, and the other methods of IANA's registry that
     * servers meet; RFC 9113 section 3.4 */
    {"OPTIONS rtsp://", CLIENT, "rtsp"},
    {"OPTIONS sip:", CLIENT, "sip"},
    {"CONNECT {", CLIENT, "nats"},
    {"GET ", CLIENT, "http"},
    {"HEAD ", CLIENT, "http"},
    {"POST ", CLIENT, "http"},
    {"PUT ", CLIENT, "http"},
    {"DELETE ", CLIENT, "http"},
    {"CONNECT ", CLIENT, "http"},
    {"OPTIONS ", CLIENT, "http"},
    {"TRACE ", CLIENT, "http"},
    {"PATCH ", CLIENT, "http"},
    {"PROPFIND ", CLIENT, "http"},
    {"REPORT ", CLIENT, "http"},
    {"MKCOL ", CLIENT, "http"},
    {"SUBSCRIBE ", CLIENT, "http"},
    {"RPC_IN_DATA ", CLIENT, "http"},
    {"RPC_OUT_DATA ", CLIENT, "http"},
    {"PRI * HTTP/2.0", CLIENT, "http"},
    {"HTTP/1.", SERVER, "http"},
    {"HTTP/2", SERVER, "http"},
    /* RFC 2326, RFC 3261 */
    {"DESCRIBE rtsp://", CLIENT, "rtsp"},
    {"RTSP/1.", SERVER, "rtsp"},
    {"REGISTER sip:", CLIENT, "sip"},
    {"INVITE sip:", CLIENT, "sip"},
    {"SIP/2.0 ", BOTH, "sip"},
    /* RFC 4253 section 4.2 */
    {"SSH-", BOTH, "ssh"},
    /* RFC 5321 section 4.1.1.1, RFC 4217, RFC 1939, RFC 3501, RFC 5804 */
    {"EHLO ", CLIENT, "smtp"},
    {"HELO ", CLIENT, "smtp"},
    {"AUTH TLS\r\n", CLIENT, "ftp"},
    {"AUTH SSL\r\n", CLIENT, "ftp"},
    {"CAPA\r\n", CLIENT, "pop3"},
    {"STLS\r\n", CLIENT, "pop3"},
    {"+OK ", SERVER, "pop3"},
    {"+OK\r\n", SERVER, "pop3"},
    {"* OK ", SERVER, "imap"},
    {"* BYE ", SERVER, "imap"},
    {"* PREAUTH ", SERVER, "imap"},
    {"\"IMPLEMENTATION\" ", SERVER, "sieve"},
    /* RFC 1459, RFC 2812 section 3.1 */
    {"NICK ", CLIENT, "irc"},
    {"CAP LS", CLIENT, "irc"},
    {"NOTICE ", SERVER, "irc"},
    {"ERROR :", SERVER, "irc"},
    /* RFC 6120 section 4.2 */
    {"<stream:stream", BOTH, "xmpp"},
    {"<stream", BOTH, "xmpp"},
    /* RESP, redis.io; Redis answers a ClientHello with an error or nothing */
    {"-ERR ", SERVER, "redis"},
    {"-NOAUTH ", SERVER, "redis"},
    {"-DENIED ", SERVER, "redis"},
    {"-LOADING ", SERVER, "redis"},
    {"+PONG", SERVER, "redis"},
    {"PING\r\n", CLIENT, "redis"},
    /* RFC 6143 section 7.1.1 */
    {"RFB 00", BOTH, "vnc"},
    /* nats-protocol, docs.nats.io; memcached protocol.txt; rsync clientserver.c
     */
    {"INFO {", SERVER, "nats"},
    {"ERROR\r\n", SERVER, "memcached"},
    {"@RSYNCD: ", BOTH, "rsync"},
    /* HAProxy proxy-protocol.txt, sections 2.1 and 2.2 */
    {"PROXY TCP4 ", BOTH, "proxy-protocol"},
    {"PROXY TCP6 ", BOTH, "proxy-protocol"},
    {"PROXY UNKNOWN", BOTH, "proxy-protocol"},
    /* BEP 3 */
    {"\023BitTorrent protocol", BOTH, "bittorrent"},
};

/* Whether s begins with word, letters of either case; word in lower case. */
static bool starts_word(struct span s, const char *word)
{
    struct cursor c = cursor_open(s);
    for (; *word; word++) {
        if (cursor_left(&c) == 0 ||
            ascii_lower(cursor_u8(&c, "word")) != (uint8_t)*word) {
            return false;
        }
    }
    return true;
}

static bool has_word(struct span s, const char *word)
{
    for (size_t at = 0; at < s.n; at++) {
        if (starts_word(span_sub(s, at, s.n), word)) {
            return true;
        }
    }
    return false;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Whether the first line is text; bytes from 0x80 may be UTF-8. Later lines may
 * echo whatever the peer sent. */
static bool is_text_line(struct span s)
{
    struct cursor c = cursor_open(s);
    while (cursor_left(&c)) {
        uint8_t b = cursor_u8(&c, "text");
        if (b == '\r' || b == '\n') {
            return true;
        }
        if ((b < 0x20 && b != '\t') || b == 0x7f) {
            return false;
        }
    }
    return true;
}

/* ---- text ---- */

static const char *opening_of(struct span s, int side)
{
    for (size_t i = 0; i < COUNT(openings); i++) {
        if ((openings[i].side & side) && span_starts(s, openings[i].bytes)) {
            return openings[i].word;
        }
    }
    return NULL;
}

/* A page without a header, or XMPP, which declares XML (RFC 6120 11.5). */
static const char *markup_of(struct span s, int side)
{
    if (starts_word(s, "<html") || starts_word(s, "<!doc")) {
        return side == SERVER ? "http" : NULL;
    }
    if (starts_word(s, "<?xml")) {
        return has_word(s, "<html") ? "http" : "xmpp";
    }
    return NULL;
}

/* "220 mail.example.com ESMTP": three digits and a space or hyphen. The digits
 * alone do not tell SMTP from FTP; the words behind them may. */
static const char *reply_of(struct span s)
{
    struct cursor c = cursor_open(s);
    uint8_t first = cursor_u8(&c, "code");
    uint8_t second = cursor_u8(&c, "code");
    uint8_t third = cursor_u8(&c, "code");
    uint8_t after = cursor_u8(&c, "separator");
    if (!cursor_ok(&c) || first < '1' || first > '5' || !is_digit(second) ||
        !is_digit(third) || (after != ' ' && after != '-') ||
        !is_text_line(s)) {
        return NULL;
    }
    static const struct {
        const char *text, *word;
    } words[] = {
        {"smtp", "smtp"},         {"postfix", "smtp"}, {"exim", "smtp"},
        {"sendmail", "smtp"},     {"ftp", "ftp"},      {"filezilla", "ftp"},
        {"user and pass", "ftp"}, {"nntp", "nntp"},    {"news", "nntp"},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        if (has_word(s, words[i].text)) {
            return words[i].word;
        }
    }
    return "reply-code";
}

/* ":irc.example.net NOTICE", ":irc.example.net 001" (RFC 2812 section 2.3). */
static bool is_irc(struct span s)
{
    struct cursor c = cursor_open(s);
    if (cursor_u8(&c, "colon") != ':') {
        return false;
    }
    size_t host = 0;
    while (cursor_left(&c) && cursor_peek(&c) > ' ') {
        cursor_skip(&c, 1, "host");
        host++;
    }
    if (host == 0 || cursor_u8(&c, "space") != ' ') {
        return false;
    }
    struct span rest = cursor_rest(&c);
    if (span_starts(rest, "NOTICE ")) {
        return true;
    }
    struct cursor r = cursor_open(rest);
    bool digits = is_digit(cursor_u8(&r, "reply")) &&
                  is_digit(cursor_u8(&r, "reply")) &&
                  is_digit(cursor_u8(&r, "reply"));
    return digits && cursor_u8(&r, "space") == ' ';
}

/* RESP's "$5\r\n" (server) and "*1\r\n$4\r\n" (client). */
static bool is_redis(struct span s, int side)
{
    struct cursor c = cursor_open(s);
    uint8_t mark = cursor_u8(&c, "type");
    if (mark != (side == SERVER ? '$' : '*')) {
        return false;
    }
    size_t digits = 0;
    while (is_digit(cursor_peek(&c)) && digits < 9) {
        cursor_skip(&c, 1, "length");
        digits++;
    }
    if (digits == 0 || cursor_u16(&c, "line end") != 0x0d0a) {
        return false;
    }
    return side == SERVER || cursor_u8(&c, "type") == '$';
}

/* ---- binary ---- */

/* Protocol::Handshake version 10, or an ERR packet sent instead of it (MySQL
 * client/server protocol): length, sequence 0, then the payload. */
static bool is_mysql(struct span s)
{
    struct cursor c = cursor_open(s);
    uint32_t length = cursor_le16(&c, "length");
    length |= (uint32_t)cursor_u8(&c, "length") << 16;
    uint8_t sequence = cursor_u8(&c, "sequence");
    uint8_t kind = cursor_u8(&c, "protocol version");
    if (!cursor_ok(&c) || length < 4 || length > 1024 || sequence != 0) {
        return false;
    }
    if (kind == 0x0a) {
        return is_digit(cursor_u8(&c, "server version"));
    }
    uint16_t error = cursor_le16(&c, "error code");
    return kind == 0xff && error >= 1000 && error < 4000;
}

/* Message formats (PostgreSQL documentation, 55.7): ErrorResponse from the
 * server; SSLRequest, GSSENCRequest or StartupMessage 3.0 from the client. */
static bool is_postgresql(struct span s, int side)
{
    struct cursor c = cursor_open(s);
    if (side == CLIENT) {
        uint32_t length = cursor_u32(&c, "length");
        uint32_t code = cursor_u32(&c, "protocol");
        return cursor_ok(&c) && length >= 8 && length <= 10000 &&
               (code == 0x00030000 || code == 80877103 || code == 80877104);
    }
    if (span_starts(s, "EFATAL")) {
        return true; /* protocol 2.0 had no length */
    }
    uint8_t type = cursor_u8(&c, "type");
    uint32_t length = cursor_u32(&c, "length");
    uint8_t field = cursor_u8(&c, "field");
    uint8_t letter = cursor_u8(&c, "severity");
    return cursor_ok(&c) && type == 'E' && length > 6 && length < 10000 &&
           field == 'S' && letter >= 'A';
}

/* TPKT (RFC 1006 section 6) around a connection request or confirm of X.224,
 * section 13.3: what RDP begins with. */
static bool is_rdp(struct span s)
{
    struct cursor c = cursor_open(s);
    uint16_t version = cursor_u16(&c, "version");
    uint16_t length = cursor_u16(&c, "length");
    uint8_t header = cursor_u8(&c, "header length");
    uint8_t type = cursor_u8(&c, "type");
    return cursor_ok(&c) && version == 0x0300 && length >= 11 && header >= 6 &&
           header + 5 <= length && (type == 0xe0 || type == 0xd0);
}

/* CONNECT (MQTT 3.1.1 section 3.1) or a CONNACK alone (section 3.2). */
static bool is_mqtt(struct span s, int side)
{
    struct cursor c = cursor_open(s);
    uint8_t type = cursor_u8(&c, "type");
    if (side == SERVER) {
        uint8_t length = cursor_u8(&c, "length");
        uint8_t flags = cursor_u8(&c, "flags");
        uint8_t code = cursor_u8(&c, "code");
        return cursor_done(&c) && type == 0x20 && length == 2 && flags <= 1 &&
               code <= 5;
    }
    int length_bytes = 0;
    while (length_bytes < 4 && cursor_u8(&c, "length") >= 0x80) {
        length_bytes++;
    }
    if (type != 0x10 || length_bytes == 4) {
        return false;
    }
    uint16_t n = cursor_u16(&c, "name length");
    struct span name = cursor_take(&c, n, "name");
    return span_eq(name, span_text("MQTT")) ||
           span_eq(name, span_text("MQIsdp"));
}

/* LDAPMessage (RFC 4511 section 4.1.1): SEQUENCE { INTEGER, [APPLICATION n]. */
static bool is_ldap(struct span s)
{
    struct cursor c = cursor_open(s);
    if (cursor_u8(&c, "SEQUENCE") != 0x30) {
        return false;
    }
    uint8_t length = cursor_u8(&c, "length");
    if (length > 0x84) {
        return false;
    }
    if (length >= 0x80) { /* long form, as Active Directory writes it */
        cursor_skip(&c, length - 0x80u, "length");
    }
    uint8_t tag = cursor_u8(&c, "INTEGER");
    uint8_t id_bytes = cursor_u8(&c, "length");
    cursor_skip(&c, id_bytes, "message id");
    uint8_t operation = cursor_u8(&c, "operation");
    /* class APPLICATION, number up to 25 (IntermediateResponse) */
    return cursor_ok(&c) && tag == 0x02 && id_bytes >= 1 && id_bytes <= 4 &&
           (operation & 0xc0) == 0x40 && (operation & 0x1f) <= 25;
}

/* NetBIOS session header and the header of SMB 1 or 2 ([MS-SMB2] 2.1). */
static bool is_smb(struct span s)
{
    struct cursor c = cursor_open(s);
    uint8_t type = cursor_u8(&c, "type");
    cursor_skip(&c, 3, "length");
    uint8_t mark = cursor_u8(&c, "protocol");
    return type == 0 && mark >= 0xfd && span_starts(cursor_rest(&c), "SMB");
}

/* Pre-login of SQL Server, or its tabular answer ([MS-TDS] 2.2.3.1). */
static bool is_mssql(struct span s, int side)
{
    struct cursor c = cursor_open(s);
    uint8_t type = cursor_u8(&c, "type");
    uint8_t status = cursor_u8(&c, "status");
    uint16_t length = cursor_u16(&c, "length");
    cursor_skip(&c, 2, "spid");
    cursor_skip(&c, 1, "packet id");
    uint8_t window = cursor_u8(&c, "window");
    return cursor_ok(&c) && type == (side == CLIENT ? 0x12 : 0x04) &&
           status == 1 && length >= 8 && length <= s.n && window == 0;
}

/* The server's first HTTP/2 frame: SETTINGS or GOAWAY on stream 0 (RFC 9113
 * sections 6.5 and 6.8). */
static bool is_http2(struct span s)
{
    struct cursor c = cursor_open(s);
    uint32_t length = cursor_u24(&c, "length");
    uint8_t type = cursor_u8(&c, "type");
    uint8_t flags = cursor_u8(&c, "flags");
    uint32_t stream = cursor_u32(&c, "stream");
    return cursor_ok(&c) && length <= 512 && flags == 0 && stream == 0 &&
           ((type == 4 && length % 6 == 0) || (type == 7 && length >= 8));
}

/* "AMQP" and four bytes of protocol id and version (AMQP 0-9-1 section
 * 4.2.2, AMQP 1.0 section 2.2). */
static bool is_amqp(struct span s)
{
    struct cursor c = cursor_open(s);
    bool name = span_eq(cursor_take(&c, 4, "name"), span_text("AMQP"));
    uint8_t id = cursor_u8(&c, "protocol id");
    return name && cursor_ok(&c) && id <= 3;
}

/* Method negotiation of SOCKS 5 (RFC 1928 section 3), client's side. */
static bool is_socks5(struct span s)
{
    struct cursor c = cursor_open(s);
    uint8_t version = cursor_u8(&c, "version");
    uint8_t methods = cursor_u8(&c, "methods");
    cursor_skip(&c, methods, "methods");
    return cursor_done(&c) && version == 5 && methods >= 1 && methods <= 16;
}

/* Request of SOCKS 4 or 4a: command, port, address, and texts that end in
 * NUL. */
static bool is_socks4(struct span s)
{
    struct cursor c = cursor_open(s);
    uint8_t version = cursor_u8(&c, "version");
    uint8_t command = cursor_u8(&c, "command");
    uint16_t port = cursor_u16(&c, "port");
    cursor_skip(&c, 4, "address");
    size_t texts = cursor_left(&c);
    cursor_skip(&c, texts > 0 ? texts - 1 : 0, "texts");
    uint8_t last = cursor_u8(&c, "NUL");
    return cursor_done(&c) && version == 4 && (command == 1 || command == 2) &&
           port != 0 && last == 0;
}

/* IAC WILL, WONT, DO or DONT (RFC 854). */
static bool is_telnet(struct span s)
{
    struct cursor c = cursor_open(s);
    uint8_t iac = cursor_u8(&c, "IAC");
    uint8_t command = cursor_u8(&c, "command");
    cursor_skip(&c, 1, "option");
    return cursor_ok(&c) && iac == 0xff && command >= 0xfb && command <= 0xfe;
}

/* The signature of PROXY protocol version 2. */
static bool is_proxy2(struct span s)
{
    static const uint8_t signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                          0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};
    return span_eq(span_sub(s, 0, sizeof signature),
                   span_of(signature, sizeof signature));
}

static const char *binary_of(struct span s, int side)
{
    static const struct {
        bool (*fits)(struct span s);
        int side;
        const char *word;
    } headers[] = {
        {is_proxy2, BOTH, "proxy-protocol"},
        {is_mysql, SERVER, "mysql"},
        {is_rdp, BOTH, "rdp"},
        {is_ldap, BOTH, "ldap"},
        {is_smb, BOTH, "smb"},
        {is_http2, SERVER, "http"},
        {is_amqp, BOTH, "amqp"},
        {is_socks5, CLIENT, "socks"},
        {is_socks4, CLIENT, "socks"},
        {is_telnet, BOTH, "telnet"},
        {is_irc, SERVER, "irc"},
    };
    for (size_t i = 0; i < COUNT(headers); i++) {
        if ((headers[i].side & side) && headers[i].fits(s)) {
            return headers[i].word;
        }
    }
    if (is_postgresql(s, side)) {
        return "postgresql";
    }
    if (is_mqtt(s, side)) {
        return "mqtt";
    }
    if (is_mssql(s, side)) {
        return "mssql";
    }
    return is_redis(s, side) ? "redis" : NULL;
}

const char *known_plaintext(struct span first, bool from_server)
{
    int side = from_server ? SERVER : CLIENT;
    const char *word = opening_of(first, side);
    if (!word) {
        word = markup_of(first, side);
    }
    if (!word && from_server) {
        word = reply_of(first);
    }
    return word ? word : binary_of(first, side);
}

bool known_tls_port(uint16_t port)
{
    static const uint16_t ports[] = {
        443,  465,  563,  636,  853,  989,  990,  992,  993,  994,  995, 2376,
        3269, 4433, 5061, 5349, 5671, 5986, 6514, 6697, 8443, 8883, 9443};
    for (size_t i = 0; i < COUNT(ports); i++) {
        if (ports[i] == port) {
            return true;
        }
    }
    return false;
}
