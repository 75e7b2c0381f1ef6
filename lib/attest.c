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
tpmiot_attest_parse(struct tpmiot_bytes tpms_attest, TPMI_ST_ATTEST type,
    struct tpmiot_attest *out, struct tpmiot_err *err)
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
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPMS_ATTEST: the clock's `safe` is neither YES nor NO");
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
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "TPMS_CERTIFY_INFO: truncated, or bytes behind it");
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
check_certified(struct tpmiot_bytes attested, const struct tpmiot_public *key,
    struct tpmiot_err *err)
{
	struct tpmiot_bytes name, qualified_name;
	enum tpmiot_rc rc = parse_certify_info(attested, &name, &qualified_name, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (!same_bytes(name, key->name.name, key->name.size))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "TPM2_Certify: it is about another key than the one that was sent");
	if (!is_qualified_name_of(key, qualified_name))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "TPM2_Certify: the qualified name of the key is missing");
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
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "AK: it must be bound to a signing scheme");
	return tpmiot_signature_verify(libctx, ak, &sig, content->data, content->len, err);
}

enum tpmiot_rc
tpmiot_attest_verify_certify(OSSL_LIB_CTX *libctx, const struct tpmiot_public *ak,
    const struct tpmiot_public *key, struct tpmiot_bytes nonce, struct tpmiot_bytes attest,
    struct tpmiot_bytes signature, struct tpmiot_err *err)
{
	struct tpmiot_attest parsed;
	struct tpmiot_bytes content;
	enum tpmiot_rc rc;

	if (nonce.len == 0)
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "TPM2_Certify: no nonce to compare with");
	rc = check_signed(libctx, ak, attest, signature, &content, err);
	if (rc != TPMIOT_OK) {
		(void)tpmiot_err_prefix(err, "TPM2_Certify");
		return rc;
	}
	rc = tpmiot_attest_parse(content, TPM2_ST_ATTEST_CERTIFY, &parsed, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (!same_bytes(parsed.extra_data, nonce.data, nonce.len))
		return tpmiot_err_set(err, TPMIOT_E_VERIFY,
		    "TPM2_Certify: it does not carry this session's nonce; begin a new session");
	return check_certified(parsed.attested, key, err);
}
