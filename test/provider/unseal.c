/* SPDX-License-Identifier: Apache-2.0 */
/* unseal FILE [PASSWORD]: what a key file of sealed data holds, to standard output. */
#include <stdio.h>

#include "unsealer.h"

int
main(int argc, char **argv)
{
	struct tpmiot_buf data = TPMIOT_BUF_INIT;
	struct tpmiot_err err;
	enum tpmiot_rc rc;

	if (argc < 2)
		return 2;
	rc = unseal_file(argv[1], argc > 2 ? argv[2] : NULL, &data, &err);
	if (rc == TPMIOT_OK)
		(void)fwrite(data.data, 1, data.len, stdout);
	else
		(void)fprintf(stderr, "%s\n", err.text);
	tpmiot_buf_free(&data);
	return rc == TPMIOT_OK ? 0 : 1;
}
