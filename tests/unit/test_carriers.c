/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carriers: each conversation is written down from its RFC or specification,
 * and run whole, in single bytes, cut at every place and followed by garbage.
 */
#include "dissectors/prelude.h"
#include "dissectors/tls.h"

#include <criterion/criterion.h>

#define LINES_MAX 16

struct said {
    int dir; /* 0 the client, 1 the server; -1 ends the list */
    const char *bytes;
    size_t n;
};

#define C(text)                                                                \
    {                                                                          \
        0, text, sizeof(text) - 1                                              \
    }
#define S(text)                                                                \
    {                                                                          \
        1, text, sizeof(text) - 1                                              \
    }
#define END                                                                    \
    {                                                                          \
        -1, NULL, 0                                                            \
    }

enum fate { GRANTED, REFUSED, PLAIN, AT_ONCE };

struct conversation {
    const char *name;
    enum fate fate;
    const char *carrier; /* NULL: none */
    const char *note;    /* what the reply is kept as, "" none */
    const char *asked;   /* what is kept of the request, "" nothing */
    struct said said[LINES_MAX];
};

/* The beginning of a ClientHello, as much as tells one. */
static const uint8_t hello[] = {0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3,
                                1,    2, 3, 4, 5,    6, 7, 8, 9,    10};

static const struct conversation conversations[] = {
    {"smtp granted",
     GRANTED,
     "starttls-smtp",
     "220 2.0.0 Ready to start TLS",
     "",
     {S("220 mx.example.com ESMTP\r\n"), C("EHLO client.example.org\r\n"),
      S("250-mx.example.com\r\n250-PIPELINING\r\n250 STARTTLS\r\n"),
      C("STARTTLS\r\n"), S("220 2.0.0 Ready to start TLS\r\n"), END}},
    {"smtp refused",
     REFUSED,
     "starttls-smtp",
     "454 4.7.0 TLS not available due to local problem",
     "",
     {S("220-mx.example.com\r\n220 ESMTP\r\n"), C("EHLO c\r\n"),
      S("250-mx\r\n250 STARTTLS\r\n"), C("STARTTLS\r\n"),
      S("454 4.7.0 TLS not available due to local problem\r\n"), C("QUIT\r\n"),
      END}},
    {"smtp not offered",
     REFUSED,
     "starttls-smtp",
     "502 5.5.1 Command not implemented",
     "",
     {S("220 mx ESMTP\r\n"), C("EHLO c\r\n"), S("250-mx\r\n250 8BITMIME\r\n"),
      C("starttls\r\n"), S("502 5.5.1 Command not implemented\r\n"),
      C("MAIL FROM:<a@b>\r\n"), END}},
    {"smtp pipelined behind a text that names it",
     GRANTED,
     "starttls-smtp",
     "220 go",
     "",
     {S("220 mx\r\n"), C("EHLO c\r\n"), S("250 STARTTLS\r\n"),
      C("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"),
      S("250 ok\r\n550 no such user\r\n354 go ahead\r\n"),
      C("Subject: x\r\n\r\nSTARTTLS\r\n.\r\nNOOP\r\nSTARTTLS\r\n"),
      S("550 no valid recipients\r\n250 ok\r\n220 go\r\n"), END}},
    {"smtp refused, then asked again",
     GRANTED,
     "starttls-smtp",
     "220 go",
     "",
     {S("220 mx\r\n"), C("EHLO c\r\n"), S("250 STARTTLS\r\n"),
      C("STARTTLS\r\n"), S("454 try again\r\n"), C("STARTTLS\r\n"),
      S("220 go\r\n"), END}},
    {"smtp without a request",
     PLAIN,
     NULL,
     "",
     "",
     {S("220 mx ESMTP\r\n"), C("EHLO c\r\n"), S("250-mx\r\n250 STARTTLS\r\n"),
      C("QUIT\r\n"), S("221 bye\r\n"), END}},
    {"lmtp granted",
     GRANTED,
     "starttls-lmtp",
     "220 ready",
     "",
     {S("220 lmtp\r\n"), C("LHLO c\r\n"), S("250 STARTTLS\r\n"),
      C("STARTTLS\r\n"), S("220 ready\r\n"), END}},
    {"imap granted",
     GRANTED,
     "starttls-imap",
     "a2 OK Begin TLS negotiation now",
     "",
     {S("* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\n"),
      C("a1 CAPABILITY\r\na2 STARTTLS\r\n"),
      S("* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\n"
        "a2 OK Begin TLS negotiation now\r\n"),
      END}},
    {"imap refused",
     REFUSED,
     "starttls-imap",
     ". BAD Unknown command",
     "",
     {S("* OK ready\r\n"), C(". starttls\r\n"), S(". BAD Unknown command\r\n"),
      C(". LOGOUT\r\n"), END}},
    {"imap not offered",
     REFUSED,
     "starttls-imap",
     "a2 NO no TLS",
     "",
     {S("* OK ready\r\n"), C("a1 CAPABILITY\r\n"),
      S("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na1 OK done\r\n"),
      C("a2 STARTTLS\r\n"), S("a2 NO no TLS\r\n"), C("a3 LOGOUT\r\n"), END}},
    {"imap literal that looks like a request",
     PLAIN,
     NULL,
     "",
     "",
     {S("* OK ready\r\n"), C("a1 LOGIN {13+}\r\na2 STARTTLS\r\n x\r\n"),
      S("a1 NO failed\r\n"), END}},
    {"pop3 granted",
     GRANTED,
     "starttls-pop3",
     "+OK Begin TLS negotiation",
     "",
     {S("+OK POP3 ready\r\n"), C("CAPA\r\n"), S("+OK\r\nSTLS\r\nUSER\r\n.\r\n"),
      C("STLS\r\n"), S("+OK Begin TLS negotiation\r\n"), END}},
    {"pop3 refused",
     REFUSED,
     "starttls-pop3",
     "-ERR Command not permitted when TLS active",
     "",
     {S("+OK POP3 ready\r\n"), C("STLS\r\n"),
      S("-ERR Command not permitted when TLS active\r\n"), C("QUIT\r\n"), END}},
    {"ftp granted",
     GRANTED,
     "starttls-ftp",
     "234 Proceed with negotiation.",
     "",
     {S("220-Welcome\r\n220 (vsFTPd 3.0.3)\r\n"), C("AUTH TLS\r\n"),
      S("234 Proceed with negotiation.\r\n"), END}},
    {"ftp by its second name",
     GRANTED,
     "starttls-ftp",
     "234 ok",
     "",
     {S("220 ftp\r\n"), C("FEAT\r\n"),
      S("211-Features\r\n AUTH\r\n211 End\r\n"), C("AUTH SSL\r\n"),
      S("504 Unknown AUTH type.\r\n"), C("AUTH TLS\r\n"), S("234 ok\r\n"),
      END}},
    {"ftp refused",
     REFUSED,
     "starttls-ftp",
     "530 Please login with USER and PASS.",
     "",
     {S("220 (vsFTPd 3.0.3)\r\n"), C("AUTH TLS\r\n"),
      S("530 Please login with USER and PASS.\r\n"), C("USER a\r\n"), END}},
    {"nntp granted",
     GRANTED,
     "starttls-nntp",
     "382 Continue with TLS negotiation",
     "",
     {S("200 news\r\n"), C("CAPABILITIES\r\n"),
      S("101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n"), C("STARTTLS\r\n"),
      S("382 Continue with TLS negotiation\r\n"), END}},
    {"nntp refused",
     REFUSED,
     "starttls-nntp",
     "580 Can not initiate TLS negotiation",
     "",
     {S("201 news\r\n"), C("STARTTLS\r\n"),
      S("580 Can not initiate TLS negotiation\r\n"), C("QUIT\r\n"), END}},
    {"sieve granted",
     GRANTED,
     "starttls-sieve",
     "OK \"Begin TLS negotiation now.\"",
     "",
     {S("\"IMPLEMENTATION\" \"Dovecot Pigeonhole\"\r\n\"STARTTLS\"\r\nOK "
        "\"ready.\"\r\n"),
      C("STARTTLS\r\n"), S("OK \"Begin TLS negotiation now.\"\r\n"), END}},
    {"sieve refused",
     REFUSED,
     "starttls-sieve",
     "NO \"Unsupported.\"",
     "",
     {S("\"IMPLEMENTATION\" \"x\"\r\nOK\r\n"), C("STARTTLS\r\n"),
      S("NO \"Unsupported.\"\r\n"), C("LOGOUT\r\n"), END}},
    {"irc granted",
     GRANTED,
     "starttls-irc",
     ":irc.example.net 670 * :STARTTLS successful",
     "",
     {C("CAP LS 302\r\n"), S(":irc.example.net CAP * LS :tls sasl\r\n"),
      C("STARTTLS\r\n"), S(":irc.example.net 670 * :STARTTLS successful\r\n"),
      END}},
    {"irc refused",
     REFUSED,
     "starttls-irc",
     ":irc.example.net 691 * :STARTTLS failed",
     "",
     {S(":irc.example.net NOTICE * :*** Looking up\r\n"), C("STARTTLS\r\n"),
      S(":irc.example.net 691 * :STARTTLS failed\r\n"), C("NICK a\r\n"), END}},
    {"xmpp granted",
     GRANTED,
     "starttls-xmpp",
     "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
     "",
     {C("<?xml version='1.0'?><stream:stream to='example.com' "
        "xmlns='jabber:client'>"),
      S("<?xml version='1.0'?><stream:stream from='example.com'>"
        "<stream:features><starttls "
        "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
      C("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
      S("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"), END}},
    {"xmpp refused",
     REFUSED,
     "starttls-xmpp",
     "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
     "",
     {C("<stream:stream to='example.com'>"),
      S("<stream:stream from='example.com'><stream:features><starttls "
        "xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"),
      C("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"),
      S("<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:stream>"),
      C("</stream:stream>"), END}},
    {"xmpp, SASL fails",
     PLAIN,
     NULL,
     "",
     "",
     {C("<stream:stream to='example.com'>"),
      S("<stream:stream><stream:features/>"),
      C("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>AA==</auth>"),
      S("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>"), END}},
    {"ldap granted",
     GRANTED,
     "starttls-ldap",
     "success",
     "",
     {C("\x30\x1d\x02\x01\x01\x77\x18\x80\x16"
        "1.3.6.1.4.1.1466.20037"),
      S("\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"), END}},
    {"ldap refused, long lengths",
     REFUSED,
     "starttls-ldap",
     "protocolError (2): unsupported extended operation",
     "",
     {C("\x30\x84\x00\x00\x00\x1d\x02\x01\x07\x77\x18\x80\x16"
        "1.3.6.1.4.1.1466.20037"),
      S("\x30\x2d\x02\x01\x07\x78\x28\x0a\x01\x02\x04\x00\x04\x21"
        "unsupported extended operation   "),
      C("\x30\x05\x02\x01\x08\x42\x00"), END}},
    {"ldap, a bind",
     PLAIN,
     NULL,
     "",
     "",
     {C("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
      S("\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"), END}},
    {"postgresql granted",
     GRANTED,
     "starttls-postgresql",
     "S",
     "",
     {C("\0\0\0\x08\x04\xd2\x16\x2f"), S("S"), END}},
    {"postgresql after GSS",
     GRANTED,
     "starttls-postgresql",
     "S",
     "",
     {C("\0\0\0\x08\x04\xd2\x16\x30"), S("N"), C("\0\0\0\x08\x04\xd2\x16\x2f"),
      S("S"), END}},
    {"postgresql refused, goes on",
     REFUSED,
     "starttls-postgresql",
     "N",
     "",
     {C("\0\0\0\x08\x04\xd2\x16\x2f"), S("N"),
      C("\0\0\0\x0e\0\x03\0\0user\0\0"), END}},
    {"postgresql error",
     REFUSED,
     "starttls-postgresql",
     "too many clients",
     "",
     {C("\0\0\0\x08\x04\xd2\x16\x2f"),
      S("E\0\0\0\x1d"
        "SFATAL\0Mtoo many clients\0\0"),
      C("\0\0\0\x0e\0\x03\0\0user\0\0"), END}},
    {"postgresql without TLS",
     PLAIN,
     NULL,
     "",
     "",
     {C("\0\0\0\x0e\0\x03\0\0user\0\0"), S("R\0\0\0\x08\0\0\0\0"), END}},
    {"mysql at once",
     AT_ONCE,
     "starttls-mysql",
     "",
     "",
     {S("\x21\0\0\0\x0a"
        "8.0.36\0\x01\0\0\0saltsalt\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0"),
      C("\x20\0\0\x01\x85\xae\xff\x19\0\0\0\x01\xff\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0"),
      END}},
    {"mysql login without TLS",
     PLAIN,
     NULL,
     "",
     "",
     {S("\x21\0\0\0\x0a"
        "8.0.36\0\x01\0\0\0saltsalt\0\xff\xf7\xff\x02\0\xff\xdf\x15\0\0\0\0"),
      C("\x24\0\0\x01\x85\xa6\xff\x19\0\0\0\x01\xff\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0root"),
      S("\x07\0\0\x02\0\0\0\x02\0\0\0"), END}},
    {"tds refused",
     REFUSED,
     "starttls-tds",
     "ENCRYPT_NOT_SUP",
     "",
     {C("\x12\x01\0\x0f\0\0\x01\0\x01\0\x06\0\x01\xff\x01"),
      S("\x04\x01\0\x0f\0\0\x01\0\x01\0\x06\0\x01\xff\x02"),
      C("\x10\x01\0\x08\0\0\x01\0"), END}},
    {"tds without",
     PLAIN,
     NULL,
     "",
     "",
     {C("\x12\x01\0\x0f\0\0\x01\0\x01\0\x06\0\x01\xff\x02"),
      S("\x04\x01\0\x0f\0\0\x01\0\x01\0\x06\0\x01\xff\x02"), END}},
    {"rdp granted",
     GRANTED,
     "starttls-rdp",
     "",
     "",
     {C("\x03\0\0\x2b\x26\xe0\0\0\0\0\0"
        "Cookie: mstshash=user1\r\n"
        "\x01\0\x08\0\x03\0\0\0"),
      S("\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x02\0\x08\0\x01\0\0\0"), END}},
    {"rdp refused",
     REFUSED,
     "starttls-rdp",
     "SSL_NOT_ALLOWED_BY_SERVER (2)",
     "",
     {C("\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0"),
      S("\x03\0\0\x13\x0e\xd0\0\0\x12\x34\0\x03\0\x08\0\x02\0\0\0"),
      C("\x03\0\0\x07\x02\xf0\x80"), END}},
    {"rdp, an old server",
     REFUSED,
     "starttls-rdp",
     "PROTOCOL_RDP (no TLS)",
     "",
     {C("\x03\0\0\x13\x0e\xe0\0\0\0\0\0\x01\0\x08\0\x01\0\0\0"),
      S("\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"), C("\x03\0\0\x07\x02\xf0\x80"),
      END}},
    {"rdp, an old client",
     PLAIN,
     NULL,
     "",
     "",
     {C("\x03\0\0\x0b\x06\xe0\0\0\0\0\0"),
      S("\x03\0\0\x0b\x06\xd0\0\0\x12\x34\0"), END}},
    {"amqp granted",
     GRANTED,
     "starttls-amqp",
     "",
     "",
     {C("AMQP\x02\x01\0\0"), S("AMQP\x02\x01\0\0"), END}},
    {"amqp refused",
     REFUSED,
     "starttls-amqp",
     "AMQP 3 1.0.0",
     "",
     {C("AMQP\x02\x01\0\0"), S("AMQP\x03\x01\0\0"), C("AMQP\x03\x01\0\0"),
      END}},
    {"amqp 0-9-1",
     PLAIN,
     NULL,
     "",
     "",
     {C("AMQP\0\0\x09\x01"), S("\x01\0\0\0\0\0\x01\0"), END}},
    {"vnc, VeNCrypt granted",
     GRANTED,
     "starttls-vnc",
     "",
     "",
     {S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x02\x13\x02"), C("\x13"),
      S("\0\x02"), C("\0\x02"), S("\0"), S("\x02\0\0\x01\x04\0\0\x01\x05"),
      C("\0\0\x01\x04"), S("\x01"), END}},
    {"vnc, VeNCrypt refused",
     REFUSED,
     "starttls-vnc",
     "VeNCrypt subtype refused",
     "",
     {S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x01\x13"), C("\x13"),
      S("\0\x02"), C("\0\x02"), S("\0\x01\0\0\x01\x04"), C("\0\0\x01\x05"),
      S("\0"), C("x"), END}},
    {"vnc, anonymous TLS at once",
     AT_ONCE,
     "starttls-vnc",
     "",
     "",
     {S("RFB 003.007\n"), C("RFB 003.007\n"), S("\x01\x12"), C("\x12"), END}},
    {"vnc, password",
     PLAIN,
     NULL,
     "",
     "",
     {S("RFB 003.008\n"), C("RFB 003.008\n"), S("\x01\x02"), C("\x02"), END}},
    {"http connect granted",
     GRANTED,
     "http-connect",
     "HTTP/1.1 200 Connection established",
     "CONNECT www.example.test:443",
     {C("CONNECT www.example.test:443 HTTP/1.1\r\nHost: www.example.test\r\n"
        "\r\n"),
      S("HTTP/1.1 200 Connection established\r\n\r\n"), END}},
    {"http connect granted by a proxy that names itself",
     GRANTED,
     "http-connect",
     "HTTP/1.1 200 OK",
     "CONNECT www.example.test:443",
     {C("CONNECT www.example.test:443 HTTP/1.1\r\n\r\n"),
      S("HTTP/1.1 200 OK\r\nvia: 1.1 gw (Gateway/7)\r\nX-Other: 1\r\n"
        "Proxy-agent: Gateway/7\r\n\r\n"),
      END}},
    {"http connect refused",
     REFUSED,
     "http-connect",
     "HTTP/1.1 403 Forbidden",
     "CONNECT www.example.test:443",
     {C("CONNECT www.example.test:443 HTTP/1.1\r\n\r\n"),
      S("HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno.\n"),
      C("GET / HTTP/1.1\r\n"), END}},
    {"http connect with credentials the second time",
     GRANTED,
     "http-connect",
     "HTTP/1.1 200 OK",
     "CONNECT a.example:443",
     {C("CONNECT a.example:443 HTTP/1.1\r\n\r\n"),
      S("HTTP/1.1 407 Proxy Authentication Required\r\n"
        "Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 5\r\n\r\n"
        "<html"),
      C("CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic eDp5"
        "\r\n\r\n"),
      S("HTTP/1.1 200 OK\r\nVia: x\r\n\r\n"), END}},
    {"http upgrade granted",
     GRANTED,
     "starttls-http",
     "HTTP/1.1 101 Switching Protocols",
     "Upgrade to TLS for *",
     {C("OPTIONS * HTTP/1.1\r\nHost: print\r\nUpgrade: TLS/1.2\r\n"
        "Connection: Upgrade\r\n\r\n"),
      S("HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2, HTTP/1.1\r\n"
        "Connection: Upgrade\r\n\r\n"),
      END}},
    {"http upgrade refused",
     REFUSED,
     "starttls-http",
     "HTTP/1.1 501 Not Implemented",
     "Upgrade to TLS for *",
     {C("OPTIONS * HTTP/1.1\r\nUpgrade: TLS/1.0\r\nConnection: Upgrade\r\n"
        "\r\n"),
      S("HTTP/1.1 501 Not Implemented\r\n\r\n"), C("GET / HTTP/1.1\r\n\r\n"),
      END}},
    {"http, another upgrade",
     PLAIN,
     NULL,
     "",
     "",
     {C("GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"),
      S("HTTP/1.1 101 Switching Protocols\r\n\r\n"), END}},
    {"socks 5 granted",
     GRANTED,
     "socks",
     "",
     "CONNECT www.example.test:443",
     {C("\x05\x01\0"), S("\x05\0"),
      C("\x05\x01\0\x03\x10www.example.test\x01\xbb"),
      S("\x05\0\0\x01\0\0\0\0\0\0"), END}},
    {"socks 5 with a password",
     GRANTED,
     "socks",
     "",
     "CONNECT 192.0.2.1:8443",
     {C("\x05\x02\0\x02"), S("\x05\x02"), C("\x01\x04user\x02pw"), S("\x01\0"),
      C("\x05\x01\0\x01\xc0\0\x02\x01\x20\xfb"), S("\x05\0\0\x01\0\0\0\0\0\0"),
      END}},
    {"socks 5 refused",
     REFUSED,
     "socks",
     "reply 2, connection not allowed by ruleset",
     "CONNECT [2001:db8:0:0:0:0:0:1]:443",
     {C("\x05\x01\0"), S("\x05\0"),
      C("\x05\x01\0\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x01\xbb"),
      S("\x05\x02\0\x01\0\0\0\0\0\0"), C("x"), END}},
    {"socks 5, wrong password",
     REFUSED,
     "socks",
     "name or password refused (1)",
     "a SOCKS 5 connection",
     {C("\x05\x01\x02"), S("\x05\x02"), C("\x01\x01u\x01p"), S("\x01\x01"),
      C("x"), END}},
    {"socks 5, no method",
     REFUSED,
     "socks",
     "no acceptable authentication method",
     "a SOCKS 5 connection",
     {C("\x05\x01\0"), S("\x05\xff"), C("x"), END}},
    {"socks 4a granted",
     GRANTED,
     "socks",
     "",
     "CONNECT www.example.test:443",
     {C("\x04\x01\x01\xbb\0\0\0\x01me\0www.example.test\0"),
      S("\0\x5a\0\0\0\0\0\0"), END}},
    {"socks 4 refused",
     REFUSED,
     "socks",
     "reply 91, request rejected or failed",
     "CONNECT 192.0.2.1:443",
     {C("\x04\x01\x01\xbb\xc0\0\x02\x01\0"), S("\0\x5b\0\0\0\0\0\0"), C("x"),
      END}},
    {"proxy protocol, text",
     AT_ONCE,
     "proxy-protocol",
     "",
     "PROXY TCP4 192.0.2.1 198.51.100.2 5000 443",
     {C("PROXY TCP4 192.0.2.1 198.51.100.2 5000 443\r\n"), END}},
    {"proxy protocol, binary",
     AT_ONCE,
     "proxy-protocol",
     "",
     "PROXY TCP4 192.0.2.1 198.51.100.2 5000 443",
     {C("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x10\xc0\0\x02\x01\xc6\x33\x64\x02"
        "\x13\x88\x01\xbb\x04\0\x01\0"),
      END}},
    {"starttls within a tunnel behind a balancer",
     GRANTED,
     "starttls-smtp",
     "220 go",
     "CONNECT mx.example.com:25",
     {C("PROXY TCP4 192.0.2.1 198.51.100.2 5000 3128\r\n"
        "CONNECT mx.example.com:25 HTTP/1.0\r\n\r\n"),
      S("HTTP/1.0 200 ok\r\n\r\n220 mx ESMTP\r\n"), C("EHLO c\r\n"),
      S("250 STARTTLS\r\n"), C("STARTTLS\r\n"), S("220 go\r\n"), END}},
};

#define CONVERSATIONS (sizeof conversations / sizeof conversations[0])

struct talk {
    struct handshake hs;
    struct prelude p;
    uint64_t frame;
    bool tls; /* a hello came where one may */
};

static void open_talk(struct talk *t)
{
    memset(t, 0, sizeof *t);
    hs_init(&t->hs, 256 * 1024);
}

/* As the session does it. */
static void say(struct talk *t, int dir, struct span bytes)
{
    t->frame++;
    tick_t when = (tick_t)t->frame * TICK_MSEC;
    size_t n;
    while ((n = prelude_feed(&t->p, &t->hs, (unsigned)dir, bytes, when,
                             t->frame)) > 0) {
        cr_assert(n <= bytes.n);
        bytes = span_sub(bytes, n, bytes.n);
        if (tls_probe(bytes) == TLS_PROBE_CLIENT_HELLO) {
            t->tls = true;
            prelude_tls_begins(&t->p, &t->hs, when, t->frame);
            return;
        }
    }
}

static void say_in(struct talk *t, const struct said *s, size_t step)
{
    for (size_t at = 0; at < s->n; at += step) {
        say(t, s->dir, span_sub(span_of(s->bytes, s->n), at, step));
    }
}

static unsigned count(const struct talk *t, enum hs_kind kind)
{
    return hs_count(&t->hs, kind, SIDE_NONE);
}

static void check_fate(const struct conversation *c, struct talk *t)
{
    cr_expect_str_eq(t->hs.carrier, c->carrier ? c->carrier : "direct", "%s",
                     c->name);
    cr_expect(span_eq(t->hs.carrier_note, span_text(c->note)) ||
                  c->fate == PLAIN || c->fate == REFUSED,
              "%s: note is %.*s", c->name, (int)t->hs.carrier_note.n,
              t->hs.carrier_note.p ? (const char *)t->hs.carrier_note.p : "");
    if (c->fate == REFUSED) {
        cr_expect(t->hs.carrier_note.n >= strlen(c->note) &&
                      span_starts(t->hs.carrier_note, c->note),
                  "%s: note is %.*s", c->name, (int)t->hs.carrier_note.n,
                  t->hs.carrier_note.p ? (const char *)t->hs.carrier_note.p
                                       : "");
    }
    cr_expect(span_eq(t->hs.carrier_asked, span_text(c->asked)),
              "%s: asked is %.*s", c->name, (int)t->hs.carrier_asked.n,
              t->hs.carrier_asked.p ? (const char *)t->hs.carrier_asked.p : "");
    enum prelude_verdict verdict = prelude_verdict(&t->p, &t->hs);
    bool refused = c->fate == REFUSED;
    cr_expect_eq(verdict == PRELUDE_REFUSED, refused, "%s", c->name);
    cr_expect_eq(prelude_is_due(&t->p, &t->hs), refused, "%s", c->name);
    cr_expect_eq(count(t, HS_CARRIER_REFUSED), refused ? 1 : 0, "%s", c->name);
    cr_expect_eq(count(t, HS_CARRIER) > 0,
                 c->fate != PLAIN &&
                     !(c->carrier && strcmp(c->carrier, "proxy-protocol") == 0),
                 "%s", c->name);
    cr_expect_eq(count(t, HS_CARRIER_OK) > 0, c->fate == GRANTED, "%s",
                 c->name);
}

static void run_in(const struct conversation *c, size_t step)
{
    struct talk t;
    open_talk(&t);
    for (const struct said *s = c->said; s->dir >= 0; s++) {
        say_in(&t, s, step);
    }
    check_fate(c, &t);
    cr_expect_not(t.tls, "%s", c->name);
    hs_free(&t.hs);
}

Test(carriers, whole)
{
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        run_in(&conversations[i], 4096);
    }
}

Test(carriers, in_small_pieces)
{
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        run_in(&conversations[i], 1);
        run_in(&conversations[i], 2);
        run_in(&conversations[i], 7);
    }
}

/* What ends before the last answer was given is neither granted nor refused. */
Test(carriers, cut)
{
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        const struct conversation *c = &conversations[i];
        size_t last = 0;
        for (size_t k = 0; c->said[k].dir >= 0; k++) {
            last = c->said[k].dir == 1 ? k : last;
        }
        for (size_t cut = 0; cut < c->said[last].n; cut++) {
            struct talk t;
            open_talk(&t);
            for (size_t k = 0; k < last; k++) {
                say_in(&t, &c->said[k], 4096);
            }
            say(&t, c->said[last].dir, span_of(c->said[last].bytes, cut));
            if (c->fate == GRANTED && !t.hs.carrier_asked.n) {
                cr_expect_eq(count(&t, HS_CARRIER_OK), 0, "%s at %zu", c->name,
                             cut);
            }
            cr_expect_neq(prelude_verdict(&t.p, &t.hs), PRELUDE_REFUSED,
                          "%s at %zu", c->name, cut);
            hs_free(&t.hs);
        }
    }
}

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/* Any bytes after any beginning: nothing breaks. */
Test(carriers, garbage)
{
    uint32_t seed = 1;
    uint8_t noise[700];
    for (size_t i = 0; i < CONVERSATIONS * 40; i++) {
        const struct conversation *c = &conversations[i % CONVERSATIONS];
        struct talk t;
        open_talk(&t);
        size_t keep = next_random(&seed) % 6;
        for (size_t k = 0; k < keep && c->said[k].dir >= 0; k++) {
            say_in(&t, &c->said[k], 1 + next_random(&seed) % 40);
        }
        for (unsigned k = 0; k < 6; k++) {
            size_t n = next_random(&seed) % sizeof noise;
            for (size_t b = 0; b < n; b++) {
                noise[b] = (uint8_t)next_random(&seed);
            }
            say(&t, (int)(next_random(&seed) & 1), span_of(noise, n));
            prelude_gap(&t.p, k & 1, next_random(&seed));
        }
        hs_free(&t.hs);
    }
}

/* Noise from the first byte on has no carrier. */
Test(carriers, noise_is_none)
{
    uint32_t seed = 7;
    uint8_t noise[64];
    for (unsigned i = 0; i < 2000; i++) {
        struct talk t;
        open_talk(&t);
        for (size_t b = 0; b < sizeof noise; b++) {
            noise[b] = (uint8_t)next_random(&seed);
        }
        say(&t, (int)(i & 1), span_of(noise, 32));
        say(&t, (int)(1 - (i & 1)), span_of(noise + 32, 32));
        cr_expect_eq(count(&t, HS_CARRIER), 0);
        hs_free(&t.hs);
    }
}

/* ---- TLS in the same segment ---- */

static void expect_hello_behind(const struct conversation *c)
{
    uint8_t joined[512];
    struct talk t;
    open_talk(&t);
    const struct said *s = c->said;
    for (; s[1].dir >= 0; s++) {
        say_in(&t, s, 4096);
    }
    cr_assert(s->n + sizeof hello <= sizeof joined);
    memcpy(joined, s->bytes, s->n);
    memcpy(joined + s->n, hello, sizeof hello);
    say(&t, s->dir, span_of(joined, s->n + sizeof hello));
    cr_expect(t.tls, "%s", c->name);
    cr_expect_str_eq(t.hs.carrier, c->carrier, "%s", c->name);
    hs_free(&t.hs);
}

Test(carriers, hello_in_the_same_segment)
{
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        if (conversations[i].fate == AT_ONCE) {
            expect_hello_behind(&conversations[i]);
        }
    }
}

Test(carriers, hello_right_behind_connect)
{
    struct talk t;
    open_talk(&t);
    static const char request[] = "CONNECT a.example:443 HTTP/1.1\r\n\r\n";
    uint8_t joined[sizeof request - 1 + sizeof hello];
    memcpy(joined, request, sizeof request - 1);
    memcpy(joined + sizeof request - 1, hello, sizeof hello);
    say(&t, 0, span_of(joined, sizeof joined));
    cr_expect(t.tls);
    cr_expect_str_eq(t.hs.carrier, "http-connect");
    cr_expect_eq(count(&t, HS_CARRIER), 1);
    hs_free(&t.hs);
}

/* ---- not offered ---- */

static const struct {
    const char *carrier;
    struct said said[6]; /* up to the list without TLS, and leave-taking */
    struct said other;   /* what makes use of the protocol without TLS */
} lacking[] = {
    {"starttls-smtp",
     {S("220 mx ESMTP\r\n"), C("EHLO c\r\n"), S("250-mx\r\n250 8BITMIME\r\n"),
      C("QUIT\r\n"), END},
     C("MAIL FROM:<a@b>\r\n")},
    {"starttls-lmtp",
     {S("220 mx LMTP\r\n"), C("LHLO c\r\n"), S("250 mx\r\n"), END},
     C("MAIL FROM:<a@b>\r\n")},
    {"starttls-imap",
     {S("* OK hello\r\n"), C("a CAPABILITY\r\n"),
      S("* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\na OK done\r\n"),
      C("b LOGOUT\r\n"), END},
     C("b LOGIN me secret\r\n")},
    {"starttls-pop3",
     {S("+OK hello\r\n"), C("CAPA\r\n"), S("+OK\r\nTOP\r\nUIDL\r\n.\r\n"), END},
     C("USER me\r\n")},
    {"starttls-nntp",
     {S("200 hello\r\n"), C("CAPABILITIES\r\n"),
      S("101 list:\r\nVERSION 2\r\nREADER\r\n.\r\n"), C("QUIT\r\n"), END},
     C("GROUP misc.test\r\n")},
    {"starttls-sieve",
     {S("\"IMPLEMENTATION\" \"x\"\r\nOK\r\n"), C("LOGOUT\r\n"), END},
     C("AUTHENTICATE \"PLAIN\" \"AA==\"\r\n")},
    {"starttls-xmpp",
     {C("<stream:stream to='a' version='1.0'>"),
      S("<stream:stream><stream:features><mechanisms/></stream:features>"),
      C("</stream:stream>"), END},
     C("<auth mechanism='PLAIN'>")},
};

#define LACKING (sizeof lacking / sizeof lacking[0])

static void say_lacking(struct talk *t, size_t i, size_t step)
{
    open_talk(t);
    for (const struct said *s = lacking[i].said; s->dir >= 0; s++) {
        say_in(t, s, step);
    }
}

static void leave(struct talk *t, enum side side)
{
    t->frame++;
    hs_note(&t->hs, HS_FIN, side, 0, 0, (tick_t)t->frame * TICK_MSEC, t->frame);
    prelude_closed(&t->p, &t->hs);
}

Test(carriers, leaves_when_tls_is_not_offered)
{
    for (size_t i = 0; i < LACKING; i++) {
        for (size_t step = 1; step < 100; step += 33) {
            struct talk t;
            say_lacking(&t, i, step);
            leave(&t, SIDE_CLIENT);
            cr_expect(prelude_is_due(&t.p, &t.hs), "%s", lacking[i].carrier);
            cr_expect(t.hs.carrier_not_offered);
            cr_expect_str_eq(t.hs.carrier, lacking[i].carrier);
            cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 1);
            hs_free(&t.hs);
        }
    }
}

/* Whoever has other business did not come for TLS. */
Test(carriers, goes_on_when_tls_is_not_offered)
{
    for (size_t i = 0; i < LACKING; i++) {
        struct talk t;
        say_lacking(&t, i, 4096);
        say_in(&t, &lacking[i].other, 4096);
        leave(&t, SIDE_CLIENT);
        cr_expect_not(prelude_is_due(&t.p, &t.hs), "%s", lacking[i].carrier);
        cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 0);
        hs_free(&t.hs);
    }
}

/* The server lets nobody in without TLS; with `other` it does after all, or the
 * client asks. */
static const struct {
    const char *carrier, *note;
    struct said said[LINES_MAX];
    struct said other[4];
} demanding[] = {
    {"starttls-smtp",
     "530 5.7.0 Must issue a STARTTLS command first",
     {S("220 mx ESMTP\r\n"), C("EHLO c\r\n"), S("250-mx\r\n250 STARTTLS\r\n"),
      C("MAIL FROM:<a@b>\r\n"),
      S("530 5.7.0 Must issue a STARTTLS command first\r\n"), END},
     {C("DATA\r\n"), S("354 go ahead\r\n"), END}},
    {"starttls-imap",
     "b NO [PRIVACYREQUIRED] Plaintext authentication disallowed",
     {S("* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hello\r\n"),
      C("b LOGIN me secret\r\n"),
      S("b NO [PRIVACYREQUIRED] Plaintext authentication disallowed\r\n"), END},
     {S("d OK logged in\r\n"), END}},
    {"starttls-pop3",
     "-ERR [AUTH] Plaintext authentication disallowed without SSL/TLS",
     {S("+OK hello\r\n"), C("USER me\r\n"),
      S("-ERR [AUTH] Plaintext authentication disallowed without SSL/TLS\r\n"),
      END},
     {C("APOP me 123\r\n"), S("+OK welcome\r\n"), END}},
    {"starttls-sieve",
     "NO (ENCRYPT-NEEDED) \"TLS first\"",
     {S("\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\n"),
      C("AUTHENTICATE \"PLAIN\" \"AA==\"\r\n"),
      S("NO (ENCRYPT-NEEDED) \"TLS first\"\r\n"), END},
     {C("AUTHENTICATE \"SCRAM\"\r\n"), S("OK\r\n"), END}},
    {"starttls-postgresql",
     "no pg_hba.conf entry for host \"10.1.0.2\", no encryption",
     {C("\0\0\0\x12\0\3\0\0user\0abc\0\0"),
      S("E\0\0\0\x4cSFATAL\0C28000\0"
        "Mno pg_hba.conf entry for host \"10.1.0.2\", no encryption\0\0"),
      END},
     {END}},
    {"starttls-nntp",
     "483 Encryption or stronger authentication required",
     {S("200 hello\r\n"), C("AUTHINFO USER me\r\n"),
      S("483 Encryption or stronger authentication required\r\n"), END},
     {C("GROUP a.b\r\n"), S("211 1 1 1 a.b\r\n"), END}},
    {"starttls-ftp",
     "530 Non-anonymous sessions must use encryption.",
     {S("220 ftp\r\n"), C("USER me\r\n"),
      S("530 Non-anonymous sessions must use encryption.\r\n"), END},
     {C("USER ftp\r\n"), S("331 Who?\r\n230 Welcome\r\n"), END}},
    {"starttls-ldap",
     "confidentialityRequired (13): TLS please",
     {C("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\0\x80\0"),
      S("\x30\x16\x02\x01\x01\x61\x11\x0a\x01\x0d\x04\0\x04\x0aTLS please"),
      C("\x30\x05\x02\x01\x02\x42\0"), END},
     {S("\x30\x0c\x02\x01\x03\x61\x07\x0a\x01\0\x04\0\x04\0"), END}},
    {"starttls-rdp",
     "SSL_REQUIRED_BY_SERVER (1)",
     {C("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\0\0\0\0"),
      S("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\x08\0\1\0\0\0"), END},
     {END}},
    {"starttls-mysql",
     "error 3159: Connections using insecure transport are prohibited",
     {S("\x21\0\0\0\x0a"
        "8.0.36\0\x01\0\0\0saltsalt\0\xff\xff\xff\x02\0\xff\xdf\x15\0\0\0\0"),
      C("\x24\0\0\x01\x85\xa6\xff\x19\0\0\0\x01\xff\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0root"),
      S("\x3c\0\0\2\xff\x57\x0c#HY000"
        "Connections using insecure transport are prohibited"),
      END},
     {END}},
};

#define DEMANDING (sizeof demanding / sizeof demanding[0])

static void say_demanding(struct talk *t, size_t i, size_t step)
{
    open_talk(t);
    for (const struct said *s = demanding[i].said; s->dir >= 0; s++) {
        say_in(t, s, step);
    }
}

Test(carriers, goes_without_tls_where_the_server_demands_it)
{
    for (size_t i = 0; i < DEMANDING; i++) {
        for (size_t step = 1; step < 100; step += 33) {
            struct talk t;
            say_demanding(&t, i, step);
            cr_expect_not(prelude_is_due(&t.p, &t.hs), "it may still ask");
            leave(&t, SIDE_CLIENT);
            cr_expect(prelude_is_due(&t.p, &t.hs), "%s", demanding[i].carrier);
            cr_expect(t.hs.carrier_demanded);
            cr_expect_str_eq(t.hs.carrier, demanding[i].carrier);
            cr_expect(span_eq(t.hs.carrier_note, span_text(demanding[i].note)),
                      "%s: %.*s", demanding[i].carrier,
                      (int)t.hs.carrier_note.n,
                      (const char *)t.hs.carrier_note.p);
            cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 1);
            hs_free(&t.hs);
        }
    }
}

Test(carriers, is_let_in_where_the_server_demanded_tls)
{
    for (size_t i = 0; i < DEMANDING; i++) {
        struct talk t;
        say_demanding(&t, i, 4096);
        bool other = demanding[i].other[0].dir >= 0;
        for (const struct said *s = demanding[i].other; s->dir >= 0; s++) {
            say_in(&t, s, 4096);
        }
        leave(&t, SIDE_CLIENT);
        cr_expect_eq(prelude_is_due(&t.p, &t.hs), !other, "%s",
                     demanding[i].carrier);
        cr_expect_eq(count(&t, HS_CARRIER_REFUSED), !other);
        hs_free(&t.hs);
    }
}

/* Log-ins that fail for another reason. */
static const struct said not_demanding[][LINES_MAX] = {
    {S("+OK hello\r\n"), C("USER kessler\r\n"), S("+OK\r\n"), C("PASS x\r\n"),
     S("-ERR [AUTH] Password supplied for \"kessler\" is incorrect.\r\n"), END},
    {S("220 ftp\r\n"), C("USER hassler\r\n"), S("331 Password\r\n"),
     C("PASS x\r\n"), S("530 User hassler cannot log in.\r\n"), END},
    {C("\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\0\0\0\0"),
     S("\3\0\0\x13\x0e\xd0\0\0\x12\x34\0\3\0\x08\0\4\0\0\0"), END},
};

Test(carriers, is_turned_away_where_nothing_demands_tls)
{
    const size_t n = sizeof not_demanding / sizeof not_demanding[0];
    for (size_t i = 0; i < n; i++) {
        struct talk t;
        open_talk(&t);
        for (const struct said *s = not_demanding[i]; s->dir >= 0; s++) {
            say_in(&t, s, 4096);
        }
        leave(&t, SIDE_CLIENT);
        cr_expect_not(t.hs.carrier_demanded, "%zu", i);
        cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 0, "%zu", i);
        hs_free(&t.hs);
    }
}

/* Who asks after all got nothing turned down. */
Test(carriers, asks_where_the_server_demanded_tls)
{
    struct talk t;
    struct said ask = C("STARTTLS\r\n");
    struct said go = S("220 go\r\n");
    say_demanding(&t, 0, 4096);
    say_in(&t, &ask, 4096);
    say_in(&t, &go, 4096);
    cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 0);
    cr_expect_eq(count(&t, HS_CARRIER_OK), 1);
    cr_expect_not(t.hs.carrier_demanded);
    hs_free(&t.hs);
}

static bool is_due_after(const struct said *said, enum side leaver)
{
    struct talk t;
    open_talk(&t);
    for (; said->dir >= 0; said++) {
        say_in(&t, said, 4096);
    }
    leave(&t, leaver);
    bool due = prelude_is_due(&t.p, &t.hs);
    hs_free(&t.hs);
    return due;
}

Test(carriers, leaving_says_nothing_of_tls)
{
    const struct said offered[] = {S("220 mx ESMTP\r\n"), C("EHLO c\r\n"),
                                   S("250-mx\r\n250 STARTTLS\r\n"),
                                   C("QUIT\r\n"), END};
    const struct said unasked[] = {S("220 mx ESMTP\r\n"), C("HELO c\r\n"),
                                   S("250 mx\r\n"), C("QUIT\r\n"), END};
    const struct said listed[] = {S("220 mx ESMTP\r\n"), C("EHLO c\r\n"),
                                  S("250-mx\r\n250 8BITMIME\r\n"), END};
    cr_expect_not(is_due_after(offered, SIDE_CLIENT));
    cr_expect_not(is_due_after(unasked, SIDE_CLIENT));
    cr_expect_not(is_due_after(listed, SIDE_SERVER)); /* a timeout of its own */
    cr_expect(is_due_after(listed, SIDE_CLIENT));
}

/* ---- no answer ---- */

static bool is_due_unanswered(tick_t patience)
{
    struct talk t;
    open_talk(&t);
    struct said asked = C("CAP LS 302\r\nSTARTTLS\r\n");
    struct said greeting = S(":irc.example NOTICE * :hello\r\n");
    say_in(&t, &greeting, 4096);
    say_in(&t, &asked, 4096);
    tick_t when = (tick_t)t.frame * TICK_MSEC + patience;
    hs_note(&t.hs, HS_FIN, SIDE_CLIENT, 0, 0, when, t.frame + 1);
    prelude_closed(&t.p, &t.hs);
    bool due = prelude_is_due(&t.p, &t.hs);
    hs_free(&t.hs);
    return due;
}

Test(carriers, no_answer_counts_when_the_client_waited)
{
    cr_expect(is_due_unanswered(8 * TICK_SEC));
    cr_expect_not(is_due_unanswered(TICK_SEC / 2));
}

/* ---- plaintext in between ---- */

Test(carriers, injected_plaintext_is_counted)
{
    struct talk t;
    open_talk(&t);
    const struct said said[] = {
        S("220 mx ESMTP\r\n"),           C("EHLO c\r\n"),
        S("250-mx\r\n250 STARTTLS\r\n"), C("STARTTLS\r\nRSET\r\n"),
        S("220 go\r\n250 evil\r\n"),     END};
    for (const struct said *s = said; s->dir >= 0; s++) {
        say_in(&t, s, 4096);
    }
    cr_expect_eq(t.hs.carrier_injected[SIDE_CLIENT], 6);
    cr_expect_eq(t.hs.carrier_injected_frame[SIDE_CLIENT], 4);
    cr_expect_eq(t.hs.carrier_injected[SIDE_SERVER], 10);
    cr_expect_eq(t.hs.carrier_injected_frame[SIDE_SERVER], 5);
    cr_expect_eq(count(&t, HS_CARRIER_OK), 1);
    hs_free(&t.hs);
}

Test(carriers, nothing_is_injected_in_orderly_talks)
{
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        struct talk t;
        open_talk(&t);
        for (const struct said *s = conversations[i].said; s->dir >= 0; s++) {
            say_in(&t, s, 4096);
        }
        cr_expect_eq(t.hs.carrier_injected[SIDE_CLIENT], 0, "%s",
                     conversations[i].name);
        cr_expect_eq(t.hs.carrier_injected[SIDE_SERVER], 0, "%s",
                     conversations[i].name);
        hs_free(&t.hs);
    }
}

/* ---- retries and refusals ---- */

Test(carriers, a_407_is_no_failure_until_the_end)
{
    struct talk t;
    open_talk(&t);
    struct said request = C("CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    struct said answer =
        S("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    say_in(&t, &request, 4096);
    say_in(&t, &answer, 4096);
    cr_expect_eq(prelude_verdict(&t.p, &t.hs), PRELUDE_GO_ON);
    cr_expect(prelude_is_due(&t.p, &t.hs)); /* if it ends like this */
    say_in(&t, &request, 1);
    cr_expect_not(prelude_is_due(&t.p, &t.hs));
    cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 0);
    hs_free(&t.hs);
}

/* A proxy names itself in the headers of its answer, also of one that refuses,
 * and not in the page behind them. */
Test(carriers, a_proxy_that_names_itself)
{
    static const struct {
        const char *answer, *agent;
    } rows[] = {
        {"HTTP/1.1 200 OK\r\nvia: 1.1 gw (Gateway/7)\r\nX-Other: 1\r\n"
         "Proxy-agent: Gateway/7\r\n\r\n",
         "via: 1.1 gw (Gateway/7); Proxy-agent: Gateway/7"},
        {"HTTP/1.1 403 Forbidden\r\nServer: squid/5.7\r\n"
         "X-Squid-Error: ERR_ACCESS_DENIED 0\r\n\r\nVia: nobody\r\n",
         "Server: squid/5.7; X-Squid-Error: ERR_ACCESS_DENIED 0"},
        {"HTTP/1.1 407 No\r\nServer: squid/5.7\r\n", "Server: squid/5.7"},
        {"HTTP/1.1 200 OK\r\nDate: now\r\n\r\n", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct talk t;
        open_talk(&t);
        say(&t, SIDE_CLIENT,
            span_text("CONNECT a.example:443 HTTP/1.1\r\n\r\n"));
        say(&t, SIDE_SERVER, span_text(rows[i].answer));
        cr_expect(span_eq(t.hs.carrier_agent, span_text(rows[i].agent)),
                  "%zu: %.*s", i, (int)t.hs.carrier_agent.n,
                  t.hs.carrier_agent.p ? (const char *)t.hs.carrier_agent.p
                                       : "");
        hs_free(&t.hs);
    }
}

/* s_client does that: the refusal stands, unless the server answers in TLS. */
Test(carriers, hello_in_spite_of_a_refusal)
{
    struct talk t;
    open_talk(&t);
    struct said said[] = {S("+OK ready\r\n"), C("STLS\r\n"), S("-ERR no\r\n")};
    for (size_t i = 0; i < 3; i++) {
        say_in(&t, &said[i], 4096);
    }
    prelude_tls_begins(&t.p, &t.hs, TICK_SEC, 9);
    cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 1);
    cr_expect_eq(count(&t, HS_CARRIER_OK), 0);
    prelude_accepted(&t.p, &t.hs, 2 * TICK_SEC, 10);
    cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 0);
    cr_expect_eq(count(&t, HS_CARRIER_OK), 1);
    hs_free(&t.hs);
}

Test(carriers, an_end_in_place_of_the_answer)
{
    struct talk t;
    open_talk(&t);
    struct said request = C("CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    say_in(&t, &request, 4096);
    cr_expect_not(prelude_is_due(&t.p, &t.hs));
    hs_note(&t.hs, HS_FIN, SIDE_SERVER, 0, 0, TICK_SEC, 9);
    cr_expect(prelude_is_due(&t.p, &t.hs));
    hs_free(&t.hs);
}

Test(carriers, the_client_leaves_before_the_answer)
{
    struct talk t;
    open_talk(&t);
    struct said request = C("CONNECT a.example:443 HTTP/1.1\r\n\r\n");
    say_in(&t, &request, 4096);
    hs_note(&t.hs, HS_FIN, SIDE_CLIENT, 0, 0, TICK_SEC, 9);
    hs_note(&t.hs, HS_FIN, SIDE_SERVER, 0, 0, TICK_SEC, 10);
    cr_expect_not(prelude_is_due(&t.p, &t.hs));
    hs_free(&t.hs);
}

/* The tunnel was to a port where TLS does not come first. */
Test(carriers, socks_to_a_plaintext_port)
{
    struct talk t;
    open_talk(&t);
    struct said said[] = {C("\x04\x01\0\x50\xc0\0\x02\x01\0"),
                          S("\0\x5b\0\0\0\0\0\0"), C("x")};
    for (size_t i = 0; i < 3; i++) {
        say_in(&t, &said[i], 4096);
    }
    cr_expect_eq(prelude_verdict(&t.p, &t.hs), PRELUDE_NOT_TLS);
    cr_expect_not(prelude_is_due(&t.p, &t.hs));
    hs_free(&t.hs);
}

/* A line longer than what is kept is still one line. */
Test(carriers, long_line)
{
    struct talk t;
    open_talk(&t);
    static char line[5000];
    memset(line, 'x', sizeof line);
    memcpy(line, "250-STARTTLS ", 13);
    line[sizeof line - 1] = '\n';
    struct said before[] = {S("220 mx\r\n"), C("EHLO c\r\n")};
    struct said after[] = {S("250 ok\r\n"), C("STARTTLS\r\n"), S("220 go\r\n")};
    say_in(&t, &before[0], 4096);
    say_in(&t, &before[1], 4096);
    say(&t, 1, span_of(line, sizeof line));
    for (size_t i = 0; i < 3; i++) {
        say_in(&t, &after[i], 4096);
    }
    cr_expect_eq(count(&t, HS_CARRIER_OK), 1);
    hs_free(&t.hs);
}

/* With replies missing from the capture the next one counts. */
Test(carriers, gap_before_the_answer)
{
    struct talk t;
    open_talk(&t);
    struct said before[] = {S("220 mx\r\n"),
                            C("EHLO c\r\nNOOP\r\nNOOP\r\nSTARTTLS\r\n")};
    struct said after = S("454 no\r\n");
    say_in(&t, &before[0], 4096);
    say_in(&t, &before[1], 4096);
    prelude_gap(&t.p, 1, 40);
    say_in(&t, &after, 4096);
    cr_expect_eq(count(&t, HS_CARRIER_REFUSED), 1);
    hs_free(&t.hs);
}

Test(carriers, plaintext_sent_to_a_tls_port)
{
    struct talk t;
    open_talk(&t);
    struct said said[] = {
        C("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        S("HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to "
          "HTTPS port")};
    say_in(&t, &said[0], 4096);
    say_in(&t, &said[1], 4096);
    cr_expect_eq(prelude_verdict(&t.p, &t.hs), PRELUDE_TLS_PORT);
    hs_free(&t.hs);
}

/* ---- TLS in packets of TDS ---- */

static size_t unwrap_all(struct talk *t, int dir, struct span bytes,
                         size_t step, uint8_t *out, size_t max)
{
    size_t n = 0;
    for (size_t at = 0; at < bytes.n; at += step) {
        struct span part = span_sub(bytes, at, step);
        struct span tls;
        while (prelude_unwrap(&t->p, (unsigned)dir, &part, &tls)) {
            cr_assert(n + tls.n <= max);
            memcpy(out + n, tls.p, tls.n);
            n += tls.n;
        }
        cr_assert_eq(part.n, 0);
    }
    return n;
}

Test(carriers, tds_unwraps)
{
    static const struct said said[] = {
        C("\x12\x01\0\x0f\0\0\x01\0\x01\0\x06\0\x01\xff\0"),
        S("\x04\x01\0\x0f\0\0\x01\0\x01\0\x06\0\x01\xff\0")};
    /* Two packets, then the record of the login bare. */
    static const char client[] = "\x12\0\0\x0c\0\0\0\0\x16\x03\x01\x00"
                                 "\x12\x01\0\x0b\0\0\x01\0\x03\x01\x02"
                                 "\x17\x03\x03\0\x02\x12\x01";
    static const char want[] = "\x16\x03\x01\x00\x03\x01\x02"
                               "\x17\x03\x03\0\x02\x12\x01";
    for (size_t step = 1; step < 40; step += 6) {
        struct talk t;
        open_talk(&t);
        say_in(&t, &said[0], step);
        cr_expect_not(t.p.wrapped);
        say_in(&t, &said[1], step);
        cr_expect(t.p.wrapped);
        cr_expect_str_eq(t.hs.carrier, "starttls-tds");
        cr_expect_eq(count(&t, HS_CARRIER_OK), 1);
        uint8_t out[64];
        size_t n = unwrap_all(&t, 0, span_of(client, sizeof client - 1), step,
                              out, sizeof out);
        cr_expect(span_eq(span_of(out, n), span_of(want, sizeof want - 1)));
        hs_free(&t.hs);
    }
}
