/* SPDX-License-Identifier: Apache-2.0 */
/*
 * duplicate PARENT KIND INNER OUT: wraps standard input for the storage key whose
 * TPM2B_PUBLIC is in the file PARENT, into OUT.pub, OUT.priv and OUT.seed. KIND is "seal"
 * or the hash of an HMAC key; INNER the inner wrapper's key, or "".
 */
#include <stdio.h>
#include <string.h>

#include <tpmiot/alg.h>
#include <tpmiot/duplicate.h>

static size_t
read_file(FILE *file, uint8_t *to, size_t room)
{
	size_t len = file != NULL ? fread(to, 1, room, file) : 0;

	if (file != NULL)
		(void)fclose(file);
	return len;
}

static void
write_part(const char *stem, const char *suffix, const struct tpmiot_buf *data)
{
	char path[1024];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s.%s", stem, suffix);
	file = fopen(path, "wb");
	if (file == NULL)
		return;
	(void)fwrite(data->data, 1, data->len, file);
	(void)fclose(file);
}

int
main(int argc, char **argv)
{
	struct tpmiot_buf pub = TPMIOT_BUF_INIT;
	uint8_t area[sizeof(TPM2B_PUBLIC)], data[1024];
	struct tpmiot_bytes in = { data, 0 }, inner;
	struct tpmiot_public parent;
	struct tpmiot_duplicate dup;
	struct tpmiot_err err;
	enum tpmiot_rc rc;

	if (argc != 5)
		return 2;
	rc = tpmiot_public_parse(
	    NULL, area, read_file(fopen(argv[1], "rb"), area, sizeof(area)), &parent, &err);
	in.len = read_file(stdin, data, sizeof(data));
	inner = (struct tpmiot_bytes){ argv[3], strlen(argv[3]) };
	if (rc == TPMIOT_OK && strcmp(argv[2], "seal") == 0)
		rc = tpmiot_duplicate_seal(NULL, &parent, in, inner, &dup, &err);
	else if (rc == TPMIOT_OK)
		rc = tpmiot_duplicate_hmac_key(
		    NULL, &parent, tpmiot_alg_from_md_name(argv[2]), in, inner, &dup, &err);
	if (rc != TPMIOT_OK) {
		(void)fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	tpmiot_public_put(&dup.pub, &pub);
	write_part(argv[4], "pub", &pub);
	write_part(argv[4], "priv", &dup.priv);
	write_part(argv[4], "seed", &dup.seed);
	tpmiot_buf_free(&pub);
	tpmiot_duplicate_free(&dup);
	return 0;
}
