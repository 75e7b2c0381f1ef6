/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include <tpmiot/b64.h>
#include <tpmiot/ekcert.h>

#include "enroll/enrol/certs.h"
#include "enroll/cmd/describe.h"

/* Sets a member to what text holds, and empties it for the next. */
static void
member(json_t *out, const char *name, struct tpmiot_buf *text)
{
	const char *str = tpmiot_buf_cstr(text);

	if (str != NULL && str[0] != '\0')
		(void)json_object_set_new(out, name, json_string(str));
	tpmiot_buf_reset(text);
}

/* Four characters to a property; what is not printable (padding, too) is left out. */
static void
put_chars(uint32_t value, struct tpmiot_buf *out)
{
	int shift;
	uint8_t c;

	for (shift = 24; shift >= 0; shift -= 8) {
		c = (uint8_t)(value >> shift);
		if (c > 0x20 && c < 0x7f)
			tpmiot_buf_put_u8(out, c);
	}
}

enum tpmiot_rc
enroll_describe_tpm(struct tpmiot_tpm *tpm, json_t *out, struct tpmiot_err *err)
{
	enum { FIRST = TPM2_PT_MANUFACTURER, N = TPM2_PT_FIRMWARE_VERSION_2 - FIRST + 1 };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	uint32_t values[N];
	enum tpmiot_rc rc;
	unsigned i;

	rc = tpmiot_tpm_properties(tpm, FIRST, N, values, err);
	if (rc != TPMIOT_OK)
		return rc;
	put_chars(values[0], &text);
	member(out, "manufacturer", &text);
	for (i = TPM2_PT_VENDOR_STRING_1; i <= TPM2_PT_VENDOR_STRING_4; i++)
		put_chars(values[i - FIRST], &text);
	member(out, "model", &text);
	tpmiot_buf_printf(&text, "%u.%u.%u.%u", values[N - 2] >> 16, values[N - 2] & 0xffff,
	    values[N - 1] >> 16, values[N - 1] & 0xffff);
	member(out, "firmware", &text);
	tpmiot_buf_free(&text);
	return TPMIOT_OK;
}

enum tpmiot_rc
enroll_describe_put_spki(const EVP_PKEY *pkey, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t digest[TPMIOT_SPKI_SHA256_LEN];
	enum tpmiot_rc rc = tpmiot_spki_sha256(NULL, pkey, digest, err);

	if (rc != TPMIOT_OK)
		return rc;
	tpmiot_hex_encode(digest, sizeof(digest), out);
	return tpmiot_buf_cstr(out) != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

enum tpmiot_rc
enroll_describe_put_fingerprint(const X509 *cert, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (X509_digest(cert, EVP_sha256(), digest, &len) != 1)
		return tpmiot_err_crypto(err, "cannot compute a fingerprint");
	tpmiot_hex_encode(digest, len, out);
	return tpmiot_buf_cstr(out) != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

X509 *
enroll_describe_ek_cert(const struct tpmiot_ek *ek)
{
	X509 *cert = NULL;

	if (ek->cert.len == 0 ||
	    tpmiot_ekcert_parse(NULL, ek->cert.data, ek->cert.len, &cert, NULL) != TPMIOT_OK)
		return NULL;
	return cert;
}

enum tpmiot_rc
enroll_describe_ek(const struct tpmiot_ek *ek, json_t *out, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	X509 *cert = enroll_describe_ek_cert(ek);
	enum tpmiot_rc rc = TPMIOT_OK;

	(void)json_object_set_new(out, "profile", json_string(ek->profile->name));
	(void)json_object_set_new(out, "label", json_string(ek->profile->label));
	if (ek->persistent != 0) {
		tpmiot_buf_printf(&text, "0x%08x", ek->persistent);
		member(out, "handle", &text);
	}
	if (cert != NULL) {
		rc = enroll_describe_put_fingerprint(cert, &text, err);
		member(out, "certificate_sha256", &text);
	}
	X509_free(cert);
	tpmiot_buf_free(&text);
	return rc;
}

void
enroll_describe_registration(const struct enroll_dps_record *record, json_t *out)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	(void)json_object_set_new(out, "hub", json_string(record->hub));
	(void)json_object_set_new(out, "device_id", json_string(record->device_id));
	(void)json_object_set_new(out, "registration_id", json_string(record->registration_id));
	(void)json_object_set_new(out, "id_scope", json_string(record->scope));
	(void)json_object_set_new(out, "server", json_string(record->server));
	enroll_certs_put_time(record->assigned, &text);
	member(out, "assigned", &text);
	tpmiot_buf_free(&text);
}

void
enroll_describe_cert(const X509 *cert, int64_t now, json_t *out)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	int64_t end = enroll_certs_not_after(cert);

	enroll_certs_put_name(X509_get_subject_name(cert), &text);
	member(out, "subject", &text);
	enroll_certs_put_time(end, &text);
	member(out, "not_after", &text);
	(void)json_object_set_new(out, "expired", json_boolean(end <= now));
	tpmiot_buf_free(&text);
}
