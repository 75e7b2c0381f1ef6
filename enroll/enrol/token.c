/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "enroll/enrol/secret.h"
#include "enroll/enrol/token.h"

#define TOKEN_MAX 128

static enum tpmiot_rc
take(const char *file, const char *text, size_t len, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	size_t i;

	for (; len > 0 && strchr(" \t\r\n", text[0]) != NULL; len--)
		text++;
	if (len == 0 || len > TOKEN_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--join-token-file=%s: a join token of 1 to %d characters is wanted, as "
		    "'tpmiot-ca join add' prints it",
		    file, TOKEN_MAX);
	for (i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return tpmiot_err_set(err, TPMIOT_E_USAGE,
			    "--join-token-file=%s holds more than one join token", file);
	tpmiot_buf_put(out, text, len);
	return tpmiot_buf_cstr(out) != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
enroll_token_read(
    const char *file, const struct enroll_ui *ui, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	rc = enroll_secret_read("join-token-file", "join token", file, ui, &text, err);
	if (rc == TPMIOT_OK)
		rc = take(file, (const char *)text.data, text.len, out, err);
	tpmiot_buf_free(&text);
	return rc;
}
