/* SPDX-License-Identifier: Apache-2.0 */
/* What few key files have: a description, a policy, signed policies. */
#include <string.h>

#include <openssl/crypto.h>

#include "keyfile_asn1.h"

/* Limits that no sensible file comes near. */
#define STEPS_MAX 32
#define SIGNED_MAX 64

struct tpmiot_keyextra *
tpmiot_keyextra_ref(struct tpmiot_keyextra *extra)
{
	if (extra != NULL)
		(void)__atomic_fetch_add(&extra->refs, 1, __ATOMIC_RELAXED);
	return extra;
}

void
tpmiot_keyextra_unref(struct tpmiot_keyextra **extra)
{
	struct tpmiot_keyextra *old = *extra;

	*extra = NULL;
	if (old == NULL || __atomic_fetch_sub(&old->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	for (size_t i = 0; i < old->n_signed; i++)
		tpmiot_policy_free(&old->signed_policy[i]);
	OPENSSL_free(old->signed_policy);
	tpmiot_policy_free(&old->policy);
	OPENSSL_free(old->description);
	OPENSSL_free(old);
}

/* ---- from ASN.1 ------------------------------------------------------------ */

static enum tpmiot_rc
read_text(const ASN1_UTF8STRING *from, const char *what, char **out, struct tpmiot_err *err)
{
	const char *text = (const char *)ASN1_STRING_get0_data(from);
	size_t len = (size_t)ASN1_STRING_length(from);

	if (memchr(text, '\0', len) != NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "key file: %s: a NUL in its text", what);
	*out = OPENSSL_strndup(text, len);
	return *out == NULL ? tpmiot_err_memory(err) : TPMIOT_OK;
}

static enum tpmiot_rc
read_steps(const STACK_OF(keyfile_step) *from, const char *what, struct tpmiot_policy *out,
    struct tpmiot_err *err)
{
	int n = sk_keyfile_step_num(from);

	if (n <= 0)
		return TPMIOT_OK; /* openssl_tpm2_engine writes one without commands for none */
	if (n > STEPS_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: %s: %d commands, more than %d", what, n, STEPS_MAX);
	out->step = OPENSSL_zalloc((size_t)n * sizeof(*out->step));
	if (out->step == NULL)
		return tpmiot_err_memory(err);
	out->n = (size_t)n;
	for (int i = 0; i < n; i++) {
		const keyfile_step *step = sk_keyfile_step_value(from, i);
		struct tpmiot_buf *body = &out->step[i].body;
		uint64_t code;

		if (ASN1_INTEGER_get_uint64(&code, step->code) != 1 || code > UINT32_MAX) {
			tpmiot_err_forget();
			return tpmiot_err_set(
			    err, TPMIOT_E_FORMAT, "key file: %s: not a command code", what);
		}
		out->step[i].code = (TPM2_CC)code;
		tpmiot_buf_put(body, ASN1_STRING_get0_data(step->body),
		    (size_t)ASN1_STRING_length(step->body));
		if (tpmiot_buf_done(body, err) != TPMIOT_OK)
			return TPMIOT_E_MEMORY;
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_signed(
    const STACK_OF(keyfile_policy) *from, struct tpmiot_keyextra *extra, struct tpmiot_err *err)
{
	int n = sk_keyfile_policy_num(from);
	enum tpmiot_rc rc = TPMIOT_OK;

	if (n > SIGNED_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: authPolicy: %d policies, more than %d", n, SIGNED_MAX);
	if (n <= 0)
		return TPMIOT_OK; /* its signer has taken them all back */
	extra->signed_policy = OPENSSL_zalloc((size_t)n * sizeof(*extra->signed_policy));
	if (extra->signed_policy == NULL)
		return tpmiot_err_memory(err);
	extra->n_signed = (size_t)n;
	for (int i = 0; rc == TPMIOT_OK && i < n; i++) {
		const keyfile_policy *policy = sk_keyfile_policy_value(from, i);

		if (policy->name != NULL)
			rc = read_text(
			    policy->name, "authPolicy", &extra->signed_policy[i].name, err);
		if (rc == TPMIOT_OK)
			rc = read_steps(policy->steps, "authPolicy", &extra->signed_policy[i], err);
	}
	return rc;
}

/* ---- the draft's rules ------------------------------------------------------ */

static enum tpmiot_rc
parse_step(OSSL_LIB_CTX *libctx, const struct tpmiot_keyfile *file, const char *what,
    const struct tpmiot_policy_step *step, union tpmiot_policy_body *body, struct tpmiot_err *err)
{
	enum tpmiot_rc rc =
	    tpmiot_policy_step_parse(libctx, step, file->pub.area.nameAlg, body, err);

	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "key file: %s", what);
	return rc;
}

/* The key's own policy leads to its authPolicy; only its first command may be a PolicyAuthorize. */
static enum tpmiot_rc
check_policy(OSSL_LIB_CTX *libctx, const struct tpmiot_keyfile *file,
    const struct tpmiot_policy *policy, struct tpmiot_err *err)
{
	const TPM2B_DIGEST *wanted = &file->pub.area.authPolicy;
	union tpmiot_policy_body body;
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	for (size_t i = 0; i < policy->n; i++) {
		rc = parse_step(libctx, file, "policy", &policy->step[i], &body, err);
		if (rc != TPMIOT_OK)
			return rc;
		if (policy->step[i].code != TPM2_CC_PolicyAuthorize)
			continue;
		if (i > 0 || body.authorize.signature.sigAlg != TPM2_ALG_NULL)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "key file: policy: TPM2_PolicyAuthorize is its first command and has "
			    "no signature (that is in authPolicy)");
	}
	rc = tpmiot_policy_digest(libctx, policy, file->pub.area.nameAlg, &digest, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (digest.size != wanted->size || memcmp(digest.buffer, wanted->buffer, digest.size) != 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: policy: it does not lead to the key's authPolicy; the file was "
		    "changed, or is written in a form that is not known");
	if (tpmiot_policy_has(policy, TPM2_CC_PolicySecret) &&
	    (tpmiot_policy_has(policy, TPM2_CC_PolicyAuthValue) ||
	        tpmiot_policy_has(policy, TPM2_CC_PolicyPassword)))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key file: policy: it takes two passwords (TPM2_PolicySecret and the key's "
		    "own); OpenSSL asks for one");
	return TPMIOT_OK;
}

/* A signed policy ends with its signature, by the signer whom the key's own policy names. */
static enum tpmiot_rc
check_signed(OSSL_LIB_CTX *libctx, const struct tpmiot_keyfile *file,
    const union tpmiot_policy_body *first, const struct tpmiot_policy *policy,
    struct tpmiot_err *err)
{
	const TPM2B_NAME *signer = &first->authorize.signer.name;
	union tpmiot_policy_body body = { 0 };

	for (size_t i = 0; i < policy->n; i++) {
		bool last = i + 1 == policy->n;
		enum tpmiot_rc rc =
		    parse_step(libctx, file, "authPolicy", &policy->step[i], &body, err);

		if (rc != TPMIOT_OK)
			return rc;
		if ((policy->step[i].code == TPM2_CC_PolicyAuthorize) != last)
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "key file: authPolicy: TPM2_PolicyAuthorize has to be the last "
			    "command of each policy, and only that");
	}
	if (policy->n == 0 || body.authorize.signature.sigAlg == TPM2_ALG_NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "key file: authPolicy: not signed");
	if (body.authorize.signer.name.size != signer->size ||
	    memcmp(body.authorize.signer.name.name, signer->name, signer->size) != 0 ||
	    body.authorize.ref.size != first->authorize.ref.size ||
	    memcmp(body.authorize.ref.buffer, first->authorize.ref.buffer,
	        body.authorize.ref.size) != 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: authPolicy: signed by another key, or for another policyRef, than "
		    "the key's policy says");
	return TPMIOT_OK;
}

static enum tpmiot_rc
check(OSSL_LIB_CTX *libctx, const struct tpmiot_keyfile *file, const struct tpmiot_keyextra *extra,
    struct tpmiot_err *err)
{
	union tpmiot_policy_body first;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (extra->policy.n > 0)
		rc = check_policy(libctx, file, &extra->policy, err);
	if (rc != TPMIOT_OK || extra->n_signed == 0)
		return rc;
	if (extra->policy.n == 0 || extra->policy.step[0].code != TPM2_CC_PolicyAuthorize)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: authPolicy: there are signed policies, but the key's policy does "
		    "not begin with TPM2_PolicyAuthorize");
	rc = parse_step(libctx, file, "policy", &extra->policy.step[0], &first, err);
	for (size_t i = 0; rc == TPMIOT_OK && i < extra->n_signed; i++)
		rc = check_signed(libctx, file, &first, &extra->signed_policy[i], err);
	return rc;
}

/* Lists without anything in them are none. */
static bool
is_empty(const struct tpmiot_keyextra *extra)
{
	return extra->description == NULL && extra->policy.n == 0 && extra->n_signed == 0;
}

enum tpmiot_rc
keyfile_extra_read(OSSL_LIB_CTX *libctx, const keyfile_key *from, const struct tpmiot_keyfile *file,
    struct tpmiot_keyextra **extra, struct tpmiot_err *err)
{
	struct tpmiot_keyextra *made;
	enum tpmiot_rc rc = TPMIOT_OK;

	*extra = NULL;
	if (from->policy == NULL && from->auth_policy == NULL && from->description == NULL)
		return TPMIOT_OK;
	made = OPENSSL_zalloc(sizeof(*made));
	if (made == NULL)
		return tpmiot_err_memory(err);
	made->refs = 1;
	if (from->description != NULL)
		rc = read_text(from->description, "description", &made->description, err);
	if (rc == TPMIOT_OK && from->policy != NULL)
		rc = read_steps(from->policy, "policy", &made->policy, err);
	if (rc == TPMIOT_OK && from->auth_policy != NULL)
		rc = read_signed(from->auth_policy, made, err);
	if (rc == TPMIOT_OK)
		rc = check(libctx, file, made, err);
	if (rc == TPMIOT_OK && !is_empty(made)) {
		*extra = made;
		made = NULL;
	}
	tpmiot_keyextra_unref(&made);
	return rc;
}

/* ---- to ASN.1 ---------------------------------------------------------------- */

static bool
write_text(const char *from, ASN1_UTF8STRING **to)
{
	*to = ASN1_UTF8STRING_new();
	return *to != NULL && ASN1_STRING_set(*to, from, -1) == 1;
}

static bool
write_step(const struct tpmiot_policy_step *from, STACK_OF(keyfile_step) *to)
{
	keyfile_step *step = (keyfile_step *)ASN1_item_new(ASN1_ITEM_rptr(keyfile_step));

	if (step != NULL && ASN1_INTEGER_set_uint64(step->code, from->code) == 1 &&
	    ASN1_OCTET_STRING_set(step->body, from->body.data, (int)from->body.len) == 1 &&
	    sk_keyfile_step_push(to, step) > 0)
		return true;
	ASN1_item_free((ASN1_VALUE *)step, ASN1_ITEM_rptr(keyfile_step));
	return false;
}

static bool
write_steps(const struct tpmiot_policy *from, STACK_OF(keyfile_step) **to)
{
	if (*to == NULL)
		*to = sk_keyfile_step_new_null();
	if (*to == NULL)
		return false;
	for (size_t i = 0; i < from->n; i++)
		if (!write_step(&from->step[i], *to))
			return false;
	return true;
}

static bool
write_signed(const struct tpmiot_policy *from, STACK_OF(keyfile_policy) *to)
{
	keyfile_policy *policy = (keyfile_policy *)ASN1_item_new(ASN1_ITEM_rptr(keyfile_policy));

	if (policy != NULL && (from->name == NULL || write_text(from->name, &policy->name)) &&
	    write_steps(from, &policy->steps) && sk_keyfile_policy_push(to, policy) > 0)
		return true;
	ASN1_item_free((ASN1_VALUE *)policy, ASN1_ITEM_rptr(keyfile_policy));
	return false;
}

bool
keyfile_extra_write(const struct tpmiot_keyextra *extra, keyfile_key *to)
{
	if (extra->description != NULL && !write_text(extra->description, &to->description))
		return false;
	if (extra->policy.n > 0 && !write_steps(&extra->policy, &to->policy))
		return false;
	if (extra->n_signed > 0 && (to->auth_policy = sk_keyfile_policy_new_null()) == NULL)
		return false;
	for (size_t i = 0; i < extra->n_signed; i++)
		if (!write_signed(&extra->signed_policy[i], to->auth_policy))
			return false;
	return true;
}
