/* SPDX-License-Identifier: Apache-2.0 */
#include "judge/foreign.h"

#include "base/text.h"
#include "judge/say.h"
#include "known/known.h"

#define SENTENCES_MAX 3u

const struct foreign_oddity foreign_oddities[] = {
    {HS_RST_TTL_ODD, "its TTL differs from the sender's other packets"},
    {HS_RST_IPID_ODD, "its IP identification does not fit the sender's others"},
    {HS_RST_SEQ_ODD, "its sequence number is not the sender's next byte"},
    {HS_RST_DATA_AFTER, "its supposed sender went on sending data after it"},
    {HS_RST_ACK_AFTER, "something of its supposed sender came after it"},
    {HS_RST_EARLY, "it came sooner than the real peer could have answered"},
    {HS_RST_DF_ODD,
     "its \"don't fragment\" flag is unlike the sender's others"},
    {HS_RST_BARE, "it acknowledges nothing, as no application's does on an "
                  "open connection"},
    {HS_ODD_CHECKSUM, "its checksum is wrong"},
    {HS_ODD_ACK, "it acknowledges what was never sent"},
    {HS_ODD_OPTIONS, "its TCP options are not what the two agreed on"},
    {0, NULL},
};

unsigned foreign_count(unsigned bits)
{
    unsigned n = 0;
    for (const struct foreign_oddity *o = foreign_oddities; o->bit; o++) {
        n += (bits & o->bit) != 0;
    }
    return n;
}

static void add_foreign(const struct handshake *hs, const struct hs_event *e,
                        struct text_list *out)
{
    struct text t;
    text_init(&t, SENTENCE_BYTES);
    if (e->aux & (HS_ODD_RST | HS_ODD_FIN)) {
        text_fmt(&t, "a %s", e->aux & HS_ODD_RST ? "reset" : "FIN");
    } else {
        text_fmt(&t, "a segment of %u bytes", e->len);
    }
    text_fmt(&t, "%s came in the %s's name that is not the %s's",
             say_frame(hs, e->frame).s, side_name((enum side)e->side),
             side_name((enum side)e->side));
    const char *between = ": ";
    for (const struct foreign_oddity *o = foreign_oddities; o->bit; o++) {
        if (e->aux & o->bit) {
            text_add(&t, between);
            text_add(&t, o->text);
            between = ", ";
        }
    }
    text_add(&t, e->aux & HS_ODD_TAKEN ? "; the receiver took it"
                                       : "; it is not believed");
    text_list_add(out, text_str(&t));
    text_free(&t);
}

/* What was taken, never contradicted and broke nothing is its sender's, for all
 * that is odd about it. */
static bool is_told(const struct handshake *hs, const struct hs_event *e)
{
    return !(e->aux & HS_ODD_TAKEN) || (e->aux & HS_RST_DATA_AFTER) ||
           hs->end_state.by == BY_MIDDLEBOX;
}

/* A reset or EAP-Failure after which both sides made progress. */
static bool is_ignored(const struct handshake *hs, const struct hs_event *rst)
{
    bool on[2] = {false, false};
    for (const struct hs_event *e = rst + 1; e < hs->events + hs->events_n;
         e++) {
        if (e->side < SIDE_NONE && e->kind >= HS_CLIENT_HELLO &&
            e->kind <= HS_APPLICATION_DATA) {
            on[e->side] = true;
        }
    }
    return on[0] && on[1];
}

/* A warning ends nothing anyway, whoever sent it. */
static bool ended_nothing(const struct handshake *hs, const struct hs_event *e)
{
    bool abrupt = e->kind == HS_RST || e->kind == HS_EAP_FAILURE;
    bool warning = e->kind == HS_ALERT &&
                   !known_alert_is_fatal(e->aux & 0xff, (uint8_t)(e->aux >> 8));
    return abrupt ? is_ignored(hs, e) : !warning && hs_ended_nothing(hs, e);
}

static const char *end_name(const struct hs_event *e)
{
    return e->kind == HS_RST           ? "reset"
           : e->kind == HS_EAP_FAILURE ? "EAP-Failure"
           : e->kind == HS_ALERT       ? "alert"
                                       : "close";
}

void foreign_evidence(const struct handshake *hs, struct text_list *out)
{
    struct text t;
    unsigned n = 0;
    text_init(&t, SENTENCE_BYTES);
    for (uint16_t i = 0; i < hs->events_n && n < SENTENCES_MAX; i++) {
        const struct hs_event *e = &hs->events[i];
        if (e->kind == HS_FOREIGN && is_told(hs, e)) {
            add_foreign(hs, e, out);
            n++;
        } else if (ended_nothing(hs, e)) {
            text_clear(&t);
            text_fmt(&t,
                     "the %s%s, in the %s's name, ended nothing: both sides "
                     "went on",
                     end_name(e), say_frame(hs, e->frame).s,
                     side_name((enum side)e->side));
            text_list_add(out, text_str(&t));
            n++;
        }
    }
    uint32_t conflicts =
        hs->dir[SIDE_CLIENT].conflicts + hs->dir[SIDE_SERVER].conflicts;
    if (conflicts) {
        text_clear(&t);
        text_fmt(&t,
                 "%u segment%s put other bytes where some had been seen: the "
                 "first ones are believed",
                 conflicts, conflicts == 1 ? "" : "s");
        text_list_add(out, text_str(&t));
    }
    text_free(&t);
}
