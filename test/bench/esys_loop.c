/* SPDX-License-Identifier: Apache-2.0 */
/*
 * esys_loop rsa|ec SECONDS: signatures a second of a plain ESYS loop, the yardstick for the
 * provider: one key, made under the owner hierarchy and loaded once; a TPM2_Sign for each
 * signature of a SHA-256 digest; nothing else. The TPM: TPMIOT_TCTI.
 */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tss2/tss2_esys.h>
#include <tss2/tss2_tctildr.h>

static const TPM2B_PUBLIC rsa_key = {
	.publicArea = {
		.type = TPM2_ALG_RSA,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT |
		    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
		    TPMA_OBJECT_SENSITIVEDATAORIGIN,
		.parameters.rsaDetail = {
			.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme.scheme = TPM2_ALG_NULL,
			.keyBits = 2048,
		},
	},
};

static const TPM2B_PUBLIC ec_key = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT |
		    TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
		    TPMA_OBJECT_SENSITIVEDATAORIGIN,
		.parameters.eccDetail = {
			.symmetric.algorithm = TPM2_ALG_NULL,
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
	},
};

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static TSS2_RC
make_key(ESYS_CONTEXT *esys, const TPM2B_PUBLIC *public, ESYS_TR *key)
{
	const TPM2B_SENSITIVE_CREATE no_auth = { 0 };
	const TPM2B_DATA no_info = { 0 };
	const TPML_PCR_SELECTION no_pcr = { 0 };

	return Esys_CreatePrimary(esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
	    ESYS_TR_NONE, &no_auth, public, &no_info, &no_pcr, key, NULL, NULL, NULL, NULL);
}

static TSS2_RC
sign_once(ESYS_CONTEXT *esys, ESYS_TR key, const TPMT_SIG_SCHEME *scheme)
{
	const TPMT_TK_HASHCHECK no_ticket = { .tag = TPM2_ST_HASHCHECK, .hierarchy = TPM2_RH_NULL };
	TPM2B_DIGEST digest = { .size = 32 };
	TPMT_SIGNATURE *signature = NULL;
	TSS2_RC rc;

	memset(digest.buffer, 0x5a, digest.size);
	rc = Esys_Sign(esys, key, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &digest, scheme,
	    &no_ticket, &signature);
	Esys_Free(signature);
	return rc;
}

int
main(int argc, char **argv)
{
	TPMT_SIG_SCHEME scheme = { .details.any.hashAlg = TPM2_ALG_SHA256 };
	TSS2_TCTI_CONTEXT *tcti = NULL;
	ESYS_CONTEXT *esys = NULL;
	ESYS_TR key = ESYS_TR_NONE;
	double start, seconds;
	unsigned long n = 0;
	TSS2_RC rc;
	int ec;

	if (argc != 3 || (seconds = atof(argv[2])) <= 0) {
		fprintf(stderr, "usage: esys_loop rsa|ec SECONDS\n");
		return 2;
	}
	ec = strcmp(argv[1], "ec") == 0;
	scheme.scheme = ec ? TPM2_ALG_ECDSA : TPM2_ALG_RSASSA;
	rc = Tss2_TctiLdr_Initialize(getenv("TPMIOT_TCTI"), &tcti);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_Initialize(&esys, tcti, NULL);
	if (rc == TSS2_RC_SUCCESS)
		rc = make_key(esys, ec ? &ec_key : &rsa_key, &key);
	if (rc == TSS2_RC_SUCCESS)
		rc = sign_once(esys, key, &scheme);
	for (start = now(); rc == TSS2_RC_SUCCESS && now() - start < seconds; n++)
		rc = sign_once(esys, key, &scheme);
	if (rc == TSS2_RC_SUCCESS)
		printf("%.1f\n", (double)n / (now() - start));
	else
		fprintf(stderr, "TPM or tpm2-tss says 0x%x\n", rc);
	if (key != ESYS_TR_NONE)
		Esys_FlushContext(esys, key);
	Esys_Finalize(&esys);
	Tss2_TctiLdr_Finalize(&tcti);
	return rc != TSS2_RC_SUCCESS;
}
