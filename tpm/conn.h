/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside the device layer: the connection's state, and how a command is run.
 *
 * A command function begins (locks, connects), prepares its parameters by
 * Tss2_Sys_…_Prepare, has them executed with its authorisations, completes by
 * Tss2_Sys_…_Complete, and ends (unlocks).
 */
#ifndef TPM_CONN_H
#define TPM_CONN_H

#include <tss2/tss2_sys.h>

#include <tpmiot/tpm.h>

#include "lock.h"
#include "tcti.h"

#define TPM_OWNED_MAX 64

struct tpmiot_tpm {
	struct tpm_lock lock;
	bool bare;    /* what was opened is a device that one process has open at a time */
	bool forked;  /* or was made by a fork */
	bool shared;  /* the TPM is one that only one process can have open, and we forked */
	bool crowded; /* it is open to others, and we forked: no session is kept, it has few */
	OSSL_LIB_CTX *libctx;     /* borrowed */
	char *conf;               /* TCTI configuration, NULL for the default search */
	TSS2_TCTI_CONTEXT *given; /* the tests' TCTI, borrowed; NULL otherwise */
	TSS2_TCTI_CONTEXT *tcti;  /* NULL while not connected */
	struct tcti_shim shim;
	TSS2_SYS_CONTEXT *sys;
	struct tcti_shim aside_shim;
	TSS2_SYS_CONTEXT *aside; /* for what is to be sent while a command in sys waits (room.c) */
	unsigned int limit_s;    /* for a response; 0: by the kind of command */
	unsigned int epoch;      /* counts connections: a handle is good in its epoch only */
	TPM2_HANDLE owned[TPM_OWNED_MAX]; /* objects and sessions to flush at the end */
	size_t owned_n;
	struct tpmiot_session *auth_session; /* for keys with an auth value; NULL until needed */
	struct tpmiot_buf owner_auth;        /* of the hierarchies; empty: none */
	struct tpmiot_buf endorsement_auth;
	bool doubtful; /* something went wrong: the TPM may hold objects of ours that we don't know
	                  of */
	bool absent; /* the last attempt to connect failed: it is not made again for the same thing
	              */
	bool hangs;  /* it did not answer in time: it is not asked only in order to tidy up */
	TPMS_CONTEXT *swapped;   /* somebody's session that had to make room; NULL if none had to */
	struct tpmiot_key *keys; /* every key on this connection */
	uint64_t ticks;          /* orders the uses of keys */
	struct tpmiot_tpm *next; /* all connections of the process, for fork */
};

/* What a command is authorised with, and the Names of all its handles. */
struct tpm_call {
	const char *what;                  /* "TPM2_Sign" */
	const struct tpmiot_auth *auth[2]; /* of the first one's `veil`, if any, use is made */
	size_t n_auth;
	const TPM2B_NAME *name[2]; /* needed only when a session takes part */
	size_t n_name;
	bool secret_in;  /* the first parameter is to cross the bus encrypted */
	bool secret_out; /* the first one of the response */
};

/* Locks and connects. On failure nothing is locked. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_begin(struct tpmiot_tpm *tpm, struct tpmiot_err *err);
void tpm_end(struct tpmiot_tpm *tpm);

/* Runs what `prepared` (the return code of …_Prepare) prepared. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_exec(
    struct tpmiot_tpm *tpm, const struct tpm_call *call, TSS2_RC prepared, struct tpmiot_err *err);

/*
 * Sends it for the thread that comes next (lock.h), which runs the same by tpm_exec() and then
 * only has to wait for the response. Not in a session, whose nonces are drawn once. False: it
 * was not sent.
 */
bool tpm_send_ahead(struct tpmiot_tpm *tpm, const struct tpm_call *call, TSS2_RC prepared);
/* TPM2_Sign with an empty password (sign.c). */
bool tpm_sign_ahead(struct tpmiot_tpm *tpm, TPM2_HANDLE key, const TPMT_SIG_SCHEME *scheme,
    const TPM2B_DIGEST *digest, const TPMT_TK_HASHCHECK *ticket);
/* Whether the command that comes next is on its way already. */
bool tpm_is_ahead(const struct tpmiot_tpm *tpm);

/* As tpmiot_tpm_lock(), for a thread that has a plan; NULL: none. */
void tpm_lock(struct tpmiot_tpm *tpm, const struct tpm_plan *plan);

/* Translates what …_Complete returned. */
TPMIOT_MUST_USE enum tpmiot_rc tpm_complete(
    const struct tpm_call *call, TSS2_RC completed, struct tpmiot_err *err);

/* Wipes the last response in tpm->sys, which would stay there until another one comes. */
void tpm_wipe_response(struct tpmiot_tpm *tpm);

/* Translates a TSS2_RC into a code and a text with a next step (rc.c). */
enum tpmiot_rc tpm_rc(const char *what, TSS2_RC rc, struct tpmiot_err *err);

/* The bare code: format-one codes carry the number of a handle, parameter or session as well. */
TPM2_RC tpm_rc_code(TSS2_RC rc);

/* Remember and forget a handle that has to be flushed when the connection is freed. */
void tpm_own(struct tpmiot_tpm *tpm, TPM2_HANDLE handle);
void tpm_disown(struct tpmiot_tpm *tpm, TPM2_HANDLE handle);

/* Drops the connection after it broke: every handle is void. */
void tpm_disconnect(struct tpmiot_tpm *tpm);

/*
 * Whether other processes may come in between two commands and have to do with the same handles:
 * there is no resource manager, and not a device that one process has open at a time.
 */
bool tpm_is_open_to_others(const struct tpmiot_tpm *tpm);

bool tpm_owns(const struct tpmiot_tpm *tpm, TPM2_HANDLE handle);

/* Frees a slot for `command` of this connection (room.c); a tcti_make_room_fn. */
tcti_make_room_fn tpm_make_room;
/* Flushes objects of ours that nobody has a handle to, if there may be such. */
void tpm_flush_lost(struct tpmiot_tpm *tpm);
/* Puts back what tpm_make_room() took away for a while. */
void tpm_restore_room(struct tpmiot_tpm *tpm);

/*
 * The loaded key that was used least lately, other than in[0] and in[1] (keyload.c);
 * it counts as not loaded from now on. 0 if there is none.
 */
TPM2_HANDLE tpm_key_give_up(struct tpmiot_tpm *tpm, const TPM2_HANDLE in[2]);
/* Whether one of this connection's keys, loaded or not, has this Name. */
bool tpm_key_is_named(const struct tpmiot_tpm *tpm, const TPM2B_NAME *name);

/*
 * What authorises a command on a hierarchy: `given`, or if that is empty what was
 * set, in a salted session of its own, which the caller ends; an empty value needs none.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpm_hierarchy_authorise(struct tpmiot_tpm *tpm,
    TPM2_HANDLE hierarchy, struct tpmiot_bytes given, struct tpmiot_auth *out,
    struct tpmiot_err *err);

/* The Name of a permanent handle, a session or a PCR is the handle itself (Part 1, clause 16). */
TPM2B_NAME tpm_handle_name(TPM2_HANDLE handle);

/* The empty password. */
extern const struct tpmiot_auth tpm_no_auth;
/* The same where a command takes a TPM2B_AUTH as a parameter. */
extern const TPM2B_AUTH tpm_no_auth_value;

#endif
