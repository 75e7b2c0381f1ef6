/* SPDX-License-Identifier: Apache-2.0 */
/* The file of --ca-file: what stands in it, so that it may be gone afterwards. */
#ifndef ENROLL_CAFILE_H
#define ENROLL_CAFILE_H

#include <tpmiot/buf.h>

#define ENROLL_CAFILE_MAX (512 * 1024) /* bytes: the system's bundle has half of that */

/*
 * Appends the certificates of a PEM file, and nothing else that stands in it; never a key.
 * TPMIOT_E_TRUST: it cannot be read, is too long, or has no certificate. Ends with a zero byte that
 * does not count.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_cafile_read(
    const char *path, struct tpmiot_buf *out, struct tpmiot_err *err);

#endif
