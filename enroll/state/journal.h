/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that is killed leaves its objects and sessions in a TPM without a
 * resource manager. So before anything is loaded, what is in the TPM already is
 * written down in the state directory; the next run that finds such a journal
 * flushes what came since and is ours.
 */
#ifndef ENROLL_JOURNAL_H
#define ENROLL_JOURNAL_H

#include <tpmiot/tpm.h>

#include "enroll/state/state.h"
#include "enroll/cmd/ui.h"

struct enroll_journal {
	/* Of TPMS_CLOCK_INFO: when one of them changes, nothing is loaded any more. */
	uint32_t reset_count;
	uint32_t restart_count;
	TPM2_HANDLE objects[TPMIOT_HANDLES_MAX];
	size_t objects_n;
	TPM2_HANDLE sessions[TPMIOT_HANDLES_MAX];
	size_t sessions_n;
};

/*
 * Repairs what the last run left, if it left a journal, and writes a new one.
 * Call it before anything is loaded. Three commands, and what the repair takes.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_begin(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, const struct enroll_ui *ui, struct tpmiot_err *err);

/* Everything was flushed: takes the journal away. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_end(
    const struct enroll_state *state, struct tpmiot_err *err);

/* Whether the last run was cut short. */
bool enroll_journal_exists(const char *dir);

/* ---- Pure, for the tests ------------------------------------------------------ */

TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_put(
    const struct enroll_journal *journal, struct tpmiot_buf *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_parse(
    struct tpmiot_bytes json, struct enroll_journal *out, struct tpmiot_err *err);

/* Whether this is what our EKs, storage root keys and a registration's HMAC key look like. */
bool enroll_journal_is_template(const TPMT_PUBLIC *area);

#endif
