/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/server.h"

#include <stdio.h>

#include "ca/enrol/api.h"
#include "ca/http/http.h"
#include "ca/pki/keyuri.h"
#include "ca/log.h"
#include "ca/http/tls.h"

static void
handle(void *arg, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	ca_api_handle(arg, req, reply);
}

static void
tick(void *arg)
{
	ca_api_tick(arg);
}

static enum tpmiot_rc
serve(const struct ca_config *config, struct ca_api *api, SSL_CTX *tls, struct tpmiot_err *err)
{
	const struct ca_http_options options = { .listen = config->listen,
		.tls = tls,
		.max_body = (size_t)config->max_body,
		.max_connections = (int)config->max_connections,
		.timeout = (int)config->request_timeout,
		.handler = handle,
		.tick = tick,
		.arg = api };
	struct ca_http *http = NULL;
	enum tpmiot_rc rc;

	if ((rc = ca_http_new(&options, &http, err)) != TPMIOT_OK)
		return rc;
	printf("listening on %s\n", ca_http_url(http));
	if (fflush(stdout) != 0)
		rc = tpmiot_err_errno(err, "standard output");
	else
		rc = ca_http_run(http, err);
	ca_http_free(&http);
	return rc;
}

enum tpmiot_rc
ca_server_run(const struct ca_config *config, struct ca_store *store, struct tpmiot_err *err)
{
	struct ca_signer signer = { NULL, NULL, NULL };
	struct ca_api *api = NULL;
	SSL_CTX *tls = NULL;
	enum tpmiot_rc rc;

	ca_log_level(config->log_level);
	if ((rc = ca_signer_load(config, &signer, err)) == TPMIOT_OK &&
	    (rc = ca_tls_new(config, &signer, &tls, err)) == TPMIOT_OK &&
	    (rc = ca_api_new(config, store, &signer, NULL, &api, err)) == TPMIOT_OK)
		rc = serve(config, api, tls, err);
	if (rc == TPMIOT_OK)
		ca_log(CA_LOG_INFO, "stopped");
	ca_api_free(&api);
	SSL_CTX_free(tls);
	ca_signer_free(&signer);
	return rc;
}
