/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "token.h"

#define TOKEN_MAX 128
#define FILE_MAX 1024

/* At most size bytes, wherever the file's reads end. */
static ssize_t
read_all(int fd, char *out, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = read(fd, out + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		have += (size_t)n;
	}
	return (ssize_t)have;
}

static enum tpmiot_rc
take(const char *file, const char *text, size_t len, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	size_t i;

	for (; len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL; len--)
		;
	for (; len > 0 && strchr(" \t\r\n", text[0]) != NULL; len--)
		text++;
	if (len == 0 || len > TOKEN_MAX)
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "--join-token-file=%s: a join token of 1 to %d characters is wanted, as "
		    "'tpmiot-ca join add' prints it", file, TOKEN_MAX);
	for (i = 0; i < len; i++)
		if (text[i] <= 0x20 || text[i] >= 0x7f)
			return tpmiot_err_set(err, TPMIOT_E_USAGE,
			    "--join-token-file=%s holds more than one join token", file);
	tpmiot_buf_put(out, text, len);
	return tpmiot_buf_cstr(out) != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
enroll_token_read(const char *file, const struct enroll_ui *ui, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	char text[FILE_MAX];
	enum tpmiot_rc rc;
	struct stat st;
	ssize_t len;

	if (fd < 0)
		return tpmiot_err_errno(err, "cannot open --join-token-file=%s", file);
	if (!is_stdin && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IROTH | S_IWOTH)) != 0)
		enroll_ui_warn(ui, "everybody on this system can read the join token in %s; "
		    "'chmod 600 %s' changes that", file, file);
	len = read_all(fd, text, sizeof(text));
	if (len < 0)
		rc = tpmiot_err_errno(err, "cannot read --join-token-file=%s", file);
	else
		rc = take(file, text, (size_t)len, out, err);
	OPENSSL_cleanse(text, sizeof(text));
	if (!is_stdin)
		(void)close(fd);
	return rc;
}
