/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>

#include <openssl/objects.h>

#include <tpmiot/alg.h>

#include "keyfile_asn1.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* By enum tpmiot_keyfile_type. */
static const char *const OIDS[] = { "2.23.133.10.1.3", "2.23.133.10.1.4", "2.23.133.10.1.5" };

void
tpmiot_keyfile_clear(struct tpmiot_keyfile *file)
{
	tpmiot_keyextra_unref(&file->extra);
}

/* ---- fields ------------------------------------------------------------------ */

static enum tpmiot_rc
read_type(const ASN1_OBJECT *from, enum tpmiot_keyfile_type *out, struct tpmiot_err *err)
{
	char oid[64];

	if (OBJ_obj2txt(oid, sizeof(oid), from, 1) <= 0)
		return tpmiot_err_crypto(err, "key file: type");
	for (size_t i = 0; i < COUNT(OIDS); i++)
		if (strcmp(oid, OIDS[i]) == 0) {
			*out = (enum tpmiot_keyfile_type)i;
			return TPMIOT_OK;
		}
	return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
	    "key file: its type %s is none of a loadable key (%s), an importable key (%s) and "
	    "sealed data (%s)",
	    oid, OIDS[0], OIDS[1], OIDS[2]);
}

/* TPM2_PERSISTENT_FIRST shifts a signed 0x81 by 24 bits, which is undefined. */
static bool
is_persistent(TPM2_HANDLE handle)
{
	return handle >> TPM2_HR_SHIFT == TPM2_HT_PERSISTENT;
}

static bool
is_parent(TPM2_HANDLE handle)
{
	return is_persistent(handle) || handle == TPM2_RH_OWNER || handle == TPM2_RH_ENDORSEMENT ||
	       handle == TPM2_RH_PLATFORM || handle == TPM2_RH_NULL;
}

static enum tpmiot_rc
read_handle(const ASN1_INTEGER *from, const char *what, TPM2_HANDLE *out, struct tpmiot_err *err)
{
	uint64_t handle;

	if (ASN1_INTEGER_get_uint64(&handle, from) != 1) {
		tpmiot_err_forget();
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: %s is no TPM handle: negative, or longer than 32 bits", what);
	}
	if (handle > UINT32_MAX || !is_parent((TPM2_HANDLE)handle))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: %s 0x%llx is neither a persistent object nor a hierarchy", what,
		    (unsigned long long)handle);
	*out = (TPM2_HANDLE)handle;
	return TPMIOT_OK;
}

/* A whole TPM2B that is not empty, into a structure of this room. */
static enum tpmiot_rc
read_tpm2b(const ASN1_OCTET_STRING *from, const char *what, void *to, size_t room, UINT16 *size,
    struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	const uint8_t *data;
	size_t len;

	tpmiot_reader_init(&r, ASN1_STRING_get0_data(from), (size_t)ASN1_STRING_length(from));
	data = tpmiot_reader_tpm2b(&r, room, &len);
	if (!tpmiot_reader_done(&r) || len == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: %s: its size field does not fit its %d bytes", what,
		    ASN1_STRING_length(from));
	memcpy(to, data, len);
	*size = (UINT16)len;
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_public(OSSL_LIB_CTX *libctx, const ASN1_OCTET_STRING *from, struct tpmiot_public *out,
    struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_public_parse(
	    libctx, ASN1_STRING_get0_data(from), (size_t)ASN1_STRING_length(from), out, err);

	if (rc != TPMIOT_OK)
		(void)tpmiot_err_prefix(err, "key file: pubkey");
	return rc;
}

/*
 * The Name by itself or as a TPM2B_NAME: writers differ. The one begins with
 * the number of its hash, the other with its own size, which is never such a number.
 */
static enum tpmiot_rc
read_parent_name(const ASN1_OCTET_STRING *from, TPM2B_NAME *out, struct tpmiot_err *err)
{
	const uint8_t *data = ASN1_STRING_get0_data(from);
	size_t len = (size_t)ASN1_STRING_length(from), digest;

	if (len >= 2 && (size_t)(data[0] << 8 | data[1]) == len - 2) {
		data += 2;
		len -= 2;
	}
	digest = len < 2 ? 0 : tpmiot_alg_md_size((TPMI_ALG_HASH)(data[0] << 8 | data[1]));
	if (digest == 0 || len != digest + 2)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "key file: parentName is not the Name of a key");
	memcpy(out->name, data, len);
	out->size = (UINT16)len;
	return TPMIOT_OK;
}

/* ---- a key or sealed data ----------------------------------------------------- */

/* What the draft says of fields that belong together, and of fields that exclude each other. */
static enum tpmiot_rc
check_fields(const struct tpmiot_keyfile *key, const keyfile_key *from, struct tpmiot_err *err)
{
	if (key->type == TPMIOT_KEYFILE_LOADABLE && from->secret != NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "key file: a loadable key has no secret");
	if (key->type == TPMIOT_KEYFILE_IMPORTABLE && from->secret == NULL)
		return tpmiot_err_set(
		    err, TPMIOT_E_FORMAT, "key file: an importable key needs its secret");
	if ((key->type == TPMIOT_KEYFILE_SEALED) !=
	    (key->pub.area.type == TPM2_ALG_KEYEDHASH && !tpmiot_public_is_hmac_key(&key->pub)))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: pubkey is %s, its type says the contrary",
		    key->type == TPMIOT_KEYFILE_SEALED ? "a key's" : "sealed data's");
	if (key->rsa_parent && is_persistent(key->parent))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: rsaParent, but the parent 0x%08x is no hierarchy", key->parent);
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_key(OSSL_LIB_CTX *libctx, const keyfile_key *from, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile key = { .empty_auth = from->empty_auth != 0,
		.rsa_parent = from->rsa_parent != 0 };
	enum tpmiot_rc rc;

	if ((rc = read_type(from->type, &key.type, err)) != TPMIOT_OK ||
	    (rc = read_handle(from->parent, "parent", &key.parent, err)) != TPMIOT_OK ||
	    (rc = read_public(libctx, from->pubkey, &key.pub, err)) != TPMIOT_OK ||
	    (rc = read_tpm2b(from->privkey, "privkey", key.priv.buffer, sizeof(key.priv.buffer),
	         &key.priv.size, err)) != TPMIOT_OK ||
	    (rc = check_fields(&key, from, err)) != TPMIOT_OK)
		return rc;
	if (from->secret != NULL)
		rc = read_tpm2b(from->secret, "secret", key.secret.secret,
		    sizeof(key.secret.secret), &key.secret.size, err);
	if (rc == TPMIOT_OK && from->parent_name != NULL)
		rc = read_parent_name(from->parent_name, &key.parent_name, err);
	if (rc == TPMIOT_OK)
		rc = keyfile_extra_read(libctx, from, &key, &key.extra, err);
	if (rc == TPMIOT_OK)
		*out = key;
	return rc;
}

/* ---- a reference -------------------------------------------------------------- */

static enum tpmiot_rc
read_reference(OSSL_LIB_CTX *libctx, const keyfile_reference *from, struct tpmiot_keyfile *out,
    struct tpmiot_err *err)
{
	struct tpmiot_keyfile key = { .type = TPMIOT_KEYFILE_REFERENCE,
		.empty_auth = from->empty_auth != 0 };
	enum tpmiot_rc rc;

	if (ASN1_INTEGER_get(from->version) != KEYFILE_REFERENCE_VERSION)
		return tpmiot_err_set(err, TPMIOT_E_UNSUPPORTED,
		    "key reference: version %ld is not known, only %d is; use a newer tpmiot",
		    ASN1_INTEGER_get(from->version), KEYFILE_REFERENCE_VERSION);
	if ((rc = read_handle(from->handle, "handle", &key.parent, err)) != TPMIOT_OK ||
	    (rc = read_public(libctx, from->pubkey, &key.pub, err)) != TPMIOT_OK)
		return rc;
	if (!is_persistent(key.parent))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key reference: the handle 0x%08x is not that of a persistent object",
		    key.parent);
	*out = key;
	return TPMIOT_OK;
}

/* ---- DER ---------------------------------------------------------------------- */

/* Where the first field of a SEQUENCE begins, or NULL. */
static const uint8_t *
first_field(const uint8_t *der, size_t len, size_t need)
{
	size_t header;

	if (len < 2 || der[0] != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED))
		return NULL;
	header = der[1] < 0x80 ? 2 : 2 + (size_t)(der[1] & 0x7f);
	return len >= header + need ? der + header : NULL;
}

static bool
is_reference(const uint8_t *der, size_t len)
{
	static const size_t magic_len = sizeof(KEYFILE_REFERENCE_MAGIC) - 1;
	const uint8_t *field = first_field(der, len, 2 + magic_len);

	return field != NULL && field[0] == V_ASN1_UTF8STRING && field[1] == magic_len &&
	       memcmp(field + 2, KEYFILE_REFERENCE_MAGIC, magic_len) == 0;
}

bool
tpmiot_keyfile_is_der(const uint8_t *der, size_t len)
{
	/* The OBJECT IDENTIFIERs 2.23.133.10.1.x, up to the x. */
	static const uint8_t oid[] = { 0x06, 0x06, 0x67, 0x81, 0x05, 0x0a, 0x01 };
	const uint8_t *field = first_field(der, len, sizeof(oid));

	return (field != NULL && memcmp(field, oid, sizeof(oid)) == 0) || is_reference(der, len);
}

enum tpmiot_rc
tpmiot_keyfile_parse_der(OSSL_LIB_CTX *libctx, const uint8_t *der, size_t len,
    struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	bool reference = is_reference(der, len);
	const ASN1_ITEM *item =
	    reference ? ASN1_ITEM_rptr(keyfile_reference) : ASN1_ITEM_rptr(keyfile_key);
	const unsigned char *p = der;
	ASN1_VALUE *asn1 = NULL;
	enum tpmiot_rc rc;

	if (len <= LONG_MAX)
		asn1 = ASN1_item_d2i(NULL, &p, (long)len, item);
	if (asn1 == NULL) {
		tpmiot_err_forget();
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "key file: not the ASN.1 of a TPM key (%s)",
		    reference ? TPMIOT_KEYREF_PEM_NAME : TPMIOT_KEYFILE_PEM_NAME);
	}
	if (p != der + len)
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "key file: %zu bytes behind the key",
		    (size_t)(der + len - p));
	else if (reference)
		rc = read_reference(libctx, (const keyfile_reference *)asn1, out, err);
	else
		rc = read_key(libctx, (const keyfile_key *)asn1, out, err);
	ASN1_item_free(asn1, item);
	return rc;
}

/* ---- writing ------------------------------------------------------------------ */

static bool
set_octets(ASN1_OCTET_STRING *to, const struct tpmiot_buf *from)
{
	return !from->failed && ASN1_OCTET_STRING_set(to, from->data, (int)from->len) == 1;
}

static bool
set_tpm2b(ASN1_OCTET_STRING **to, const void *data, size_t len)
{
	struct tpmiot_buf whole = TPMIOT_BUF_INIT;
	bool ok;

	if (*to == NULL)
		*to = ASN1_OCTET_STRING_new();
	tpmiot_buf_put_u16(&whole, (uint16_t)len);
	tpmiot_buf_put(&whole, data, len);
	ok = *to != NULL && set_octets(*to, &whole);
	tpmiot_buf_free(&whole);
	return ok;
}

static bool
set_public(ASN1_OCTET_STRING *to, const struct tpmiot_public *pub)
{
	struct tpmiot_buf whole = TPMIOT_BUF_INIT;
	bool ok;

	tpmiot_public_put(pub, &whole);
	ok = set_octets(to, &whole);
	tpmiot_buf_free(&whole);
	return ok;
}

/* The Name by itself: no more than what it is. */
static bool
set_parent_name(ASN1_OCTET_STRING **to, const TPM2B_NAME *name)
{
	*to = ASN1_OCTET_STRING_new();
	return *to != NULL && ASN1_OCTET_STRING_set(*to, name->name, name->size) == 1;
}

static bool
fill_key(keyfile_key *to, const struct tpmiot_keyfile *from)
{
	ASN1_OBJECT_free(to->type);
	to->type = OBJ_txt2obj(OIDS[from->type], 1);
	to->empty_auth = from->empty_auth ? 0xff : 0;
	to->rsa_parent = from->rsa_parent ? 0xff : 0;
	return to->type != NULL && ASN1_INTEGER_set_uint64(to->parent, from->parent) == 1 &&
	       set_public(to->pubkey, &from->pub) &&
	       set_tpm2b(&to->privkey, from->priv.buffer, from->priv.size) &&
	       (from->secret.size == 0 ||
	           set_tpm2b(&to->secret, from->secret.secret, from->secret.size)) &&
	       (from->parent_name.size == 0 ||
	           set_parent_name(&to->parent_name, &from->parent_name)) &&
	       (from->extra == NULL || keyfile_extra_write(from->extra, to));
}

static bool
fill_reference(keyfile_reference *to, const struct tpmiot_keyfile *from)
{
	to->empty_auth = from->empty_auth ? 0xff : 0;
	return ASN1_STRING_set(to->magic, KEYFILE_REFERENCE_MAGIC, -1) == 1 &&
	       ASN1_INTEGER_set(to->version, KEYFILE_REFERENCE_VERSION) == 1 &&
	       ASN1_INTEGER_set_uint64(to->handle, from->parent) == 1 &&
	       set_public(to->pubkey, &from->pub);
}

static enum tpmiot_rc
check_writable(const struct tpmiot_keyfile *key, struct tpmiot_err *err)
{
	bool reference = key->type == TPMIOT_KEYFILE_REFERENCE;

	if (!is_parent(key->parent) || (reference && !is_persistent(key->parent)))
		return tpmiot_err_set(
		    err, TPMIOT_E_USAGE, "key file: a key with parent 0x%08x", key->parent);
	if (!reference && (key->priv.size == 0 || key->priv.size > sizeof(key->priv.buffer)))
		return tpmiot_err_set(err, TPMIOT_E_USAGE, "key file: a key without private part");
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_keyfile_put_der(
    const struct tpmiot_keyfile *key, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	bool reference = key->type == TPMIOT_KEYFILE_REFERENCE;
	const ASN1_ITEM *item =
	    reference ? ASN1_ITEM_rptr(keyfile_reference) : ASN1_ITEM_rptr(keyfile_key);
	enum tpmiot_rc rc = check_writable(key, err);
	unsigned char *der = NULL;
	ASN1_VALUE *asn1;
	int len;

	if (rc != TPMIOT_OK)
		return rc;
	asn1 = ASN1_item_new(item);
	if (asn1 == NULL ||
	    !(reference ? fill_reference((keyfile_reference *)asn1, key)
	                : fill_key((keyfile_key *)asn1, key)) ||
	    (len = ASN1_item_i2d(asn1, &der, item)) <= 0) {
		rc = tpmiot_err_crypto(err, "key file: encoding it");
	} else {
		tpmiot_buf_put(out, der, (size_t)len);
		rc = tpmiot_buf_done(out, err);
	}
	OPENSSL_free(der);
	ASN1_item_free(asn1, item);
	return rc;
}
