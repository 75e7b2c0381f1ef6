/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jwt_sign ALGORITHM KEY PUBLIC: a token by libjwt, with the private key in the PEM file KEY,
 * decoded again with the public key in PUBLIC.
 */
#include <jwt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
slurp(const char *path, unsigned char *buf, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len = 0;

	if (file != NULL) {
		len = fread(buf, 1, size, file);
		fclose(file);
	}
	return len;
}

int
main(int argc, char **argv)
{
	unsigned char priv[8192], pub[8192];
	size_t priv_len, pub_len;
	jwt_t *jwt = NULL, *back = NULL;
	char *token = NULL;
	jwt_alg_t alg;
	int rc = 1;

	if (argc != 4 || (alg = jwt_str_alg(argv[1])) == JWT_ALG_INVAL) {
		fprintf(stderr, "usage: jwt_sign ALGORITHM KEY PUBLIC\n");
		return 2;
	}
	priv_len = slurp(argv[2], priv, sizeof(priv));
	pub_len = slurp(argv[3], pub, sizeof(pub));
	if (jwt_new(&jwt) != 0 || jwt_add_grant(jwt, "sub", "device") != 0 ||
	    jwt_set_alg(jwt, alg, priv, (int)priv_len) != 0)
		fprintf(stderr, "libjwt refuses the key\n");
	else if ((token = jwt_encode_str(jwt)) == NULL)
		perror("libjwt does not sign");
	else if (jwt_decode(&back, token, pub, (int)pub_len) != 0)
		perror("libjwt does not verify");
	else
		rc = strcmp(jwt_get_grant(back, "sub"), "device") != 0;
	if (token != NULL)
		puts(token);
	free(token);
	jwt_free(jwt);
	jwt_free(back);
	return rc;
}
