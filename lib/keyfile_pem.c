/* SPDX-License-Identifier: Apache-2.0 */
/* Key files in PEM. */
#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <tpmiot/keyfile.h>

bool
tpmiot_keyfile_is_pem_name(const char *name)
{
	return strcmp(name, TPMIOT_KEYFILE_PEM_NAME) == 0 ||
	       strcmp(name, TPMIOT_KEYREF_PEM_NAME) == 0;
}

struct pem_block {
	char *name;
	char *header;
	unsigned char *data;
	long len;
};

static void
pem_block_free(struct pem_block *block)
{
	OPENSSL_free(block->name);
	OPENSSL_free(block->header);
	/* A block that was passed over may be somebody's plain private key. */
	if (block->data != NULL)
		OPENSSL_clear_free(block->data, (size_t)block->len);
	*block = (struct pem_block){ 0 };
}

/* The next block, or NOT_FOUND at the end of the text. */
static enum tpmiot_rc
next_block(BIO *bio, struct pem_block *block, struct tpmiot_err *err)
{
	unsigned long code;

	if (PEM_read_bio(bio, &block->name, &block->header, &block->data, &block->len) == 1)
		return TPMIOT_OK;
	code = ERR_peek_last_error();
	if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE) {
		tpmiot_err_forget();
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "key file: neither " TPMIOT_KEYFILE_PEM_NAME " nor " TPMIOT_KEYREF_PEM_NAME
		    " in it");
	}
	(void)tpmiot_err_crypto(err, "key file: damaged PEM");
	if (err != NULL)
		err->rc = TPMIOT_E_FORMAT;
	return TPMIOT_E_FORMAT;
}

enum tpmiot_rc
tpmiot_keyfile_parse_pem(OSSL_LIB_CTX *libctx, const void *pem, size_t len,
    struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	struct pem_block block = { 0 };
	enum tpmiot_rc rc;
	BIO *bio;

	if (len > INT_MAX)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "key file: too long");
	bio = BIO_new_mem_buf(pem, (int)len);
	if (bio == NULL)
		return tpmiot_err_memory(err);
	do {
		pem_block_free(&block);
		rc = next_block(bio, &block, err);
	} while (rc == TPMIOT_OK && !tpmiot_keyfile_is_pem_name(block.name));
	if (rc == TPMIOT_OK && block.header[0] != '\0')
		rc = tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key file: its PEM block has headers (is it encrypted?); save it without them");
	else if (rc == TPMIOT_OK)
		rc = tpmiot_keyfile_parse_der(libctx, block.data, (size_t)block.len, out, err);
	pem_block_free(&block);
	BIO_free(bio);
	return rc;
}

enum tpmiot_rc
tpmiot_keyfile_put_pem(
    const struct tpmiot_keyfile *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	const char *name = key->type == TPMIOT_KEYFILE_REFERENCE ? TPMIOT_KEYREF_PEM_NAME
	                                                         : TPMIOT_KEYFILE_PEM_NAME;
	BIO *bio = NULL;
	enum tpmiot_rc rc;
	char *pem = NULL;
	long len;

	rc = tpmiot_keyfile_put_der(key, &der, err);
	if (rc != TPMIOT_OK)
		goto out;
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL || PEM_write_bio(bio, name, "", der.data, (long)der.len) <= 0 ||
	    (len = BIO_get_mem_data(bio, &pem)) <= 0) {
		rc = tpmiot_err_crypto(err, "key file: writing PEM");
		goto out;
	}
	tpmiot_buf_put(out, pem, (size_t)len);
	rc = tpmiot_buf_done(out, err);
out:
	BIO_free(bio);
	tpmiot_buf_free(&der);
	return rc;
}
