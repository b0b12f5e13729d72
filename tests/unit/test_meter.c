/* SPDX-License-Identifier: Apache-2.0 */
/* The progress line: its words, when it is written, how it goes away. */
#include "meter.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void expect_line(tick_t elapsed, struct meter_reading r,
                        const char *line)
{
    struct text t;
    text_init(&t, 256);
    meter_text(&t, elapsed, &r);
    cr_expect_str_eq(text_str(&t), line);
    text_free(&t);
}

Test(meter, words)
{
    expect_line(10 * TICK_SEC,
                (struct meter_reading){.bytes = 1200000000,
                                       .bytes_total = 4000000000,
                                       .packets = 8120000,
                                       .failures = 17},
                "1.2 of 4.0 GB (30 %), 812,000 packets/s, 23 s left, 17 "
                "failures");
    expect_line(
        2 * TICK_SEC,
        (struct meter_reading){
            .bytes = 1500, .bytes_total = 900000, .packets = 20, .failures = 1},
        "1.5 of 900.0 kB (0 %), 10 packets/s, 20 min left, 1 failure");
    expect_line(100 * TICK_SEC,
                (struct meter_reading){.bytes = 1000000,
                                       .bytes_total = 1000000000,
                                       .packets = 100},
                "0.0 of 1.0 GB (0 %), 1 packets/s, 27.8 h left, 0 failures");
    /* A pipe. */
    expect_line(TICK_SEC,
                (struct meter_reading){.packets = 1234567, .failures = 2000},
                "1,234,567 packets/s, 2,000 failures");
}

Test(meter, comes_after_a_second_and_goes_away)
{
    char buffer[512] = "";
    FILE *f = fmemopen(buffer, sizeof buffer, "w");
    cr_assert_not_null(f);
    struct meter m;
    struct meter_reading r = {.packets = 5};
    meter_init(&m, f, 20, 100 * TICK_SEC);
    meter_show(&m, 100 * TICK_SEC + TICK_SEC / 2, &r);
    meter_clear(&m);
    cr_expect_eq(ftell(f), 0);
    meter_show(&m, 102 * TICK_SEC, &r);
    meter_show(&m, 102 * TICK_SEC + TICK_MSEC, &r);
    meter_clear(&m);
    meter_clear(&m);
    fclose(f);
    cr_expect_str_eq(buffer, "\r2 packets/s, 0 fail\033[K\r\033[K");
}

Test(meter, without_a_terminal_nothing_is_due)
{
    struct meter m;
    meter_init(&m, NULL, 80, 0);
    for (unsigned i = 0; i < 100000; i++) {
        cr_assert_not(meter_due(&m));
    }
}
