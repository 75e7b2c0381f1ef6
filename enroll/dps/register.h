/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registration from its first request to the assigned hub, and what is kept of it.
 *
 * Nothing is written before the server has assigned: what is cut short is begun again, at
 * no cost to either side. The key comes first, the record that names it last.
 */
#ifndef ENROLL_DPS_REGISTER_H
#define ENROLL_DPS_REGISTER_H

#include <tpmiot/tpm.h>

#include "enroll/dps/record.h"
#include "enroll/net/http.h"
#include "enroll/cmd/ui.h"
#include "enroll/state/journal.h"

#define ENROLL_DPS_HANDLE 0x81000100u /* where Microsoft's agents look for the key */

struct enroll_dps_plan {
	const char *name;
	const char *server;                /* URL */
	const struct enroll_server *trust; /* as it was opened: goes into the record */
	const char *scope;
	const char *registration_id; /* NULL: by the EK */
	const char *ek;              /* as --ek; NULL: any */
	const char *join_token;      /* NULL: none */
	bool persistent;             /* the key at ENROLL_DPS_HANDLE */
	int64_t patience;            /* seconds to wait for the assignment */
};

/*
 * The journal is begun (enroll_journal_begin_named()). TPMIOT_E_REFUSED: the server said no, or
 * that it failed. TPMIOT_E_TRUST: what it sent is not what the protocol says, or not for this TPM.
 * TPMIOT_E_NET: it did not assign in time.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_dps_register(const struct enroll_dps_plan *plan,
    const struct enroll_state *state, struct enroll_journal *journal, struct tpmiot_tpm *tpm,
    struct enroll_http *http, const struct enroll_ui *ui, struct enroll_dps_record *out,
    struct tpmiot_err *err);

#endif
