/* SPDX-License-Identifier: Apache-2.0 */
/* unseal FILE [PASSWORD]: what a key file of sealed data holds, to standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tpmiot/key.h>

static void
read_all(const char *path, struct tpmiot_buf *out)
{
	FILE *file = fopen(path, "rb");
	char chunk[4096];
	size_t len;

	if (file == NULL)
		return;
	while ((len = fread(chunk, 1, sizeof(chunk), file)) != 0)
		tpmiot_buf_put(out, chunk, len);
	(void)fclose(file);
}

int
main(int argc, char **argv)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT, data = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile file = { 0 };
	struct tpmiot_key *key = NULL;
	struct tpmiot_tpm *tpm = NULL;
	struct tpmiot_err err = { .rc = TPMIOT_E_USAGE };
	enum tpmiot_rc rc;

	if (argc < 2)
		return 2;
	read_all(argv[1], &pem);
	rc = tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, &file, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_new(getenv("TPMIOT_TCTI"), NULL, &tpm, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(tpm, &file, &key, &err);
	if (rc == TPMIOT_OK && argc > 2)
		rc = tpmiot_key_set_auth(
		    key, (struct tpmiot_bytes){ argv[2], strlen(argv[2]) }, &err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_unseal(key, &data, &err);
	if (rc == TPMIOT_OK)
		(void)fwrite(data.data, 1, data.len, stdout);
	else
		(void)fprintf(stderr, "%s\n", err.text);
	tpmiot_key_unref(&key);
	tpmiot_tpm_free(&tpm);
	tpmiot_keyfile_clear(&file);
	tpmiot_buf_free(&pem);
	tpmiot_buf_free(&data);
	return rc == TPMIOT_OK ? 0 : 1;
}
