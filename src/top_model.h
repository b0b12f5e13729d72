/* SPDX-License-Identifier: Apache-2.0 */
/* What --top knows and how it lays it out; src/top.c draws it with curses. */
#ifndef TOP_MODEL_H
#define TOP_MODEL_H

#include "report/report.h"

#define TOP_ROWS_MAX   2000u /* failures that can be opened */
#define TOP_TABLE_MAX  512u  /* causes, servers, clients that are counted */
#define TOP_RATE_SLOTS 60u   /* seconds that the rate looks back */
#define TOP_FILTER_MAX 64u

enum top_view { TOP_NEWEST, TOP_CAUSES, TOP_SERVERS, TOP_CLIENTS, TOP_VIEWS };
enum top_sort { TOP_BY_COUNT, TOP_BY_LAST, TOP_BY_NAME, TOP_SORTS };

/* One failure. */
struct top_row {
    tick_t when;
    const char *cause;     /* static */
    char *server, *client; /* owned; escaped for the terminal */
    char *detail;          /* the verdict as text, lines; owned */
};

struct top_entry {
    char *name; /* owned; NULL: free */
    uint64_t n;
    tick_t last;
};

struct top_model {
    const char *title;
    struct top_row rows[TOP_ROWS_MAX]; /* a ring */
    unsigned rows_n, rows_at;          /* rows_at: where the next one goes */
    struct top_entry table[TOP_VIEWS][TOP_TABLE_MAX]; /* [TOP_NEWEST] unused */
    unsigned table_n[TOP_VIEWS];
    uint64_t failures, failures_in[TOP_RATE_SLOTS];
    int64_t rate_second; /* of the newest slot; record time */

    enum top_view view;
    enum top_sort sort;
    unsigned selected, scroll; /* in the list shown */
    bool open;                 /* a failure's detail is shown */
    unsigned detail_scroll;
    struct top_row opened; /* a copy: the ring goes on */
    bool paused;           /* the lists stand still */
    unsigned paused_rows_at, paused_rows_n;
    bool typing; /* the filter */
    bool help;
    char filter[TOP_FILTER_MAX];
    char message[256];
    unsigned lines, columns;
    bool leave;
};

void top_model_init(struct top_model *m, const char *title);
void top_model_fini(struct top_model *m);
void top_model_add(struct top_model *m, const struct record *r);

/* Keys beyond characters. */
enum {
    TOP_KEY_UP = 0x10000,
    TOP_KEY_DOWN,
    TOP_KEY_PAGE_UP,
    TOP_KEY_PAGE_DOWN,
    TOP_KEY_HOME,
    TOP_KEY_END,
    TOP_KEY_ENTER,
    TOP_KEY_ESCAPE,
    TOP_KEY_BACKSPACE,
    TOP_KEY_NEXT_VIEW,
};
void top_model_key(struct top_model *m, int key);

/* How a line is to look. */
enum top_look { LOOK_PLAIN, LOOK_TITLE, LOOK_HEAD, LOOK_SELECTED, LOOK_DIM };

/* The text of a screen line (not yet cut to the width). */
enum top_look top_model_line(struct top_model *m, const struct totals *totals,
                             unsigned line, struct text *out);

#endif
