/* SPDX-License-Identifier: Apache-2.0 */
/* A key made in the TPM: from the options to the template, or a reason why not. */
#include "keygen.h"

#include <tpmiot/alg.h>
#include <tpmiot/template.h>

/* TPM2_ALG_NULL where none was said. */
static bool
get_hash(const struct keygen *gen, const char *option, const char *name, TPMI_ALG_HASH *out)
{
	*out = name[0] == '\0' ? TPM2_ALG_NULL : tpmiot_alg_from_md_name(name);
	if (*out == TPM2_ALG_ERROR)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "%s:%s is no digest that a key in the TPM can be fixed to: take SHA256, SHA384 "
		    "or SHA512",
		    option, name);
	return true;
}

/* A TPM has one hash for all, and a salt of its size. */
static bool
pss_scheme(const struct keygen *gen, TPMI_ALG_HASH hash, TPMT_RSA_SCHEME *out)
{
	TPMI_ALG_HASH mgf1;
	size_t size;

	if (hash == TPM2_ALG_NULL)
		hash = TPM2_ALG_SHA256;
	size = tpmiot_alg_md_size(hash);
	if (!get_hash(gen, "rsa_pss_keygen_mgf1_md", gen->mgf1_md, &mgf1))
		return false;
	if (mgf1 != TPM2_ALG_NULL && mgf1 != hash)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM uses one hash for the message and for MGF1: leave out "
		    "rsa_pss_keygen_mgf1_md");
	if (gen->salt != KEYGEN_SALT_UNSAID && gen->salt != (int)size)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM signs PSS with a salt of the digest's size (%zu bytes): leave out "
		    "rsa_pss_keygen_saltlen",
		    size);
	out->scheme = TPM2_ALG_RSAPSS;
	out->details.rsapss.hashAlg = hash;
	return true;
}

static bool
check_rsa(const struct keygen *gen)
{
	if (gen->bits < 2048 || gen->bits > 4096 || gen->bits % 1024 != 0)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "bits:%zu: RSA keys in the TPM have 2048 bits, in many TPMs also 3072 or 4096",
		    gen->bits);
	if (gen->exponent != KEYGEN_EXPONENT)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "RSA keys in the TPM have the public exponent %d only", KEYGEN_EXPONENT);
	if (gen->primes != KEYGEN_PRIMES)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "RSA keys in the TPM have %d primes only", KEYGEN_PRIMES);
	return true;
}

/* The house's template for device keys, with the size, curve and hash that were asked for. */
static bool
rsa_area(const struct keygen *gen, TPMI_ALG_HASH hash, TPMT_PUBLIC *area)
{
	TPMS_RSA_PARMS *rsa = &area->parameters.rsaDetail;

	if (!check_rsa(gen))
		return false;
	tpmiot_template_key(TPMIOT_KEY_RSA_2048, area);
	rsa->keyBits = (UINT16)gen->bits;
	if (gen->type == PROV_RSA_PSS)
		return pss_scheme(gen, hash, &rsa->scheme);
	if (hash == TPM2_ALG_NULL) { /* with a scheme of its own a key can do one thing only */
		area->objectAttributes |= TPMA_OBJECT_DECRYPT;
	} else {
		rsa->scheme.scheme = TPM2_ALG_RSASSA;
		rsa->scheme.details.rsassa.hashAlg = hash;
	}
	return true;
}

static bool
ec_area(const struct keygen *gen, TPMI_ALG_HASH hash, TPMT_PUBLIC *area)
{
	TPMS_ECC_PARMS *ecc = &area->parameters.eccDetail;
	TPMI_ECC_CURVE curve = tpmiot_alg_from_group_name(gen->group);

	if (curve == TPM2_ECC_NONE || curve == TPM2_ECC_SM2_P256)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "OpenSSL and TPMs have no curve %s in common: take P-256 or P-384", gen->group);
	tpmiot_template_key(TPMIOT_KEY_EC_P256, area);
	ecc->curveID = curve;
	if (hash == TPM2_ALG_NULL) {
		area->objectAttributes |= TPMA_OBJECT_DECRYPT;
	} else {
		ecc->scheme.scheme = TPM2_ALG_ECDSA;
		ecc->scheme.details.ecdsa.hashAlg = hash;
	}
	return true;
}

struct prov_pkey *
keygen_in_tpm(struct keygen *gen)
{
	struct tpmiot_bytes parent_auth = { gen->parent_auth.data, gen->parent_auth.len };
	struct tpmiot_bytes user_auth = { gen->user_auth.data, gen->user_auth.len };
	struct tpmiot_tpm *tpm = prov_tpm(gen->prov);
	struct tpmiot_key *created = NULL;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;
	TPMI_ALG_HASH hash;
	TPMT_PUBLIC area;

	if (tpm == NULL || !get_hash(gen, "digest", gen->md, &hash) ||
	    !(gen->type == PROV_EC ? ec_area(gen, hash, &area) : rsa_area(gen, hash, &area)))
		return NULL;
	if (tpmiot_key_create(tpm, gen->parent, parent_auth, &area, user_auth, &created, &err) !=
	    TPMIOT_OK)
		prov_raise_err(gen->prov, &err);
	else
		key = prov_pkey_from_tpm(gen->prov, &created);
	tpmiot_key_unref(&created);
	return key;
}
