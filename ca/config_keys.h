/* SPDX-License-Identifier: Apache-2.0 */
/* The table of configuration keys: the one place that says what there is. */
#ifndef CA_CONFIG_KEYS_H
#define CA_CONFIG_KEYS_H

#include "config.h"

enum ca_key_type {
	CA_KEY_STRING,
	CA_KEY_NUMBER,   /* min to max */
	CA_KEY_LIMIT,    /* a number, or "off": 0 */
	CA_KEY_DURATION, /* min to max seconds */
	CA_KEY_CHOICE    /* one of choices; stored as its index */
};

struct ca_key {
	const char *name;
	enum ca_key_type type;
	size_t offset; /* in struct ca_config */
	const char *fallback;
	const char *help; /* lines of the commented file, without "# " */
	int64_t min, max;
	const char *const *choices; /* NULL-terminated */
};

extern const struct ca_key ca_keys[];
extern const size_t ca_keys_n;

/* NULL if there is none. */
const struct ca_key *ca_key_find(const char *name, size_t len);

/* Stores a value's meaning; TPMIOT_E_FORMAT says what would be right. */
TPMIOT_MUST_USE enum tpmiot_rc ca_key_set(const struct ca_key *key, const char *value,
    struct ca_config *config, struct tpmiot_err *err);

/* TPMIOT_E_FORMAT with the list of the keys there are. */
enum tpmiot_rc ca_key_unknown(const char *name, size_t len, struct tpmiot_err *err);

#endif
