/* SPDX-License-Identifier: Apache-2.0 */
/* AK and device key: read from the state directory, or made and stored. */
#ifndef ENROLL_KEYS_H
#define ENROLL_KEYS_H

#include <tpmiot/key.h>
#include <tpmiot/template.h>

#include "enroll/state/state.h"
#include "enroll/cmd/ui.h"

/* What a public area was made as; false for none of our kinds. */
bool enroll_keys_kind_of(const TPMT_PUBLIC *area, enum tpmiot_key_kind *out);

/*
 * The attestation key, loaded (so that a TPM that was replaced shows early).
 * A new one is stored before it is loaded.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_keys_get_ak(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, const struct enroll_ui *ui, struct tpmiot_key **out,
    struct tpmiot_err *err);

/*
 * The key `name`. A stored one has to be of the kind that is wanted, where one
 * is (NULL: any): TPMIOT_E_USAGE otherwise. A new one is stored before it is used.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_keys_get(const struct enroll_state *state,
    struct tpmiot_tpm *tpm, const struct enroll_ui *ui, const char *name,
    const enum tpmiot_key_kind *want, struct tpmiot_key **out, struct tpmiot_err *err);

/* The last rule by itself, for a look before anything is done. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_keys_check_kind(const char *name,
    const struct tpmiot_keyfile *file, const enum tpmiot_key_kind *want, struct tpmiot_err *err);

#endif
