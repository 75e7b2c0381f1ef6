/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <openssl/crypto.h>

#include <tpmiot/alg.h>
#include <tpmiot/attest.h>
#include <tpmiot/signature.h>

static struct tpmiot_bytes
take_tpm2b(struct tpmiot_reader *r, size_t max)
{
	struct tpmiot_bytes bytes = { NULL, 0 };

	bytes.data = tpmiot_reader_tpm2b(r, max, &bytes.len);
	return bytes;
}

/* Part 2, clause 10.11.1. */
static bool
take_clock(struct tpmiot_reader *r, TPMS_CLOCK_INFO *out)
{
	out->clock = tpmiot_reader_u64(r);
	out->resetCount = tpmiot_reader_u32(r);
	out->restartCount = tpmiot_reader_u32(r);
	out->safe = tpmiot_reader_u8(r);
	return out->safe <= 1; /* TPMI_YES_NO */
}

enum tpmiot_rc
tpmiot_attest_parse(struct tpmiot_bytes tpms_attest, TPMI_ST_ATTEST type, struct tpmiot_attest *out,
    struct tpmiot_err *err)
{
	struct tpmiot_attest attest = { .type = type };
	struct tpmiot_reader r;
	uint16_t found;

	tpmiot_reader_init(&r, tpms_attest.data, tpms_attest.len);
	if (tpmiot_reader_u32(&r) != TPM2_GENERATED_VALUE)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPMS_ATTEST: it does not begin with TPM_GENERATED_VALUE: no TPM made it");
	found = tpmiot_reader_u16(&r);
	if (found != type)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPMS_ATTEST: its type is 0x%04x instead of 0x%04x", found, type);
	attest.qualified_signer = take_tpm2b(&r, sizeof(TPMU_NAME));
	attest.extra_data = take_tpm2b(&r, sizeof(((TPM2B_DATA *)NULL)->buffer));
	if (!take_clock(&r, &attest.clock))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "TPMS_ATTEST: the clock's `safe` is neither YES nor NO");
	attest.firmware_version = tpmiot_reader_u64(&r);
	if (r.failed)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "TPMS_ATTEST: truncated");
	attest.attested = (struct tpmiot_bytes){ r.data, r.len };
	*out = attest;
	return TPMIOT_OK;
}

/* TPMS_CERTIFY_INFO (Part 2, clause 10.12.3). */
static enum tpmiot_rc
parse_certify_info(struct tpmiot_bytes attested, struct tpmiot_bytes *name,
    struct tpmiot_bytes *qualified_name, struct tpmiot_err *err)
{
	struct tpmiot_reader r;

	tpmiot_reader_init(&r, attested.data, attested.len);
	*name = take_tpm2b(&r, sizeof(TPMU_NAME));
	*qualified_name = take_tpm2b(&r, sizeof(TPMU_NAME));
	if (!tpmiot_reader_done(&r))
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "TPMS_CERTIFY_INFO: truncated, or bytes behind it");
	return TPMIOT_OK;
}

static bool
same_bytes(struct tpmiot_bytes a, const void *data, size_t len)
{
	return a.len == len && CRYPTO_memcmp(a.data, data, len) == 0;
}

/* A key's qualified name is a hash by its nameAlg (Part 1, clause 16), as its Name is. */
static bool
is_qualified_name_of(const struct tpmiot_public *key, struct tpmiot_bytes qualified_name)
{
	return qualified_name.len == key->name.size &&
	       memcmp(qualified_name.data, key->name.name, sizeof(TPMI_ALG_HASH)) == 0;
}

static enum tpmiot_rc
check_certified(
    struct tpmiot_bytes attested, const struct tpmiot_public *key, struct tpmiot_err *err)
{
	struct tpmiot_bytes name, qualified_name;
	enum tpmiot_rc rc = parse_certify_info(attested, &name, &qualified_name, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (!same_bytes(name, key->name.name, key->name.size))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "TPM2_Certify: it is about another key than the one that was sent");
	if (!is_qualified_name_of(key, qualified_name))
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "TPM2_Certify: the qualified name of the key is missing");
	return TPMIOT_OK;
}

/* An AK without a scheme would take any hash: see tpmiot_signature_verify(). */
static bool
has_scheme(const TPMT_PUBLIC *ak)
{
	return ak->type == TPM2_ALG_RSA ? ak->parameters.rsaDetail.scheme.scheme != TPM2_ALG_NULL
	                                : ak->parameters.eccDetail.scheme.scheme != TPM2_ALG_NULL;
}

/* Whether the AK signed it. *content is what the TPM2B holds. */
static enum tpmiot_rc
check_signed(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak, struct tpmiot_bytes attest,
    struct tpmiot_bytes signature, struct tpmiot_bytes *content, struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	TPMT_SIGNATURE sig;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, attest.data, attest.len);
	*content = take_tpm2b(&r, sizeof(TPMS_ATTEST));
	if (!tpmiot_reader_done(&r))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPM2B_ATTEST: its size field does not fit its %zu bytes", attest.len);
	rc = tpmiot_signature_parse(signature.data, signature.len, &sig, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (!has_scheme(&ak->area))
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "AK: it must be bound to a signing scheme");
	return tpmiot_signature_verify(libctx, ak, &sig, content->data, content->len, err);
}

/* What all statements have in common: who signed, of which type, for which nonce. */
static enum tpmiot_rc
check_statement(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak, TPMI_ST_ATTEST type,
    struct tpmiot_bytes nonce, struct tpmiot_bytes attest, struct tpmiot_bytes signature,
    struct tpmiot_attest *out, struct tpmiot_err *err)
{
	struct tpmiot_attest parsed = { .attested = { NULL, 0 } };
	struct tpmiot_bytes content;
	enum tpmiot_rc rc;

	if (nonce.len == 0)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "no nonce to compare with");
	if ((rc = check_signed(libctx, ak, attest, signature, &content, err)) != TPMIOT_OK ||
	    (rc = tpmiot_attest_parse(content, type, &parsed, err)) != TPMIOT_OK)
		return rc;
	if (!same_bytes(parsed.extra_data, nonce.data, nonce.len))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "it does not carry this session's nonce; begin a new session");
	*out = parsed;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_attest_verify_certify(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak,
    const struct tpmiot_public *key, struct tpmiot_bytes nonce, struct tpmiot_bytes attest,
    struct tpmiot_bytes signature, struct tpmiot_err *err)
{
	struct tpmiot_attest parsed = { .attested = { NULL, 0 } };
	enum tpmiot_rc rc = check_statement(
	    libctx, ak, TPM2_ST_ATTEST_CERTIFY, nonce, attest, signature, &parsed, err);

	if (rc == TPMIOT_OK)
		return check_certified(parsed.attested, key, err);
	(void)tpmiot_err_prefix(err, "TPM2_Certify");
	return rc;
}

/* ---- Whose child a certified key is --------------------------------------------- */

enum tpmiot_rc
tpmiot_qualified_name(OSSL_LIB_CTX *libctx, struct tpmiot_bytes parent,
    const struct tpmiot_public *pub, TPM2B_NAME *out, struct tpmiot_err *err)
{
	uint8_t both[2 * sizeof(TPM2B_NAME)];
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	if (parent.len + pub->name.size > sizeof(both))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "a name of %zu bytes", parent.len);
	memcpy(both, parent.data, parent.len);
	memcpy(both + parent.len, pub->name.name, pub->name.size);
	rc = tpmiot_alg_digest(
	    libctx, pub->area.nameAlg, both, parent.len + pub->name.size, &digest, err);
	if (rc != TPMIOT_OK)
		return rc;
	out->name[0] = (uint8_t)(pub->area.nameAlg >> 8);
	out->name[1] = (uint8_t)pub->area.nameAlg;
	memcpy(out->name + 2, digest.buffer, digest.size);
	out->size = (UINT16)(digest.size + 2);
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_attest_check_parent(OSSL_LIB_CTX *libctx, struct tpmiot_bytes attest,
    const struct tpmiot_public *key, const struct tpmiot_public *parent, TPM2_HANDLE hierarchy,
    struct tpmiot_err *err)
{
	const uint8_t root[] = { (uint8_t)(hierarchy >> 24), (uint8_t)(hierarchy >> 16),
		(uint8_t)(hierarchy >> 8), (uint8_t)hierarchy };
	struct tpmiot_bytes content, name, stated;
	TPM2B_NAME of_parent, of_key;
	struct tpmiot_attest parsed = { .attested = { NULL, 0 } };
	struct tpmiot_reader r;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, attest.data, attest.len);
	content = take_tpm2b(&r, sizeof(TPMS_ATTEST));
	if (!tpmiot_reader_done(&r))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "TPM2B_ATTEST: malformed");
	if ((rc = tpmiot_attest_parse(content, TPM2_ST_ATTEST_CERTIFY, &parsed, err)) !=
	        TPMIOT_OK ||
	    (rc = parse_certify_info(parsed.attested, &name, &stated, err)) != TPMIOT_OK ||
	    (rc = tpmiot_qualified_name(libctx, (struct tpmiot_bytes){ root, sizeof(root) }, parent,
	         &of_parent, err)) != TPMIOT_OK ||
	    (rc = tpmiot_qualified_name(libctx,
	         (struct tpmiot_bytes){ of_parent.name, of_parent.size }, key, &of_key, err)) !=
	        TPMIOT_OK)
		return rc;
	if (!same_bytes(name, key->name.name, key->name.size) ||
	    !same_bytes(stated, of_key.name, of_key.size))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the key that was sent as the parent is not the one that the certified key is "
		    "under in its TPM");
	return TPMIOT_OK;
}

/* ---- TPM2_Quote ------------------------------------------------------------- */

static const struct tpmiot_pcr_bank *
find_bank(const struct tpmiot_pcr_bank *banks, size_t n, TPMI_ALG_HASH alg)
{
	for (size_t i = 0; i < n; i++)
		if (banks[i].alg == alg)
			return &banks[i];
	return NULL;
}

/* TPMS_PCR_SELECTION (Part 2, clause 10.6.2): bit i of the result is PCR i. */
static uint32_t
take_selection(struct tpmiot_reader *r, TPMI_ALG_HASH *alg)
{
	uint32_t selected = 0;
	size_t size;

	*alg = tpmiot_reader_u16(r);
	size = tpmiot_reader_u8(r);
	if (size > TPMIOT_PCRS / 8)
		r->failed = true;
	for (size_t i = 0; i < size && !r->failed; i++)
		selected |= (uint32_t)tpmiot_reader_u8(r) << (8 * i);
	return selected;
}

/* Appends the values that one selection is about, in the TPM's order: by PCR. */
static enum tpmiot_rc
put_values(const struct tpmiot_pcr_bank *bank, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	size_t size = tpmiot_alg_md_size(bank->alg);

	if (size == 0 || size > sizeof(bank->values[0]))
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED, "PCR bank 0x%04x", bank->alg);
	for (size_t i = 0; i < TPMIOT_PCRS; i++)
		if ((bank->selected >> i & 1) != 0)
			tpmiot_buf_put(out, bank->values[i], size);
	return TPMIOT_OK;
}

/* TPML_PCR_SELECTION: each bank is one that was asked for, with the PCRs that were, and none is
 * missing. */
static enum tpmiot_rc
check_selection(struct tpmiot_reader *r, const struct tpmiot_pcr_bank *banks, size_t banks_n,
    struct tpmiot_buf *values, struct tpmiot_err *err)
{
	uint32_t count = tpmiot_reader_u32(r), seen = 0;
	enum tpmiot_rc rc;

	if (count > TPM2_NUM_PCR_BANKS)
		r->failed = true;
	for (uint32_t i = 0; i < count && !r->failed; i++) {
		TPMI_ALG_HASH alg;
		uint32_t selected = take_selection(r, &alg);
		const struct tpmiot_pcr_bank *bank = find_bank(banks, banks_n, alg);

		if (r->failed || selected == 0)
			continue;
		if (bank == NULL || bank->selected != selected || (seen >> (bank - banks) & 1) != 0)
			return tpmiot_err_set(err, TPMIOT_E_VERIFY,
			    "it is about other PCRs than those that were asked for");
		seen |= (uint32_t)1 << (bank - banks);
		if ((rc = put_values(bank, values, err)) != TPMIOT_OK)
			return rc;
	}
	if (!r->failed && seen != ((uint32_t)1 << banks_n) - 1)
		return tpmiot_err_set(
		    err, TPMIOT_E_VERIFY, "it is not about all the PCRs that were asked for");
	return TPMIOT_OK;
}

static TPMI_ALG_HASH
scheme_hash(const TPMT_PUBLIC *ak)
{
	return ak->type == TPM2_ALG_RSA ? ak->parameters.rsaDetail.scheme.details.anySig.hashAlg
	                                : ak->parameters.eccDetail.scheme.details.anySig.hashAlg;
}

/* TPMS_QUOTE_INFO (Part 2, clause 10.12.4); the digest is by the signing scheme's hash (Part 3,
 * clause 18.4). */
static enum tpmiot_rc
check_quoted(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak, struct tpmiot_bytes attested,
    const struct tpmiot_pcr_bank *banks, size_t banks_n, struct tpmiot_err *err)
{
	struct tpmiot_buf values = TPMIOT_BUF_INIT;
	struct tpmiot_bytes stated;
	struct tpmiot_reader r;
	TPM2B_DIGEST digest;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, attested.data, attested.len);
	rc = check_selection(&r, banks, banks_n, &values, err);
	if (rc != TPMIOT_OK)
		goto out;
	stated = take_tpm2b(&r, sizeof(digest.buffer));
	if (!tpmiot_reader_done(&r))
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPMS_QUOTE_INFO: truncated, malformed, or bytes behind it");
	else if ((rc = tpmiot_buf_done(&values, err)) == TPMIOT_OK)
		rc = tpmiot_alg_digest(
		    libctx, scheme_hash(&ak->area), values.data, values.len, &digest, err);
	if (rc == TPMIOT_OK && !same_bytes(stated, digest.buffer, digest.size))
		rc = tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "the PCR values that were sent are not the ones that the TPM signed");
out:
	tpmiot_buf_free(&values);
	return rc;
}

/* Nothing, a bank twice, or PCRs that there are not, would not be a question. */
static bool
is_question(const struct tpmiot_pcr_bank *banks, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (banks[i].selected == 0 || banks[i].selected >> TPMIOT_PCRS != 0 ||
		    find_bank(banks, i, banks[i].alg) != NULL)
			return false;
	return n > 0 && n <= TPM2_NUM_PCR_BANKS;
}

enum tpmiot_rc
tpmiot_attest_verify_quote(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak,
    const struct tpmiot_pcr_bank *banks, size_t banks_n, struct tpmiot_bytes nonce,
    struct tpmiot_bytes attest, struct tpmiot_bytes signature, TPMS_CLOCK_INFO *clock,
    struct tpmiot_err *err)
{
	struct tpmiot_attest parsed = { .attested = { NULL, 0 } };
	enum tpmiot_rc rc;

	if (!is_question(banks, banks_n))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "TPM2_Quote: no PCRs to compare");
	rc = check_statement(
	    libctx, ak, TPM2_ST_ATTEST_QUOTE, nonce, attest, signature, &parsed, err);
	if (rc == TPMIOT_OK)
		rc = check_quoted(libctx, ak, parsed.attested, banks, banks_n, err);
	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "TPM2_Quote");
	else if (clock != NULL)
		*clock = parsed.clock;
	return rc;
}
