/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may enrol, and as whom: decisions over facts that others fetched. Both
 * steps ask, because what the operator says may change in between.
 */
#ifndef CA_ADMIT_H
#define CA_ADMIT_H

#include <tpmiot/ekcert.h>

#include "ca/config/config.h"
#include "ca/enrol/problem.h"
#include "ca/store/store.h"

struct ca_admit_facts {
	enum ca_enrolment enrolment; /* this and the next two: of the device's group */
	bool accept_ids;
	const char *tpms;
	const struct tpmiot_ekcert_info *tpm; /* as its EK certificate says */
	int64_t now;
	const uint8_t *ek_spki; /* CA_SHA256_LEN */
	bool has_cert;
	const struct ca_problem
	    *cert_problem; /* why its EK certificate is not trusted; CA_PROBLEM_NONE if it is */
	const struct ca_allow *allow; /* its entry in the allow-list, or NULL */
	bool token_given;
	const struct ca_token *token;  /* NULL: there is no such token */
	bool token_used;               /* by this very device: it may again */
	const char *claimed_id;        /* "" if it claims none */
	const struct ca_device *known; /* its row, or NULL */
};

/*
 * Its group: what the allow-list's entry says; else the token's, if it names one; else the one that
 * it has. Coming again without its token is no way out of a group's rules. Borrowed from the facts.
 */
const char *ca_admit_group(const struct ca_admit_facts *facts);

/* As whom. */
struct ca_admission {
	char device_id[CA_DEVICE_ID_MAX + 1];
	char group[CA_GROUP_MAX + 1];
	char serial_number[CA_MAKER_MAX]; /* the unit's, of the allow-list; "": not known */
	char model[CA_MAKER_MAX];
	char profile[CA_GROUP_MAX + 1]; /* first step: what it is offered */
	int64_t token;                  /* the token whose use is to be counted; 0: none */
	bool claimed;                   /* the id is of the device's own choice */
};

TPMIOT_MUST_USE bool ca_admit(
    const struct ca_admit_facts *facts, struct ca_admission *out, struct ca_problem *problem);

/*
 * Whether a group's `tpms` (NULL, "": any) let a TPM in, by what a trusted certificate says of it.
 * One that says nothing is none of those.
 */
TPMIOT_MUST_USE bool ca_admit_tpm(
    const char *tpms, const struct tpmiot_ekcert_info *tpm, struct ca_problem *problem);

/* What is bound already: each NULL if there is none. */
struct ca_bindings {
	const struct ca_device *device; /* of this EK */
	const struct ca_device *holder; /* of this id */
	const struct ca_ak *ak;         /* this AK's row */
	const struct ca_cert *cert;     /* the last certificate of this device key */
	bool key_revoked;               /* one of its certificates was, and not only for what is
	                                   said of its holder */
	bool reserved;                  /* the operator keeps this id, which was claimed, for
	                                   another EK */
};

/* Device and id belong to each other, the AK and key to nobody else, and nobody blocked the device.
 */
TPMIOT_MUST_USE bool ca_admit_bindings(const uint8_t ek_spki[CA_SHA256_LEN], const char *device_id,
    const struct ca_bindings *bound, struct ca_problem *problem);

#endif
