/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

const struct fuzz_target fuzz_targets[] = {
    {"capture", fuzz_capture},
    {"frames", fuzz_frames},
    {"connection", fuzz_connection},
    {"fold", fuzz_fold},
    {"datagrams", fuzz_datagrams},
    {"stream", fuzz_stream},
    {"messages", fuzz_messages},
    {"x509", fuzz_x509},
    {"dns", fuzz_dns},
    {"keylog", fuzz_keylog},
    {"records", fuzz_records},
    {"carriers", fuzz_carriers},
    {"config", fuzz_config},
    {"text", fuzz_text},
    {"compressed", fuzz_compressed},
    {NULL, NULL},
};
