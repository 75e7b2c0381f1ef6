/* SPDX-License-Identifier: Apache-2.0 */
/* The TCTI that a connection's configuration means: opened, closed, and what a fork does to it. */
#ifndef TPM_OPENTCTI_H
#define TPM_OPENTCTI_H

#include "conn.h"

/*
 * Sets tpm->tcti. A device that is busy is waited for, some seconds. TPMIOT_E_TPM_GONE and
 * TPMIOT_E_PERM say what helps.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_open_tcti(struct tpmiot_tpm *tpm, struct tpmiot_err *err);
/* Both leave tpm->tcti NULL. */
void tpm_close_tcti(struct tpmiot_tpm *tpm);
/* In a child: the descriptor's copy is closed, and nothing said to the other side. */
void tpm_abandon_tcti(struct tpmiot_tpm *tpm);

/*
 * /dev/tpm0, which lets in one process at a time, other than /dev/tpmrm0: named in a configuration,
 * or what a descriptor is (the default search finds it without a name; -1 is none).
 */
bool tpm_names_bare_device(const char *text);
bool tpm_is_bare_device(int fd);

/* In a child, once: from now on D-Bus is not used if the parent did (relay.h). */
void tpm_opentcti_forked(void);

#endif
