/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of key management: the lists of parameters, and making keys. */
#ifndef PROVIDER_KEYMGMT_H
#define PROVIDER_KEYMGMT_H

#include "pkey.h"

/* params.c */
OSSL_FUNC_keymgmt_import_types_fn prov_rsa_types, prov_pss_types, prov_ec_types;
OSSL_FUNC_keymgmt_gettable_params_fn prov_rsa_gettable, prov_ec_gettable;
OSSL_FUNC_keymgmt_settable_params_fn prov_rsa_settable, prov_ec_settable;

/* keygen.c */
OSSL_FUNC_keymgmt_gen_init_fn prov_rsa_gen_init, prov_pss_gen_init, prov_ec_gen_init;
OSSL_FUNC_keymgmt_gen_set_template_fn prov_gen_set_template;
OSSL_FUNC_keymgmt_gen_set_params_fn prov_gen_set_params;
OSSL_FUNC_keymgmt_gen_settable_params_fn prov_rsa_gen_settable, prov_pss_gen_settable,
    prov_ec_gen_settable;
OSSL_FUNC_keymgmt_gen_fn prov_gen;
OSSL_FUNC_keymgmt_gen_cleanup_fn prov_gen_cleanup;

#endif
