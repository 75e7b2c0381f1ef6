/* SPDX-License-Identifier: Apache-2.0 */
#include "ca/http/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ca/config/guard.h"
#include "ca/enrol/api.h"
#include "ca/http/http.h"
#include "ca/http/plain.h"
#include "ca/http/systemd.h"
#include "ca/http/tls.h"
#include "ca/log.h"
#include "ca/pki/ekcrls.h"
#include "ca/pki/keyuri.h"
#include "ca/pki/x509.h"

/* What the operator set, read whole: in force, or refused. */
struct settings {
	struct ca_config config;
	struct ca_signer signer;
	SSL_CTX *tls;
	struct tpmiot_ekcert_crls ek_crls;
};

struct server {
	const struct ca_server_source *source;
	struct settings *settings;
	struct ca_api *api;
	struct ca_http *http;
	struct ca_children *children;
	struct ca_plain *monitor; /* NULL: none */
	int fd; /* the socket that we were started with; 0: none, we listen ourselves */
	struct ca_api_about about;
};

/* ---- Settings ------------------------------------------------------------------ */

static void
settings_free(struct settings **settings)
{
	struct settings *s = *settings;

	if (s == NULL)
		return;
	SSL_CTX_free(s->tls);
	ca_ekcrls_free(&s->ek_crls);
	ca_signer_free(&s->signer);
	ca_config_free(&s->config);
	free(s);
	*settings = NULL;
}

static enum tpmiot_rc
settings_read(const struct ca_server_source *source, struct settings **out, struct tpmiot_err *err)
{
	struct settings *s = calloc(1, sizeof(*s));
	enum tpmiot_rc rc;

	if (s == NULL)
		return tpmiot_err_memory(err);
	rc = ca_config_load(source->dir, source->sets, source->sets_n, &s->config, err);
	if (rc != TPMIOT_OK) {
		free(s);
		return rc;
	}
	if ((rc = ca_guard_all(&s->config, err)) == TPMIOT_OK &&
	    (rc = ca_signer_load(&s->config, &s->signer, err)) == TPMIOT_OK &&
	    (rc = ca_tls_new(&s->config, &s->signer, &s->tls, err)) == TPMIOT_OK &&
	    (rc = ca_ekcrls_load(&s->config, &s->ek_crls, err)) == TPMIOT_OK) {
		*out = s;
		s = NULL;
	}
	settings_free(&s);
	return rc;
}

/* ---- What the HTTP server calls ---------------------------------------------------- */

static void
handle(void *arg, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	struct server *server = arg;

	ca_api_handle(server->api, req, reply);
}

static void
watch(void *arg, const struct ca_http_request *req, struct ca_http_reply *reply)
{
	struct server *server = arg;

	server->about.connections = ca_http_connections(server->http);
	ca_api_monitor(server->api, &server->about, req, reply);
}

static void
tick(void *arg)
{
	struct server *server = arg;

	ca_api_tick(server->api);
}

static bool
settle(void *arg, struct ca_http_reply *failure)
{
	struct server *server = arg;

	return ca_api_settle(server->api, failure);
}

static void reload(void *arg);

static void
stop(void *arg)
{
	(void)arg;
	ca_systemd_stopping();
}

static struct ca_http_options
http_options(struct server *server)
{
	const struct ca_config *config = &server->settings->config;

	return (struct ca_http_options){ .listen = config->listen,
		.fd = server->fd,
		.tls = server->settings->tls,
		.max_body = (size_t)config->max_body,
		.max_connections = (int)config->max_connections,
		.timeout = (int)config->request_timeout,
		.handler = handle,
		.tick = tick,
		.reload = reload,
		.stop = stop,
		.settle = settle,
		.arg = server };
}

/* An address is taken at the start only: connections that wait there would be lost. */
static void
warn_address(const char *key, const char *old, const char *new)
{
	if (strcmp(old, new) != 0)
		ca_log(CA_LOG_WARNING, "%s = %s: taken at the next start; until then it is \"%s\"",
		    key, new, old);
}

/* Puts settings in force; those from before are the caller's to free. */
static void
use(struct server *server, struct settings *settings)
{
	struct tpmiot_err err;

	server->settings = settings;
	ca_log_level(settings->config.log_level);
	ca_log_format(settings->config.log_format);
	if (ca_x509_time(X509_get0_notAfter(SSL_CTX_get0_certificate(settings->tls)),
	        &server->about.tls_end, &err) != TPMIOT_OK)
		server->about.tls_end = 0;
}

static void
read_anew(struct server *server)
{
	struct settings *fresh = NULL, *old = server->settings;
	struct tpmiot_err err = { .text = "" };
	struct ca_http_options options;

	server->about.reloaded = (int64_t)time(NULL);
	server->about.reload_ok = settings_read(server->source, &fresh, &err) == TPMIOT_OK;
	if (!server->about.reload_ok) {
		ca_log(CA_LOG_ERROR, "not reloaded, and all stays as it was: %s", err.text);
		return;
	}
	if (server->fd == 0)
		warn_address("listen", old->config.listen, fresh->config.listen);
	warn_address("metrics_listen", old->config.metrics_listen, fresh->config.metrics_listen);
	use(server, fresh);
	ca_api_change(server->api, &fresh->config, &fresh->signer);
	ca_api_set_ek_crls(server->api, &fresh->ek_crls);
	options = http_options(server);
	ca_http_change(server->http, &options);
	settings_free(&old);
	ca_log(CA_LOG_INFO, "reloaded");
}

static void
reload(void *arg)
{
	ca_systemd_reloading();
	read_anew(arg);
	ca_systemd_ready();
}

/* ---- Life -------------------------------------------------------------------------- */

static enum tpmiot_rc
run_hook(void *arg, const char *program, const struct tpmiot_buf *input, unsigned timeout,
    ca_child_done *done, void *done_arg, struct tpmiot_err *err)
{
	return ca_children_run(arg, program, input, timeout, done, done_arg, err);
}

static enum tpmiot_rc
start_monitor(struct server *server, struct tpmiot_err *err)
{
	const char *listen = server->settings->config.metrics_listen;
	enum tpmiot_rc rc;

	if (listen[0] == '\0')
		return TPMIOT_OK;
	rc = ca_plain_new(server->http, listen, watch, server, &server->monitor, err);
	if (rc == TPMIOT_OK)
		ca_log(CA_LOG_INFO, "metrics on %s/metrics", ca_plain_url(server->monitor));
	return rc;
}

static enum tpmiot_rc
serve(struct server *server, struct tpmiot_err *err)
{
	struct ca_http_options options;
	enum tpmiot_rc rc = ca_systemd_socket(&server->fd, err);

	if (rc != TPMIOT_OK)
		return rc;
	if (server->fd > 0)
		ca_log(CA_LOG_INFO,
		    "the socket was passed by who started this; listen = %s is not "
		    "looked at",
		    server->settings->config.listen);
	options = http_options(server);
	if ((rc = ca_http_new(&options, &server->http, err)) != TPMIOT_OK ||
	    (rc = ca_children_new(server->http, &server->children, err)) != TPMIOT_OK ||
	    (rc = start_monitor(server, err)) != TPMIOT_OK)
		return rc;
	ca_api_set_run(server->api, run_hook, server->children);
	printf("listening on %s\n", ca_http_url(server->http));
	if (fflush(stdout) != 0)
		return tpmiot_err_errno(err, "standard output");
	ca_systemd_ready();
	return ca_http_run(server->http, err);
}

enum tpmiot_rc
ca_server_run(const struct ca_server_source *source, struct ca_store *store, struct tpmiot_err *err)
{
	struct server server = { .source = source,
		.about = { .started = (int64_t)time(NULL), .reload_ok = true } };
	struct settings *settings = NULL;
	enum tpmiot_rc rc = settings_read(source, &settings, err);

	if (rc != TPMIOT_OK)
		return rc;
	use(&server, settings);
	ca_store_group(store);
	rc = ca_api_new(
	    &server.settings->config, store, &server.settings->signer, NULL, &server.api, err);
	if (rc == TPMIOT_OK) {
		ca_api_set_ek_crls(server.api, &settings->ek_crls);
		rc = serve(&server, err);
	}
	if (rc == TPMIOT_OK)
		ca_log(CA_LOG_INFO, "stopped");
	ca_children_free(&server.children); /* ends what waits for the hook */
	ca_plain_free(&server.monitor);
	ca_http_free(&server.http);
	ca_api_free(&server.api);
	settings_free(&server.settings);
	return rc;
}
