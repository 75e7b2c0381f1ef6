/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/token/jwt.h"

#include <string.h>
#include <strings.h>

#include <tpmiot/b64.h>

#include "ca/json.h"

#define DEPTH_MAX 8
#define TIME_MAX ((int64_t)1 << 53) /* what a JSON number holds exactly */

/* ---- The header ------------------------------------------------------------------ */

/* Nothing that is not said; a number that is no time is refused. */
static enum tpmiot_rc
get_time(const json_t *object, const char *name, int64_t *out, struct tpmiot_err *err)
{
	const json_t *value = json_object_get(object, name);
	double number;

	if (value == NULL)
		return TPMIOT_OK;
	number = json_number_value(value);
	if (!json_is_number(value) || !(number >= 0 && number < (double)TIME_MAX))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "\"%s\" is no time", name);
	*out = (int64_t)number;
	return TPMIOT_OK;
}

static void
read_typ(const json_t *typ, struct ca_jose *out)
{
	const char *text = json_string_value(typ);

	out->has_typ = typ != NULL;
	if (text != NULL && strlen(text) < sizeof(out->typ))
		memcpy(out->typ, text, strlen(text) + 1);
}

static enum tpmiot_rc
read_jose(const json_t *header, struct ca_jose *out, struct tpmiot_err *err)
{
	const char *alg = json_string_value(json_object_get(header, "alg"));
	const char *kid = json_string_value(json_object_get(header, "kid"));

	if (alg == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "its header has no \"alg\"");
	out->alg = tpmiot_jws_alg_find(alg);
	if (out->alg == NULL)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "\"alg\" is %.16s, and not one of RS256, PS256, ES256, ES384", alg);
	if (json_object_get(header, "crit") != NULL)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "its header has \"crit\", and nothing there is understood here (RFC 7515 "
		    "section 4.1.11)");
	read_typ(json_object_get(header, "typ"), out);
	out->has_key = kid != NULL && strlen(kid) == 2 * CA_SHA256_LEN &&
	               tpmiot_hex_decode(kid, out->key_spki, CA_SHA256_LEN, NULL) == TPMIOT_OK;
	return get_time(header, "iat", &out->issued, err);
}

enum tpmiot_rc
ca_jose_parse(const struct tpmiot_buf *header, struct ca_jose *out, struct tpmiot_err *err)
{
	struct ca_jose jose = { .issued = -1 };
	json_t *json = NULL;
	enum tpmiot_rc rc = ca_json_load(header->data, header->len, DEPTH_MAX, &json, err);

	if (rc == TPMIOT_OK)
		rc = read_jose(json, &jose, err);
	json_decref(json);
	if (rc == TPMIOT_OK)
		*out = jose;
	return rc;
}

/* ---- The token ------------------------------------------------------------------- */

static enum tpmiot_rc
read_claims(struct ca_jwt *jwt, struct tpmiot_err *err)
{
	const json_t *sub = json_object_get(jwt->claims, "sub");
	enum tpmiot_rc rc;

	jwt->iat = jwt->exp = jwt->nbf = -1;
	rc = get_time(jwt->claims, "iat", &jwt->iat, err);
	if (rc == TPMIOT_OK)
		rc = get_time(jwt->claims, "exp", &jwt->exp, err);
	if (rc == TPMIOT_OK)
		rc = get_time(jwt->claims, "nbf", &jwt->nbf, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (jwt->iat < 0 || jwt->exp < 0)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "it has no \"%s\"", jwt->exp < 0 ? "exp" : "iat");
	if (jwt->nbf < 0)
		jwt->nbf = jwt->iat;
	if (sub != NULL && !json_is_string(sub))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "\"sub\" is not a string");
	jwt->sub = json_string_value(sub);
	return TPMIOT_OK;
}

enum tpmiot_rc
ca_jwt_parse(struct tpmiot_bytes text, struct ca_jwt *out, struct tpmiot_err *err)
{
	struct ca_jwt jwt = { .claims = NULL };
	enum tpmiot_rc rc = tpmiot_jws_parse((const char *)text.data, text.len, &jwt.jws, err);

	if (rc == TPMIOT_OK)
		rc = ca_jose_parse(&jwt.jws.header, &jwt.jose, err);
	if (rc == TPMIOT_OK && jwt.jose.has_typ && strcasecmp(jwt.jose.typ, "JWT") != 0)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "it is signed as something else than a token (\"typ\")");
	if (rc == TPMIOT_OK)
		rc = ca_json_load(
		    jwt.jws.payload.data, jwt.jws.payload.len, DEPTH_MAX, &jwt.claims, err);
	if (rc == TPMIOT_OK)
		rc = read_claims(&jwt, err);
	if (rc == TPMIOT_OK)
		*out = jwt;
	else
		ca_jwt_clear(&jwt);
	return rc;
}

void
ca_jwt_clear(struct ca_jwt *jwt)
{
	tpmiot_jws_clear(&jwt->jws);
	json_decref(jwt->claims);
	jwt->claims = NULL;
	jwt->sub = NULL;
}

/* ---- What the claims allow --------------------------------------------------------- */

static bool
is_for(const json_t *aud, const char *audience)
{
	const json_t *one;
	size_t i;

	if (json_is_string(aud))
		return strcmp(json_string_value(aud), audience) == 0;
	json_array_foreach(aud, i, one)
	{
		if (json_is_string(one) && strcmp(json_string_value(one), audience) == 0)
			return true;
	}
	return false;
}

enum tpmiot_rc
ca_jwt_check_claims(
    const struct ca_jwt *jwt, const struct ca_bearer_asked *asked, struct tpmiot_err *err)
{
	if (jwt->exp <= asked->now - CA_BEARER_LEEWAY)
		return tpmiot_err_set(err, TPMIOT_E_POLICY, "it expired %lld s ago (\"exp\")",
		    (long long)(asked->now - jwt->exp));
	if (jwt->iat > asked->now + CA_BEARER_LEEWAY || jwt->nbf > asked->now + CA_BEARER_LEEWAY)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "it is from the future (\"%s\"): one of the clocks is wrong",
		    jwt->iat > asked->now + CA_BEARER_LEEWAY ? "iat" : "nbf");
	if (jwt->exp <= jwt->iat || jwt->exp - jwt->iat > asked->max_ttl)
		return tpmiot_err_set(err, TPMIOT_E_POLICY,
		    "it is good for %lld s, and %lld are allowed", (long long)(jwt->exp - jwt->iat),
		    (long long)asked->max_ttl);
	if (!is_for(json_object_get(jwt->claims, "aud"), asked->audience))
		return tpmiot_err_set(
		    err, TPMIOT_E_POLICY, "it is not for %.100s (\"aud\")", asked->audience);
	return TPMIOT_OK;
}
