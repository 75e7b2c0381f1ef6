/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <tpmiot/keyfile.h>

static const struct {
	const char *file;
	bool empty_auth;
	TPM2_HANDLE parent;
	TPMI_ALG_PUBLIC type;
	UINT16 priv_size;
} VECTORS[] = {
	{ "keyfile/ec-p256-owner.pem", true, TPM2_RH_OWNER, TPM2_ALG_ECC, 126 },
	{ "keyfile/ec-p384-srk.pem", true, 0x81000001, TPM2_ALG_ECC, 142 },
	{ "keyfile/rsa-2048-auth.pem", false, 0x81000001, TPM2_ALG_RSA, 222 },
	{ "keyfile/ec-policy.pem", false, 0x81000001, TPM2_ALG_ECC, 126 },
	{ "keyfile/ec-signed-policy.pem", true, 0x81000001, TPM2_ALG_ECC, 126 },
	{ "keyfile/ec-importable.pem", true, 0x81000001, TPM2_ALG_ECC, 108 },
	{ "keyfile/sealed-rsa-owner.pem", true, TPM2_RH_OWNER, TPM2_ALG_KEYEDHASH, 0 },
	{ "keyfile/reference.pem", true, 0x81000010, TPM2_ALG_ECC, 0 },
};

enum { POLICY = 3, SIGNED, IMPORTABLE, SEALED, REFERENCE }; /* of VECTORS */

static struct tpmiot_keyfile
vector(size_t i)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	read_vector(VECTORS[i].file, &pem);
	assert_ok(tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, &key, &err), &err);
	tpmiot_buf_free(&pem);
	return key;
}

static void
test_keyfile_parse_pem_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_keyfile key = vector(i);

		assert_int_equal(key.empty_auth, VECTORS[i].empty_auth);
		assert_int_equal(key.parent, VECTORS[i].parent);
		assert_int_equal(key.pub.area.type, VECTORS[i].type);
		if (VECTORS[i].priv_size != 0)
			assert_int_equal(key.priv.size, VECTORS[i].priv_size);
		tpmiot_keyfile_clear(&key);
	}
}

static void
test_keyfile_parse_pem_fields(void **state)
{
	struct tpmiot_keyfile key = vector(POLICY);

	(void)state;
	assert_int_equal(key.type, TPMIOT_KEYFILE_LOADABLE);
	assert_string_equal(key.extra->description, "a door");
	assert_int_equal(key.extra->policy.n, 2);
	assert_int_equal(key.extra->policy.step[0].code, TPM2_CC_PolicyPCR);
	assert_int_equal(key.extra->policy.step[1].code, TPM2_CC_PolicyAuthValue);
	assert_true(tpmiot_policy_has(&key.extra->policy, TPM2_CC_PolicyAuthValue));
	assert_false(tpmiot_policy_has(&key.extra->policy, TPM2_CC_PolicySecret));
	tpmiot_keyfile_clear(&key);

	key = vector(SIGNED);
	assert_int_equal(key.extra->policy.n, 1);
	assert_int_equal(key.extra->n_signed, 1);
	assert_string_equal(key.extra->signed_policy[0].name, "now");
	assert_int_equal(key.extra->signed_policy[0].n, 2);
	tpmiot_keyfile_clear(&key);

	key = vector(IMPORTABLE);
	assert_int_equal(key.type, TPMIOT_KEYFILE_IMPORTABLE);
	assert_int_not_equal(key.secret.size, 0);
	assert_int_equal(key.parent_name.size, 34);
	assert_null(key.extra);

	key = vector(SEALED);
	assert_int_equal(key.type, TPMIOT_KEYFILE_SEALED);
	assert_true(key.rsa_parent);
	assert_int_equal(key.secret.size, 0);

	key = vector(REFERENCE);
	assert_int_equal(key.type, TPMIOT_KEYFILE_REFERENCE);
}

/* What few files have is shared, and goes with the last one that has it. */
static void
test_keyfile_extra_shared(void **state)
{
	struct tpmiot_keyfile key = vector(POLICY);
	struct tpmiot_keyextra *other = tpmiot_keyextra_ref(key.extra);

	(void)state;
	tpmiot_keyfile_clear(&key);
	assert_null(key.extra);
	assert_string_equal(other->description, "a door");
	tpmiot_keyextra_unref(&other);
	assert_null(other);
	assert_null(tpmiot_keyextra_ref(NULL));
	tpmiot_keyextra_unref(&other);
}

/* What is written is read again as the same key; what is written twice is the same. */
static void
test_keyfile_put_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		struct tpmiot_keyfile key = vector(i), again;
		struct tpmiot_buf pem = TPMIOT_BUF_INIT, der = TPMIOT_BUF_INIT;
		struct tpmiot_buf der2 = TPMIOT_BUF_INIT;
		struct tpmiot_err err;

		assert_ok(tpmiot_keyfile_put_pem(&key, &pem, &err), &err);
		if (i == REFERENCE)
			assert_memory_equal(pem.data, "-----BEGIN TPMIOT KEY REFERENCE-----\n", 37);
		else
			assert_memory_equal(pem.data, "-----BEGIN TSS2 PRIVATE KEY-----\n", 33);
		assert_ok(tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, &again, &err), &err);
		assert_int_equal(again.type, key.type);
		assert_int_equal(again.empty_auth, key.empty_auth);
		assert_int_equal(again.parent, key.parent);
		assert_int_equal(again.pub.raw_len, key.pub.raw_len);
		assert_memory_equal(again.pub.raw, key.pub.raw, key.pub.raw_len);
		assert_memory_equal(again.pub.name.name, key.pub.name.name, key.pub.name.size);
		assert_int_equal(again.priv.size, key.priv.size);
		assert_memory_equal(again.priv.buffer, key.priv.buffer, key.priv.size);
		assert_ok(tpmiot_keyfile_put_der(&key, &der, &err), &err);
		assert_ok(tpmiot_keyfile_put_der(&again, &der2, &err), &err);
		assert_int_equal(der.len, der2.len);
		assert_memory_equal(der.data, der2.data, der.len);
		tpmiot_keyfile_clear(&again);
		assert_true(tpmiot_keyfile_is_der(der.data, der.len));
		assert_ok(tpmiot_keyfile_parse_der(NULL, der.data, der.len, &again, &err), &err);
		tpmiot_keyfile_clear(&again);
		tpmiot_keyfile_clear(&key);
		tpmiot_buf_free(&pem);
		tpmiot_buf_free(&der);
		tpmiot_buf_free(&der2);
	}
}

/* ---- DER put together by hand -------------------------------------------- */

static void
put_tlv(struct tpmiot_buf *out, uint8_t tag, const void *data, size_t len)
{
	tpmiot_buf_put_u8(out, tag);
	if (len < 0x80) {
		tpmiot_buf_put_u8(out, (uint8_t)len);
	} else {
		tpmiot_buf_put_u8(out, 0x82);
		tpmiot_buf_put_u16(out, (uint16_t)len);
	}
	tpmiot_buf_put(out, data, len);
}

#define OID "\x06\x06\x67\x81\x05\x0a\x01"
#define LOADABLE OID "\x03"
#define EMPTY_AUTH "\xa0\x03\x01\x01\xff"
#define PARENT "\x02\x05\x00\x81\x00\x00\x01"

/* The SEQUENCE of: head as it stands, public area, private area, tail as it stands. */
static void
put_key(
    struct tpmiot_buf *out, const char *head, size_t head_len, const char *tail, size_t tail_len)
{
	struct tpmiot_buf body = TPMIOT_BUF_INIT, part = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key = vector(0);

	tpmiot_buf_put(&body, head, head_len);
	tpmiot_public_put(&key.pub, &part);
	put_tlv(&body, 0x04, part.data, part.len);
	tpmiot_buf_reset(&part);
	tpmiot_buf_put_u16(&part, key.priv.size);
	tpmiot_buf_put(&part, key.priv.buffer, key.priv.size);
	put_tlv(&body, 0x04, part.data, part.len);
	tpmiot_buf_put(&body, tail, tail_len);
	put_tlv(out, 0x30, body.data, body.len);
	tpmiot_buf_free(&part);
	tpmiot_buf_free(&body);
}

#define HEAD(s) (s), sizeof(s) - 1

static enum tpmiot_rc
parse_head(const char *head, size_t len, struct tpmiot_keyfile *out, struct tpmiot_err *err)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc;

	put_key(&der, head, len, "", 0);
	rc = tpmiot_keyfile_parse_der(NULL, der.data, der.len, out, err);
	tpmiot_buf_free(&der);
	return rc;
}

static void
test_keyfile_parse_der_empty_auth(void **state)
{
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	(void)state;
	assert_ok(parse_head(HEAD(LOADABLE EMPTY_AUTH PARENT), &key, &err), &err);
	assert_true(key.empty_auth);
	assert_ok(parse_head(HEAD(LOADABLE "\xa0\x03\x01\x01\x01" PARENT), &key, &err), &err);
	assert_true(key.empty_auth);
	assert_ok(parse_head(HEAD(LOADABLE "\xa0\x03\x01\x01\x00" PARENT), &key, &err), &err);
	assert_false(key.empty_auth);
	assert_ok(parse_head(HEAD(LOADABLE PARENT), &key, &err), &err);
	assert_false(key.empty_auth);
}

static void
test_keyfile_parse_der_harmless_fields(void **state)
{
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	(void)state;
	assert_ok(parse_head(HEAD(LOADABLE EMPTY_AUTH "\xa4\x06\x0c\x04"
	                                              "mine" PARENT),
	              &key, &err),
	    &err);
	tpmiot_keyfile_clear(&key);
	assert_ok(
	    parse_head(HEAD(LOADABLE EMPTY_AUTH "\xa1\x02\x30\x00" PARENT), &key, &err), &err);
	tpmiot_keyfile_clear(&key);
	assert_ok(
	    parse_head(HEAD(LOADABLE EMPTY_AUTH "\xa5\x03\x01\x01\x00" PARENT), &key, &err), &err);
	assert_int_equal(key.parent, 0x81000001);
}

/* What a field says that does not go with the others, or is not what it has to be. */
static void
test_keyfile_parse_der_fields_refused(void **state)
{
	/* TPM2_PolicyAuthValue with nothing */
#define AUTHVALUE "\x30\x0a\xa0\x04\x02\x02\x01\x6b\xa1\x02\x04\x00"
#define POLICY_FIELD "\xa1\x0e\x30\x0c" AUTHVALUE
	static const struct {
		const char *head;
		size_t len;
		enum tpmiot_rc rc;
		const char *word;
	} cases[] = {
		{ HEAD("\x06\x03\x55\x04\x03" PARENT), TPMIOT_E_UNSUPPORTED, "2.5.4.3" },
		/* the key has no authPolicy */
		{ HEAD(LOADABLE EMPTY_AUTH POLICY_FIELD PARENT), TPMIOT_E_FORMAT, "does not lead" },
		{ HEAD(LOADABLE
		      "\xa1\x0e\x30\x0c\x30\x0a\xa0\x04\x02\x02\x01\x87\xa1\x02\x04\x00" PARENT),
		    TPMIOT_E_UNSUPPORTED, "0x187" },
		{ HEAD(LOADABLE
		      "\xa1\x0d\x30\x0b\x30\x09\xa0\x03\x02\x01\xff\xa1\x02\x04\x00" PARENT),
		    TPMIOT_E_FORMAT, "command code" },
		{ HEAD(LOADABLE "\xa1\x0f\x30\x0d\x30\x0b\xa0\x04\x02\x02\x01\x6b\xa1\x03\x04\x01"
		                "\x55" PARENT),
		    TPMIOT_E_FORMAT, "TPM2_PolicyAuthValue" },
		/* a body that is no OCTET STRING */
		{ HEAD(LOADABLE "\xa1\x0c\x30\x0a\x30\x08\xa0\x04\x02\x02\x01\x6b\xa1\x00" PARENT),
		    TPMIOT_E_FORMAT, "ASN.1" },
		{ HEAD(LOADABLE
		      "\xa3\x19\x30\x17\x30\x15\xa0\x03\x0c\x01n\xa1\x0e\x30\x0c" AUTHVALUE PARENT),
		    TPMIOT_E_FORMAT, "authPolicy" },
		{ HEAD(LOADABLE "\xa2\x05\x04\x03\x00\x01\x55" PARENT), TPMIOT_E_FORMAT, "secret" },
		{ HEAD(OID "\x04" PARENT), TPMIOT_E_FORMAT, "secret" },
		{ HEAD(OID "\x04\xa2\x05\x04\x03\x00\x02\x55" PARENT), TPMIOT_E_FORMAT, "secret" },
		{ HEAD(OID "\x04\xa2\x04\x04\x02\x00\x00" PARENT), TPMIOT_E_FORMAT, "secret" },
		{ HEAD(OID "\x04\xa2\x06\x04\x04\x00\x01\x55\x55" PARENT), TPMIOT_E_FORMAT,
		    "secret" },
		{ HEAD(OID "\x05" PARENT), TPMIOT_E_FORMAT, "a key's" },
		{ HEAD(LOADABLE "\xa4\x05\x0c\x03"
		                "a\0b" PARENT),
		    TPMIOT_E_FORMAT, "description" },
		{ HEAD(LOADABLE "\xa5\x03\x01\x01\xff" PARENT), TPMIOT_E_FORMAT, "rsaParent" },
		{ HEAD(LOADABLE "\xa6\x02\x04\x00" PARENT), TPMIOT_E_FORMAT, "parentName" },
		{ HEAD(LOADABLE "\xa6\x04\x04\x02\x00\x0b" PARENT), TPMIOT_E_FORMAT, "parentName" },
		{ HEAD(LOADABLE "\xa6\x05\x04\x03\x00\x0b\x55" PARENT), TPMIOT_E_FORMAT,
		    "parentName" },
		{ HEAD(LOADABLE "\xa6\x06\x04\x04\x00\x02\x00\x0b" PARENT), TPMIOT_E_FORMAT,
		    "parentName" },
		{ HEAD(LOADABLE "\xa6\x04\x04\x02\x55\x55" PARENT), TPMIOT_E_FORMAT, "parentName" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_keyfile key;
		struct tpmiot_err err = { 0 };
		enum tpmiot_rc rc = parse_head(cases[i].head, cases[i].len, &key, &err);

		assert_refused(rc, cases[i].rc, &err, cases[i].word);
	}
}

static void
test_keyfile_parse_der_parent(void **state)
{
	static const struct {
		const char *head;
		size_t len;
		TPM2_HANDLE parent; /* 0: refused */
	} cases[] = {
		{ HEAD(LOADABLE "\x02\x05\x00\x81\x00\x00\x00"), 0x81000000 },
		{ HEAD(LOADABLE "\x02\x05\x00\x81\xff\xff\xff"), 0x81ffffff },
		{ HEAD(LOADABLE "\x02\x04\x40\x00\x00\x01"), TPM2_RH_OWNER },
		{ HEAD(LOADABLE "\x02\x04\x40\x00\x00\x07"), TPM2_RH_NULL },
		{ HEAD(LOADABLE "\x02\x04\x40\x00\x00\x0b"), TPM2_RH_ENDORSEMENT },
		{ HEAD(LOADABLE "\x02\x04\x40\x00\x00\x0c"), TPM2_RH_PLATFORM },
		{ HEAD(LOADABLE "\x02\x01\x00"), 0 },
		{ HEAD(LOADABLE "\x02\x04\x40\x00\x00\x09"), 0 },     /* TPM_RS_PW */
		{ HEAD(LOADABLE "\x02\x05\x00\x80\x00\x00\x01"), 0 }, /* transient */
		{ HEAD(LOADABLE "\x02\x05\x00\x82\x00\x00\x00"), 0 },
		{ HEAD(LOADABLE "\x02\x04\x81\x00\x00\x01"), 0 },                     /* negative */
		{ HEAD(LOADABLE "\x02\x05\x01\x81\x00\x00\x01"), 0 },                 /* 33 bits */
		{ HEAD(LOADABLE "\x02\x09\x01\x00\x00\x00\x00\x81\x00\x00\x01"), 0 }, /* 65 bits */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_keyfile key = { .parent = 0x55 };
		struct tpmiot_err err = { 0 };
		enum tpmiot_rc rc = parse_head(cases[i].head, cases[i].len, &key, &err);

		if (cases[i].parent != 0) {
			assert_ok(rc, &err);
			assert_int_equal(key.parent, cases[i].parent);
		} else {
			assert_refused(rc, TPMIOT_E_FORMAT, &err, "parent");
			assert_int_equal(key.parent, 0x55);
		}
	}
}

static void
test_keyfile_parse_der_truncated(void **state)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	(void)state;
	for (size_t i = 0; i < COUNT(VECTORS); i++) {
		key = vector(i);
		assert_ok(tpmiot_keyfile_put_der(&key, &der, &err), &err);
		tpmiot_keyfile_clear(&key);
		for (size_t len = 0; len < der.len; len++) {
			uint8_t *copy = exact_copy(der.data, len);
			enum tpmiot_rc rc = tpmiot_keyfile_parse_der(NULL, copy, len, &key, &err);

			assert_refused(rc, TPMIOT_E_FORMAT, &err, "key file");
			(void)tpmiot_keyfile_is_der(copy, len); /* the sanitizers look */
			free(copy);
		}
		tpmiot_buf_free(&der);
	}
}

static void
test_keyfile_parse_der_trailing(void **state)
{
	struct tpmiot_buf behind = TPMIOT_BUF_INIT, inside = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	(void)state;
	put_key(&behind, HEAD(LOADABLE PARENT), "", 0);
	tpmiot_buf_put_u8(&behind, 0);
	assert_refused(tpmiot_keyfile_parse_der(NULL, behind.data, behind.len, &key, &err),
	    TPMIOT_E_FORMAT, &err, "1 bytes behind");
	put_key(&inside, HEAD(LOADABLE PARENT), HEAD("\x05\x00"));
	assert_refused(tpmiot_keyfile_parse_der(NULL, inside.data, inside.len, &key, &err),
	    TPMIOT_E_FORMAT, &err, "ASN.1");
	tpmiot_buf_free(&behind);
	tpmiot_buf_free(&inside);
}

/* The sizes within: one more and one less than there is, for both areas. */
static void
test_keyfile_parse_der_bad_sizes(void **state)
{
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	size_t pub_at, priv_at;
	struct tpmiot_keyfile key = vector(0);

	(void)state;
	put_key(&der, HEAD(LOADABLE PARENT), "", 0);
	priv_at = der.len - key.priv.size - 2;
	pub_at = priv_at - 4 - key.pub.raw_len - 2; /* 04 82 xx xx before privkey */
	for (int i = 0; i < 4; i++) {
		size_t at = i < 2 ? pub_at : priv_at;
		uint8_t *copy = exact_copy(der.data, der.len);
		struct tpmiot_err err = { 0 };

		assert_int_equal(
		    copy[at] << 8 | copy[at + 1], i < 2 ? key.pub.raw_len : key.priv.size);
		copy[at + 1] = (uint8_t)(copy[at + 1] + (i % 2 == 0 ? 1 : -1));
		assert_refused(tpmiot_keyfile_parse_der(NULL, copy, der.len, &key, &err),
		    TPMIOT_E_FORMAT, &err, i < 2 ? "pubkey" : "privkey");
		free(copy);
	}
	tpmiot_buf_free(&der);
}

/* Nothing wrapped is no key. */
static void
test_keyfile_parse_der_empty_private(void **state)
{
	struct tpmiot_buf body = TPMIOT_BUF_INIT, pub = TPMIOT_BUF_INIT, der = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key = vector(0);
	struct tpmiot_err err;

	(void)state;
	tpmiot_buf_put(&body, HEAD(LOADABLE PARENT));
	tpmiot_public_put(&key.pub, &pub);
	put_tlv(&body, 0x04, pub.data, pub.len);
	put_tlv(&body, 0x04, "\x00\x00", 2);
	put_tlv(&der, 0x30, body.data, body.len);
	assert_refused(tpmiot_keyfile_parse_der(NULL, der.data, der.len, &key, &err),
	    TPMIOT_E_FORMAT, &err, "privkey");
	tpmiot_buf_free(&body);
	tpmiot_buf_free(&pub);
	tpmiot_buf_free(&der);
}

static void
test_keyfile_parse_pem_between_others(void **state)
{
	static const char other[] =
	    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key;
	struct tpmiot_err err;

	(void)state;
	tpmiot_buf_put_str(&pem, "some text\n");
	tpmiot_buf_put_str(&pem, other);
	read_vector("keyfile/ec-p384-srk.pem", &pem);
	tpmiot_buf_put_str(&pem, other);
	read_vector("keyfile/ec-p256-owner.pem", &pem);
	assert_ok(tpmiot_keyfile_parse_pem(NULL, pem.data, pem.len, &key, &err), &err);
	assert_int_equal(key.parent, 0x81000001);
	tpmiot_buf_free(&pem);
}

static void
test_keyfile_parse_pem_refused(void **state)
{
	static const struct {
		const char *pem;
		enum tpmiot_rc rc;
		const char *word;
	} cases[] = {
		{ "", TPMIOT_E_NOT_FOUND, "TSS2 PRIVATE KEY" },
		{ "nothing here", TPMIOT_E_NOT_FOUND, "TSS2 PRIVATE KEY" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		    TPMIOT_E_NOT_FOUND, "TSS2 PRIVATE KEY" },
		{ "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n", TPMIOT_E_FORMAT, "PEM" },
		{ "-----BEGIN TSS2 PRIVATE KEY-----\n????\n-----END TSS2 PRIVATE KEY-----\n",
		    TPMIOT_E_FORMAT, "PEM" },
		{ "-----BEGIN TSS2 PRIVATE KEY-----\nAAAA\n-----END TSS2 PRIVATE KEY-----\n",
		    TPMIOT_E_FORMAT, "ASN.1" },
		{ "-----BEGIN TSS2 PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n"
		  "DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END TSS2 PRIVATE KEY-----\n",
		    TPMIOT_E_UNSUPPORTED, "encrypted" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_keyfile key;
		struct tpmiot_err err = { 0 };
		enum tpmiot_rc rc =
		    tpmiot_keyfile_parse_pem(NULL, cases[i].pem, strlen(cases[i].pem), &key, &err);

		assert_refused(rc, cases[i].rc, &err, cases[i].word);
	}
}

/* ---- policies ------------------------------------------------------------- */

/* The key, with the authPolicy that its policy leads to, written and read. */
static enum tpmiot_rc
reread(struct tpmiot_keyfile *key, struct tpmiot_err *err)
{
	TPMT_PUBLIC area = key->pub.area;
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile again;
	enum tpmiot_rc rc;

	if (tpmiot_policy_digest(
	        NULL, &key->extra->policy, TPM2_ALG_SHA256, &area.authPolicy, NULL) == TPMIOT_OK)
		assert_ok(tpmiot_public_from_area(NULL, &area, &key->pub, err), err);
	assert_ok(tpmiot_keyfile_put_der(key, &der, err), err);
	rc = tpmiot_keyfile_parse_der(NULL, der.data, der.len, &again, err);
	if (rc == TPMIOT_OK)
		tpmiot_keyfile_clear(&again);
	tpmiot_buf_free(&der);
	return rc;
}

static void
swap_steps(struct tpmiot_policy *policy)
{
	struct tpmiot_policy_step first = policy->step[0];

	policy->step[0] = policy->step[1];
	policy->step[1] = first;
}

static void
test_keyfile_parse_der_policy_changed(void **state)
{
	struct tpmiot_keyfile key = vector(POLICY);
	struct tpmiot_buf der = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	key.extra->policy.step[0].body.data[2] ^= 1; /* the PCRs' digest */
	assert_ok(tpmiot_keyfile_put_der(&key, &der, &err), &err);
	assert_refused(tpmiot_keyfile_parse_der(NULL, der.data, der.len, &key, &err),
	    TPMIOT_E_FORMAT, &err, "does not lead");
	assert_ok(reread(&key, &err), &err); /* that was all that is wrong with it */
	tpmiot_buf_free(&der);
	tpmiot_keyfile_clear(&key);
}

static void
test_keyfile_parse_der_two_passwords(void **state)
{
	static const char secret[] = "\x40\x00\x00\x01\x00\x04\x40\x00\x00\x01\x00";
	struct tpmiot_keyfile key = vector(POLICY);
	struct tpmiot_policy_step *step = &key.extra->policy.step[0];
	struct tpmiot_err err;

	(void)state;
	step->code = TPM2_CC_PolicySecret;
	tpmiot_buf_reset(&step->body);
	tpmiot_buf_put(&step->body, secret, sizeof(secret));
	for (int i = 0; i < 2; i++) {
		assert_refused(reread(&key, &err), TPMIOT_E_UNSUPPORTED, &err, "two passwords");
		key.extra->policy.step[1].code = TPM2_CC_PolicyPassword;
	}
	tpmiot_keyfile_clear(&key);
}

static void
test_keyfile_parse_der_signed_refused(void **state)
{
	struct tpmiot_keyfile key = vector(SIGNED);
	struct tpmiot_policy *own = &key.extra->policy, *policy = key.extra->signed_policy;
	struct tpmiot_policy_step *last = &policy->step[1];
	struct tpmiot_err err;
	TPM2_CC code;
	size_t len;

	(void)state;
	assert_ok(reread(&key, &err), &err);

	/* the signature not last, not there, twice */
	swap_steps(policy);
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "has to be the last");
	swap_steps(policy);
	policy->n = 1;
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "has to be the last");
	policy->n = 0;
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "not signed");
	policy->n = 2;

	/* a policyRef of another content: Z to [ */
	len = own->step[0].body.len - 3;
	assert_int_equal(last->body.data[len], 'Z');
	last->body.data[len] ^= 1;
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "another policyRef");
	last->body.data[len] ^= 1;

	/* another signer: its x */
	last->body.data[len - 40] ^= 1;
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "another key");
	last->body.data[len - 40] ^= 1;

	/* a signed policy without signature, and an own one with it */
	len = last->body.len;
	last->body.len = own->step[0].body.len;
	last->body.data[last->body.len - 2] = 0;
	code = last->body.data[last->body.len - 1];
	last->body.data[last->body.len - 1] = TPM2_ALG_NULL;
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "not signed");
	last->body.data[last->body.len - 1] = (uint8_t)code;
	last->body.len = len;
	own->step[0].body.failed = false;
	tpmiot_buf_reset(&own->step[0].body);
	tpmiot_buf_put(&own->step[0].body, last->body.data, len);
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "its first command");

	/* signed policies that the key's policy does not ask for */
	own->step[0].code = TPM2_CC_PolicyAuthValue;
	tpmiot_buf_reset(&own->step[0].body);
	assert_refused(reread(&key, &err), TPMIOT_E_FORMAT, &err, "does not begin");
	tpmiot_keyfile_clear(&key);
}

/* ---- references ------------------------------------------------------------ */

static void
test_keyfile_parse_der_reference_refused(void **state)
{
	/* Up to the public area: magic, version, emptyAuth, handle. */
#define MAGIC "\x0c\x14TPMIOT KEY REFERENCE"
	static const struct {
		const char *head;
		size_t len;
		enum tpmiot_rc rc;
		const char *word;
	} cases[] = {
		{ HEAD(MAGIC "\x02\x01\x01\x02\x05\x00\x81\x00\x00\x10"), TPMIOT_OK, "" },
		{ HEAD(MAGIC "\x02\x01\x02\x02\x05\x00\x81\x00\x00\x10"), TPMIOT_E_UNSUPPORTED,
		    "version 2" },
		{ HEAD(MAGIC "\x02\x01\xff\x02\x05\x00\x81\x00\x00\x10"), TPMIOT_E_UNSUPPORTED,
		    "version" },
		{ HEAD(MAGIC "\x02\x01\x01\x02\x04\x40\x00\x00\x01"), TPMIOT_E_FORMAT,
		    "0x40000001" },
		{ HEAD(MAGIC "\x02\x01\x01\x02\x05\x00\x80\x00\x00\x01"), TPMIOT_E_FORMAT,
		    "handle" },
		{ HEAD(MAGIC "\x02\x05\x00\x81\x00\x00\x10"), TPMIOT_E_FORMAT,
		    TPMIOT_KEYREF_PEM_NAME },
		{ HEAD("\x0c\x14TPMIOT KEY RXFERENCE\x02\x01\x01\x02\x05\x00\x81\x00\x00\x10"),
		    TPMIOT_E_FORMAT, TPMIOT_KEYFILE_PEM_NAME },
	};
	struct tpmiot_buf pub = TPMIOT_BUF_INIT;
	struct tpmiot_keyfile key = vector(REFERENCE);

	(void)state;
	tpmiot_public_put(&key.pub, &pub);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tpmiot_buf body = TPMIOT_BUF_INIT, der = TPMIOT_BUF_INIT;
		struct tpmiot_err err = { 0 };
		enum tpmiot_rc rc;

		tpmiot_buf_put(&body, cases[i].head, cases[i].len);
		put_tlv(&body, 0x04, pub.data, pub.len);
		put_tlv(&der, 0x30, body.data, body.len);
		rc = tpmiot_keyfile_parse_der(NULL, der.data, der.len, &key, &err);
		if (cases[i].rc == TPMIOT_OK) {
			assert_ok(rc, &err);
			assert_false(key.empty_auth);
		} else {
			assert_refused(rc, cases[i].rc, &err, cases[i].word);
		}
		tpmiot_buf_put_u8(&der, 0);
		assert_int_not_equal(
		    tpmiot_keyfile_parse_der(NULL, der.data, der.len, &key, &err), TPMIOT_OK);
		tpmiot_buf_free(&body);
		tpmiot_buf_free(&der);
	}
	tpmiot_buf_free(&pub);
}

static void
test_keyfile_put_refused(void **state)
{
	struct tpmiot_keyfile key = vector(0);
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	struct tpmiot_err err;

	(void)state;
	key.parent = 0x80000001;
	assert_refused(
	    tpmiot_keyfile_put_der(&key, &out, &err), TPMIOT_E_USAGE, &err, "0x80000001");
	key = vector(0);
	key.priv.size = 0;
	assert_refused(tpmiot_keyfile_put_pem(&key, &out, &err), TPMIOT_E_USAGE, &err, "private");
	key.priv.size = sizeof(key.priv.buffer) + 1;
	assert_refused(tpmiot_keyfile_put_der(&key, &out, &err), TPMIOT_E_USAGE, &err, "private");
	key = vector(REFERENCE);
	key.parent = TPM2_RH_OWNER;
	assert_refused(
	    tpmiot_keyfile_put_der(&key, &out, &err), TPMIOT_E_USAGE, &err, "0x40000001");
	assert_int_equal(out.len, 0);
	tpmiot_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyfile_parse_pem_vectors),
		cmocka_unit_test(test_keyfile_put_round_trip),
		cmocka_unit_test(test_keyfile_parse_der_empty_auth),
		cmocka_unit_test(test_keyfile_parse_der_harmless_fields),
		cmocka_unit_test(test_keyfile_parse_der_fields_refused),
		cmocka_unit_test(test_keyfile_parse_der_parent),
		cmocka_unit_test(test_keyfile_parse_der_truncated),
		cmocka_unit_test(test_keyfile_parse_der_trailing),
		cmocka_unit_test(test_keyfile_parse_der_bad_sizes),
		cmocka_unit_test(test_keyfile_parse_der_empty_private),
		cmocka_unit_test(test_keyfile_parse_pem_between_others),
		cmocka_unit_test(test_keyfile_parse_pem_refused),
		cmocka_unit_test(test_keyfile_parse_pem_fields),
		cmocka_unit_test(test_keyfile_extra_shared),
		cmocka_unit_test(test_keyfile_parse_der_policy_changed),
		cmocka_unit_test(test_keyfile_parse_der_two_passwords),
		cmocka_unit_test(test_keyfile_parse_der_signed_refused),
		cmocka_unit_test(test_keyfile_parse_der_reference_refused),
		cmocka_unit_test(test_keyfile_put_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
