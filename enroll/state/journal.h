/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run that is killed leaves its objects and sessions in a TPM without a
 * resource manager. So before anything is loaded, what is in the TPM already is
 * written down in the state directory; the next run that finds such a journal
 * flushes what came since and is ours. Where a run loads only keys of its own, their
 * Names are written down instead, which takes no command.
 */
#ifndef ENROLL_JOURNAL_H
#define ENROLL_JOURNAL_H

#include <tpmiot/tpm.h>

#include "enroll/state/state.h"
#include "enroll/cmd/ui.h"

#define ENROLL_JOURNAL_NAMES 2

struct enroll_journal {
	/* Of TPMS_CLOCK_INFO: when one of them changes, nothing is loaded any more. */
	uint32_t reset_count;
	uint32_t restart_count;
	bool lists_objects; /* false: nothing is known of objects but the names below */
	TPM2_HANDLE objects[TPMIOT_HANDLES_MAX];
	size_t objects_n;
	TPM2_HANDLE sessions[TPMIOT_HANDLES_MAX];
	size_t sessions_n;
	TPM2B_NAME names[ENROLL_JOURNAL_NAMES]; /* of keys that nobody else has */
	size_t names_n;
};

/*
 * Repairs what the last run left, if it left a journal, and writes a new one.
 * Call it before anything is loaded. Three commands, and what the repair takes.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_begin(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, const struct enroll_ui *ui, struct tpmiot_err *err);

/*
 * The same without the list of objects, a command less. Before an object is loaded, its Name is
 * said (enroll_journal_expect()), or they are listed (enroll_journal_list_objects()).
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_begin_named(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, const struct enroll_ui *ui, struct enroll_journal *out,
    struct tpmiot_err *err);

/* One command, unless they are listed already. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_list_objects(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, struct enroll_journal *journal, struct tpmiot_err *err);

/*
 * A key of this Name, which no other program loads, is about to be loaded. No command. The last
 * ENROLL_JOURNAL_NAMES of them are kept, so not more may be loaded at a time.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_expect(const struct enroll_state *state,
    struct enroll_journal *journal, const TPM2B_NAME *name, struct tpmiot_err *err);

/*
 * The work ended with rc, and everything was flushed: takes the journal away. With
 * TPMIOT_E_TPM_GONE nobody knows that, and it stays. Returns rc, or why it is still there.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_end(
    const struct enroll_state *state, enum tpmiot_rc rc, struct tpmiot_err *err);

/* Whether the last run was cut short. */
bool enroll_journal_exists(const char *dir);

/* ---- Pure, for the tests ------------------------------------------------------ */

TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_put(
    const struct enroll_journal *journal, struct tpmiot_buf *out, struct tpmiot_err *err);
TPMIOT_MUST_USE enum tpmiot_rc enroll_journal_parse(
    struct tpmiot_bytes json, struct enroll_journal *out, struct tpmiot_err *err);

/* Whether this is what our EKs and storage root keys look like. */
bool enroll_journal_is_template(const TPMT_PUBLIC *area);

#endif
