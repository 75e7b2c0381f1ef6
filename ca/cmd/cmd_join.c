/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca join: tokens that let devices in. Only their hash is kept. */
#include "ca/cmd/cli.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#define TOKEN_BYTES 20
#define TOKEN_TEXT (2 * TOKEN_BYTES + 1)

static enum tpmiot_rc
make(char text[TOKEN_TEXT], uint8_t sha256[CA_SHA256_LEN], struct tpmiot_err *err)
{
	uint8_t random[TOKEN_BYTES];
	enum tpmiot_rc rc = TPMIOT_OK;

	if (RAND_priv_bytes(random, sizeof(random)) != 1)
		rc = tpmiot_err_crypto(err, "no random numbers for a token");
	ca_hex(random, sizeof(random), text);
	OPENSSL_cleanse(random, sizeof(random));
	if (rc == TPMIOT_OK &&
	    EVP_Digest(text, TOKEN_TEXT - 1, sha256, NULL, EVP_sha256(), NULL) != 1)
		rc = tpmiot_err_crypto(err, "cannot hash the token");
	return rc;
}

static enum tpmiot_rc
add(struct ca_cli *cli, struct ca_token *token, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = ca_store_begin(cli->store, err);

	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_token_add(cli->store, token, &token->id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_audit(cli, token->device_id, NULL, err,
		    "token %lld, for %lld device%s%s%s", (long long)token->id,
		    (long long)token->uses_allowed, token->uses_allowed == 1 ? "" : "s",
		    token->note[0] != '\0' ? ": " : "", token->note);
	return ca_cli_end(cli, rc, err);
}

static json_t *
to_json(const struct ca_token *token)
{
	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)token->id,
	    "uses", (json_int_t)token->uses, "uses_allowed", (json_int_t)token->uses_allowed,
	    "expires", ca_out_time(token->expires), "device_id", ca_out_text(token->device_id),
	    "group", ca_out_text(token->group), "note", ca_out_text(token->note), "added",
	    ca_out_time(token->added));
}

/* On standard output the token alone, so that it may go to a file: the rest is for people. */
static enum tpmiot_rc
show(const struct ca_cli *cli, const struct ca_token *token, char *text, struct tpmiot_err *err)
{
	json_t *record;

	if (!cli->json) {
		fprintf(stderr, "Join token %lld; it is shown only now:\n", (long long)token->id);
		return puts(text) < 0 || fflush(stdout) != 0
		           ? tpmiot_err_errno(err, "standard output")
		           : TPMIOT_OK;
	}
	record = to_json(token);
	if (record != NULL && json_object_set_new(record, "token", json_string(text)) != 0) {
		json_decref(record);
		record = NULL;
	}
	return ca_out_record(stdout, true, record, err);
}

static enum tpmiot_rc
read_limits(struct ca_token *token, const char *uses, const char *expires, int64_t now,
    struct tpmiot_err *err)
{
	int64_t seconds = 0;
	enum tpmiot_rc rc = ca_cli_number("--uses", uses, &token->uses_allowed, err);

	if (rc == TPMIOT_OK && ca_duration_parse(expires, &seconds, err) != TPMIOT_OK) {
		(void)tpmiot_err_prefix(err, "--expires");
		return err->rc = TPMIOT_E_USAGE;
	}
	if (rc == TPMIOT_OK && token->uses_allowed == 0)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "--uses: 1 or more");
	if (rc == TPMIOT_OK && token->device_id[0] != '\0' && token->uses_allowed != 1)
		rc = tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "--device-id is one device's, so --uses must be 1");
	if (rc == TPMIOT_OK &&
	    (seconds == 0 || __builtin_add_overflow(now, seconds, &token->expires)))
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE, "--expires: not that");
	return rc;
}

enum tpmiot_rc
ca_cmd_join_add(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	const char *uses = NULL, *expires = NULL, *id = NULL, *note = NULL, *group = NULL;
	const struct ca_cli_option options[] = {
		{ .name = "uses", .value = &uses },
		{ .name = "expires", .value = &expires },
		{ .name = "device-id", .value = &id },
		{ .name = "note", .value = &note },
		{ .name = "group", .value = &group },
		{ .name = NULL },
	};
	struct ca_token token = { .added = cli->now };
	char text[TOKEN_TEXT];
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 0, 0, &first, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_device_id(id, token.device_id, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_text("note", note, token.note, sizeof(token.note), err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_group(cli, group, token.group, err);
	if (rc == TPMIOT_OK)
		rc = read_limits(&token, uses != NULL ? uses : "1",
		    expires != NULL ? expires : "1d", cli->now, err);
	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc == TPMIOT_OK)
		rc = make(text, token.sha256, err);
	if (rc == TPMIOT_OK)
		rc = add(cli, &token, err);
	if (rc == TPMIOT_OK)
		rc = show(cli, &token, text, err);
	OPENSSL_cleanse(text, sizeof(text));
	return rc;
}

static bool
add_row(void *arg, const struct ca_token *token)
{
	return ca_out_append(arg, to_json(token));
}

static enum tpmiot_rc
fetch(struct ca_cli *cli, json_t **rows, struct tpmiot_err *err)
{
	return ca_token_list(cli->store, add_row, rows, err);
}

enum tpmiot_rc
ca_cmd_join_list(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	static const struct ca_column columns[] = {
		{ "id", "ID" },
		{ "uses", "USES" },
		{ "uses_allowed", "OF" },
		{ "expires", "EXPIRES" },
		{ "device_id", "DEVICE" },
		{ "note", "NOTE" },
		{ NULL, NULL },
	};

	return ca_cli_show_rows(cli, argc, argv, columns, fetch, err);
}

enum tpmiot_rc
ca_cmd_join_remove(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	return ca_cli_remove_rows(cli, argc, argv, "token", ca_token_remove, err);
}
