/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of `check` share: each says what it looked at and how it is. */
#ifndef CA_CHECK_H
#define CA_CHECK_H

#include "ca/cmd/cli.h"

struct ca_checks {
	struct ca_cli *cli;
	struct ca_config config;
	json_t *rows;
	int wrong;
};

/* One row each, for people. */
void ca_check_fine(struct ca_checks *c, const char *what);
void ca_check_warn(struct ca_checks *c, const char *what, const char *fmt, ...) TPMIOT_PRINTF(3, 4);
/* True if rc says that it went well; has a row, of err's text, only if it did not. */
bool ca_check_went(
    struct ca_checks *c, const char *what, enum tpmiot_rc rc, const struct tpmiot_err *err);

/* Whether secrets.key is the one that the store's secrets and hub keys were encrypted with. */
void ca_check_vault(struct ca_checks *c);

#endif
