/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>

#include <tpmiot/err.h>

/* Names out of a key file, or what a server says, must not reach a terminal or a log as they are.
 */
static void
make_printable(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static TPMIOT_PRINTF(3, 0) void set_text(
    struct tpmiot_err *err, enum tpmiot_rc rc, const char *fmt, va_list ap)
{
	err->rc = rc;
	err->tss = 0;
	(void)vsnprintf(err->text, sizeof(err->text), fmt, ap);
	make_printable(err->text);
}

static void
append(struct tpmiot_err *err, const char *text)
{
	size_t used = strlen(err->text);

	(void)snprintf(err->text + used, sizeof(err->text) - used, ": %s", text);
	make_printable(err->text);
}

enum tpmiot_rc
tpmiot_err_set(struct tpmiot_err *err, enum tpmiot_rc rc, const char *fmt, ...)
{
	va_list ap;

	if (err != NULL) {
		va_start(ap, fmt);
		set_text(err, rc, fmt, ap);
		va_end(ap);
	}
	return rc;
}

enum tpmiot_rc
tpmiot_err_crypto(struct tpmiot_err *err, const char *fmt, ...)
{
	const char *data = "";
	int flags = 0;
	unsigned long code = ERR_peek_last_error_all(NULL, NULL, NULL, &data, &flags);
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	va_list ap;

	if (err != NULL) {
		va_start(ap, fmt);
		set_text(err, TPMIOT_E_CRYPTO, fmt, ap);
		va_end(ap);
		append(err, reason != NULL ? reason : "OpenSSL gave no reason");
		if (reason != NULL && (flags & ERR_TXT_STRING) != 0 && data[0] != '\0')
			append(err, data);
	}
	tpmiot_err_forget();
	return TPMIOT_E_CRYPTO;
}

void
tpmiot_err_forget(void)
{
	if (ERR_pop_to_mark())
		ERR_set_mark();
}

enum tpmiot_rc
tpmiot_err_errno(struct tpmiot_err *err, const char *fmt, ...)
{
	int saved = errno;
	enum tpmiot_rc rc = saved == EACCES || saved == EPERM ? TPMIOT_E_PERM : TPMIOT_E_IO;
	va_list ap;

	if (err != NULL) {
		va_start(ap, fmt);
		set_text(err, rc, fmt, ap);
		va_end(ap);
		append(err, strerror(saved));
	}
	return rc;
}

enum tpmiot_rc
tpmiot_err_prefix(struct tpmiot_err *err, const char *fmt, ...)
{
	char prefix[TPMIOT_ERR_TEXT_MAX];
	char text[TPMIOT_ERR_TEXT_MAX];
	va_list ap;

	if (err == NULL)
		return TPMIOT_E_MEMORY;
	va_start(ap, fmt);
	(void)vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	memcpy(text, err->text, sizeof(text));
	(void)snprintf(err->text, sizeof(err->text), "%s", prefix);
	append(err, text);
	return err->rc;
}

enum tpmiot_rc
tpmiot_err_memory(struct tpmiot_err *err)
{
	return tpmiot_err_set(err, TPMIOT_E_MEMORY, "out of memory");
}
