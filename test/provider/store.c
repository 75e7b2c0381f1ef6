/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OSSL_STORE can do that the command line tool does not:
 *
 *   store delete NAME              removes what has this name, by tpmiot alone
 *   store expect cert|key NAME     how many objects there are where only these are wanted,
 *                                  which is said when the store is opened
 *
 * Exit 77: this OpenSSL cannot.
 */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/store.h>

#define CANNOT 77

static int
delete_named(const char *name)
{
#if OPENSSL_VERSION_PREREQ(3, 2)
	return OSSL_STORE_delete(name, NULL, NULL, NULL, NULL, NULL) == 1 ? 0 : 1;
#else
	(void)name;
	return CANNOT;
#endif
}

static int
count_expected(const char *what, const char *name)
{
	int expect = strcmp(what, "cert") == 0 ? OSSL_STORE_INFO_CERT : OSSL_STORE_INFO_PKEY, n = 0;
	OSSL_PARAM params[] = { OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, &expect), OSSL_PARAM_END };
	OSSL_STORE_CTX *store =
	    OSSL_STORE_open_ex(name, NULL, NULL, NULL, NULL, params, NULL, NULL);

	while (store != NULL && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		n += info != NULL && OSSL_STORE_INFO_get_type(info) == expect;
		OSSL_STORE_INFO_free(info);
	}
	printf("%d\n", n);
	return store == NULL || OSSL_STORE_close(store) != 1;
}

int
main(int argc, char **argv)
{
	int status = 2;

	if (OSSL_PROVIDER_load(NULL, "tpmiot") == NULL)
		status = 1;
	else if (argc == 3 && strcmp(argv[1], "delete") == 0)
		status = delete_named(argv[2]);
	else if (argc == 4 && strcmp(argv[1], "expect") == 0)
		status = count_expected(argv[2], argv[3]);
	else
		fprintf(stderr, "see the beginning of store.c\n");
	ERR_print_errors_fp(stderr);
	return status;
}
