/* SPDX-License-Identifier: Apache-2.0 */
/* Renewal over mTLS: the device's side of doc/PROTOCOL.md, and when it is due. */
#ifndef ENROLL_RENEWAL_H
#define ENROLL_RENEWAL_H

#include <openssl/x509.h>

#include "enroll/net/http.h"
#include "enroll/net/server.h"
#include "enroll/state/state.h"
#include "enroll/cmd/ui.h"

struct enroll_renewal_plan {
	const char *name;                   /* of the key */
	bool rekey;                         /* for a new key of the same kind */
	const struct enroll_server *server; /* to be remembered */
};

/*
 * From an open connection and a journal to a new certificate in place. Until it is stored, the
 * old key and certificate stay where they are. *http is used up: its TLS holds the key.
 */
TPMIOT_MUST_USE enum tpmiot_rc enroll_renewal_run(const struct enroll_renewal_plan *plan,
    const struct enroll_state *state, struct tpmiot_tpm *tpm, struct enroll_http **http,
    const struct enroll_ui *ui, struct tpmiot_err *err);

/* ---- Pure, for the tests ------------------------------------------------------ */

/*
 * How long before its end a certificate is renewed if nobody says: 30 days, or a third of
 * its lifetime if that is less; up to a tenth later, by the certificate, so that what was
 * enrolled on one day is not renewed in one hour.
 */
int64_t enroll_renewal_default_before(const X509 *cert);

#endif
