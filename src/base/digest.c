/* SPDX-License-Identifier: Apache-2.0 */
/* Fetches each algorithm once. */
#include "base/digest.h"

#include <openssl/evp.h>
#include <pthread.h>

static EVP_MD *fetched[DIGEST_COUNT]; /* NULL: refused */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
    static const char *const names[DIGEST_COUNT] = {"MD5", "SHA1", "SHA256"};
    for (unsigned i = 0; i < DIGEST_COUNT; i++) {
        fetched[i] = EVP_MD_fetch(NULL, names[i], NULL);
    }
}

bool digest(enum digest which, struct span s, uint8_t out[DIGEST_BYTES_MAX])
{
    pthread_once(&once, fetch);
    return fetched[which] &&
           EVP_Digest(s.p, s.n, out, NULL, fetched[which], NULL) == 1;
}
