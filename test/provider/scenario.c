/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpmiot/tpm.h>

#include "keyuser.h"
#include "tpm/assure.h"
#include "unsealer.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool
sign(struct user *user, EVP_PKEY *key)
{
	return user_sign(user, key, false);
}

static bool
sign_pss(struct user *user, EVP_PKEY *key)
{
	return user_sign(user, key, true);
}

static bool
decrypt_oaep(struct user *user, EVP_PKEY *key)
{
	return user_decrypt(user, key, true);
}

static bool
decrypt_pkcs1(struct user *user, EVP_PKEY *key)
{
	return user_decrypt(user, key, false);
}

void (*scenario_begins)(void);

static bool
sign_times(struct user *user, EVP_PKEY *key, int n)
{
	while (n > 0 && user_sign(user, key, false))
		n--;
	return n == 0;
}

static bool
often(const char *name)
{
	struct user user;
	EVP_PKEY *key = NULL;
	bool ok = user_open(&user) && (key = user_load(&user, name)) != NULL &&
	          sign_times(&user, key, TPM_ASSURE_VERIFIED);

	if (ok && scenario_begins != NULL)
		scenario_begins();
	ok = ok && sign_times(&user, key, 3);
	EVP_PKEY_free(key);
	user_close(&user);
	return ok;
}

static const struct {
	const char *name;
	EVP_PKEY *(*get)(struct user *user, const char *arg);
	bool (*use)(struct user *user, EVP_PKEY *key);
} SCENARIOS[] = {
	{ "sign", user_load, sign },
	{ "pss", user_load, sign_pss },
	{ "oaep", user_load, decrypt_oaep },
	{ "pkcs1", user_load, decrypt_pkcs1 },
	{ "derive", user_load, user_derive },
	{ "generate", user_generate, sign },
};

static bool
with_key(size_t which, const char *arg)
{
	struct user user;
	EVP_PKEY *key = NULL;
	bool ok = false;

	if (user_open(&user)) {
		key = SCENARIOS[which].get(&user, arg);
		/* Twice: the second time finds the key loaded. */
		ok = key != NULL && SCENARIOS[which].use(&user, key) &&
		     SCENARIOS[which].use(&user, key);
	}
	EVP_PKEY_free(key);
	user_close(&user);
	return ok;
}

/* The first time, without a fault, shows what is sealed. */
static bool
unseal(const char *path)
{
	static char sealed[256];
	static size_t sealed_len;
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	bool ok = unseal_file(path, getenv("KEYUSER_PASS"), &data, NULL) == TPMIOT_OK &&
	          data.len > 0 && data.len <= sizeof(sealed);

	if (ok && sealed_len == 0) {
		memcpy(sealed, data.data, data.len);
		sealed_len = data.len;
	} else if (ok && (data.len != sealed_len || memcmp(sealed, data.data, data.len) != 0)) {
		printf("# unsealed: something else\n");
		exit(42);
	}
	tpmiot_buf_free(&data);
	return ok;
}

bool
scenario_run(const char *what)
{
	size_t len = strcspn(what, "=");
	const char *arg = what + len + (what[len] == '=');

	for (size_t i = 0; i < COUNT(SCENARIOS); i++)
		if (strlen(SCENARIOS[i].name) == len && strncmp(what, SCENARIOS[i].name, len) == 0)
			return with_key(i, arg);
	if (strncmp(what, "often=", 6) == 0)
		return often(arg);
	return strncmp(what, "unseal=", 7) == 0 && unseal(arg);
}

/* ---- what is left behind ----------------------------------------------------------- */

static size_t
flush_all(struct tpmiot_tpm *tpm, TPM2_HANDLE first)
{
	TPM2_HANDLE handles[TPMIOT_HANDLES_MAX];
	size_t n = 0;

	if (tpmiot_tpm_handles(tpm, first, handles, &n, NULL) != TPMIOT_OK)
		return 0;
	for (size_t i = 0; i < n; i++)
		tpmiot_tpm_flush(tpm, &handles[i]);
	return n;
}

bool
scenario_empty_tpm(void)
{
	struct tpmiot_tpm *tpm = NULL;
	size_t objects;

	if (tpmiot_tpm_new(getenv("TPMIOT_TCTI"), NULL, &tpm, NULL) != TPMIOT_OK)
		return false;
	objects = flush_all(tpm, (TPM2_HANDLE)TPM2_HT_TRANSIENT << TPM2_HR_SHIFT);
	(void)flush_all(tpm, TPM2_LOADED_SESSION_FIRST);
	(void)flush_all(tpm, TPM2_ACTIVE_SESSION_FIRST);
	tpmiot_tpm_free(&tpm);
	return objects == 0;
}
