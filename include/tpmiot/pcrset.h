/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCRs as text: which ones ("sha256:0,1,7+sha384:2", as tpm2-tools have it), and
 * with their values ("sha256:0=3d45…,7=b5a7…"). One set has one text: banks in the order of their
 * TPM numbers, PCRs in theirs, lower-case hexadecimal; so sets are the same if their texts are.
 */
#ifndef TPMIOT_PCRSET_H
#define TPMIOT_PCRSET_H

#include <tpmiot/attest.h>
#include <tpmiot/buf.h>

struct tpmiot_pcrset {
	struct tpmiot_pcr_bank bank[TPMIOT_BANKS_MAX]; /* in the order of their `alg` */
	size_t n;                                      /* 0: no PCR at all */
};

/*
 * Adds a PCR; value is of its bank's digest size, or NULL where only the selection counts.
 * False: it is there already, or there is no such PCR or bank.
 */
TPMIOT_MUST_USE bool tpmiot_pcrset_add(
    struct tpmiot_pcrset *set, TPMI_ALG_HASH alg, unsigned pcr, const uint8_t *value);

/* The bank that a name ("sha256") means, or TPM2_ALG_ERROR; and back. */
TPMI_ALG_HASH tpmiot_pcrset_bank_parse(const char *name, size_t len);
void tpmiot_pcrset_put_bank(TPMI_ALG_HASH alg, struct tpmiot_buf *out);

/* A selection: in any order, each PCR once, at least one. TPMIOT_E_FORMAT says what is wrong. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_pcrset_parse_selection(
    const char *text, struct tpmiot_pcrset *out, struct tpmiot_err *err);
void tpmiot_pcrset_put_selection(const struct tpmiot_pcrset *set, struct tpmiot_buf *out);

/* The same with values. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_pcrset_parse_values(
    const char *text, struct tpmiot_pcrset *out, struct tpmiot_err *err);
void tpmiot_pcrset_put_values(const struct tpmiot_pcrset *set, struct tpmiot_buf *out);

/* What tpm2_pcrread prints, whatever banks and PCRs it was asked for; empty banks are left out. */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_pcrset_parse_pcrread(
    const char *text, struct tpmiot_pcrset *out, struct tpmiot_err *err);

/* Whether both are about the same PCRs, whatever the values. */
bool tpmiot_pcrset_same_selection(const struct tpmiot_pcrset *a, const struct tpmiot_pcrset *b);

#endif
