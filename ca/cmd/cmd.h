/* SPDX-License-Identifier: Apache-2.0 */
/* What commands take from each other. */
#ifndef CA_CMD_H
#define CA_CMD_H

#include <tpmiot/kdf.h>

#include "ca/cmd/cli.h"

/* As ca_device_find_id(), with a text for an operator who mistyped. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cmd_find_device(
    struct ca_cli *cli, const char *id, struct ca_device *out, struct tpmiot_err *err);

/*
 * Finds the device that a command names, under the write lock. The caller ends it with ca_cli_end()
 * if this succeeds.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_cmd_begin_with_device(
    struct ca_cli *cli, const char *id, struct ca_device *out, struct tpmiot_err *err);

/* For ca_device_key_list(): appends to the rows that arg, a json_t **, points to. */
bool ca_cmd_device_key_row(void *arg, const struct ca_device_key *key);

/* Reads stdin up to its end, at most max bytes: TPMIOT_E_FORMAT for more. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cmd_read_stdin(
    size_t max, struct tpmiot_buf *out, struct tpmiot_err *err);

/* Without the line's end that came with it. Borrowed. */
struct tpmiot_bytes ca_cmd_trimmed(const struct tpmiot_buf *text);

/*
 * What --json has where a token or a message is refused; not with an exit code of its own, since
 * whoever asks lets nobody in for any other reason, either.
 */
void ca_cmd_print_refusal(const struct ca_cli *cli, const struct tpmiot_err *err);

/* For ca_cert_list(): appends to the rows that arg, a json_t **, points to. */
bool ca_cmd_cert_row(void *arg, const struct ca_cert *cert);

#endif
