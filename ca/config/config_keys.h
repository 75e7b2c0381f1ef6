/* SPDX-License-Identifier: Apache-2.0 */
/* The table of configuration keys: the one place that says what there is. */
#ifndef CA_CONFIG_KEYS_H
#define CA_CONFIG_KEYS_H

#include <openssl/conf.h>

#include "ca/config/config.h"

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
	size_t offset;
	const char *fallback;
	const char *help; /* lines of the commented file, without "# " */
	int64_t min, max;
	const char *const *choices; /* NULL-terminated */
};

/* The keys of one kind of section; `offset` is into the struct of that kind. */
struct ca_keys {
	const struct ca_key *keys;
	size_t n;
};

extern const struct ca_keys ca_keys;         /* struct ca_config: before any section */
extern const struct ca_keys ca_group_keys;   /* struct ca_group */
extern const struct ca_keys ca_profile_keys; /* struct ca_profile */

/*
 * Stores in `record` what "NAME" (of len bytes) = value means; TPMIOT_E_FORMAT says what would be
 * right, for an unknown name with the list of the keys there are.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_keys_set(const struct ca_keys *keys, const char *name, size_t len,
    const char *value, void *record, struct tpmiot_err *err);
/* Every key's fallback. */
TPMIOT_MUST_USE enum tpmiot_rc ca_keys_default(
    const struct ca_keys *keys, void *record, struct tpmiot_err *err);
/* Frees its strings. */
void ca_keys_free(const struct ca_keys *keys, void *record);

/* config_sections.c: [group NAME] and [profile NAME], once the rest of *config is there. */
TPMIOT_MUST_USE enum tpmiot_rc ca_config_sections(
    const CONF *conf, struct ca_config *config, struct tpmiot_err *err);
void ca_config_sections_free(struct ca_config *config);

#endif
