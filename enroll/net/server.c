/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "enroll/net/cafile.h"
#include "enroll/net/server.h"
#include "enroll/net/url.h"

enum tpmiot_rc
enroll_server_remember(
    const struct enroll_state *state, const struct enroll_server *server, struct tpmiot_err *err)
{
	json_t *root = json_pack("{s:s,s:s*,s:s*}", "server", server->url, "ca_certificates",
	    server->ca_pem, "ca_fingerprint", server->fingerprint);
	char *text = json_dumps(root, JSON_INDENT(2));
	enum tpmiot_rc rc;

	if (text == NULL)
		rc = tpmiot_err_memory(err);
	else
		rc = enroll_state_write_text(state, ENROLL_SERVER_FILE, text, err);
	free(text);
	json_decref(root);
	return rc;
}

static enum tpmiot_rc
take(const json_t *root, const char *name, struct tpmiot_buf *text, const char **out,
    struct tpmiot_err *err)
{
	const char *value = json_string_value(json_object_get(root, name));

	if (value == NULL)
		return TPMIOT_OK;
	tpmiot_buf_put_str(text, value);
	if (tpmiot_buf_cstr(text) == NULL)
		return tpmiot_err_memory(err);
	*out = (const char *)text->data;
	return TPMIOT_OK;
}

enum tpmiot_rc
enroll_server_take_trust(const json_t *root, struct enroll_server *server, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = take(root, "ca_certificates", &server->text[1], &server->ca_pem, err);

	if (rc == TPMIOT_OK && server->ca_pem == NULL)
		rc = take(root, "ca_fingerprint", &server->text[2], &server->fingerprint, err);
	return rc;
}

static enum tpmiot_rc
fill_in(const json_t *root, struct enroll_server *server, struct tpmiot_err *err)
{
	const char *url = json_string_value(json_object_get(root, "server"));
	const bool trust_given = server->ca_file != NULL || server->fingerprint != NULL;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (url == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    ENROLL_SERVER_FILE " in the state directory is damaged; give --server=URL");
	if (!trust_given && (server->url == NULL || enroll_url_same(server->url, url))) {
		rc = enroll_server_take_trust(root, server, err);
		server->recalled = server->ca_pem != NULL;
	}
	if (rc == TPMIOT_OK && server->url == NULL)
		rc = take(root, "server", &server->text[0], &server->url, err);
	return rc;
}

enum tpmiot_rc
enroll_server_recall(const char *dir, struct enroll_server *server, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	json_t *root = NULL;
	enum tpmiot_rc rc;

	rc = tpmiot_statedir_read(dir, ENROLL_SERVER_FILE, &text, err);
	if (rc == TPMIOT_OK) {
		root = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
		rc = fill_in(root, server, err);
	}
	json_decref(root);
	tpmiot_buf_free(&text);
	return rc == TPMIOT_E_NOT_FOUND ? TPMIOT_OK : rc;
}

void
enroll_server_free(struct enroll_server *server)
{
	tpmiot_buf_free(&server->text[0]);
	tpmiot_buf_free(&server->text[1]);
	tpmiot_buf_free(&server->text[2]);
}

/* The system's trust, and that of a former enrolment. */
static enum tpmiot_rc
open_known(const char *dir, const char *url, struct enroll_http **out, struct tpmiot_err *err)
{
	struct tpmiot_buf known = TPMIOT_BUF_INIT, pem = TPMIOT_BUF_INIT;
	bool enrolled_before = dir != NULL && tpmiot_statedir_read(dir, ENROLL_CA_NAME ".crt", &pem,
	                                          NULL) == TPMIOT_OK;
	enum tpmiot_rc rc;

	tpmiot_buf_printf(&known, "%s/" ENROLL_CA_NAME ".crt", dir != NULL ? dir : "");
	if (tpmiot_buf_cstr(&known) == NULL)
		rc = tpmiot_err_memory(err);
	else
		rc = enroll_http_new(
		    url, enrolled_before ? (const char *)known.data : NULL, out, err);
	tpmiot_buf_free(&known);
	tpmiot_buf_free(&pem);
	return rc;
}

static enum tpmiot_rc
read_ca_file(struct enroll_server *server, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (server->ca_file == NULL || server->ca_pem != NULL)
		return TPMIOT_OK;
	rc = enroll_cafile_read(server->ca_file, &server->text[1], err);
	if (rc == TPMIOT_OK)
		server->ca_pem = (const char *)server->text[1].data;
	return rc;
}

/* The only trust there is to be, with what the CA has been since that was written down. */
static enum tpmiot_rc
put_trust(const char *dir, const struct enroll_server *server, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf now = TPMIOT_BUF_INIT;

	tpmiot_buf_printf(out, "%s\n", server->ca_pem);
	if (server->recalled && dir != NULL &&
	    tpmiot_statedir_read(dir, ENROLL_CA_NAME ".crt", &now, NULL) == TPMIOT_OK)
		tpmiot_buf_put(out, now.data, now.len);
	tpmiot_buf_free(&now);
	return tpmiot_buf_cstr(out) != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

static enum tpmiot_rc
narrow(const char *dir, struct enroll_http *http, const struct enroll_server *server,
    struct tpmiot_err *err)
{
	struct tpmiot_buf where = TPMIOT_BUF_INIT, trust = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	if (server->fingerprint != NULL)
		return enroll_http_pin(http, server->fingerprint, err);
	if (server->ca_pem == NULL)
		return TPMIOT_OK;
	if (server->ca_file != NULL)
		tpmiot_buf_printf(&where, "--ca-file=%s", server->ca_file);
	else
		tpmiot_buf_put_str(&where, "the remembered CA certificate");
	rc = tpmiot_buf_cstr(&where) != NULL ? put_trust(dir, server, &trust, err)
	                                     : tpmiot_err_memory(err);
	if (rc == TPMIOT_OK)
		rc = enroll_http_trust(
		    http, (const char *)trust.data, (const char *)where.data, err);
	tpmiot_buf_free(&where);
	tpmiot_buf_free(&trust);
	return rc;
}

enum tpmiot_rc
enroll_server_open(
    const char *dir, struct enroll_server *server, struct enroll_http **out, struct tpmiot_err *err)
{
	struct enroll_http *http = NULL;
	enum tpmiot_rc rc;

	if (server->ca_file != NULL && server->fingerprint != NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "either --ca-file or --ca-fingerprint, not both");
	rc = read_ca_file(server, err);
	if (rc == TPMIOT_OK)
		rc = open_known(dir, server->url, &http, err);
	if (rc == TPMIOT_OK && (rc = narrow(dir, http, server, err)) != TPMIOT_OK)
		enroll_http_free(&http);
	if (rc == TPMIOT_OK)
		*out = http;
	return rc;
}
