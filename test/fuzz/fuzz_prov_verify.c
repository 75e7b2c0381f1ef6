/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A signature to be verified by the provider. First byte: key, padding and digest; the
 * next two: length of the signature; then it, and the message. The default provider has to
 * say the same.
 */
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "world.h"

#define KEYS 3

struct job {
	const char *md;
	int padding, saltlen; /* RSA only */
	const uint8_t *sig, *msg;
	size_t sig_len, msg_len;
};

/* Public keys, as OpenSSL has them and as tpmiot has them. */
static struct {
	EVP_PKEY *soft, *ours;
} keys[KEYS];

/* Their private halves signed what is in the corpus, and are gone. */
static const char *const PUBLIC[KEYS] = {
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDGRniTj8fT9iODSy9RGADNIqSIRpawYZ3XxYwN"
	"k0ZbcVC0OJToz6f2/t25Xi7Z+nrYJ5M+C5Sc7XonvI43c7qUrTjkzS0tSiVv43GxUcHSQfCVvsHD"
	"B9MuLDLd/vYfacZAzcDatLoLz6VmfrG5cxayjatZcmFvIHFJbuXWOkUURwIDAQAB",
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE6r36GEpGZj++RkJf1Ja5kRPE1rfP9flFoMsKpS4S"
	"pd4YMqrRk4FV+tgceqTFlkntxXm46mS2SBJJg5PzjVyEOg==",
	"MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEtAOKa9oizDKKcXtjhakAw09q6DCwucX4nk42e2p8Z6Wb"
	"RXKPNhAb4j/at8e4osO9NXDsLUPhcs+35dhLAFUaVd8GtLh24ST++Y4EWCYzarMnUvf/aDKqGDEx"
	"JtxFeDB0",
};

static EVP_PKEY *
fixed_key(const char *base64)
{
	unsigned char der[512];
	const unsigned char *p = der;
	int len = EVP_DecodeBlock(der, (const unsigned char *)base64, (int)strlen(base64));

	FUZZ_ASSERT(len > 0);
	return d2i_PUBKEY(NULL, &p, len);
}

static EVP_PKEY *
as_ours(EVP_PKEY *soft)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(
	    world_alone(), EVP_PKEY_get0_type_name(soft), "provider=tpmiot");
	OSSL_PARAM *params = NULL;
	EVP_PKEY *ours = NULL;

	FUZZ_ASSERT(EVP_PKEY_todata(soft, EVP_PKEY_PUBLIC_KEY, &params) == 1);
	FUZZ_ASSERT(EVP_PKEY_fromdata_init(ctx) == 1);
	FUZZ_ASSERT(EVP_PKEY_fromdata(ctx, &ours, EVP_PKEY_PUBLIC_KEY, params) == 1);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return ours;
}

static void
make_keys(void)
{
	for (size_t i = 0; i < KEYS; i++) {
		keys[i].soft = fixed_key(PUBLIC[i]);
		FUZZ_ASSERT(keys[i].soft != NULL);
		keys[i].ours = as_ours(keys[i].soft);
	}
}

static int
configure(EVP_PKEY_CTX *ctx, EVP_PKEY *key, const struct job *job)
{
	if (!EVP_PKEY_is_a(key, "RSA"))
		return 1;
	return EVP_PKEY_CTX_set_rsa_padding(ctx, job->padding) == 1 &&
	       (job->padding != RSA_PKCS1_PSS_PADDING ||
	           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, job->saltlen) == 1);
}

static int
holds(OSSL_LIB_CTX *libctx, EVP_PKEY *key, const struct job *job)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	int ok = EVP_DigestVerifyInit_ex(ctx, &pctx, job->md, libctx, NULL, key, NULL) == 1 &&
	         configure(pctx, key, job) &&
	         EVP_DigestVerify(ctx, job->sig, job->sig_len, job->msg, job->msg_len) == 1;

	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return ok;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const MDS[] = { "SHA256", "SHA1", "SHA384", "SHA512" };
	static const int SALTS[] = { RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_AUTO, 0, 20 };
	struct job job = { 0 };
	size_t which;

	if (size < 3)
		return 0;
	if (keys[0].soft == NULL)
		make_keys();
	which = data[0] % KEYS;
	job.md = MDS[data[0] / 4 % 4];
	job.padding = data[0] & 0x40 ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
	job.saltlen = SALTS[data[0] / 16 % 4];
	job.sig = data + 3;
	job.sig_len = (size_t)data[1] << 8 | data[2];
	if (job.sig_len > size - 3)
		job.sig_len = size - 3;
	job.msg = job.sig + job.sig_len;
	job.msg_len = size - 3 - job.sig_len;
	FUZZ_ASSERT(
	    holds(world_alone(), keys[which].ours, &job) == holds(NULL, keys[which].soft, &job));
	return 0;
}
