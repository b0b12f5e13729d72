/* SPDX-License-Identifier: Apache-2.0 */
/* The live screen on a terminal, by ncurses; what stands on it is made by
 * top_model.c. */
#include "config.h"

#include "top.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_NCURSES

#include "top_model.h"

#include <curses.h>
#include <poll.h>
#include <unistd.h>
#include <wchar.h>

#define DRAW_EVERY (200 * TICK_MSEC)
#define LINE_BYTES 1024u
#define STAY_MS    100

struct top {
    struct top_model model;
    SCREEN *screen;
    tick_t next;
    struct text line;
};

struct top *top_new(const char *title, char error[256])
{
    struct top *t = calloc(1, sizeof *t);
    if (!t) {
        snprintf(error, 256, "out of memory");
        return NULL;
    }
    if (isatty(STDOUT_FILENO) != 1 || isatty(STDIN_FILENO) != 1 ||
        !(t->screen = newterm(NULL, stdout, stdin))) {
        snprintf(error, 256, "needs a terminal");
        free(t);
        return NULL;
    }
    set_term(t->screen);
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(25);
    top_model_init(&t->model, title);
    text_init(&t->line, LINE_BYTES);
    return t;
}

void top_free(struct top *t)
{
    if (!t) {
        return;
    }
    endwin();
    delscreen(t->screen);
    top_model_fini(&t->model);
    text_free(&t->line);
    free(t);
}

void top_record(struct top *t, const struct record *r)
{
    top_model_add(&t->model, r);
}

void top_message(struct top *t, const char *text)
{
    snprintf(t->model.message, sizeof t->model.message, "%s", text);
}

static int translate(int key)
{
    switch (key) {
    case KEY_UP:
        return TOP_KEY_UP;
    case KEY_DOWN:
        return TOP_KEY_DOWN;
    case KEY_PPAGE:
        return TOP_KEY_PAGE_UP;
    case KEY_NPAGE:
        return TOP_KEY_PAGE_DOWN;
    case KEY_HOME:
        return TOP_KEY_HOME;
    case KEY_END:
        return TOP_KEY_END;
    case KEY_ENTER:
    case '\r':
    case '\n':
        return TOP_KEY_ENTER;
    case 27:
        return TOP_KEY_ESCAPE;
    case KEY_BACKSPACE:
    case 127:
    case 8:
        return TOP_KEY_BACKSPACE;
    case '\t':
        return TOP_KEY_NEXT_VIEW;
    default:
        return key >= 0x20 && key < 0x7f ? key : 0;
    }
}

static bool obey_keys(struct top *t)
{
    bool any = false;
    int key;
    while ((key = getch()) != ERR) {
        any = true;
        if (key != KEY_RESIZE) {
            top_model_key(&t->model, translate(key));
        }
    }
    return any;
}

/* As many bytes of the line as fit the columns. */
static int fitting(const char *s, size_t n, unsigned columns)
{
    mbstate_t state;
    size_t at = 0;
    memset(&state, 0, sizeof state);
    while (at < n) {
        wchar_t wide;
        size_t used = mbrtowc(&wide, s + at, n - at, &state);
        if (used == 0 || used > n - at) {
            break;
        }
        int width = wcwidth(wide);
        if (width < 0 || (unsigned)width > columns) {
            break;
        }
        columns -= (unsigned)width;
        at += used;
    }
    return (int)at;
}

static void draw(struct top *t, const struct totals *totals)
{
    static const attr_t looks[] = {
        [LOOK_PLAIN] = A_NORMAL,   [LOOK_TITLE] = A_BOLD,
        [LOOK_HEAD] = A_UNDERLINE, [LOOK_SELECTED] = A_REVERSE,
        [LOOK_DIM] = A_DIM,
    };
    int lines;
    int columns;
    getmaxyx(stdscr, lines, columns);
    t->model.lines = (unsigned)lines;
    t->model.columns = (unsigned)columns;
    erase();
    for (int i = 0; i < lines; i++) {
        text_clear(&t->line);
        enum top_look look =
            top_model_line(&t->model, totals, (unsigned)i, &t->line);
        const char *s = text_str(&t->line);
        attrset((int)looks[look]);
        mvaddnstr(i, 0, s, fitting(s, t->line.n, (unsigned)columns));
        if (look == LOOK_SELECTED || look == LOOK_HEAD) {
            mvchgat(i, 0, -1, looks[look], 0, NULL);
        }
    }
    attrset(A_NORMAL);
    refresh();
}

/* Nobody is there to see it: the window was closed, the line was cut. */
static bool is_gone(void)
{
    struct pollfd terminal = {.fd = STDIN_FILENO};
    return poll(&terminal, 1, 0) > 0 &&
           (terminal.revents & (POLLHUP | POLLERR | POLLNVAL));
}

bool top_poll(struct top *t, const struct totals *totals, tick_t now)
{
    if (obey_keys(t) || now >= t->next) {
        t->next = now + DRAW_EVERY;
        draw(t, totals);
    }
    return !t->model.leave && !is_gone();
}

void top_stay(struct top *t, const struct totals *totals,
              const volatile sig_atomic_t *stop)
{
    timeout(STAY_MS);
    while (!t->model.leave && !*stop && !is_gone()) {
        draw(t, totals);
        int key = getch();
        if (key != ERR && key != KEY_RESIZE) {
            top_model_key(&t->model, translate(key));
        }
    }
}

#else /* without ncurses */

struct top *top_new(const char *title, char error[256])
{
    (void)title;
    snprintf(error, 256, "this build has no ncurses");
    return NULL;
}

void top_free(struct top *t)
{
    (void)t;
}

void top_record(struct top *t, const struct record *r)
{
    (void)t;
    (void)r;
}

void top_message(struct top *t, const char *text)
{
    (void)t;
    (void)text;
}

bool top_poll(struct top *t, const struct totals *totals, tick_t now)
{
    (void)t;
    (void)totals;
    (void)now;
    return false;
}

void top_stay(struct top *t, const struct totals *totals,
              const volatile sig_atomic_t *stop)
{
    (void)t;
    (void)totals;
    (void)stop;
}

#endif
