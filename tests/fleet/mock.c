/* SPDX-License-Identifier: Apache-2.0 */
/* librdkafka's mock brokers as a program: prints BROKERS/TOPIC, and ends with
 * its standard input. */
#include "../unit/mock_broker.h"

#include <stdio.h>
#include <unistd.h>

int main(void)
{
    struct mock_broker m;
    char byte;
    if (!mock_broker_start(&m, 1, 4)) {
        fputs("no librdkafka\n", stderr);
        return 2;
    }
    puts(m.where);
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    mock_broker_stop(&m);
    return 0;
}
