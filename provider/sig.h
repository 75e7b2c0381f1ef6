/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One signature operation, RSA or ECDSA.
 *
 * `soft` is the same operation in the private library context, on the public
 * half: it takes, checks and remembers the parameters (padding, digest, salt),
 * knows the algorithm identifier, and verifies. For a software key it signs,
 * too. So parameters have one home, and mean what they mean in OpenSSL.
 */
#ifndef PROVIDER_SIG_H
#define PROVIDER_SIG_H

#include "pkey.h"

struct prov_sig {
	struct prov_ctx *prov;
	struct prov_pkey *key;
	EVP_PKEY_CTX *soft;
	bool signing;
	const char *fixed_md; /* of an algorithm that names its digest (sigalg.c), or NULL */
	/* where messages are signed or verified */
	bool messages;
	EVP_MD_CTX *hash;            /* NULL where the TPM hashes */
	bool by_message;             /* restricted key: the TPM must see the message */
	struct tpmiot_buf message;   /* of a restricted key */
	struct tpmiot_buf to_verify; /* see sigalg.c */
};

/* Whether the private half is in the TPM and asked for. */
static inline bool
prov_sig_in_tpm(const struct prov_sig *sig)
{
	return sig->signing && sig->key->tpm != NULL;
}

/*
 * signature.c: what the algorithms have in common. prov_sig_init() is for bare digests,
 * _init_digest() for messages, hashed with `name` (NULL or "": what suits the key).
 */
OSSL_FUNC_signature_newctx_fn prov_sig_new;
OSSL_FUNC_signature_freectx_fn prov_sig_free;
OSSL_FUNC_signature_dupctx_fn prov_sig_dup;
OSSL_FUNC_signature_sign_fn prov_sig_sign;
OSSL_FUNC_signature_verify_fn prov_sig_verify;
OSSL_FUNC_signature_digest_sign_update_fn prov_sig_update;
OSSL_FUNC_signature_digest_sign_final_fn prov_sig_sign_final;
OSSL_FUNC_signature_digest_verify_final_fn prov_sig_verify_final;
OSSL_FUNC_signature_get_ctx_params_fn prov_sig_get_params;
int prov_sig_init(struct prov_sig *sig, struct prov_pkey *key, bool signing);
int prov_sig_init_digest(
    struct prov_sig *sig, const char *name, struct prov_pkey *key, bool signing);
int prov_sig_set_digest(struct prov_sig *sig, const char *name);

/* Longest name of a digest or number of a salt's length, and its NUL. */
#define PROV_SIG_NAME_LEN 64

/* Parameters as they are set: OSSL_SIGNATURE_PARAM_… ("" for none), RSA_…_PADDING. */
bool prov_sig_get_string(
    const struct prov_sig *sig, const char *name, char value[PROV_SIG_NAME_LEN]);
bool prov_sig_get_padding(const struct prov_sig *sig, int *padding);

/*
 * The scheme for TPM2_Sign, from what is set. Refuses, and raises why and what
 * would work, what the TPM or this key can't do.
 */
bool prov_scheme(struct prov_sig *sig, TPMT_SIG_SCHEME *out);

/*
 * Refuses, as above, a digest or padding that is not the key's own, before the operation
 * goes on: libssl asks which digests a key can sign by trying.
 */
bool prov_scheme_takes_digest(struct prov_sig *sig, const char *name);
bool prov_scheme_takes(struct prov_sig *sig, const OSSL_PARAM params[]);

/*
 * Makes the parameters such as the TPM can keep them: the padding that the
 * key's own scheme fixes (on init), a definite salt length for PSS.
 */
bool prov_scheme_init(struct prov_sig *sig);
bool prov_scheme_settle(struct prov_sig *sig);

/*
 * RSA with a padding made in software: for keys that may decrypt, too, and what
 * TPM2_Sign does not do. _wanted says whether what is set is of that kind.
 */
bool prov_raw_possible(const struct prov_sig *sig);
bool prov_raw_wanted(const struct prov_sig *sig);
int prov_raw_sign(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *digest, size_t len);

/* TPM2_Sign over a digest, or over the message of a restricted key; see OSSL_FUNC_signature_sign.
 */
int prov_tpm_sign_digest(struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size,
    const unsigned char *digest, size_t len);
int prov_tpm_sign_message(
    struct prov_sig *sig, unsigned char *out, size_t *out_len, size_t out_size);

#endif
