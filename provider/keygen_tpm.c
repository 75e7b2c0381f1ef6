/* SPDX-License-Identifier: Apache-2.0 */
/* A key made in the TPM: from the options to the template, or a reason why not. */
#include "keygen.h"

#include <tpmiot/alg.h>
#include <tpmiot/buf.h>
#include <tpmiot/template.h>

#include "auth.h"

#define RSA_BITS_MAX ((size_t)TPM2_MAX_RSA_KEY_BYTES * 8) /* of tpm2-tss */

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

/* A TPM has one hash for all, and a salt of its size, where that fits. */
static bool
pss_scheme(const struct keygen *gen, TPMI_ALG_HASH hash, TPMT_RSA_SCHEME *out)
{
	TPMI_ALG_HASH mgf1;
	long salt;

	if (hash == TPM2_ALG_NULL)
		hash = TPM2_ALG_SHA256;
	salt = prov_pss_tpm_salt(gen->bits, tpmiot_alg_md_size(hash));
	if (!get_hash(gen, "rsa_pss_keygen_mgf1_md", gen->mgf1_md, &mgf1))
		return false;
	if (mgf1 != TPM2_ALG_NULL && mgf1 != hash)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM uses one hash for the message and for MGF1: leave out "
		    "rsa_pss_keygen_mgf1_md");
	if (gen->salt != KEYGEN_SALT_UNSAID && gen->salt != salt)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "a TPM signs PSS with a salt of the digest's size (%ld bytes): leave out "
		    "rsa_pss_keygen_saltlen",
		    salt);
	out->scheme = TPM2_ALG_RSAPSS;
	out->details.rsapss.hashAlg = hash;
	return true;
}

/* ---- What this TPM has ---------------------------------------------------------- */

static const char *
or_nothing(struct tpmiot_buf *list)
{
	const char *str = list->len == 0 ? NULL : tpmiot_buf_cstr(list);

	return str == NULL ? "none" : str;
}

static bool
refuse_bits(const struct keygen *gen, struct tpmiot_tpm *tpm)
{
	struct tpmiot_buf list = TPMIOT_BUF_INIT;

	for (size_t bits = 1024; bits <= RSA_BITS_MAX; bits += 1024)
		if (tpmiot_tpm_has_rsa(tpm, bits))
			tpmiot_buf_printf(&list, "%s%zu", list.len == 0 ? "" : ", ", bits);
	prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
	    "bits:%zu: this TPM has no RSA keys of that size; it has: %s", gen->bits,
	    or_nothing(&list));
	tpmiot_buf_free(&list);
	return false;
}

/* SM2 keys are no EC keys to OpenSSL: they have their own signatures. */
static bool
is_usable(TPMI_ECC_CURVE curve)
{
	return curve != TPM2_ECC_SM2_P256 && tpmiot_alg_group_name(curve) != NULL;
}

static bool
refuse_curve(const struct keygen *gen, struct tpmiot_tpm *tpm)
{
	struct tpmiot_buf list = TPMIOT_BUF_INIT;
	TPMI_ECC_CURVE curves[TPM2_MAX_ECC_CURVES];
	size_t n = 0;

	if (tpmiot_tpm_curves(tpm, curves, &n, NULL) != TPMIOT_OK)
		n = 0;
	for (size_t i = 0; i < n; i++)
		if (is_usable(curves[i]))
			tpmiot_buf_printf(&list, "%s%s", list.len == 0 ? "" : ", ",
			    tpmiot_alg_group_name(curves[i]));
	prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
	    "group:%s: no curve for EC keys that this TPM and OpenSSL have in common; they have: "
	    "%s",
	    gen->group, or_nothing(&list));
	tpmiot_buf_free(&list);
	return false;
}

static bool
refuse_exponent(const struct keygen *gen)
{
	return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
	    "this TPM makes no RSA keys with the public exponent that was asked for: leave out "
	    "rsa_keygen_pubexp, and it is %d",
	    KEYGEN_EXPONENT);
}

static bool
has_curve(struct tpmiot_tpm *tpm, const char *group)
{
	TPMI_ECC_CURVE curves[TPM2_MAX_ECC_CURVES];
	size_t n = 0;

	if (tpmiot_tpm_curves(tpm, curves, &n, NULL) != TPMIOT_OK)
		return true; /* who knows */
	for (size_t i = 0; i < n; i++)
		if (curves[i] == tpmiot_alg_from_group_name(group))
			return true;
	return false;
}

/* The TPM says that a value is wrong, but not which. */
static bool
raise_create_error(const struct keygen *gen, struct tpmiot_tpm *tpm, const struct tpmiot_err *err)
{
	if (err->rc == TPMIOT_E_AUTH)
		return prov_raise(gen->prov, err->rc,
		    "%s; -pkeyopt parent-auth: says the parent's or its hierarchy's password",
		    err->text);
	if (!tpmiot_tpm_lacks(err))
		return prov_raise_err(gen->prov, err);
	if (gen->type == PROV_EC)
		return has_curve(tpm, gen->group) ? prov_raise_err(gen->prov, err)
		                                  : refuse_curve(gen, tpm);
	if (!tpmiot_tpm_has_rsa(tpm, gen->bits))
		return refuse_bits(gen, tpm);
	return gen->exponent != KEYGEN_EXPONENT ? refuse_exponent(gen)
	                                        : prov_raise_err(gen->prov, err);
}

/* ---- The template ------------------------------------------------------------------ */

/* What no TPM has, and what TPM2_Create has no field for. */
static bool
check_rsa(const struct keygen *gen, struct tpmiot_tpm *tpm)
{
	if (gen->bits == 0 || gen->bits > RSA_BITS_MAX || gen->bits % 8 != 0)
		return refuse_bits(gen, tpm);
	if (gen->exponent == 0 || gen->exponent > UINT32_MAX)
		return refuse_exponent(gen);
	if (gen->primes != KEYGEN_PRIMES)
		return prov_raise(gen->prov, TPMIOT_E_UNSUPPORTED,
		    "RSA keys in the TPM have %d primes only", KEYGEN_PRIMES);
	return true;
}

/* The house's template for device keys, with the size, curve and hash that were asked for. */
static bool
rsa_area(const struct keygen *gen, struct tpmiot_tpm *tpm, TPMI_ALG_HASH hash, TPMT_PUBLIC *area)
{
	TPMS_RSA_PARMS *rsa = &area->parameters.rsaDetail;

	if (!check_rsa(gen, tpm))
		return false;
	tpmiot_template_key(TPMIOT_KEY_RSA_2048, area);
	rsa->keyBits = (UINT16)gen->bits;
	if (gen->exponent != KEYGEN_EXPONENT) /* which the template has as 0 */
		rsa->exponent = (UINT32)gen->exponent;
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
ec_area(const struct keygen *gen, struct tpmiot_tpm *tpm, TPMI_ALG_HASH hash, TPMT_PUBLIC *area)
{
	TPMS_ECC_PARMS *ecc = &area->parameters.eccDetail;
	TPMI_ECC_CURVE curve = tpmiot_alg_from_group_name(gen->group);

	if (!is_usable(curve))
		return refuse_curve(gen, tpm);
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

/* That of the environment is for a parent that was named, and yields to the option. */
static struct tpmiot_bytes
parent_auth_of(const struct keygen *gen)
{
	if (gen->parent_auth_said || gen->parent == 0)
		return (struct tpmiot_bytes){ gen->parent_auth.data, gen->parent_auth.len };
	return prov_auth_parent();
}

struct prov_pkey *
keygen_in_tpm(struct keygen *gen)
{
	struct tpmiot_bytes parent_auth = parent_auth_of(gen);
	struct tpmiot_bytes user_auth = { gen->user_auth.data, gen->user_auth.len };
	struct tpmiot_tpm *tpm = prov_tpm(gen->prov);
	struct tpmiot_key *created = NULL;
	struct prov_pkey *key = NULL;
	struct tpmiot_err err;
	TPMI_ALG_HASH hash;
	TPMT_PUBLIC area;

	if (tpm == NULL || !get_hash(gen, "digest", gen->md, &hash) ||
	    !(gen->type == PROV_EC ? ec_area(gen, tpm, hash, &area)
	                           : rsa_area(gen, tpm, hash, &area)))
		return NULL;
	if (tpmiot_key_create(tpm, gen->parent, parent_auth, &area, user_auth, &created, &err) !=
	    TPMIOT_OK)
		raise_create_error(gen, tpm, &err);
	else
		key = prov_pkey_from_tpm(gen->prov, &created);
	tpmiot_key_unref(&created);
	return key;
}
