/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca token verify: for brokers and scripts that got a token from a device. */
#include "ca/cmd/cmd.h"

#include "ca/token/bearer.h"

enum tpmiot_rc
ca_cmd_read_stdin(size_t max, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	char chunk[4096];
	size_t len;

	while (out->len <= max && (len = fread(chunk, 1, sizeof(chunk), stdin)) > 0)
		tpmiot_buf_put(out, chunk, len);
	if (ferror(stdin) != 0)
		return tpmiot_err_errno(err, "stdin");
	if (out->len > max)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "stdin has more than %zu bytes", max);
	return tpmiot_buf_done(out, err);
}

struct tpmiot_bytes
ca_cmd_trimmed(const struct tpmiot_buf *text)
{
	size_t len = text->len;

	while (len > 0 && (text->data[len - 1] == '\r' || text->data[len - 1] == '\n'))
		len--;
	return (struct tpmiot_bytes){ text->data, len };
}

static enum tpmiot_rc
read_options(
    struct ca_cli *cli, int argc, char **argv, struct ca_bearer_asked *out, struct tpmiot_err *err)
{
	const char *max_ttl = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "audience", .value = &out->audience },
		{ .name = "device-id", .value = &out->device_id },
		{ .name = "max-ttl", .value = &max_ttl },
		{ .name = NULL },
	};
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	out->now = cli->now;
	out->max_ttl = CA_BEARER_TTL_MAX;
	if (rc == TPMIOT_OK && out->audience == NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--audience=AUDIENCE is missing: a token for somebody else must not pass");
	if (rc == TPMIOT_OK && max_ttl != NULL &&
	    (rc = ca_duration_parse(max_ttl, &out->max_ttl, err)) != TPMIOT_OK)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--max-ttl=%.40s: as 15m, 12h, 30d", max_ttl);
	return rc;
}

static enum tpmiot_rc
print_facts(const struct ca_cli *cli, const struct ca_bearer_facts *facts, struct tpmiot_err *err)
{
	if (!cli->json) {
		(void)puts(facts->device_id);
		return TPMIOT_OK;
	}
	return ca_out_record(stdout, true,
	    json_pack("{s:b, s:o, s:s, s:s, s:o, s:o}", "accepted", 1, "device_id",
	        ca_out_text(facts->device_id), "kind", facts->kind, "alg", facts->alg, "key",
	        facts->has_key ? ca_out_hex(facts->key_spki, CA_SHA256_LEN) : json_null(),
	        "expires", ca_out_time(facts->expires)),
	    err);
}

void
ca_cmd_print_refusal(const struct ca_cli *cli, const struct tpmiot_err *err)
{
	struct tpmiot_err ignored;

	if (!cli->json)
		return;
	if (ca_out_record(stdout, true,
	        json_pack("{s:b, s:o}", "accepted", 0, "reason", ca_out_text(err->text)),
	        &ignored) != TPMIOT_OK)
		return;
}

enum tpmiot_rc
ca_cmd_token_verify(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct ca_bearer_asked asked = { .audience = NULL };
	struct ca_bearer_facts facts = { .kind = NULL };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct ca_config config = { .dir = NULL };
	enum tpmiot_rc rc = read_options(cli, argc, argv, &asked, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_config(cli, &config, err);
	if (rc != TPMIOT_OK)
		return rc;
	asked.bare_keys = config.bare_keys == CA_YES;
	asked.dir = config.dir;
	rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK) {
		rc = ca_cmd_read_stdin(CA_BEARER_MAX, &text, err);
		if (rc == TPMIOT_OK)
			rc = ca_bearer_verify(
			    cli->store, ca_cmd_trimmed(&text), &asked, &facts, err);
		if (rc == TPMIOT_OK)
			rc = print_facts(cli, &facts, err);
		else
			ca_cmd_print_refusal(cli, err);
	}
	ca_config_free(&config);
	tpmiot_buf_free(&text);
	return rc;
}
