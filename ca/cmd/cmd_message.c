/* SPDX-License-Identifier: Apache-2.0 */
/* tpmiot-ca message verify: for whoever collects what devices report. */
#include "ca/cmd/cmd.h"

#include "ca/file.h"
#include "ca/token/message.h"

struct job {
	const char *file;
	const char *signature; /* NULL: the file is a JWS */
	const char *payload;   /* file to write a JWS's payload to; NULL: none */
	struct ca_message_asked asked;
	struct ca_message_facts facts;
};

static enum tpmiot_rc
read_options(struct ca_cli *cli, int argc, char **argv, struct job *job, struct tpmiot_err *err)
{
	const struct ca_cli_option options[] = {
		{ .name = "signature", .value = &job->signature },
		{ .name = "payload", .value = &job->payload },
		{ .name = "device-id", .value = &job->asked.device_id },
		{ .name = NULL },
	};
	struct ca_config config;
	int first;
	enum tpmiot_rc rc = ca_cli_options(cli, argc, argv, options, 1, 1, &first, err);

	if (rc == TPMIOT_OK && job->signature != NULL && job->payload != NULL)
		rc = tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--payload is of a JWS; with --signature, the file is the message");
	if (rc == TPMIOT_OK)
		rc = ca_cli_config(cli, &config, err);
	if (rc != TPMIOT_OK)
		return rc;
	job->file = argv[first];
	job->asked.now = cli->now;
	job->asked.bare_keys = config.bare_keys == CA_YES;
	ca_config_free(&config);
	return TPMIOT_OK;
}

static enum tpmiot_rc
write_payload(const char *path, const struct tpmiot_buf *payload, struct tpmiot_err *err)
{
	FILE *f = fopen(path, "wb");
	bool ok;

	if (f == NULL)
		return tpmiot_err_errno(err, "%s", path);
	ok = fwrite(payload->data, 1, payload->len, f) == payload->len;
	ok = fclose(f) == 0 && ok;
	return ok ? TPMIOT_OK : tpmiot_err_errno(err, "%s", path);
}

static enum tpmiot_rc
verify_jws(
    struct ca_cli *cli, struct job *job, const struct tpmiot_buf *file, struct tpmiot_err *err)
{
	struct tpmiot_buf payload = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_message_verify_jws(
	    cli->store, ca_cmd_trimmed(file), &job->asked, &job->facts, &payload, err);

	if (rc == TPMIOT_OK && job->payload != NULL)
		rc = write_payload(job->payload, &payload, err);
	tpmiot_buf_free(&payload);
	return rc;
}

static enum tpmiot_rc
verify_cms(
    struct ca_cli *cli, struct job *job, const struct tpmiot_buf *file, struct tpmiot_err *err)
{
	struct tpmiot_buf signature = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = ca_file_read(job->signature, CA_MESSAGE_SIGNATURE_MAX, &signature, err);

	if (rc == TPMIOT_OK)
		rc = ca_message_verify_cms(cli->store,
		    (struct tpmiot_bytes){ file->data, file->len },
		    (struct tpmiot_bytes){ signature.data, signature.len }, &job->asked,
		    &job->facts, err);
	tpmiot_buf_free(&signature);
	return rc;
}

static enum tpmiot_rc
print_facts(const struct ca_cli *cli, const struct ca_message_facts *facts, struct tpmiot_err *err)
{
	if (!cli->json) {
		(void)puts(facts->device_id);
		return TPMIOT_OK;
	}
	return ca_out_record(stdout, true,
	    json_pack("{s:b, s:o, s:s, s:o, s:o}", "accepted", 1, "device_id",
	        ca_out_text(facts->device_id), "kind", facts->kind, "key",
	        ca_out_hex(facts->key_spki, CA_SHA256_LEN), "signed_at",
	        ca_out_time(facts->signed_at)),
	    err);
}

enum tpmiot_rc
ca_cmd_message_verify(struct ca_cli *cli, int argc, char **argv, struct tpmiot_err *err)
{
	struct job job = { .file = NULL };
	struct tpmiot_buf file = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = read_options(cli, argc, argv, &job, err);

	if (rc == TPMIOT_OK)
		rc = ca_cli_store(cli, err);
	if (rc != TPMIOT_OK)
		return rc;
	rc = ca_file_read(job.file, CA_MESSAGE_MAX, &file, err);
	if (rc == TPMIOT_OK)
		rc = job.signature != NULL ? verify_cms(cli, &job, &file, err)
		                           : verify_jws(cli, &job, &file, err);
	if (rc == TPMIOT_OK)
		rc = print_facts(cli, &job.facts, err);
	else
		ca_cmd_print_refusal(cli, err);
	tpmiot_buf_free(&file);
	return rc;
}
