/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Refusals: one table of problem types (RFC 9457; doc/PROTOCOL.md, "Errors"),
 * and the one problem that a request can end in.
 */
#ifndef CA_PROBLEM_H
#define CA_PROBLEM_H

#include <stdbool.h>

#include <tpmiot/buf.h>

enum ca_problem_type {
	CA_PROBLEM_NONE = 0,
	CA_PROBLEM_MALFORMED_REQUEST,
	CA_PROBLEM_NOT_FOUND,
	CA_PROBLEM_METHOD_NOT_ALLOWED,
	CA_PROBLEM_TOO_LARGE,
	CA_PROBLEM_UNSUPPORTED_MEDIA_TYPE,
	CA_PROBLEM_RATE_LIMITED,
	CA_PROBLEM_SERVER_ERROR,
	CA_PROBLEM_EK_UNSUPPORTED,
	CA_PROBLEM_EK_CERTIFICATE_INVALID,
	CA_PROBLEM_EK_CERTIFICATE_MISMATCH,
	CA_PROBLEM_EK_CERTIFICATE_REQUIRED,
	CA_PROBLEM_EK_CERTIFICATE_UNTRUSTED,
	CA_PROBLEM_EK_CERTIFICATE_REVOKED,
	CA_PROBLEM_EK_NOT_LISTED,
	CA_PROBLEM_AK_UNSUITABLE,
	CA_PROBLEM_AK_BOUND,
	CA_PROBLEM_JOIN_TOKEN_REQUIRED,
	CA_PROBLEM_JOIN_TOKEN_INVALID,
	CA_PROBLEM_JOIN_TOKEN_EXPIRED,
	CA_PROBLEM_JOIN_TOKEN_SPENT,
	CA_PROBLEM_DEVICE_ID_MISMATCH,
	CA_PROBLEM_DEVICE_ID_TAKEN,
	CA_PROBLEM_DEVICE_ENROLLED_OTHERWISE,
	CA_PROBLEM_DEVICE_BLOCKED,
	CA_PROBLEM_CLIENT_CERTIFICATE_REQUIRED,
	CA_PROBLEM_CLIENT_CERTIFICATE_INVALID,
	CA_PROBLEM_AK_UNKNOWN,
	CA_PROBLEM_TPM_REFUSED,
	CA_PROBLEM_PROFILE_REFUSED,
	CA_PROBLEM_GROUP_UNKNOWN,
	CA_PROBLEM_EXTERNAL_POLICY,
	CA_PROBLEM_SESSION_INVALID,
	CA_PROBLEM_SESSION_EXPIRED,
	CA_PROBLEM_SESSION_SPENT,
	CA_PROBLEM_SECRET_WRONG,
	CA_PROBLEM_KEY_UNSUITABLE,
	CA_PROBLEM_KEY_ALREADY_CERTIFIED,
	CA_PROBLEM_KEY_REVOKED,
	CA_PROBLEM_CERTIFY_INVALID,
	CA_PROBLEM_PARENT_INVALID,
	CA_PROBLEM_QUOTE_REQUIRED,
	CA_PROBLEM_QUOTE_INVALID,
	CA_PROBLEM_PCRS_REFUSED,
	CA_PROBLEM_CSR_INVALID,
	CA_PROBLEM_CSR_KEY_MISMATCH,
	CA_PROBLEM_CERTIFICATE_REVOKED,
	CA_PROBLEM_SIGNATURE_INVALID,
	CA_PROBLEM_TYPES /* how many there are */
};

#define CA_PROBLEM_URN "urn:tpmiot:problem:"

struct ca_problem {
	enum ca_problem_type type; /* CA_PROBLEM_NONE: none */
	char detail[TPMIOT_ERR_TEXT_MAX];
	char next[TPMIOT_ERR_TEXT_MAX];  /* empty: the type's own */
	char cause[TPMIOT_ERR_TEXT_MAX]; /* of CA_PROBLEM_SERVER_ERROR: for our log, not for the
	                                    client */
	unsigned retry_after;            /* seconds; 0: no such header */
};

/*
 * Sets type and detail; `next` becomes the type's own. Returns false, so that a
 * check can `return ca_refuse(…)`: checks return true if the request may go on.
 */
bool ca_refuse(struct ca_problem *problem, enum ca_problem_type type, const char *fmt, ...)
    TPMIOT_PRINTF(3, 4);

/*
 * The same with a library error as the detail. What says nothing about the
 * request (out of memory, libcrypto failed) becomes ca_fail().
 */
bool ca_refuse_err(
    struct ca_problem *problem, enum ca_problem_type type, const struct tpmiot_err *err);

/* CA_PROBLEM_SERVER_ERROR: our own fault. The cause goes to the log alone. Returns false. */
bool ca_fail(struct ca_problem *problem, const struct tpmiot_err *err);

/* What to do, where the type's own advice is too general. Returns false. */
bool ca_refuse_next(struct ca_problem *problem, const char *fmt, ...) TPMIOT_PRINTF(2, 3);

/* "ek-not-listed": the type without its prefix, as the audit log has it. "ok" for CA_PROBLEM_NONE.
 */
const char *ca_problem_name(enum ca_problem_type type);
const char *ca_problem_title(enum ca_problem_type type);
const char *ca_problem_next(const struct ca_problem *problem);
int ca_problem_status(enum ca_problem_type type);

#endif
