/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>

#include <tpmiot/keyfile.h>

/*
 * The draft's ASN.1, whole, so that a file with any of its fields is understood
 * well enough to say which of them is not served.
 */
struct policy_command {
	ASN1_INTEGER *code;
	ASN1_OCTET_STRING *policy;
};

struct auth_policy {
	ASN1_UTF8STRING *name;
	STACK_OF(policy_command) *policy;
};

struct key_asn1 {
	ASN1_OBJECT *type;
	ASN1_BOOLEAN empty_auth;
	STACK_OF(policy_command) *policy;
	ASN1_OCTET_STRING *secret;
	STACK_OF(auth_policy) *auth_policy;
	ASN1_UTF8STRING *description;
	ASN1_BOOLEAN rsa_parent;
	ASN1_INTEGER *parent;
	ASN1_OCTET_STRING *pubkey;
	ASN1_OCTET_STRING *privkey;
};

typedef struct policy_command policy_command;
typedef struct auth_policy auth_policy;
typedef struct key_asn1 key_asn1;

ASN1_SEQUENCE(policy_command) = {
	ASN1_EXP(policy_command, code, ASN1_INTEGER, 0),
	ASN1_EXP(policy_command, policy, ASN1_OCTET_STRING, 1),
} static_ASN1_SEQUENCE_END(policy_command)

ASN1_SEQUENCE(auth_policy) = {
	ASN1_EXP_OPT(auth_policy, name, ASN1_UTF8STRING, 0),
	ASN1_EXP_SEQUENCE_OF(auth_policy, policy, policy_command, 1),
} static_ASN1_SEQUENCE_END(auth_policy)

ASN1_SEQUENCE(key_asn1) = {
	ASN1_SIMPLE(key_asn1, type, ASN1_OBJECT),
	ASN1_EXP_OPT(key_asn1, empty_auth, ASN1_FBOOLEAN, 0),
	ASN1_EXP_SEQUENCE_OF_OPT(key_asn1, policy, policy_command, 1),
	ASN1_EXP_OPT(key_asn1, secret, ASN1_OCTET_STRING, 2),
	ASN1_EXP_SEQUENCE_OF_OPT(key_asn1, auth_policy, auth_policy, 3),
	ASN1_EXP_OPT(key_asn1, description, ASN1_UTF8STRING, 4),
	ASN1_EXP_OPT(key_asn1, rsa_parent, ASN1_FBOOLEAN, 5),
	ASN1_SIMPLE(key_asn1, parent, ASN1_INTEGER),
	ASN1_SIMPLE(key_asn1, pubkey, ASN1_OCTET_STRING),
	ASN1_SIMPLE(key_asn1, privkey, ASN1_OCTET_STRING),
} static_ASN1_SEQUENCE_END(key_asn1)

/* id-loadablekey; 2.23.133.10.1.4 is an importable key, .5 sealed data. */
#define OID_LOADABLE "2.23.133.10.1.3"
#define OID_IMPORTABLE "2.23.133.10.1.4"
#define OID_SEALED "2.23.133.10.1.5"

static enum tpmiot_rc
refuse_field(struct tpmiot_err *err, const char *field, const char *hint)
{
	return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
	    "key file: it has the field %s, which is not supported; %s", field, hint);
}

/* Nothing is ignored that decides how the key is loaded or used. */
static enum tpmiot_rc
check_fields(const key_asn1 *key, struct tpmiot_err *err)
{
	if (key->policy != NULL)
		return refuse_field(err, "policy", "make the key without a policy");
	if (key->secret != NULL)
		return refuse_field(err, "secret", "import the key and save it as a loadable one");
	if (key->auth_policy != NULL)
		return refuse_field(err, "authPolicy", "make the key without a signed policy");
	if (key->rsa_parent)
		return refuse_field(err, "rsaParent",
		    "make the key under a persistent parent, or under the P-256 storage root key");
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_type(const key_asn1 *key, struct tpmiot_err *err)
{
	char oid[64];

	if (OBJ_obj2txt(oid, sizeof(oid), key->type, 1) <= 0)
		return tpmiot_err_crypto(err, "key file: type");
	if (strcmp(oid, OID_LOADABLE) == 0)
		return TPMIOT_OK;
	if (strcmp(oid, OID_IMPORTABLE) == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key file: its type is an importable key (%s), which is not supported; "
		    "import it and save it as a loadable one",
		    oid);
	if (strcmp(oid, OID_SEALED) == 0)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key file: its type is sealed data (%s), not a key", oid);
	return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
	    "key file: its type %s is not that of a loadable key (" OID_LOADABLE ")", oid);
}

/* TPM2_PERSISTENT_FIRST shifts a signed 0x81 by 24 bits, which is undefined. */
static bool
is_parent(TPM2_HANDLE handle)
{
	return handle >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT ||
	    handle == TPM2_RH_OWNER || handle == TPM2_RH_ENDORSEMENT ||
	    handle == TPM2_RH_PLATFORM || handle == TPM2_RH_NULL;
}

static enum tpmiot_rc
read_parent(const ASN1_INTEGER *from, TPM2_HANDLE *out, struct tpmiot_err *err)
{
	uint64_t handle;

	if (ASN1_INTEGER_get_uint64(&handle, from) != 1) {
		ERR_clear_error();
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: parent is no TPM handle: negative, or longer than 32 bits");
	}
	if (handle > UINT32_MAX || !is_parent((TPM2_HANDLE)handle))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: parent 0x%llx is neither a persistent object nor a hierarchy",
		    (unsigned long long)handle);
	*out = (TPM2_HANDLE)handle;
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_private(const ASN1_OCTET_STRING *from, TPM2B_PRIVATE *out, struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	const uint8_t *data;
	size_t len;

	tpmiot_reader_init(&r, ASN1_STRING_get0_data(from), (size_t)ASN1_STRING_length(from));
	data = tpmiot_reader_tpm2b(&r, sizeof(out->buffer), &len);
	if (!tpmiot_reader_done(&r) || len == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: privkey is not a TPM2B_PRIVATE: its size field does not fit its "
		    "%d bytes",
		    ASN1_STRING_length(from));
	memcpy(out->buffer, data, len);
	out->size = (UINT16)len;
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_public(OSSL_LIB_CTX *libctx, const ASN1_OCTET_STRING *from, struct tpmiot_public *out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_public_parse(libctx, ASN1_STRING_get0_data(from),
	    (size_t)ASN1_STRING_length(from), out, err);

	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "key file: pubkey");
	return rc;
}

static enum tpmiot_rc
read_key(OSSL_LIB_CTX *libctx, const key_asn1 *from, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile key = { .empty_auth = from->empty_auth != 0 };
	enum tpmiot_rc rc;

	if ((rc = check_type(from, err)) != TPMIOT_OK ||
	    (rc = check_fields(from, err)) != TPMIOT_OK ||
	    (rc = read_parent(from->parent, &key.parent, err)) != TPMIOT_OK ||
	    (rc = read_public(libctx, from->pubkey, &key.pub, err)) != TPMIOT_OK ||
	    (rc = read_private(from->privkey, &key.priv, err)) != TPMIOT_OK)
		return rc;
	*out = key;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_keyfile_parse_der(OSSL_LIB_CTX *libctx, const uint8_t *der, size_t len,
    struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	const unsigned char *p = der;
	ASN1_VALUE *key = NULL;
	enum tpmiot_rc rc;

	if (len <= LONG_MAX)
		key = ASN1_item_d2i(NULL, &p, (long)len, ASN1_ITEM_rptr(key_asn1));
	if (key == NULL) {
		ERR_clear_error();
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: not the ASN.1 of a TPM key (" TPMIOT_KEYFILE_PEM_NAME ")");
	}
	if (p != der + len)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "key file: %zu bytes behind the key",
		    (size_t)(der + len - p));
	else
		rc = read_key(libctx, (const key_asn1 *)key, out, err);
	ASN1_item_free(key, ASN1_ITEM_rptr(key_asn1));
	return rc;
}

/* ---- PEM ----------------------------------------------------------------- */

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
		ERR_clear_error();
		return tpmiot_err_set(err, TPMIOT_E_NOT_FOUND,
		    "key file: no -----BEGIN " TPMIOT_KEYFILE_PEM_NAME "----- in it");
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
	} while (rc == TPMIOT_OK && strcmp(block.name, TPMIOT_KEYFILE_PEM_NAME) != 0);
	if (rc == TPMIOT_OK && block.header[0] != '\0')
		rc = tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key file: its PEM block has headers (is it encrypted?); save it without them");
	else if (rc == TPMIOT_OK)
		rc = tpmiot_keyfile_parse_der(libctx, block.data, (size_t)block.len, out, err);
	pem_block_free(&block);
	BIO_free(bio);
	return rc;
}

/* ---- writing ------------------------------------------------------------- */

static bool
set_octets(ASN1_OCTET_STRING *to, const struct tpmiot_buf *from)
{
	return ASN1_OCTET_STRING_set(to, from->data, (int)from->len) == 1;
}

static bool
fill(key_asn1 *to, const struct tpmiot_keyfile *from, const struct tpmiot_buf *pub,
    const struct tpmiot_buf *priv)
{
	ASN1_OBJECT_free(to->type);
	to->type = OBJ_txt2obj(OID_LOADABLE, 1);
	to->empty_auth = from->empty_auth ? 0xff : 0;
	return to->type != NULL && ASN1_INTEGER_set_uint64(to->parent, from->parent) == 1 &&
	    set_octets(to->pubkey, pub) && set_octets(to->privkey, priv);
}

enum tpmiot_rc
tpmiot_keyfile_put_der(const struct tpmiot_keyfile *key, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf pub = TPMIOT_BUF_INIT, priv = TPMIOT_BUF_INIT;
	unsigned char *der = NULL;
	ASN1_VALUE *asn1 = NULL;
	enum tpmiot_rc rc;
	int len;

	if (!is_parent(key->parent) || key->priv.size == 0 ||
	    key->priv.size > sizeof(key->priv.buffer))
		return tpmiot_err_set(err, TPMIOT_E_USAGE,
		    "key file: a key without private part, or with parent 0x%08x", key->parent);
	tpmiot_public_put(&key->pub, &pub);
	tpmiot_buf_put_u16(&priv, key->priv.size);
	tpmiot_buf_put(&priv, key->priv.buffer, key->priv.size);
	if ((rc = tpmiot_buf_done(&pub, err)) != TPMIOT_OK ||
	    (rc = tpmiot_buf_done(&priv, err)) != TPMIOT_OK)
		goto out;
	asn1 = ASN1_item_new(ASN1_ITEM_rptr(key_asn1));
	if (asn1 == NULL || !fill((key_asn1 *)asn1, key, &pub, &priv) ||
	    (len = ASN1_item_i2d(asn1, &der, ASN1_ITEM_rptr(key_asn1))) <= 0) {
		rc = tpmiot_err_crypto(err, "key file: encoding it");
		goto out;
	}
	tpmiot_buf_put(out, der, (size_t)len);
	rc = tpmiot_buf_done(out, err);
out:
	OPENSSL_free(der);
	ASN1_item_free(asn1, ASN1_ITEM_rptr(key_asn1));
	tpmiot_buf_free(&pub);
	tpmiot_buf_free(&priv);
	return rc;
}

enum tpmiot_rc
tpmiot_keyfile_put_pem(const struct tpmiot_keyfile *key, struct tpmiot_buf *out,
    struct tpmiot_err *err)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	BIO *bio = NULL;
	enum tpmiot_rc rc;
	char *pem = NULL;
	long len;

	rc = tpmiot_keyfile_put_der(key, &der, err);
	if (rc != TPMIOT_OK)
		goto out;
	bio = BIO_new(BIO_s_mem());
	if (bio == NULL ||
	    PEM_write_bio(bio, TPMIOT_KEYFILE_PEM_NAME, "", der.data, (long)der.len) <= 0 ||
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
