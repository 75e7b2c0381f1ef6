/* SPDX-License-Identifier: Apache-2.0 */
#include "enroll/token/jws.h"

#include <stdlib.h>
#include <string.h>

#include "enroll/cmd/describe.h"

enum tpmiot_rc
enroll_jws_alg(const char *name, const EVP_PKEY *key, const struct tpmiot_jws_alg **out,
    struct tpmiot_err *err)
{
	const char *fitting = key != NULL ? tpmiot_jws_algs_of(key) : NULL;
	const struct tpmiot_jws_alg *alg;

	if (fitting == NULL)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "a JSON Web Signature needs an RSA key of 2048 bits, P-256 or P-384");
	alg = name != NULL ? tpmiot_jws_alg_find(name) : tpmiot_jws_alg_default(key);
	if (alg == NULL)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--alg=%s: RS256, PS256, ES256 and ES384 there are, and with this key %s", name,
		    fitting);
	if (!tpmiot_jws_alg_fits(alg, key))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--alg=%s is not for this key: with it, use %s", name, fitting);
	*out = alg;
	return TPMIOT_OK;
}

static enum tpmiot_rc
make_header(const struct tpmiot_key *key, const struct tpmiot_jws_alg *alg, json_t *more,
    char **out, struct tpmiot_err *err)
{
	struct tpmiot_buf kid = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = enroll_describe_put_spki(tpmiot_key_pkey(key), &kid, err);
	json_t *header;

	if (rc != TPMIOT_OK)
		return rc;
	header = json_pack(
	    "{s:s, s:s%}", "alg", tpmiot_jws_alg_name(alg), "kid", (const char *)kid.data, kid.len);
	tpmiot_buf_free(&kid);
	if (header != NULL && (more == NULL || json_object_update(header, more) == 0))
		*out = json_dumps(header, JSON_COMPACT);
	json_decref(header);
	return *out != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

static enum tpmiot_rc
check(struct tpmiot_key *key, const struct tpmiot_jws_alg *alg, const struct tpmiot_buf *text,
    struct tpmiot_err *err)
{
	struct tpmiot_jws jws = { .text = NULL };
	enum tpmiot_rc rc = tpmiot_jws_parse((const char *)text->data, text->len, &jws, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_jws_verify(&jws, alg, tpmiot_key_pkey(key), err);
	tpmiot_jws_clear(&jws);
	if (rc == TPMIOT_E_VERIFY && tpmiot_jws_scheme(alg).scheme == TPM2_ALG_RSAPSS)
		rc = tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "this TPM's PSS salt is not as long as the digest, as PS256 wants it: use "
		    "RS256");
	return rc;
}

enum tpmiot_rc
enroll_jws_sign(struct tpmiot_key *key, const struct tpmiot_jws_alg *alg, json_t *more,
    const void *payload, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	const TPMT_SIG_SCHEME scheme = tpmiot_jws_scheme(alg);
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	TPMT_SIGNATURE sig;
	char *header = NULL;
	enum tpmiot_rc rc = make_header(key, alg, more, &header, err);

	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_jws_put_input(header, strlen(header), payload, len, &text);
	free(header);
	rc = tpmiot_buf_done(&text, err);
	if (rc == TPMIOT_OK && text.len > TPMIOT_JWS_MAX - 1024)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "%zu bytes are too many for a JWS: sign them with 'openssl cms'", len);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_sign_message(key, &scheme, text.data, text.len, &sig, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_jws_put_signature(alg, &sig, &text, err);
	if (rc == TPMIOT_OK)
		rc = check(key, alg, &text, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_put(out, text.data, text.len);
		rc = tpmiot_buf_done(out, err);
	}
	tpmiot_buf_free(&text);
	return rc;
}
