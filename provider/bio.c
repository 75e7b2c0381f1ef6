/* SPDX-License-Identifier: Apache-2.0 */
#include "bio.h"

#include <openssl/crypto.h>

struct wrapped {
	struct prov_ctx *prov;
	OSSL_CORE_BIO *core;
};

static int
wrapped_read(BIO *bio, char *data, size_t len, size_t *done)
{
	const struct wrapped *w = BIO_get_data(bio);

	return w->prov->up.bio_read_ex(w->core, data, len, done);
}

static int
wrapped_write(BIO *bio, const char *data, size_t len, size_t *done)
{
	const struct wrapped *w = BIO_get_data(bio);

	return w->prov->up.bio_write_ex(w->core, data, len, done);
}

static int
wrapped_gets(BIO *bio, char *line, int size)
{
	const struct wrapped *w = BIO_get_data(bio);

	return w->prov->up.bio_gets(w->core, line, size);
}

static int
wrapped_puts(BIO *bio, const char *str)
{
	const struct wrapped *w = BIO_get_data(bio);

	return w->prov->up.bio_puts(w->core, str);
}

static long
wrapped_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
	const struct wrapped *w = BIO_get_data(bio);

	return w->prov->up.bio_ctrl(w->core, cmd, num, ptr);
}

static int
wrapped_destroy(BIO *bio)
{
	OPENSSL_free(BIO_get_data(bio));
	BIO_set_data(bio, NULL);
	return 1;
}

BIO_METHOD *
prov_bio_method_new(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "tpmiot core BIO");

	if (m == NULL)
		return NULL;
	if (!BIO_meth_set_read_ex(m, wrapped_read) || !BIO_meth_set_write_ex(m, wrapped_write) ||
	    !BIO_meth_set_gets(m, wrapped_gets) || !BIO_meth_set_puts(m, wrapped_puts) ||
	    !BIO_meth_set_ctrl(m, wrapped_ctrl) || !BIO_meth_set_destroy(m, wrapped_destroy)) {
		BIO_meth_free(m);
		return NULL;
	}
	return m;
}

BIO *
prov_bio_new(struct prov_ctx *prov, OSSL_CORE_BIO *core)
{
	struct wrapped *w = OPENSSL_zalloc(sizeof(*w));
	BIO *bio = w == NULL ? NULL : BIO_new(prov->bio_method);

	if (bio == NULL) {
		OPENSSL_free(w);
		return NULL;
	}
	w->prov = prov;
	w->core = core;
	BIO_set_data(bio, w);
	BIO_set_init(bio, 1);
	return bio;
}
