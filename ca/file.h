/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the CA's commands read and make. */
#ifndef CA_FILE_H
#define CA_FILE_H

#include <sys/types.h>

#include <tpmiot/buf.h>

/* Appends a whole file of at most max bytes; TPMIOT_E_FORMAT if it is larger. */
TPMIOT_MUST_USE enum tpmiot_rc ca_file_read(
    const char *path, size_t max, struct tpmiot_buf *out, struct tpmiot_err *err);

/* Replaces DIR/name as a whole or not at all, durably. */
TPMIOT_MUST_USE enum tpmiot_rc ca_file_write(const char *dir, const char *name,
    const struct tpmiot_buf *data, mode_t mode, struct tpmiot_err *err);

/* Whether DIR/name is there. */
bool ca_file_exists(const char *dir, const char *name);

#endif
