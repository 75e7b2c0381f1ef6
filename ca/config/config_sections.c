/* SPDX-License-Identifier: Apache-2.0 */
/* Sections of the configuration: [group NAME] and [profile NAME]. */
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/dps.h>
#include <tpmiot/pcrset.h>

#include "ca/config/config_keys.h"
#include "ca/config/words.h"
#include "ca/dps/hub.h"
#include "ca/pki/ident.h"
#include "ca/pki/profile.h"

/* "group NAME": the name, or NULL if the section is of another kind. */
static const char *
name_of(const char *section, const char *kind)
{
	const size_t len = strlen(kind);

	if (strncmp(section, kind, len) != 0 || section[len] != ' ')
		return NULL;
	return section + len + strspn(section + len, " ");
}

static enum tpmiot_rc
check_name(const char *section, const char *name, struct tpmiot_err *err)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (name == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "unknown section [%s]; there are [group NAME] and [profile NAME], and all "
		    "other "
		    "keys stand before them",
		    section);
	if (name[0] == '\0' || strspn(name, letters) != strlen(name) || strlen(name) > CA_GROUP_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "[%s]: a name is 1 to %d of letters, digits, - _ and .", section, CA_GROUP_MAX);
	return TPMIOT_OK;
}

static enum tpmiot_rc
set_keys(const CONF *conf, const char *section, const struct ca_keys *keys, void *record,
    struct tpmiot_err *err)
{
	STACK_OF(CONF_VALUE) *values = NCONF_get_section(conf, section);
	enum tpmiot_rc rc = TPMIOT_OK;

	for (int i = 0; i < sk_CONF_VALUE_num(values) && rc == TPMIOT_OK; i++) {
		const CONF_VALUE *v = sk_CONF_VALUE_value(values, i);

		rc = ca_keys_set(keys, v->name, strlen(v->name), v->value, record, err);
	}
	return rc == TPMIOT_OK ? rc : tpmiot_err_prefix(err, "[%s]", section);
}

/* Grows an array by one zeroed record, whose name is set; NULL when out of memory. */
static void *
append(void **array, size_t *n, size_t size, const char *name, size_t name_at)
{
	char *grown = realloc(*array, (*n + 1) * size), *record, *copy;

	if (grown == NULL)
		return NULL;
	*array = grown;
	record = grown + *n * size;
	memset(record, 0, size);
	if ((copy = OPENSSL_strdup(name)) == NULL)
		return NULL;
	memcpy(record + name_at, &copy, sizeof(copy));
	++*n;
	return record;
}

static enum tpmiot_rc
add_group(const CONF *conf, const char *section, const char *name, struct ca_config *config,
    struct tpmiot_err *err)
{
	void *array = config->groups;
	struct ca_group *group = append(
	    &array, &config->groups_n, sizeof(*group), name, offsetof(struct ca_group, name));

	config->groups = array;
	if (group == NULL || (group->profiles = OPENSSL_strdup(config->profiles)) == NULL ||
	    (group->tpms = OPENSSL_strdup(config->tpms)) == NULL ||
	    (group->pcrs = OPENSSL_strdup(config->pcrs)) == NULL ||
	    (group->pcr_policies = OPENSSL_strdup(config->pcr_policies)) == NULL ||
	    (group->hubs = OPENSSL_strdup(config->hubs)) == NULL)
		return tpmiot_err_memory(err);
	group->enrolment = config->enrolment;
	group->accept_ids = config->accept_ids;
	group->reprovision = config->reprovision;
	return set_keys(conf, section, &ca_group_keys, group, err);
}

static enum tpmiot_rc
add_profile(const CONF *conf, const char *section, const char *name, struct ca_config *config,
    struct tpmiot_err *err)
{
	void *array = config->profile_sections;
	struct ca_profile *profile = append(&array, &config->profile_sections_n, sizeof(*profile),
	    name, offsetof(struct ca_profile, name));
	enum tpmiot_rc rc;

	config->profile_sections = array;
	if (profile == NULL)
		return tpmiot_err_memory(err);
	if ((rc = ca_keys_default(&ca_profile_keys, profile, err)) == TPMIOT_OK &&
	    (rc = set_keys(conf, section, &ca_profile_keys, profile, err)) == TPMIOT_OK &&
	    (rc = ca_profile_check(profile, err)) != TPMIOT_OK)
		rc = tpmiot_err_prefix(err, "[%s]", section);
	return rc;
}

/* PCRs are such, and values are judged only where some are asked for. */
static enum tpmiot_rc
check_pcrs(const struct ca_group *group, struct tpmiot_err *err)
{
	struct tpmiot_pcrset pcrs;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (group->pcrs[0] != '\0' &&
	    (rc = tpmiot_pcrset_parse_selection(group->pcrs, &pcrs, err)) != TPMIOT_OK)
		return tpmiot_err_prefix(err, "pcrs");
	if (group->pcrs[0] == '\0' && group->pcr_policies[0] != '\0')
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "pcr_policies says which values are allowed, and pcrs does not say of what");
	return rc;
}

/* MANUFACTURER/MODEL/VERSION each: with another number of parts it would match no TPM. */
static enum tpmiot_rc
check_tpms(const struct ca_group *group, struct tpmiot_err *err)
{
	const char *rest = group->tpms;
	char pattern[CA_WORD_MAX];

	while (ca_word_next(&rest, pattern)) {
		const char *first = strchr(pattern, '/');
		const char *second = first != NULL ? strchr(first + 1, '/') : NULL;

		if (second == NULL || strchr(second + 1, '/') != NULL)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "tpms: \"%s\" is not MANUFACTURER/MODEL/VERSION, as id:53544D20/*/*",
			    pattern);
	}
	return TPMIOT_OK;
}

/* Every profile that is offered has to be there. */
static enum tpmiot_rc
check_group(const struct ca_config *config, const struct ca_group *group, struct tpmiot_err *err)
{
	struct ca_profile profile;
	enum tpmiot_rc rc = ca_profile_choose(config, group, NULL, &profile, err);

	if (rc == TPMIOT_OK)
		rc = check_tpms(group, err);
	return rc == TPMIOT_OK ? check_pcrs(group, err) : rc;
}

static enum tpmiot_rc
check_groups(const struct ca_config *config, struct tpmiot_err *err)
{
	struct ca_group group;
	enum tpmiot_rc rc;

	(void)ca_config_group(config, "", &group);
	rc = check_group(config, &group, err);
	for (size_t i = 0; i < config->groups_n && rc == TPMIOT_OK; i++) {
		rc = check_group(config, &config->groups[i], err);
		if (rc != TPMIOT_OK)
			rc = tpmiot_err_prefix(err, "[group %s]", config->groups[i].name);
	}
	if (rc != TPMIOT_OK)
		err->rc = rc = TPMIOT_E_FORMAT;
	return rc;
}

/* Where registrations are served, every device that may register has a hub to go to. */
static enum tpmiot_rc
check_hubs(const struct ca_config *config, struct tpmiot_err *err)
{
	struct ca_hub hubs[CA_HUBS_MAX];
	size_t n = 0;
	enum tpmiot_rc rc;

	if (config->dps_scope[0] == '\0')
		return TPMIOT_OK;
	if (!tpmiot_dps_scope_valid(config->dps_scope))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "dps_scope: 1 to %d letters and digits",
		    TPMIOT_DPS_SCOPE_MAX);
	if (ca_hubs_parse(config->hubs, hubs, &n, err) != TPMIOT_OK)
		return tpmiot_err_prefix(err, "hubs");
	if (n == 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "dps_scope is set: hubs has to name at least one");
	for (size_t i = 0; i < config->groups_n; i++) {
		rc = ca_hubs_parse(config->groups[i].hubs, hubs, &n, err);
		if (rc == TPMIOT_OK && n == 0)
			rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "at least one is needed");
		if (rc != TPMIOT_OK)
			return tpmiot_err_prefix(err, "[group %s] hubs", config->groups[i].name);
	}
	return TPMIOT_OK;
}

/* Certificates carry it for as long as they last. */
static enum tpmiot_rc
check_crl_url(const struct ca_config *config, struct tpmiot_err *err)
{
	const char *url = config->crl_url;

	if (url[0] == '\0' || strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0 ||
	    strncmp(url, "ldap://", 7) == 0)
		return TPMIOT_OK;
	return tpmiot_err_set(
	    err, TPMIOT_E_FORMAT, "crl_url = %s: this is no URL; it begins with http://", url);
}

/* It is run without a search path, and devices do not wait for longer than for any request. */
static enum tpmiot_rc
check_hook(const struct ca_config *config, struct tpmiot_err *err)
{
	if (config->hook[0] == '\0')
		return TPMIOT_OK;
	if (config->hook[0] != '/')
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "hook = %s: give its whole path", config->hook);
	if (config->hook_timeout >= config->request_timeout)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "hook_timeout has to be less than request_timeout, or devices are hung up on");
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_config_sections(const CONF *conf, struct ca_config *config, struct tpmiot_err *err)
{
	STACK_OF(OPENSSL_CSTRING) *names = NCONF_get_section_names(conf);
	enum tpmiot_rc rc = TPMIOT_OK;

	for (int i = 0; rc == TPMIOT_OK && i < sk_OPENSSL_CSTRING_num(names); i++) {
		const char *section = sk_OPENSSL_CSTRING_value(names, i);
		const char *group = name_of(section, "group"),
		           *profile = name_of(section, "profile");

		if (strcmp(section, "default") == 0)
			continue;
		rc = check_name(section, group != NULL ? group : profile, err);
		if (rc == TPMIOT_OK)
			rc = group != NULL ? add_group(conf, section, group, config, err)
			                   : add_profile(conf, section, profile, config, err);
	}
	sk_OPENSSL_CSTRING_free(names);
	if (rc == TPMIOT_OK)
		rc = check_groups(config, err);
	if (rc == TPMIOT_OK)
		rc = check_hook(config, err);
	if (rc == TPMIOT_OK)
		rc = check_crl_url(config, err);
	return rc == TPMIOT_OK ? check_hubs(config, err) : rc;
}

void
ca_config_sections_free(struct ca_config *config)
{
	for (size_t i = 0; i < config->groups_n; i++) {
		OPENSSL_free(config->groups[i].name);
		ca_keys_free(&ca_group_keys, &config->groups[i]);
	}
	for (size_t i = 0; i < config->profile_sections_n; i++) {
		OPENSSL_free(config->profile_sections[i].name);
		ca_keys_free(&ca_profile_keys, &config->profile_sections[i]);
	}
	free(config->groups);
	free(config->profile_sections);
	config->groups = NULL;
	config->profile_sections = NULL;
	config->groups_n = config->profile_sections_n = 0;
}

bool
ca_config_group(const struct ca_config *config, const char *name, struct ca_group *out)
{
	static char none[] = "";

	if (name[0] == '\0') {
		*out = (struct ca_group){ none, config->enrolment, config->profiles,
			config->accept_ids, config->tpms, config->pcrs, config->pcr_policies,
			config->hubs, config->reprovision };
		return true;
	}
	for (size_t i = 0; i < config->groups_n; i++) {
		if (strcmp(config->groups[i].name, name) == 0) {
			*out = config->groups[i];
			return true;
		}
	}
	return false;
}
