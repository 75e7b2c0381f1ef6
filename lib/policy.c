/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/policy.h>
#include <tpmiot/signature.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

void
tpmiot_policy_free(struct tpmiot_policy *policy)
{
	for (size_t i = 0; i < policy->n; i++)
		tpmiot_buf_free(&policy->step[i].body);
	OPENSSL_free(policy->step);
	OPENSSL_free(policy->name);
	*policy = (struct tpmiot_policy){ 0 };
}

bool
tpmiot_policy_has(const struct tpmiot_policy *policy, TPM2_CC code)
{
	for (size_t i = 0; i < policy->n; i++)
		if (policy->step[i].code == code)
			return true;
	return false;
}

/* ---- bodies ---------------------------------------------------------------- */

static void
take_tpm2b(struct tpmiot_reader *r, void *to, size_t room, UINT16 *size)
{
	size_t len = 0;
	const uint8_t *data = tpmiot_reader_tpm2b(r, room, &len);

	if (data == NULL)
		return;
	memcpy(to, data, len);
	*size = (UINT16)len;
}

static void
take_digest(struct tpmiot_reader *r, TPM2B_DIGEST *out)
{
	take_tpm2b(r, out->buffer, sizeof(out->buffer), &out->size);
}

/* The rest, without a size in front. */
static void
take_rest(struct tpmiot_reader *r, size_t len, void *to, size_t room, UINT16 *size)
{
	const uint8_t *data;

	if (len > room)
		r->failed = true;
	data = tpmiot_reader_take(r, len);
	if (data == NULL || r->failed)
		return;
	memcpy(to, data, len);
	*size = (UINT16)len;
}

static void
take_pcrs(struct tpmiot_reader *r, TPML_PCR_SELECTION *out)
{
	out->count = tpmiot_reader_u32(r);
	if (out->count == 0 || out->count > COUNT(out->pcrSelections))
		r->failed = true;
	for (uint32_t i = 0; !r->failed && i < out->count; i++) {
		TPMS_PCR_SELECTION *bank = &out->pcrSelections[i];
		const uint8_t *bits;

		bank->hash = tpmiot_reader_u16(r);
		bank->sizeofSelect = tpmiot_reader_u8(r);
		if (bank->sizeofSelect > sizeof(bank->pcrSelect) ||
		    tpmiot_alg_md_size(bank->hash) == 0)
			r->failed = true;
		bits = tpmiot_reader_take(r, bank->sizeofSelect);
		if (bits != NULL && !r->failed)
			memcpy(bank->pcrSelect, bits, bank->sizeofSelect);
	}
}

/* The draft's form begins with the digest's size, the other one with a count below 65,536. */
static void
parse_pcr(struct tpmiot_reader *r, TPMI_ALG_HASH alg, union tpmiot_policy_body *out)
{
	bool wire = r->len >= 2 && (r->data[0] != 0 || r->data[1] != 0);

	if (wire)
		take_digest(r, &out->pcr.digest);
	take_pcrs(r, &out->pcr.pcrs);
	if (!wire)
		take_rest(r, r->len, out->pcr.digest.buffer, sizeof(out->pcr.digest.buffer),
		    &out->pcr.digest.size);
	if (out->pcr.digest.size != tpmiot_alg_md_size(alg))
		r->failed = true;
}

/* Of a permanent handle, a session or a PCR the Name is the handle (Part 1, clause 16); else 0. */
static TPM2_HANDLE
handle_named(const TPM2B_NAME *name)
{
	if (name->size != sizeof(TPM2_HANDLE))
		return 0;
	return (TPM2_HANDLE)name->name[0] << 24 | (TPM2_HANDLE)name->name[1] << 16 |
	       (TPM2_HANDLE)name->name[2] << 8 | name->name[3];
}

/* The entity is a hint only, but it may not contradict the Name, which is what binds. */
static void
parse_secret(struct tpmiot_reader *r, union tpmiot_policy_body *out)
{
	TPM2_HANDLE hint = tpmiot_reader_u32(r), named;

	take_tpm2b(r, out->secret.name.name, sizeof(out->secret.name.name), &out->secret.name.size);
	take_digest(r, &out->secret.ref);
	named = handle_named(&out->secret.name);
	if (out->secret.name.size == 0 || (named != 0 && hint != 0 && hint != named) ||
	    (named == 0 && hint >> TPM2_HR_SHIFT == TPM2_HT_PERMANENT))
		r->failed = true;
	out->secret.entity = named != 0 ? named : hint;
}

/* Operand, offset, operation. The draft's form has the operand's size in front. */
static void
parse_timer(struct tpmiot_reader *r, union tpmiot_policy_body *out)
{
	TPM2B_OPERAND *operand = &out->timer.operand;

	if (r->len >= 6 && (size_t)(r->data[0] << 8 | r->data[1]) + 6 == r->len)
		take_digest(r, operand);
	else
		take_rest(r, r->len < 4 ? 0 : r->len - 4, operand->buffer, sizeof(operand->buffer),
		    &operand->size);
	out->timer.offset = tpmiot_reader_u16(r);
	out->timer.operation = tpmiot_reader_u16(r);
	if (operand->size == 0 || out->timer.operation > TPM2_EO_BITCLEAR)
		r->failed = true;
}

static void
parse_or(struct tpmiot_reader *r, TPMI_ALG_HASH alg, union tpmiot_policy_body *out)
{
	TPML_DIGEST *list = &out->branches;

	list->count = tpmiot_reader_u32(r);
	if (list->count < 2 || list->count > COUNT(list->digests))
		r->failed = true;
	for (uint32_t i = 0; !r->failed && i < list->count; i++) {
		take_digest(r, &list->digests[i]);
		if (list->digests[i].size != tpmiot_alg_md_size(alg))
			r->failed = true;
	}
}

/* TPM2B_PUBLIC, TPM2B_DIGEST, TPMT_SIGNATURE; a signature of TPM_ALG_NULL is none. */
static enum tpmiot_rc
parse_authorize(OSSL_LIB_CTX *libctx, struct tpmiot_reader *r, union tpmiot_policy_body *out,
    struct tpmiot_err *err)
{
	const uint8_t *start = r->data;
	enum tpmiot_rc rc;
	size_t len = 0;

	if (tpmiot_reader_tpm2b(r, UINT16_MAX, &len) == NULL)
		return TPMIOT_OK; /* the reader has failed */
	rc = tpmiot_public_parse(libctx, start, len + 2, &out->authorize.signer, err);
	if (rc != TPMIOT_OK)
		return rc;
	take_digest(r, &out->authorize.ref);
	if (!r->failed && r->len == 2 && r->data[0] == 0 && r->data[1] == TPM2_ALG_NULL) {
		out->authorize.signature.sigAlg = tpmiot_reader_u16(r);
		return TPMIOT_OK;
	}
	if (!r->failed)
		rc = tpmiot_signature_parse(r->data, r->len, &out->authorize.signature, err);
	if (rc == TPMIOT_OK)
		(void)tpmiot_reader_take(r, r->len);
	return rc;
}

static const char *
command_name(TPM2_CC code)
{
	switch (code) {
	case TPM2_CC_PolicyPCR:
		return "TPM2_PolicyPCR";
	case TPM2_CC_PolicyAuthValue:
		return "TPM2_PolicyAuthValue";
	case TPM2_CC_PolicyPassword:
		return "TPM2_PolicyPassword";
	case TPM2_CC_PolicySecret:
		return "TPM2_PolicySecret";
	case TPM2_CC_PolicyAuthorize:
		return "TPM2_PolicyAuthorize";
	case TPM2_CC_PolicyCounterTimer:
		return "TPM2_PolicyCounterTimer";
	case TPM2_CC_PolicyLocality:
		return "TPM2_PolicyLocality";
	case TPM2_CC_PolicyOR:
		return "TPM2_PolicyOR";
	default:
		return NULL;
	}
}

enum tpmiot_rc
tpmiot_policy_step_parse(OSSL_LIB_CTX *libctx, const struct tpmiot_policy_step *step,
    TPMI_ALG_HASH alg, union tpmiot_policy_body *out, struct tpmiot_err *err)
{
	const char *name = command_name(step->code);
	union tpmiot_policy_body body = { 0 };
	enum tpmiot_rc rc = TPMIOT_OK;
	struct tpmiot_reader r;

	if (name == NULL)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "policy: the command 0x%x is not supported; make the key with a policy of "
		    "PCRs, password, secret, signature, clock, locality",
		    step->code);
	tpmiot_reader_init(&r, step->body.data, step->body.len);
	if (step->code == TPM2_CC_PolicyPCR)
		parse_pcr(&r, alg, &body);
	else if (step->code == TPM2_CC_PolicySecret)
		parse_secret(&r, &body);
	else if (step->code == TPM2_CC_PolicyAuthorize)
		rc = parse_authorize(libctx, &r, &body, err);
	else if (step->code == TPM2_CC_PolicyCounterTimer)
		parse_timer(&r, &body);
	else if (step->code == TPM2_CC_PolicyLocality)
		body.locality = tpmiot_reader_u8(&r);
	else if (step->code == TPM2_CC_PolicyOR)
		parse_or(&r, alg, &body);
	if (rc != TPMIOT_OK) {
		if (err != NULL)
			(void)tpmiot_err_prefix(err, "policy: %s", name);
		return rc;
	}
	if (!tpmiot_reader_done(&r))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "policy: the %zu bytes of %s are not its parameters", step->body.len, name);
	if (step->code == TPM2_CC_PolicySecret &&
	    (body.secret.entity == TPM2_RH_LOCKOUT || body.secret.entity == TPM2_RH_PLATFORM))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "policy: PolicySecret of the lockout or platform hierarchy is refused: a wrong "
		    "password would lock the TPM; use the owner's or endorsement hierarchy");
	*out = body;
	return TPMIOT_OK;
}

/* ---- digests --------------------------------------------------------------- */

static void
put_pcr_selection(const TPML_PCR_SELECTION *pcrs, struct tpmiot_buf *out)
{
	tpmiot_buf_put_u32(out, pcrs->count);
	for (uint32_t i = 0; i < pcrs->count; i++) {
		const TPMS_PCR_SELECTION *bank = &pcrs->pcrSelections[i];

		tpmiot_buf_put_u16(out, bank->hash);
		tpmiot_buf_put_u8(out, bank->sizeofSelect);
		tpmiot_buf_put(out, bank->pcrSelect, bank->sizeofSelect);
	}
}

static enum tpmiot_rc
hash(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, const struct tpmiot_buf *text, TPM2B_DIGEST *out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_buf_done(text, err);

	if (rc == TPMIOT_OK)
		rc = tpmiot_alg_digest(libctx, alg, text->data, text->len, out, err);
	return rc;
}

/* PolicyUpdate() of Part 3: H(H(digest ‖ code ‖ name) ‖ ref). */
static enum tpmiot_rc
extend_by_name(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, TPM2_CC code, const TPM2B_NAME *name,
    const TPM2B_NONCE *ref, TPM2B_DIGEST *digest, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	tpmiot_buf_put(&text, digest->buffer, digest->size);
	tpmiot_buf_put_u32(&text, code);
	tpmiot_buf_put(&text, name->name, name->size);
	rc = hash(libctx, alg, &text, digest, err);
	if (rc == TPMIOT_OK) {
		tpmiot_buf_reset(&text);
		tpmiot_buf_put(&text, digest->buffer, digest->size);
		tpmiot_buf_put(&text, ref->buffer, ref->size);
		rc = hash(libctx, alg, &text, digest, err);
	}
	tpmiot_buf_free(&text);
	return rc;
}

static void
clear(TPM2B_DIGEST *digest)
{
	memset(digest->buffer, 0, digest->size);
}

/* What a counter or timer is compared with goes in as a digest of its own. */
static enum tpmiot_rc
put_timer(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, const union tpmiot_policy_body *body,
    struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf args = TPMIOT_BUF_INIT;
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	tpmiot_buf_put(&args, body->timer.operand.buffer, body->timer.operand.size);
	tpmiot_buf_put_u16(&args, body->timer.offset);
	tpmiot_buf_put_u16(&args, body->timer.operation);
	rc = hash(libctx, alg, &args, &digest, err);
	if (rc == TPMIOT_OK)
		tpmiot_buf_put(out, digest.buffer, digest.size);
	tpmiot_buf_free(&args);
	return rc;
}

static enum tpmiot_rc
extend(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, TPM2_CC code, const union tpmiot_policy_body *body,
    TPM2B_DIGEST *digest, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (code == TPM2_CC_PolicySecret)
		return extend_by_name(
		    libctx, alg, code, &body->secret.name, &body->secret.ref, digest, err);
	if (code == TPM2_CC_PolicyAuthorize || code == TPM2_CC_PolicyOR)
		clear(digest);
	if (code == TPM2_CC_PolicyAuthorize)
		return extend_by_name(libctx, alg, code, &body->authorize.signer.name,
		    &body->authorize.ref, digest, err);
	/* The two are one and the same to the digest, so that either may be executed. */
	if (code == TPM2_CC_PolicyPassword)
		code = TPM2_CC_PolicyAuthValue;
	tpmiot_buf_put(&text, digest->buffer, digest->size);
	tpmiot_buf_put_u32(&text, code);
	if (code == TPM2_CC_PolicyPCR) {
		put_pcr_selection(&body->pcr.pcrs, &text);
		tpmiot_buf_put(&text, body->pcr.digest.buffer, body->pcr.digest.size);
	} else if (code == TPM2_CC_PolicyCounterTimer) {
		rc = put_timer(libctx, alg, body, &text, err);
	} else if (code == TPM2_CC_PolicyLocality) {
		tpmiot_buf_put_u8(&text, body->locality);
	} else if (code == TPM2_CC_PolicyOR) {
		for (uint32_t i = 0; i < body->branches.count; i++)
			tpmiot_buf_put(&text, body->branches.digests[i].buffer,
			    body->branches.digests[i].size);
	}
	if (rc == TPMIOT_OK)
		rc = hash(libctx, alg, &text, digest, err);
	tpmiot_buf_free(&text);
	return rc;
}

enum tpmiot_rc
tpmiot_policy_digest(OSSL_LIB_CTX *libctx, const struct tpmiot_policy *policy, TPMI_ALG_HASH alg,
    TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	TPM2B_DIGEST digest = { .size = (UINT16)tpmiot_alg_md_size(alg) };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (digest.size == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "policy: unknown hash 0x%x", alg);
	for (size_t i = 0; rc == TPMIOT_OK && i < policy->n; i++) {
		union tpmiot_policy_body body;

		rc = tpmiot_policy_step_parse(libctx, &policy->step[i], alg, &body, err);
		if (rc == TPMIOT_OK)
			rc = extend(libctx, alg, policy->step[i].code, &body, &digest, err);
	}
	if (rc == TPMIOT_OK)
		*out = digest;
	return rc;
}

/* ---- in words -------------------------------------------------------------- */

void
tpmiot_policy_put_pcrs(const TPML_PCR_SELECTION *pcrs, struct tpmiot_buf *out)
{
	for (uint32_t i = 0; i < pcrs->count; i++) {
		const TPMS_PCR_SELECTION *bank = &pcrs->pcrSelections[i];
		const char *name = tpmiot_alg_md_name(bank->hash), *between = ":";

		if (i > 0)
			tpmiot_buf_put_u8(out, ' ');
		for (; name != NULL && *name != '\0'; name++)
			tpmiot_buf_put_u8(out, (uint8_t)tolower((unsigned char)*name));
		for (unsigned int pcr = 0; pcr < bank->sizeofSelect * 8u; pcr++)
			if (bank->pcrSelect[pcr / 8] >> pcr % 8 & 1) {
				tpmiot_buf_printf(out, "%s%u", between, pcr);
				between = ",";
			}
	}
}
