/* SPDX-License-Identifier: Apache-2.0 */
/* The floor of every capture reader: libpcap's loop, which only counts. */
#include <pcap/pcap.h>
#include <stdio.h>

struct count {
    unsigned long packets, bytes;
};

static void on_packet(u_char *user, const struct pcap_pkthdr *h,
                      const u_char *data)
{
    (void)data;
    struct count *c = (struct count *)(void *)user;
    c->packets++;
    c->bytes += h->caplen;
}

int main(int argc, char **argv)
{
    char error[PCAP_ERRBUF_SIZE] = "";
    pcap_t *p = argc == 2 ? pcap_open_offline(argv[1], error) : NULL;
    if (!p) {
        fprintf(stderr, "rawloop: %s\n",
                *error ? error : "usage: rawloop FILE");
        return 2;
    }
    struct count c = {0, 0};
    int status = pcap_loop(p, -1, on_packet, (u_char *)&c);
    pcap_close(p);
    printf("%lu packets, %lu bytes\n", c.packets, c.bytes);
    return status == 0 ? 0 : 1;
}
