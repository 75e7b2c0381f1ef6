/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include <tpmiot/alg.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
	TPMI_ALG_HASH alg;
	size_t size;
	size_t block;
	const char *names[3]; /* OpenSSL's short name first */
} HASHES[] = {
	{ TPM2_ALG_SHA1, TPM2_SHA1_DIGEST_SIZE, 64, { "SHA1", "SHA-1", "SSL3-SHA1" } },
	{ TPM2_ALG_SHA256, TPM2_SHA256_DIGEST_SIZE, 64, { "SHA256", "SHA2-256", "SHA-256" } },
	{ TPM2_ALG_SHA384, TPM2_SHA384_DIGEST_SIZE, 128, { "SHA384", "SHA2-384", "SHA-384" } },
	{ TPM2_ALG_SHA512, TPM2_SHA512_DIGEST_SIZE, 128, { "SHA512", "SHA2-512", "SHA-512" } },
	{ TPM2_ALG_SHA3_256, 32, 136, { "SHA3-256", NULL, NULL } },
	{ TPM2_ALG_SHA3_384, 48, 104, { "SHA3-384", NULL, NULL } },
	{ TPM2_ALG_SHA3_512, 64, 72, { "SHA3-512", NULL, NULL } },
};

/* Not in every tpm2-tss's headers. */
#define ECC_BP_P256_R1 ((TPMI_ECC_CURVE)0x0030)
#define ECC_BP_P384_R1 ((TPMI_ECC_CURVE)0x0031)
#define ECC_BP_P512_R1 ((TPMI_ECC_CURVE)0x0032)

static const struct {
	TPMI_ECC_CURVE curve;
	size_t size;
	const char *names[3];
} CURVES[] = {
	{ TPM2_ECC_NIST_P192, 24, { "prime192v1", "P-192", "secp192r1" } },
	{ TPM2_ECC_NIST_P224, 28, { "secp224r1", "P-224", NULL } },
	{ TPM2_ECC_NIST_P256, 32, { "prime256v1", "P-256", "secp256r1" } },
	{ TPM2_ECC_NIST_P384, 48, { "secp384r1", "P-384", NULL } },
	{ TPM2_ECC_NIST_P521, 66, { "secp521r1", "P-521", NULL } },
	{ TPM2_ECC_SM2_P256, 32, { "SM2", NULL, NULL } },
	{ ECC_BP_P256_R1, 32, { "brainpoolP256r1", NULL, NULL } },
	{ ECC_BP_P384_R1, 48, { "brainpoolP384r1", NULL, NULL } },
	{ ECC_BP_P512_R1, 64, { "brainpoolP512r1", NULL, NULL } },
};

static bool
is_named(const char *const names[3], const char *name)
{
	for (size_t i = 0; i < 3 && names[i] != NULL; i++)
		if (strcasecmp(names[i], name) == 0)
			return true;
	return false;
}

const char *
tpmiot_alg_md_name(TPMI_ALG_HASH alg)
{
	for (size_t i = 0; i < COUNT(HASHES); i++)
		if (HASHES[i].alg == alg)
			return HASHES[i].names[0];
	return NULL;
}

TPMI_ALG_HASH
tpmiot_alg_from_md_name(const char *name)
{
	for (size_t i = 0; i < COUNT(HASHES); i++)
		if (is_named(HASHES[i].names, name))
			return HASHES[i].alg;
	return TPM2_ALG_ERROR;
}

size_t
tpmiot_alg_md_size(TPMI_ALG_HASH alg)
{
	for (size_t i = 0; i < COUNT(HASHES); i++)
		if (HASHES[i].alg == alg)
			return HASHES[i].size;
	return 0;
}

size_t
tpmiot_alg_md_block_size(TPMI_ALG_HASH alg)
{
	for (size_t i = 0; i < COUNT(HASHES); i++)
		if (HASHES[i].alg == alg)
			return HASHES[i].block;
	return 0;
}

const char *
tpmiot_alg_group_name(TPMI_ECC_CURVE curve)
{
	for (size_t i = 0; i < COUNT(CURVES); i++)
		if (CURVES[i].curve == curve)
			return CURVES[i].names[0];
	return NULL;
}

TPMI_ECC_CURVE
tpmiot_alg_from_group_name(const char *name)
{
	for (size_t i = 0; i < COUNT(CURVES); i++)
		if (is_named(CURVES[i].names, name))
			return CURVES[i].curve;
	return TPM2_ECC_NONE;
}

size_t
tpmiot_alg_group_size(TPMI_ECC_CURVE curve)
{
	for (size_t i = 0; i < COUNT(CURVES); i++)
		if (CURVES[i].curve == curve)
			return CURVES[i].size;
	return 0;
}

enum tpmiot_rc
tpmiot_alg_digest(OSSL_LIB_CTX *libctx, TPMI_ALG_HASH alg, const void *data, size_t len,
    TPM2B_DIGEST *out, struct tpmiot_err *err)
{
	const char *name = tpmiot_alg_md_name(alg);
	size_t size = 0;

	if (name == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_UNSUPPORTED, "hash algorithm 0x%04x is not known", alg);
	if (EVP_Q_digest(libctx, name, NULL, data, len, out->buffer, &size) != 1)
		return tpmiot_err_crypto(err, "hashing with %s", name);
	out->size = (UINT16)size;
	return TPMIOT_OK;
}
