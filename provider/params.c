/* SPDX-License-Identifier: Apache-2.0 */
/* Which parameters RSA, RSA-PSS and EC keys have: the names that the default provider uses, too. */
#include "keymgmt.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#define KEY_FACTS                                                                                  \
	OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),                                                \
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),                                   \
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),                                        \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),                       \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0)

#define RSA_PUBLIC                                                                                 \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0), OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0)

#define RSA_PRIVATE                                                                                \
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_D, NULL, 0),                                             \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR1, NULL, 0),                                   \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_FACTOR2, NULL, 0),                                   \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT1, NULL, 0),                                 \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_EXPONENT2, NULL, 0),                                 \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NULL, 0)

#define PSS_RESTRICTIONS                                                                           \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_DIGEST, NULL, 0),                               \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MASKGENFUNC, NULL, 0),                      \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_RSA_MGF1_DIGEST, NULL, 0),                      \
	    OSSL_PARAM_int(OSSL_PKEY_PARAM_RSA_PSS_SALTLEN, NULL)

#define EC_DOMAIN                                                                                  \
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),                               \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),                          \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),           \
	    OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_FIELD_TYPE, NULL, 0),                        \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_P, NULL, 0),                                          \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_A, NULL, 0),                                          \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_B, NULL, 0),                                          \
	    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_GENERATOR, NULL, 0),                        \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_ORDER, NULL, 0),                                      \
	    OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_COFACTOR, NULL, 0),                                   \
	    OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_EC_SEED, NULL, 0)

#define EC_PUBLIC OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0)
#define EC_PRIVATE OSSL_PARAM_BN(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0)

static bool
wants_private(int selection)
{
	return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

const OSSL_PARAM *
prov_rsa_types(int selection)
{
	static const OSSL_PARAM pub[] = { RSA_PUBLIC, OSSL_PARAM_END };
	static const OSSL_PARAM pair[] = { RSA_PUBLIC, RSA_PRIVATE, OSSL_PARAM_END };

	return wants_private(selection) ? pair : pub;
}

const OSSL_PARAM *
prov_pss_types(int selection)
{
	static const OSSL_PARAM pub[] = { RSA_PUBLIC, PSS_RESTRICTIONS, OSSL_PARAM_END };
	static const OSSL_PARAM pair[] = { RSA_PUBLIC, PSS_RESTRICTIONS, RSA_PRIVATE,
		OSSL_PARAM_END };

	return wants_private(selection) ? pair : pub;
}

const OSSL_PARAM *
prov_ec_types(int selection)
{
	static const OSSL_PARAM domain[] = { EC_DOMAIN, OSSL_PARAM_END };
	static const OSSL_PARAM pub[] = { EC_DOMAIN, EC_PUBLIC, OSSL_PARAM_END };
	static const OSSL_PARAM pair[] = { EC_DOMAIN, EC_PUBLIC, EC_PRIVATE, OSSL_PARAM_END };

	if (wants_private(selection))
		return pair;
	return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 ? pub : domain;
}

const OSSL_PARAM *
prov_rsa_gettable(void *provctx)
{
	static const OSSL_PARAM gettable[] = { KEY_FACTS, RSA_PUBLIC, RSA_PRIVATE, OSSL_PARAM_END };

	(void)provctx;
	return gettable;
}

const OSSL_PARAM *
prov_ec_gettable(void *provctx)
{
	static const OSSL_PARAM gettable[] = {
		KEY_FACTS,
		EC_DOMAIN,
		OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, NULL),
		EC_PUBLIC,
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_X, NULL, 0),
		OSSL_PARAM_BN(OSSL_PKEY_PARAM_EC_PUB_Y, NULL, 0),
		EC_PRIVATE,
		OSSL_PARAM_END,
	};

	(void)provctx;
	return gettable;
}

const OSSL_PARAM *
prov_rsa_settable(void *provctx)
{
	static const OSSL_PARAM settable[] = { OSSL_PARAM_END };

	(void)provctx;
	return settable;
}

const OSSL_PARAM *
prov_ec_settable(void *provctx)
{
	static const OSSL_PARAM settable[] = {
		OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_USE_COFACTOR_ECDH, NULL),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_ENCODING, NULL, 0),
		OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
		OSSL_PARAM_int(OSSL_PKEY_PARAM_EC_INCLUDE_PUBLIC, NULL),
		OSSL_PARAM_END,
	};

	(void)provctx;
	return settable;
}
