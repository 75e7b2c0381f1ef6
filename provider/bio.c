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
	struct wrapped *w = BIO_get_data(bio);

	if (w != NULL)
		(void)w->prov->up.bio_free(w->core);
	OPENSSL_free(w);
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

	if (bio == NULL || !prov->up.bio_up_ref(core)) {
		BIO_free(bio);
		OPENSSL_free(w);
		return NULL;
	}
	w->prov = prov;
	w->core = core;
	BIO_set_data(bio, w);
	BIO_set_init(bio, 1);
	return bio;
}

/* Up to len bytes; fewer at the end of the input. */
static bool
append(BIO *bio, size_t len, struct tpmiot_buf *out)
{
	size_t start = out->len, got = 0;
	uint8_t *room = len == 0 ? NULL : tpmiot_buf_grow(out, len);

	if (room == NULL)
		return !out->failed;
	out->len = start;
	while (out->len < start + len &&
	       BIO_read_ex(bio, out->data + out->len, start + len - out->len, &got))
		out->len += got;
	return true;
}

bool
prov_bio_read_all(BIO *bio, struct tpmiot_buf *out)
{
	size_t start;

	do {
		start = out->len;
		if (!append(bio, 4096, out))
			return false;
	} while (out->len > start && out->len < PROV_BIO_MAX);
	return true;
}

bool
prov_bio_read_der(BIO *bio, struct tpmiot_buf *out)
{
	size_t content, start = out->len, more;

	if (!append(bio, 2, out) || out->len < start + 2)
		return false;
	content = out->data[start + 1];
	if (content > 0x80) { /* so many bytes of length follow */
		more = content & 0x7f;
		content = 0;
		if (more > 3 || !append(bio, more, out) || out->len < start + 2 + more)
			return false;
		for (size_t i = 0; i < more; i++)
			content = content << 8 | out->data[start + 2 + i];
	} else if (content == 0x80) {
		return false; /* indefinite */
	}
	return content <= PROV_BIO_MAX && append(bio, content, out);
}
