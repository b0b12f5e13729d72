/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QUIC: the sample packets of RFC 9001 appendix A (version 1) and RFC 9369
 * appendix A (version 2), and conversations sealed here with the keys that
 * those samples prove right: CRYPTO frames in any order, Retry, Version
 * Negotiation, closes, and hostile lengths.
 */
#include "dissectors/quic.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <stdlib.h>

#define ROOM 2048u

/* Appendices A.2 and A.3 of both RFCs. */
static const char client_v1[] =
    "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11"
    "d242b123dc9bd8bab936b47d92ec356c0bab7df5976d27cd449f63300099f399"
    "1c260ec4c60d17b31f8429157bb35a1282a643a8d2262cad67500cadb8e7378c"
    "8eb7539ec4d4905fed1bee1fc8aafba17c750e2c7ace01e6005f80fcb7df6212"
    "30c83711b39343fa028cea7f7fb5ff89eac2308249a02252155e2347b63d58c5"
    "457afd84d05dfffdb20392844ae812154682e9cf012f9021a6f0be17ddd0c208"
    "4dce25ff9b06cde535d0f920a2db1bf362c23e596d11a4f5a6cf3948838a3aec"
    "4e15daf8500a6ef69ec4e3feb6b1d98e610ac8b7ec3faf6ad760b7bad1db4ba3"
    "485e8a94dc250ae3fdb41ed15fb6a8e5eba0fc3dd60bc8e30c5c4287e53805db"
    "059ae0648db2f64264ed5e39be2e20d82df566da8dd5998ccabdae053060ae6c"
    "7b4378e846d29f37ed7b4ea9ec5d82e7961b7f25a9323851f681d582363aa5f8"
    "9937f5a67258bf63ad6f1a0b1d96dbd4faddfcefc5266ba6611722395c906556"
    "be52afe3f565636ad1b17d508b73d8743eeb524be22b3dcbc2c7468d54119c74"
    "68449a13d8e3b95811a198f3491de3e7fe942b330407abf82a4ed7c1b311663a"
    "c69890f4157015853d91e923037c227a33cdd5ec281ca3f79c44546b9d90ca00"
    "f064c99e3dd97911d39fe9c5d0b23a229a234cb36186c4819e8b9c5927726632"
    "291d6a418211cc2962e20fe47feb3edf330f2c603a9d48c0fcb5699dbfe58964"
    "25c5bac4aee82e57a85aaf4e2513e4f05796b07ba2ee47d80506f8d2c25e50fd"
    "14de71e6c418559302f939b0e1abd576f279c4b2e0feb85c1f28ff18f58891ff"
    "ef132eef2fa09346aee33c28eb130ff28f5b766953334113211996d20011a198"
    "e3fc433f9f2541010ae17c1bf202580f6047472fb36857fe843b19f5984009dd"
    "c324044e847a4f4a0ab34f719595de37252d6235365e9b84392b061085349d73"
    "203a4a13e96f5432ec0fd4a1ee65accdd5e3904df54c1da510b0ff20dcc0c77f"
    "cb2c0e0eb605cb0504db87632cf3d8b4dae6e705769d1de354270123cb11450e"
    "fc60ac47683d7b8d0f811365565fd98c4c8eb936bcab8d069fc33bd801b03ade"
    "a2e1fbc5aa463d08ca19896d2bf59a071b851e6c239052172f296bfb5e724047"
    "90a2181014f3b94a4e97d117b438130368cc39dbb2d198065ae3986547926cd2"
    "162f40a29f0c3c8745c0f50fba3852e566d44575c29d39a03f0cda721984b6f4"
    "40591f355e12d439ff150aab7613499dbd49adabc8676eef023b15b65bfc5ca0"
    "6948109f23f350db82123535eb8a7433bdabcb909271a6ecbcb58b936a88cd4e"
    "8f2e6ff5800175f113253d8fa9ca8885c2f552e657dc603f252e1a8e308f76f0"
    "be79e2fb8f5d5fbbe2e30ecadd220723c8c0aea8078cdfcb3868263ff8f09400"
    "54da48781893a7e49ad5aff4af300cd804a6b6279ab3ff3afb64491c85194aab"
    "760d58a606654f9f4400e8b38591356fbf6425aca26dc85244259ff2b19c41b9"
    "f96f3ca9ec1dde434da7d2d392b905ddf3d1f9af93d1af5950bd493f5aa731b4"
    "056df31bd267b6b90a079831aaf579be0a39013137aac6d404f518cfd4684064"
    "7e78bfe706ca4cf5e9c5453e9f7cfd2b8b4c8d169a44e55c88d4a9a7f9474241"
    "e221af44860018ab0856972e194cd934";
static const char server_v1[] =
    "cf000000010008f067a5502a4262b5004075c0d95a482cd0991cd25b0aac406a"
    "5816b6394100f37a1c69797554780bb38cc5a99f5ede4cf73c3ec2493a1839b3"
    "dbcba3f6ea46c5b7684df3548e7ddeb9c3bf9c73cc3f3bded74b562bfb19fb84"
    "022f8ef4cdd93795d77d06edbb7aaf2f58891850abbdca3d20398c276456cbc4"
    "2158407dd074ee";
static const char client_v2[] =
    "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485"
    "dd04de806071bf03dceebfa162e75d6c96058bdbfb127cdfcbf903388e99ad04"
    "9f9a3dd4425ae4d0992cfff18ecf0fdb5a842d09747052f17ac2053d21f57c5d"
    "250f2c4f0e0202b70785b7946e992e58a59ac52dea6774d4f03b55545243cf1a"
    "12834e3f249a78d395e0d18f4d766004f1a2674802a747eaa901c3f10cda5500"
    "cb9122faa9f1df66c392079a1b40f0de1c6054196a11cbea40afb6ef5253cd68"
    "18f6625efce3b6def6ba7e4b37a40f7732e093daa7d52190935b8da58976ff33"
    "12ae50b187c1433c0f028edcc4c2838b6a9bfc226ca4b4530e7a4ccee1bfa2a3"
    "d396ae5a3fb512384b2fdd851f784a65e03f2c4fbe11a53c7777c023462239dd"
    "6f7521a3f6c7d5dd3ec9b3f233773d4b46d23cc375eb198c63301c21801f6520"
    "bcfb7966fc49b393f0061d974a2706df8c4a9449f11d7f3d2dcbb90c6b877045"
    "636e7c0c0fe4eb0f697545460c806910d2c355f1d253bc9d2452aaa549e27a1f"
    "ac7cf4ed77f322e8fa894b6a83810a34b361901751a6f5eb65a0326e07de7c12"
    "16ccce2d0193f958bb3850a833f7ae432b65bc5a53975c155aa4bcb4f7b2c4e5"
    "4df16efaf6ddea94e2c50b4cd1dfe06017e0e9d02900cffe1935e0491d77ffb4"
    "fdf85290fdd893d577b1131a610ef6a5c32b2ee0293617a37cbb08b847741c3b"
    "8017c25ca9052ca1079d8b78aebd47876d330a30f6a8c6d61dd1ab5589329de7"
    "14d19d61370f8149748c72f132f0fc99f34d766c6938597040d8f9e2bb522ff9"
    "9c63a344d6a2ae8aa8e51b7b90a4a806105fcbca31506c446151adfeceb51b91"
    "abfe43960977c87471cf9ad4074d30e10d6a7f03c63bd5d4317f68ff325ba3bd"
    "80bf4dc8b52a0ba031758022eb025cdd770b44d6d6cf0670f4e990b22347a7db"
    "848265e3e5eb72dfe8299ad7481a408322cac55786e52f633b2fb6b614eaed18"
    "d703dd84045a274ae8bfa73379661388d6991fe39b0d93debb41700b41f90a15"
    "c4d526250235ddcd6776fc77bc97e7a417ebcb31600d01e57f32162a8560cacc"
    "7e27a096d37a1a86952ec71bd89a3e9a30a2a26162984d7740f81193e8238e61"
    "f6b5b984d4d3dfa033c1bb7e4f0037febf406d91c0dccf32acf423cfa1e70710"
    "10d3f270121b493ce85054ef58bada42310138fe081adb04e2bd901f2f13458b"
    "3d6758158197107c14ebb193230cd1157380aa79cae1374a7c1e5bbcb80ee23e"
    "06ebfde206bfb0fcbc0edc4ebec309661bdd908d532eb0c6adc38b7ca7331dce"
    "8dfce39ab71e7c32d318d136b6100671a1ae6a6600e3899f31f0eed19e3417d1"
    "34b90c9058f8632c798d4490da4987307cba922d61c39805d072b589bd52fdf1"
    "e86215c2d54e6670e07383a27bbffb5addf47d66aa85a0c6f9f32e59d85a44dd"
    "5d3b22dc2be80919b490437ae4f36a0ae55edf1d0b5cb4e9a3ecabee93dfc6e3"
    "8d209d0fa6536d27a5d6fbb17641cde27525d61093f1b28072d111b2b4ae5f89"
    "d5974ee12e5cf7d5da4d6a31123041f33e61407e76cffcdcfd7e19ba58cf4b53"
    "6f4c4938ae79324dc402894b44faf8afbab35282ab659d13c93f70412e85cb19"
    "9a37ddec600545473cfb5a05e08d0b209973b2172b4d21fb69745a262ccde96b"
    "a18b2faa745b6fe189cf772a9f84cbfc";
static const char server_v2[] =
    "dc6b3343cf0008f067a5502a4262b5004075d92faaf16f05d8a4398c47089698"
    "baeea26b91eb761d9b89237bbf87263017915358230035f7fd3945d88965cf17"
    "f9af6e16886c61bfc703106fbaf3cb4cfa52382dd16a393e42757507698075b2"
    "c984c707f0a0812d8cd5a6881eaf21ceda98f4bd23f6fe1a3e2c43edd9ce7ca8"
    "4bed8521e2e140";
/* The CRYPTO frame with the ClientHello in A.2, and the frames in A.3. */
static const char client_frame[] =
    "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e868"
    "04fe3a47f06a2b69484c00000413011302010000c000000010000e00000b6578"
    "616d706c652e636f6dff01000100000a00080006001d00170018001000070005"
    "04616c706e000500050100000000003300260024001d00209370b2c9caa47fba"
    "baf4559fedba753de171fa71f50f1ce15d43e994ec74d748002b000302030400"
    "0d0010000e0403050306030203080408050806002d00020101001c0002400100"
    "3900320408ffffffffffffffff05048000ffff07048000ffff08011001048000"
    "75300901100f088394c8f03e51570806048000ffff";
static const char server_frames[] =
    "02000000000600405a020000560303eefce7f7b37ba1d1632e96677825ddf739"
    "88cfc79825df566dc5430b9a045a1200130100002e00330024001d00209d3c94"
    "0d89690b84d08a60993c144eca684d1081287c834d5311bcf32bb9da1a002b00"
    "020304";
static const char first_dcid[] = "8394c8f03e515708";
static const char server_scid[] = "f067a5502a4262b5";

struct out {
    uint8_t b[ROOM];
    size_t n;
};

static void u8(struct out *o, unsigned v)
{
    cr_assert_lt(o->n, sizeof o->b);
    o->b[o->n++] = (uint8_t)v;
}

static void u32(struct out *o, uint32_t v)
{
    for (int i = 24; i >= 0; i -= 8) {
        u8(o, v >> i & 0xff);
    }
}

/* RFC 9000 section 16, always in eight bytes. */
static void varint8(struct out *o, uint64_t v)
{
    u32(o, (uint32_t)(v >> 32) | 0xc0000000u);
    u32(o, (uint32_t)v);
}

static void bytes(struct out *o, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        u8(o, p[i]);
    }
}

static struct out hex(const char *s)
{
    struct out o = {.n = 0};
    for (; s[0] && s[1]; s += 2) {
        char pair[3] = {s[0], s[1], 0};
        u8(&o, (unsigned)strtoul(pair, NULL, 16));
    }
    return o;
}

static struct span span_out(const struct out *o)
{
    return span_of(o->b, o->n);
}

static void expect_hex(const uint8_t *p, size_t n, const char *want)
{
    struct out w = hex(want);
    cr_assert_eq(n, w.n);
    cr_assert(memcmp(p, w.b, n) == 0, "want %s", want);
}

/* ---- appendix A.1: keys; the mask of A.2 ---- */

static void expect_keys(uint32_t version, const char *const want[6])
{
    struct quic_keys k[2];
    struct out dcid = hex(first_dcid);
    cr_assert(quic_initial_keys(version, span_out(&dcid), k));
    for (int i = 0; i < 2; i++) {
        expect_hex(k[i].key, 16, want[3 * i]);
        expect_hex(k[i].iv, 12, want[3 * i + 1]);
        expect_hex(k[i].hp, 16, want[3 * i + 2]);
    }
}

Test(quic, keys_of_both_versions)
{
    static const char *const v1[6] = {
        "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c",
        "9f50449e04a0e810283a1e9933adedd2", "cf3a5331653c364c88f0f379b6067e37",
        "0ac1493ca1905853b0bba03e",         "c206b8d9b9f0f37644430b490eeaa314"};
    static const char *const v2[6] = {
        "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f",
        "45b95e15235d6f45a6b19cbcb0294ba9", "82db637861d55e1d011f19ea71d5d2a7",
        "dd13c276499c0249d3310652",         "edf6d05c83121201b436e16877593c3a"};
    expect_keys(QUIC_V1, v1);
    expect_keys(0xff000022, v1); /* draft 34 */
    expect_keys(QUIC_V2, v2);
    struct quic_keys k[2];
    cr_assert_not(quic_initial_keys(0x12345678, span_text("12345678"), k));
}

Test(quic, header_mask)
{
    struct quic_keys k[2];
    struct out dcid = hex(first_dcid);
    uint8_t mask[5];
    struct out sample = hex("d1b1c98dd7689fb8ec11d242b123dc9b");
    cr_assert(quic_initial_keys(QUIC_V1, span_out(&dcid), k));
    cr_assert(quic_header_mask(&k[0], sample.b, mask));
    expect_hex(mask, 5, "437b9aec36");
    sample = hex("ffe67b6abcdb4298b485dd04de806071");
    cr_assert(quic_initial_keys(QUIC_V2, span_out(&dcid), k));
    cr_assert(quic_header_mask(&k[0], sample.b, mask));
    expect_hex(mask, 5, "94a0c95e80");
}

/* ---- appendices A.2 and A.3: packets ---- */

static void expect_open(uint32_t version, int side, const char *packet,
                        const char *frames, int64_t want_pn, size_t padded)
{
    struct quic_keys k[2];
    struct out dcid = hex(first_dcid), p = hex(packet), want = hex(frames);
    uint8_t room[QUIC_PACKET_MAX];
    struct span out = {NULL, 0};
    int64_t pn = -1;
    want.n = padded ? padded : want.n; /* zeros follow */
    cr_assert(quic_initial_keys(version, span_out(&dcid), k));
    cr_assert(
        quic_open(&k[side], span_out(&p), 18, -1, false, room, &out, &pn));
    cr_assert_eq(pn, want_pn);
    cr_assert(span_eq(out, span_out(&want)));
    for (size_t i = 0; i < p.n; i += 7) { /* any changed bit is noticed */
        p.b[i] ^= 1;
        cr_assert_not(
            quic_open(&k[side], span_out(&p), 18, -1, false, room, &out, &pn),
            "byte %zu", i);
        p.b[i] ^= 1;
    }
}

Test(quic, sample_packets)
{
    expect_open(QUIC_V1, 0, client_v1, client_frame, 2, 1162);
    expect_open(QUIC_V1, 1, server_v1, server_frames, 1, 0);
    expect_open(QUIC_V2, 0, client_v2, client_frame, 2, 1162);
    expect_open(QUIC_V2, 1, server_v2, server_frames, 1, 0);
}

/* ---- conversations ---- */

struct talk {
    struct quic_state t;
    struct handshake hs;
    uint64_t frame;
};

static void begin(struct talk *k)
{
    *k = (struct talk){.frame = 0};
    hs_init(&k->hs, 256 * 1024);
    k->hs.flavour = FLAVOUR_QUIC;
    k->hs.transport = TRANSPORT_UDP;
    quic_init(&k->t);
}

static bool say(struct talk *k, enum side side, const struct out *o)
{
    k->frame++;
    return quic_feed(&k->t, &k->hs, side, span_out(o), (uint32_t)o->n,
                     (tick_t)k->frame * TICK_MSEC, k->frame);
}

static void end(struct talk *k)
{
    quic_fini(&k->t);
    hs_free(&k->hs);
}

static void long_header(struct out *o, unsigned first, uint32_t version,
                        const char *dcid, const char *scid)
{
    struct out d = hex(dcid), s = hex(scid);
    u8(o, first);
    u32(o, version);
    u8(o, (unsigned)d.n);
    bytes(o, d.b, d.n);
    u8(o, (unsigned)s.n);
    bytes(o, s.b, s.n);
}

/* Seals frames into a version 1 Initial packet with a packet number of four
 * bytes (RFC 9001 section 5). `key_dcid` makes the keys. */
static void initial(struct out *o, enum side side, const char *key_dcid,
                    const char *dcid, const char *scid, uint32_t pn,
                    const struct out *frames)
{
    struct quic_keys k[2];
    struct out kd = hex(key_dcid), p = {.n = 0};
    uint8_t nonce[12], mask[5];
    int n = 0;
    cr_assert(quic_initial_keys(QUIC_V1, span_out(&kd), k));
    long_header(&p, 0xc3, QUIC_V1, dcid, scid);
    u8(&p, 0); /* token */
    size_t pad = frames->n < 20 ? 20 - frames->n : 0;
    varint8(&p, 4 + frames->n + pad + 16);
    size_t pn_at = p.n;
    u32(&p, pn);
    size_t head = p.n;
    memcpy(nonce, k[side].iv, 12);
    for (int i = 0; i < 4; i++) {
        nonce[11 - i] ^= (uint8_t)(pn >> (8 * i));
    }
    uint8_t plain[ROOM] = {0};
    memcpy(plain, frames->b, frames->n);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, k[side].key, nonce);
    EVP_EncryptUpdate(ctx, NULL, &n, p.b, (int)head);
    EVP_EncryptUpdate(ctx, p.b + head, &n, plain, (int)(frames->n + pad));
    p.n += frames->n + pad;
    EVP_EncryptFinal_ex(ctx, p.b + p.n, &n);
    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, 16, p.b + p.n);
    p.n += 16;
    EVP_CIPHER_CTX_free(ctx);
    cr_assert(quic_header_mask(&k[side], p.b + pn_at + 4, mask));
    p.b[0] ^= mask[0] & 0x0f;
    for (int i = 0; i < 4; i++) {
        p.b[pn_at + (size_t)i] ^= mask[1 + i];
    }
    bytes(o, p.b, p.n);
}

static void crypto(struct out *o, uint64_t offset, const uint8_t *p, size_t n)
{
    u8(o, 6);
    varint8(o, offset);
    varint8(o, n);
    bytes(o, p, n);
}

/* The sample's ClientHello and ServerHello without their frames' headers. */
static struct out message(const char *frames, size_t skip)
{
    struct out f = hex(frames), m = {.n = 0};
    bytes(&m, f.b + skip, f.n - skip);
    return m;
}

static struct out hello(void)
{
    return message(client_frame, 4);
}

static struct out answer(void)
{
    return message(server_frames, 9); /* an ACK of 5 bytes, then 4 */
}

static void say_hello(struct talk *k)
{
    struct out m = hello(), f = {.n = 0}, o = {.n = 0};
    crypto(&f, 0, m.b, m.n);
    initial(&o, SIDE_CLIENT, first_dcid, first_dcid, "c1c1c1c1", 0, &f);
    cr_assert(quic_probe(span_out(&o)));
    cr_assert(say(k, SIDE_CLIENT, &o));
}

static void say_answer(struct talk *k)
{
    struct out m = answer(), f = {.n = 0}, o = {.n = 0};
    crypto(&f, 0, m.b, m.n);
    initial(&o, SIDE_SERVER, first_dcid, "c1c1c1c1", server_scid, 0, &f);
    say(k, SIDE_SERVER, &o);
}

Test(quic, samples_become_hellos)
{
    const char *const packets[][2] = {{client_v1, server_v1},
                                      {client_v2, server_v2}};
    for (int i = 0; i < 2; i++) {
        struct talk k;
        struct out c = hex(packets[i][0]), s = hex(packets[i][1]);
        begin(&k);
        cr_assert(quic_probe(span_out(&c)));
        cr_assert(say(&k, SIDE_CLIENT, &c));
        cr_assert(say(&k, SIDE_SERVER, &s));
        const struct hs_event *e = hs_find(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT);
        cr_assert_not_null(e);
        cr_assert_eq(e->len, 0xf1); /* 241 bytes of CRYPTO data */
        e = hs_find(&k.hs, HS_SERVER_HELLO, SIDE_SERVER);
        cr_assert_not_null(e);
        cr_assert_eq(e->len, 0x5a);
        cr_assert_eq(k.hs.version, 0x0304);
        cr_assert_eq(k.hs.cipher, 0x1301);
        cr_assert_not(say(&k, SIDE_CLIENT, &c), "again");
        cr_assert_eq(k.hs.dir[SIDE_CLIENT].retransmits, 1);
        cr_assert_eq(hs_count(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT), 1);
        end(&k);
    }
}

Test(quic, crypto_frames_in_any_order_over_datagrams)
{
    srand(2);
    for (int round = 0; round < 100; round++) {
        struct talk k;
        struct out m = hello();
        bool have[ROOM] = {false};
        size_t n_have = 0;
        begin(&k);
        for (uint32_t pn = 0; n_have < m.n; pn++) {
            struct out f = {.n = 0}, o = {.n = 0};
            for (int i = 0; i < 3; i++) {
                size_t at = (size_t)rand() % m.n;
                size_t n = 1 + (size_t)rand() % 60;
                n = n > m.n - at ? m.n - at : n;
                crypto(&f, at, m.b + at, n);
                u8(&f, i == 0 ? 1 : 0); /* PING, PADDING */
                for (size_t j = at; j < at + n; j++) {
                    n_have += !have[j];
                    have[j] = true;
                }
            }
            initial(&o, SIDE_CLIENT, first_dcid, first_dcid, "c1", pn, &f);
            cr_assert_null(hs_find(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT));
            say(&k, SIDE_CLIENT, &o);
        }
        cr_assert_eq(hs_count(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT), 1);
        struct span raw = k.hs.raw[HS_RAW_CLIENT_HELLO];
        cr_assert(span_eq(raw, span_of(m.b + 4, m.n - 4)));
        cr_assert_eq(k.hs.dir[SIDE_CLIENT].conflicts, 0);
        end(&k);
    }
}

Test(quic, hostile_crypto_offsets)
{
    const uint64_t offsets[] = {(UINT64_C(1) << 62) - 1,
                                (UINT64_C(1) << 62) - 200,
                                UINT64_C(1) << 61,
                                UINT64_C(1) << 32,
                                65536,
                                65530,
                                64 * 1024 - 30};
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        struct talk k;
        struct out f = {.n = 0}, o = {.n = 0};
        uint8_t junk[64] = {0};
        begin(&k);
        say_hello(&k);
        crypto(&f, offsets[i], junk, sizeof junk);
        initial(&o, SIDE_CLIENT, first_dcid, first_dcid, "c1c1c1c1", 1, &f);
        say(&k, SIDE_CLIENT, &o);
        cr_assert(k.hs.arena.limited);
        cr_assert_lt(quic_bytes(&k.t), 4096);
        end(&k);
    }
}

Test(quic, lengths_beyond_the_packet)
{
    const uint64_t lengths[] = {(UINT64_C(1) << 62) - 1, 1u << 20, 100};
    for (unsigned type = 0; type < 0x40; type++) {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            struct talk k;
            struct out f = {.n = 0}, o = {.n = 0};
            begin(&k);
            say_hello(&k);
            u8(&f, type);
            varint8(&f, type == 6 ? 0 : lengths[i]);
            varint8(&f, lengths[i]);
            varint8(&f, lengths[i]);
            initial(&o, SIDE_CLIENT, first_dcid, first_dcid, "c1c1c1c1", 1, &f);
            say(&k, SIDE_CLIENT, &o);
            cr_assert_null(hs_find(&k.hs, HS_QUIC_CLOSE, SIDE_NONE));
            end(&k);
        }
    }
}

/* Cut at every length, as a capture may cut it, and as the wire may. */
Test(quic, truncation_at_every_length)
{
    struct out c = hex(client_v1);
    for (size_t n = 0; n <= c.n; n++) {
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, c.b, n);
        for (int cut = 0; cut < 2; cut++) {
            struct talk k;
            begin(&k);
            quic_feed(&k.t, &k.hs, SIDE_CLIENT, span_of(exact, n),
                      cut ? 1200 : (uint32_t)n, 1, 1);
            bool read = hs_find(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT) != NULL;
            /* 22 bytes of header, 4 of the frame's, 241 of the hello */
            cr_assert_eq(read, n == c.n || (cut && n >= 22 + 4 + 241),
                         "%zu bytes", n);
            quic_flush(&k.t, &k.hs);
            end(&k);
        }
        free(exact);
    }
}

Test(quic, retry_changes_the_keys)
{
    struct talk k;
    struct out m = hello(), f = {.n = 0}, o = {.n = 0};
    const char *again = "a1a2a3a4a5a6a7a8";
    begin(&k);
    say_hello(&k);
    long_header(&o, 0xf0, QUIC_V1, "c1c1c1c1", again);
    for (unsigned i = 0; i < 16 + 16; i++) { /* token and tag */
        u8(&o, i);
    }
    cr_assert(say(&k, SIDE_SERVER, &o));
    cr_assert_not_null(hs_find(&k.hs, HS_QUIC_RETRY, SIDE_SERVER));
    o.n = 0;
    crypto(&f, 0, m.b, m.n);
    initial(&o, SIDE_CLIENT, again, again, "c1c1c1c1", 1, &f);
    say(&k, SIDE_CLIENT, &o);
    o.n = 0;
    f.n = 0;
    m = answer();
    crypto(&f, 0, m.b, m.n);
    initial(&o, SIDE_SERVER, again, "c1c1c1c1", server_scid, 0, &f);
    cr_assert(say(&k, SIDE_SERVER, &o));
    cr_assert_not_null(hs_find(&k.hs, HS_SERVER_HELLO, SIDE_SERVER));
    cr_assert_eq(hs_count(&k.hs, HS_CLIENT_HELLO, SIDE_CLIENT), 1);
    end(&k);
}

static void version_negotiation(struct out *o, const char *dcid, uint32_t v)
{
    long_header(o, 0x80, 0, dcid, first_dcid);
    u32(o, v);
    u32(o, 0x0a1a2a3a);
}

static enum outcome outcome_of(struct talk *k, enum hs_end how)
{
    k->hs.end = how;
    k->hs.dir[SIDE_CLIENT].packets = 1;
    k->hs.dir[SIDE_SERVER].packets = 1;
    k->hs.capture_last = (tick_t)k->frame * TICK_MSEC + 20 * TICK_SEC;
    hs_conclude(&k->hs);
    return k->hs.end_state.outcome;
}

Test(quic, version_negotiation_ends_it)
{
    struct talk k;
    struct out o = {.n = 0};
    begin(&k);
    say_hello(&k);
    version_negotiation(&o, "c2c2c2c2", 0xff00001d); /* not for this client */
    cr_assert_not(say(&k, SIDE_SERVER, &o));
    o.n = 0;
    version_negotiation(&o, "c1c1c1c1", QUIC_V1); /* lists what was offered */
    cr_assert_not(say(&k, SIDE_SERVER, &o));
    o.n = 0;
    version_negotiation(&o, "c1c1c1c1", 0xff00001d);
    cr_assert(say(&k, SIDE_SERVER, &o));
    cr_assert_eq(outcome_of(&k, HS_END_TIMEOUT), OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.by, BY_SERVER);
    cr_assert_eq(k.hs.end_state.how, HOW_QUIC_CLOSE);
    cr_assert_not(k.hs.end_state.has_alert);
    end(&k);
}

/* ---- ends ---- */

static void say_close(struct talk *k, enum side side, uint64_t code, bool app)
{
    struct out f = {.n = 0}, o = {.n = 0};
    u8(&f, app ? 0x1d : 0x1c);
    varint8(&f, code);
    if (!app) {
        u8(&f, 6); /* caused by a CRYPTO frame */
    }
    u8(&f, 2);
    u8(&f, 'n');
    u8(&f, 'o');
    initial(&o, side, first_dcid, side == SIDE_CLIENT ? first_dcid : "c1c1c1c1",
            side == SIDE_CLIENT ? "c1c1c1c1" : server_scid, 5, &f);
    say(k, side, &o);
}

Test(quic, close_with_an_alert)
{
    struct talk k;
    begin(&k);
    say_hello(&k);
    say_close(&k, SIDE_SERVER, 0x0178, false);
    const struct hs_event *e = hs_find(&k.hs, HS_QUIC_CLOSE, SIDE_SERVER);
    cr_assert_not_null(e);
    cr_assert_eq(e->aux, 0x0178);
    cr_assert_eq(outcome_of(&k, HS_END_CLOSED), OUTCOME_FAILURE);
    const struct conclusion *c = &k.hs.end_state;
    cr_assert_eq(c->by, BY_SERVER);
    cr_assert_eq(c->how, HOW_QUIC_CLOSE);
    cr_assert(c->has_alert);
    cr_assert_eq(c->alert_code, 120); /* no_application_protocol */
    cr_assert_eq(c->alert_side, SIDE_SERVER);
    cr_assert_eq(c->stage, STAGE_CLIENT_HELLO);
    end(&k);
}

Test(quic, close_without_an_alert)
{
    const struct {
        uint64_t code;
        bool app;
        uint16_t aux;
    } closes[] = {{0x02, false, 0x02},
                  {0x10178, false, 0x7fff}, /* no alert, though it ends so */
                  {0x0178, true, 0x0c}};
    for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
        struct talk k;
        begin(&k);
        say_hello(&k);
        say_close(&k, SIDE_CLIENT, closes[i].code, closes[i].app);
        cr_assert_eq(hs_find(&k.hs, HS_QUIC_CLOSE, SIDE_CLIENT)->aux,
                     closes[i].aux);
        cr_assert_eq(outcome_of(&k, HS_END_CLOSED), OUTCOME_FAILURE);
        cr_assert_eq(k.hs.end_state.by, BY_CLIENT);
        cr_assert_not(k.hs.end_state.has_alert);
        end(&k);
    }
}

static void say_sealed(struct talk *k, enum side side, bool handshake)
{
    struct out o = {.n = 0};
    const char *to = side == SIDE_CLIENT ? server_scid : "c1c1c1c1";
    const char *from = side == SIDE_CLIENT ? "c1c1c1c1" : server_scid;
    if (handshake) {
        long_header(&o, 0xe0, QUIC_V1, to, from);
        varint8(&o, 60);
    } else {
        struct out id = hex(to);
        u8(&o, 0x40);
        bytes(&o, id.b, id.n);
    }
    for (unsigned i = 0; i < 60; i++) {
        u8(&o, i * 3);
    }
    say(k, side, &o);
}

Test(quic, both_sides_with_1rtt_packets_is_success)
{
    struct talk k;
    begin(&k);
    say_hello(&k);
    say_answer(&k);
    say_sealed(&k, SIDE_SERVER, true);
    say_sealed(&k, SIDE_SERVER, false);
    say_sealed(&k, SIDE_CLIENT, true);
    cr_assert_eq(outcome_of(&k, HS_END_CAPTURE), OUTCOME_UNKNOWN);
    say_sealed(&k, SIDE_CLIENT, false);
    cr_assert(quic_established(&k.t));
    cr_assert_eq(outcome_of(&k, HS_END_CAPTURE), OUTCOME_SUCCESS);
    cr_assert_eq(k.hs.end_state.stage, STAGE_ESTABLISHED);
    end(&k);
}

/* The client says a last word under Handshake keys, and the server does not
 * repeat its flight: it was refused. */
Test(quic, unread_refusal_of_the_client)
{
    struct talk k;
    begin(&k);
    say_hello(&k);
    say_answer(&k);
    say_sealed(&k, SIDE_SERVER, true);
    say_sealed(&k, SIDE_CLIENT, true);
    cr_assert_eq(outcome_of(&k, HS_END_TIMEOUT), OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.by, BY_CLIENT);
    cr_assert_eq(k.hs.end_state.how, HOW_QUIC_CLOSE);
    cr_assert(k.hs.end_state.alert_encrypted);
    /* With a server that goes on, it is the client that went away. */
    k.hs.dir[SIDE_SERVER].last_data = 5 * TICK_SEC;
    cr_assert_eq(outcome_of(&k, HS_END_TIMEOUT), OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.how, HOW_TIMEOUT);
    end(&k);
}

/* Every packet of a client that is done gets the same answer. */
Test(quic, unread_refusal_of_the_server)
{
    struct talk k;
    begin(&k);
    say_hello(&k);
    say_answer(&k);
    say_sealed(&k, SIDE_SERVER, true);
    say_sealed(&k, SIDE_SERVER, false);
    say_sealed(&k, SIDE_CLIENT, true);
    say_sealed(&k, SIDE_CLIENT, false);
    say_sealed(&k, SIDE_SERVER, true);
    cr_assert_eq(outcome_of(&k, HS_END_SETTLED), OUTCOME_SUCCESS);
    say_sealed(&k, SIDE_CLIENT, false);
    say_sealed(&k, SIDE_SERVER, true);
    cr_assert_eq(outcome_of(&k, HS_END_SETTLED), OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.by, BY_SERVER);
    cr_assert_eq(k.hs.end_state.how, HOW_QUIC_CLOSE);
    cr_assert(k.hs.end_state.rejected_after_finished);
    end(&k);
}

/* Silence counts when the client goes on asking, or ICMP tells of it. */
Test(quic, unanswered_hello)
{
    struct talk k;
    begin(&k);
    say_hello(&k);
    k.hs.end = HS_END_TIMEOUT;
    k.hs.dir[SIDE_CLIENT].packets = 1;
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_UNKNOWN);
    cr_assert(k.hs.end_state.blind & BLIND_ONE_DIRECTION);
    k.hs.dir[SIDE_CLIENT].retransmits = 2;
    k.hs.dir[SIDE_CLIENT].last_data = 3 * TICK_SEC;
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_FAILURE);
    cr_assert_eq(k.hs.end_state.by, BY_NOBODY);
    k.hs.dir[SIDE_CLIENT].retransmits = 0;
    k.hs.end = HS_END_CAPTURE;
    k.hs.ip_version = 4;
    hs_note(&k.hs, HS_ICMP, SIDE_CLIENT, 0, 3 << 8 | 3, 5, 5);
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_FAILURE);
    k.hs.events[k.hs.events_n - 1].aux = 3 << 8 | 4; /* too big */
    hs_conclude(&k.hs);
    cr_assert_eq(k.hs.end_state.outcome, OUTCOME_UNKNOWN);
    end(&k);
}

Test(quic, padding_behind_an_initial_is_no_packet)
{
    struct talk k;
    struct out m = hello(), f = {.n = 0}, o = {.n = 0};
    begin(&k);
    crypto(&f, 0, m.b, m.n);
    initial(&o, SIDE_CLIENT, first_dcid, first_dcid, "c1c1c1c1", 0, &f);
    for (unsigned i = 0; i < 100; i++) {
        u8(&o, 0x55);
    }
    say(&k, SIDE_CLIENT, &o);
    cr_assert_null(hs_find(&k.hs, HS_PROTECTED, SIDE_CLIENT));
    end(&k);
}

Test(quic, a_server_that_was_asked_by_nobody_is_nothing)
{
    struct talk k;
    struct out s = hex(server_v1);
    begin(&k);
    cr_assert_not(quic_probe(span_out(&s)));
    say(&k, SIDE_SERVER, &s);
    say(&k, SIDE_CLIENT, &s);
    cr_assert_not(quic_opened(&k.t));
    cr_assert_eq(k.hs.events_n, 0);
    end(&k);
}
