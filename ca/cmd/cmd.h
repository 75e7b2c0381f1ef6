/* SPDX-License-Identifier: Apache-2.0 */
/* What commands take from each other. */
#ifndef CA_CMD_H
#define CA_CMD_H

#include "ca/cmd/cli.h"

/* As ca_device_find_id(), with a text for an operator who mistyped. */
TPMIOT_MUST_USE enum tpmiot_rc ca_cmd_find_device(
    struct ca_cli *cli, const char *id, struct ca_device *out, struct tpmiot_err *err);

/* For ca_cert_list(): appends to the rows that arg, a json_t **, points to. */
bool ca_cmd_cert_row(void *arg, const struct ca_cert *cert);

#endif
