/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of doc/PROTOCOL.md over plain requests and replies: no socket
 * here, and the clock comes in, so that tests run an enrolment through it.
 */
#ifndef CA_API_H
#define CA_API_H

#include <tpmiot/ekcert.h>

#include "ca/config/config.h"
#include "ca/http/child.h"
#include "ca/http/http.h"
#include "ca/pki/keyuri.h"
#include "ca/store/store.h"

struct ca_api;

/*
 * config, store and signer are borrowed. now: seconds since the epoch; NULL for
 * the system's clock. Makes a session sealing key if the store has none.
 */
TPMIOT_MUST_USE enum tpmiot_rc ca_api_new(const struct ca_config *config, struct ca_store *store,
    const struct ca_signer *signer, int64_t (*now)(void), struct ca_api **out,
    struct tpmiot_err *err);
/* From now on with these; what was counted against limits stays counted. */
void ca_api_change(
    struct ca_api *api, const struct ca_config *config, const struct ca_signer *signer);
/* Revocation lists of TPM makers from now on; borrowed, NULL for none. */
void ca_api_set_ek_crls(struct ca_api *api, const struct tpmiot_ekcert_crls *crls);
/* How the hook is run: as ca_children_run(), with `arg` for its first argument. */
typedef enum tpmiot_rc ca_api_run(void *arg, const char *program, const struct tpmiot_buf *input,
    unsigned timeout, ca_child_done *done, void *done_arg, struct tpmiot_err *err);
void ca_api_set_run(struct ca_api *api, ca_api_run *run, void *arg);
void ca_api_free(struct ca_api **api);

/*
 * One request, to the end: what it changed is durable when this returns; or, with a store that
 * groups commits, after ca_api_settle(): then the reply says that it is unsettled. Or, where the
 * hook has to be asked, CA_HTTP_LATER, and the rest when it has answered.
 */
void ca_api_handle(
    struct ca_api *api, const struct ca_http_request *req, struct ca_http_reply *reply);

/* What the server knows of itself; times are seconds since the epoch, 0: never. */
struct ca_api_about {
	int connections;
	int64_t started, reloaded;
	bool reload_ok;  /* or there was none yet */
	int64_t tls_end; /* of the server's own certificate */
};

/* GET /metrics and /health. Not for the address that devices use. */
void ca_api_monitor(struct ca_api *api, const struct ca_api_about *about,
    const struct ca_http_request *req, struct ca_http_reply *reply);

/* Makes durable what replies say that are unsettled; false: *failure is the reply to each. */
bool ca_api_settle(struct ca_api *api, struct ca_http_reply *failure);

/* What has to be done now and then: new sealing keys, old sessions. */
void ca_api_tick(struct ca_api *api);

#endif
