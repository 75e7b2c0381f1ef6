/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* secure_getenv() */

#include "auth.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/params.h>

/* No TPM takes more than the largest digest: what fills this is too long for any, cut off or not.
 */
#define AUTH_MAX 128

static bool
set(struct prov_ctx *prov, struct tpmiot_key *key, const void *value, size_t len)
{
	struct tpmiot_bytes auth = { value, len };
	struct tpmiot_err err;

	if (tpmiot_key_set_auth(key, auth, &err) != TPMIOT_OK)
		return prov_raise_err(prov, &err);
	return true;
}

/* The first line, without its end. */
static bool
set_from_file(struct prov_ctx *prov, struct tpmiot_key *key, const char *path)
{
	char line[AUTH_MAX + 2];
	BIO *file = BIO_new_file(path, "r");
	int len = file == NULL ? -1 : BIO_get_line(file, line, sizeof(line));
	bool ok;

	BIO_free(file);
	if (len < 0)
		return prov_raise(prov, TPMIOT_E_IO,
		    "auth-file=%s can't be read: it holds the key's password in its first line",
		    path);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	ok = set(prov, key, line, (size_t)len);
	OPENSSL_cleanse(line, sizeof(line));
	return ok;
}

static bool
set_from_env(struct prov_ctx *prov, struct tpmiot_key *key, const char *variable)
{
	const char *value = getenv(variable);

	if (value == NULL)
		return prov_raise(prov, TPMIOT_E_NOT_FOUND,
		    "auth-env=%s: there is no such environment variable", variable);
	return set(prov, key, value, strlen(value));
}

static bool
set_from_prompt(
    struct prov_ctx *prov, struct tpmiot_key *key, OSSL_PASSPHRASE_CALLBACK *cb, void *arg)
{
	char pass[AUTH_MAX], what[] = "TPM key";
	OSSL_PARAM params[] = {
		OSSL_PARAM_utf8_string(OSSL_PASSPHRASE_PARAM_INFO, what, sizeof(what) - 1),
		OSSL_PARAM_END,
	};
	size_t len = 0;
	bool ok = true;

	ERR_set_mark();
	if (cb(pass, sizeof(pass), &len, params, arg)) {
		ERR_clear_last_mark();
		if (len > 0) /* an empty answer is none, and no guess at the password */
			ok = set(prov, key, pass, len);
	} else {
		ERR_pop_to_mark();
	}
	OPENSSL_cleanse(pass, sizeof(pass));
	return ok;
}

/* BIO_get_line() and getenv() want strings; a URI's own value may hold any bytes. */
static bool
set_from_uri(struct prov_ctx *prov, struct tpmiot_key *key, const struct tpmiot_uri *uri)
{
	struct tpmiot_buf arg = TPMIOT_BUF_INIT;
	const char *str;
	bool ok;

	if (uri->auth == TPMIOT_URI_AUTH_VALUE)
		return set(prov, key, uri->auth_arg.data, uri->auth_arg.len);
	tpmiot_buf_put(&arg, uri->auth_arg.data, uri->auth_arg.len);
	str = tpmiot_buf_cstr(&arg);
	ok = str != NULL && (uri->auth == TPMIOT_URI_AUTH_FILE ? set_from_file(prov, key, str)
	                                                       : set_from_env(prov, key, str));
	tpmiot_buf_free(&arg);
	return ok;
}

/* Not of a setuid program's caller, who may not use up the tries that the TPM gives. */
struct tpmiot_bytes
prov_auth_parent(void)
{
	const char *value = secure_getenv("TPMIOT_PARENT_AUTH");

	if (value == NULL)
		value = secure_getenv("TPM2OPENSSL_PARENT_AUTH");
	return (struct tpmiot_bytes){ value, value == NULL ? 0 : strlen(value) };
}

static bool
set_parent_auth(struct prov_ctx *prov, struct tpmiot_key *key)
{
	struct tpmiot_bytes value = prov_auth_parent();
	struct tpmiot_err err;

	if (value.data == NULL)
		return true;
	if (tpmiot_key_set_parent_auth(key, value, &err) != TPMIOT_OK)
		return prov_raise_err(prov, &err);
	return true;
}

bool
prov_auth_provide(struct prov_ctx *prov, struct tpmiot_key *key, const struct tpmiot_uri *uri,
    OSSL_PASSPHRASE_CALLBACK *cb, void *arg)
{
	if (!set_parent_auth(prov, key))
		return false;
	if (uri != NULL && uri->auth == TPMIOT_URI_AUTH_ASK)
		tpmiot_key_expect_auth(key);
	else if (uri != NULL && uri->auth != TPMIOT_URI_AUTH_NONE)
		return set_from_uri(prov, key, uri);
	if (cb != NULL && tpmiot_key_needs_auth(key))
		return set_from_prompt(prov, key, cb, arg);
	return true;
}
