/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's own policy: a program that is asked before a certificate is issued, once the
 * device has proved all that it has to prove. What is written to it and what its answer means; who
 * runs it is the server's business (api.h).
 */
#ifndef CA_HOOK_H
#define CA_HOOK_H

#include <tpmiot/ekcert.h>

#include "ca/enrol/problem.h"
#include "ca/store/store.h"

struct ca_hook_facts {
	const char *event; /* "issue" or "renew" */
	const char *device_id, *group, *profile;
	const uint8_t *ek_spki, *key_spki; /* CA_SHA256_LEN */
	bool ek_trusted;                   /* its certificate chains to a trusted root */
	const struct tpmiot_ekcert_info *tpm;
	const char *peer; /* numeric address */
};

/* Appends one JSON object and a newline. */
TPMIOT_MUST_USE enum tpmiot_rc ca_hook_put(
    const struct ca_hook_facts *facts, struct tpmiot_buf *out, struct tpmiot_err *err);

/*
 * {"decision": "allow"}, or "deny" with a "reason" for the device and the audit log. Anything else
 * is no answer: CA_PROBLEM_SERVER_ERROR, and the device comes again.
 */
TPMIOT_MUST_USE bool ca_hook_judge(const void *answer, size_t len, struct ca_problem *problem);

/* Why there is no answer: CA_PROBLEM_SERVER_ERROR. Returns false. */
bool ca_hook_failed(struct ca_problem *problem, const char *why);

#endif
