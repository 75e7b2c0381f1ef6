/* SPDX-License-Identifier: Apache-2.0 */
/* Every dispatch table, by operation. Each stands at the end of the file that fills it. */
#ifndef PROVIDER_TABLES_H
#define PROVIDER_TABLES_H

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

/* An entry of a table: the compiler holds fn against OpenSSL's type where fn is declared. */
#define PROV_FN(id, fn)                                                                            \
	{                                                                                          \
		OSSL_FUNC_##id, (void (*)(void))(fn)                                               \
	}

extern const OSSL_DISPATCH prov_keymgmt_rsa[];
extern const OSSL_DISPATCH prov_keymgmt_pss[];
extern const OSSL_DISPATCH prov_keymgmt_ec[];

extern const OSSL_DISPATCH prov_signature_rsa[];
extern const OSSL_DISPATCH prov_signature_ecdsa[];

#ifdef OSSL_FUNC_SIGNATURE_SIGN_MESSAGE_INIT
extern const OSSL_DISPATCH prov_sigalg_rsa_sha256[];
extern const OSSL_DISPATCH prov_sigalg_rsa_sha384[];
extern const OSSL_DISPATCH prov_sigalg_rsa_sha512[];
extern const OSSL_DISPATCH prov_sigalg_ecdsa_sha256[];
extern const OSSL_DISPATCH prov_sigalg_ecdsa_sha384[];
extern const OSSL_DISPATCH prov_sigalg_ecdsa_sha512[];
#endif

extern const OSSL_DISPATCH prov_asymcipher_rsa[];

extern const OSSL_DISPATCH prov_exchange_ecdh[];

extern const OSSL_DISPATCH prov_rand_seed[];

extern const OSSL_DISPATCH prov_encoder_spki_der[];
extern const OSSL_DISPATCH prov_encoder_spki_pem[];
extern const OSSL_DISPATCH prov_encoder_private_der[];
extern const OSSL_DISPATCH prov_encoder_private_pem[];
extern const OSSL_DISPATCH prov_encoder_pkcs1_der[];
extern const OSSL_DISPATCH prov_encoder_pkcs1_pem[];
extern const OSSL_DISPATCH prov_encoder_params_der[];
extern const OSSL_DISPATCH prov_encoder_params_pem[];
extern const OSSL_DISPATCH prov_encoder_text[];

extern const OSSL_DISPATCH prov_decoder_pem[];
extern const OSSL_DISPATCH prov_decoder_rsa[];
extern const OSSL_DISPATCH prov_decoder_pss[];
extern const OSSL_DISPATCH prov_decoder_ec[];
extern const OSSL_DISPATCH prov_decoder_spki_rsa[];
extern const OSSL_DISPATCH prov_decoder_spki_pss[];
extern const OSSL_DISPATCH prov_decoder_spki_ec[];

extern const OSSL_DISPATCH prov_store_key[];
extern const OSSL_DISPATCH prov_store_file[];

#endif
