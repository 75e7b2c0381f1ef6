/* SPDX-License-Identifier: Apache-2.0 */
/* TPM makers' revocation lists, which an operator keeps as files. */
#ifndef CA_EKCRLS_H
#define CA_EKCRLS_H

#include <tpmiot/ekcert.h>

#include "ca/config/config.h"

/*
 * Every file of the directory config->ek_crls, PEM (all in it) or DER; hidden ones are left out.
 * With no directory configured, out->lists is NULL, and nobody is asked. TPMIOT_E_FORMAT: a file
 * holds something else. The caller releases *out.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_ekcrls_load(
    const struct ca_config *config, struct tpmiot_ekcert_crls *out, struct tpmiot_err *err);
/*
 * What one file of that directory holds: one list in DER, or one or more in PEM and nothing that
 * is none. Pushed onto `lists`, the caller's; on failure (TPMIOT_E_FORMAT) some of them may be.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_ekcrls_parse(
    struct tpmiot_buf *file, STACK_OF(X509_CRL) *lists, struct tpmiot_err *err);

void ca_ekcrls_free(struct tpmiot_ekcert_crls *crls);

#endif
