/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics and GET /health, for those who watch over the server. */
#include <string.h>

#include "ca/enrol/api_int.h"
#include "ca/pki/x509.h"

static enum tpmiot_rc
gather(struct ca_api *api, const struct ca_api_about *about, struct ca_metrics_facts *out,
    struct tpmiot_err *err)
{
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	const int64_t now = api->now();
	enum tpmiot_rc rc = ca_counts(api->store, now, &out->counts, err);

	if (rc == TPMIOT_OK)
		rc = ca_crl_latest(api->store, &crl, err);
	if (rc == TPMIOT_OK)
		out->crl_next_update = crl.next_update;
	else if (rc == TPMIOT_E_NOT_FOUND)
		rc = TPMIOT_OK;
	tpmiot_buf_free(&crl.der);
	if (rc == TPMIOT_OK)
		rc = ca_x509_time(X509_get0_notAfter(api->signer->cert), &out->ca_end, err);
	out->connections = about->connections;
	out->audit_left_out = api->audit_left_out;
	out->started = about->started;
	out->reloaded = about->reloaded;
	out->reload_ok = about->reload_ok;
	out->tls_end = about->tls_end;
	return rc;
}

static enum tpmiot_rc
check_health(struct ca_api *api, const struct ca_metrics_facts *facts, struct tpmiot_err *err)
{
	const int64_t now = api->now();
	enum tpmiot_rc rc = ca_api_check_store(api, err);

	if (rc != TPMIOT_OK)
		return rc;

	if (facts->ca_end <= now)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "the CA's certificate has expired");
	if (facts->tls_end <= now)
		return tpmiot_err_set(err, TPMIOT_E_VERIFY, "the server's certificate has expired");
	return TPMIOT_OK;
}

static void
text(struct ca_http_reply *reply, int status, const char *words)
{
	reply->status = status;
	reply->content_type = "text/plain; charset=utf-8";
	tpmiot_buf_reset(&reply->body);
	tpmiot_buf_printf(&reply->body, "%s\n", words);
}

void
ca_api_monitor(struct ca_api *api, const struct ca_api_about *about,
    const struct ca_http_request *req, struct ca_http_reply *reply)
{
	const bool health = strcmp(req->path, "/health") == 0;
	struct ca_metrics_facts facts = { .started = 0 };
	struct tpmiot_err err = { .text = "" };
	enum tpmiot_rc rc;

	if (!health && strcmp(req->path, "/metrics") != 0) {
		text(reply, 404, "there are /metrics and /health");
		return;
	}
	if (strcmp(req->method, "GET") != 0) {
		reply->allow = "GET";
		text(reply, 405, "GET only");
		return;
	}
	if ((rc = gather(api, about, &facts, &err)) == TPMIOT_OK && health)
		rc = check_health(api, &facts, &err);
	if (rc != TPMIOT_OK) {
		text(reply, 503, err.text);
	} else if (health) {
		text(reply, 200, "ok");
	} else {
		reply->status = 200;
		reply->content_type = "text/plain; version=0.0.4; charset=utf-8";
		ca_metrics_put(&api->metrics, &facts, &reply->body);
	}
}
