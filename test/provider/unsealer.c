/* SPDX-License-Identifier: Apache-2.0 */
#include "unsealer.h"

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

enum tpmiot_rc
unseal_file(const char *path, const char *password, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile file = { 0 };
	struct tpmiot_key *key = NULL;
	struct tpmiot_tpm *tpm = NULL;
	enum tpmiot_rc rc;

	read_all(path, &pem);
	rc = tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, &file, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_new(getenv("TPMIOT_TCTI"), NULL, &tpm, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_from_file(tpm, &file, &key, err);
	if (rc == TPMIOT_OK && password != NULL)
		rc = tpmiot_key_set_auth(
		    key, (struct tpmiot_bytes){ password, strlen(password) }, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_key_unseal(key, out, err);
	tpmiot_key_unref(&key);
	tpmiot_tpm_free(&tpm);
	tpmiot_keyfile_clear(&file);
	tpmiot_buf_free(&pem);
	return rc;
}
