/* SPDX-License-Identifier: Apache-2.0 */
/* The join token's file. */
#ifndef ENROLL_TOKEN_H
#define ENROLL_TOKEN_H

#include <tpmiot/buf.h>

#include "enroll/cmd/ui.h"

/*
 * Reads the one token in a file ("-": stdin), white space around it taken off;
 * *out is NUL-terminated. Warns of a file that everybody can read.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_token_read(
    const char *file, const struct enroll_ui *ui, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
