/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "enroll/enrol/certs.h"
#include "enroll/state/state.h"

/* No passphrase is ever asked for: a certificate has none. */
static int
no_password(char *buf, int size, int rwflag, void *arg)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)arg;
	return -1;
}

/* Appends cert, which is taken over, also on failure. */
static enum tpmiot_rc
push(STACK_OF(X509) *certs, X509 *cert, int max, struct tpmiot_err *err)
{
	if (sk_X509_num(certs) >= max) {
		X509_free(cert);
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "more than %d certificates", max);
	}
	if (sk_X509_push(certs, cert) <= 0) {
		X509_free(cert);
		return tpmiot_err_memory(err);
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc
read_all(BIO *bio, STACK_OF(X509) *certs, int max, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;
	unsigned long last;
	X509 *cert;

	while ((cert = PEM_read_bio_X509(bio, NULL, no_password, NULL)) != NULL) {
		rc = push(certs, cert, max, err);
		if (rc != TPMIOT_OK)
			return rc;
	}
	last = ERR_peek_last_error();
	if (sk_X509_num(certs) == 0 || ERR_GET_LIB(last) != ERR_LIB_PEM ||
	    ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
		ERR_clear_error();
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    sk_X509_num(certs) == 0 ? "no PEM certificate" : "a broken PEM certificate");
	}
	ERR_clear_error(); /* the end of the text is no error */
	return TPMIOT_OK;
}

static enum tpmiot_rc
parse(struct tpmiot_bytes pem, int max, STACK_OF(X509) **out, struct tpmiot_err *err)
{
	STACK_OF(X509) *certs = sk_X509_new_null();
	const void *text = pem.len != 0 ? pem.data : "";
	BIO *bio = pem.len <= INT_MAX ? BIO_new_mem_buf(text, (int)pem.len) : NULL;
	enum tpmiot_rc rc;

	ERR_clear_error();
	if (certs == NULL || bio == NULL)
		rc = tpmiot_err_memory(err);
	else
		rc = read_all(bio, certs, max, err);
	if (rc == TPMIOT_OK) {
		*out = certs;
		certs = NULL;
	}
	BIO_free(bio);
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

enum tpmiot_rc
enroll_certs_parse(struct tpmiot_bytes pem, STACK_OF(X509) **out, struct tpmiot_err *err)
{
	return parse(pem, ENROLL_CERTS_MAX, out, err);
}

enum tpmiot_rc
enroll_certs_parse_bundle(struct tpmiot_bytes pem, STACK_OF(X509) **out, struct tpmiot_err *err)
{
	return parse(pem, INT_MAX, out, err);
}

static bool
is_padding(const uint8_t *at, const uint8_t *end)
{
	for (; at < end; at++)
		if (*at != 0x00 && *at != 0xff)
			return false;
	return true;
}

enum tpmiot_rc
enroll_certs_split(struct tpmiot_bytes der, STACK_OF(X509) **out, struct tpmiot_err *err)
{
	const uint8_t *at = der.data, *end = at + der.len;
	STACK_OF(X509) *certs = sk_X509_new_null();
	enum tpmiot_rc rc = certs != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
	X509 *cert;

	while (rc == TPMIOT_OK && !is_padding(at, end)) {
		cert = d2i_X509(NULL, &at, end - at);
		rc = cert != NULL ? push(certs, cert, ENROLL_CERTS_MAX, err)
		                  : tpmiot_err_crypto(err, "not a certificate");
	}
	if (rc == TPMIOT_OK) {
		*out = certs;
		certs = NULL;
	}
	sk_X509_pop_free(certs, X509_free);
	return rc;
}

static int64_t
seconds_between(const ASN1_TIME *from, const ASN1_TIME *to)
{
	int days, seconds;

	if (from == NULL || ASN1_TIME_diff(&days, &seconds, from, to) != 1)
		return 0;
	return (int64_t)days * 86400 + seconds;
}

static int64_t
seconds_of(const ASN1_TIME *time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int64_t t = seconds_between(epoch, time);

	ASN1_TIME_free(epoch);
	return t;
}

int64_t
enroll_certs_not_before(const X509 *cert)
{
	return seconds_of(X509_get0_notBefore(cert));
}

int64_t
enroll_certs_not_after(const X509 *cert)
{
	return seconds_of(X509_get0_notAfter(cert));
}

int64_t
enroll_certs_lifetime(const X509 *cert)
{
	return seconds_between(X509_get0_notBefore(cert), X509_get0_notAfter(cert));
}

bool
enroll_certs_usable(const X509 *cert, const EVP_PKEY *key, int64_t now)
{
	const EVP_PKEY *certified = X509_get0_pubkey(cert);

	return certified != NULL && EVP_PKEY_eq(certified, key) == 1 &&
	       enroll_certs_not_after(cert) > now;
}

/* Appends what follows urn:tpmiot:device: in the SAN; false if nothing has it. */
static bool
find_device(const X509 *cert, struct tpmiot_buf *out)
{
	static const char prefix[] = "urn:tpmiot:device:";
	const size_t skip = sizeof(prefix) - 1;
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	bool found = false;

	for (int i = 0; !found && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
		const unsigned char *uri;
		size_t len;

		if (name->type != GEN_URI)
			continue;
		uri = ASN1_STRING_get0_data(name->d.uniformResourceIdentifier);
		len = (size_t)ASN1_STRING_length(name->d.uniformResourceIdentifier);
		found = len >= skip && memcmp(uri, prefix, skip) == 0;
		if (found)
			tpmiot_buf_put(out, uri + skip, len - skip);
	}
	GENERAL_NAMES_free(names);
	return found;
}

bool
enroll_certs_is_others(const X509 *cert, const char *id)
{
	struct tpmiot_buf found = TPMIOT_BUF_INIT;
	bool others = find_device(cert, &found) &&
	              (found.len != strlen(id) || memcmp(found.data, id, found.len) != 0);

	tpmiot_buf_free(&found);
	return others;
}

bool
enroll_certs_device_id(const X509 *cert, char out[TPMIOT_DEVICE_ID_MAX + 1])
{
	struct tpmiot_buf found = TPMIOT_BUF_INIT;
	bool valid = find_device(cert, &found) && found.len <= TPMIOT_DEVICE_ID_MAX &&
	             tpmiot_buf_cstr(&found) != NULL && strlen((char *)found.data) == found.len &&
	             tpmiot_device_id_valid((char *)found.data);

	if (valid)
		memcpy(out, found.data, found.len + 1);
	tpmiot_buf_free(&found);
	return valid;
}

static enum tpmiot_rc
check_ca(STACK_OF(X509) *ca, X509_STORE *store, struct tpmiot_err *err)
{
	X509 *cert;
	int i;

	for (i = 0; i < sk_X509_num(ca); i++) {
		cert = sk_X509_value(ca, i);
		if (X509_check_ca(cert) != 1)
			return tpmiot_err_set(err, TPMIOT_E_TRUST,
			    "what the CA calls its own certificate is no CA certificate");
		if (X509_STORE_add_cert(store, cert) != 1)
			return tpmiot_err_crypto(err, "cannot hold the CA's certificate");
	}
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_path(STACK_OF(X509) *issued, X509_STORE *store, struct tpmiot_err *err)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum tpmiot_rc rc = TPMIOT_OK;

	if (ctx == NULL || X509_STORE_CTX_init(ctx, store, sk_X509_value(issued, 0), issued) != 1) {
		rc = tpmiot_err_crypto(err, "cannot check the certificate's path");
		goto out;
	}
	X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_NO_CHECK_TIME | X509_V_FLAG_PARTIAL_CHAIN);
	if (X509_verify_cert(ctx) != 1)
		rc = tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "the certificate issued does not lead to the CA's own: %s",
		    X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	ERR_clear_error();
out:
	X509_STORE_CTX_free(ctx);
	return rc;
}

enum tpmiot_rc
enroll_certs_check_issued(STACK_OF(X509) *issued, STACK_OF(X509) *ca, const EVP_PKEY *key,
    int64_t now, struct tpmiot_err *err)
{
	const X509 *leaf = sk_X509_value(issued, 0);
	const EVP_PKEY *certified = X509_get0_pubkey(leaf);
	X509_STORE *store = X509_STORE_new();
	enum tpmiot_rc rc;

	if (store == NULL)
		rc = tpmiot_err_memory(err);
	else if (certified == NULL || EVP_PKEY_eq(certified, key) != 1)
		rc = tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "the CA sent a certificate for another key than this device's");
	else if (enroll_certs_not_after(leaf) <= now)
		rc = tpmiot_err_set(err, TPMIOT_E_TRUST,
		    "the CA sent a certificate that is out of date by this device's clock; "
		    "set the clock here, or the CA's");
	else
		rc = check_ca(ca, store, err);
	if (rc == TPMIOT_OK)
		rc = check_path(issued, store, err);
	X509_STORE_free(store);
	return rc;
}

void
enroll_certs_put_time(int64_t t, struct tpmiot_buf *out)
{
	time_t seconds = (time_t)t;
	char text[32] = "";
	struct tm tm;

	if (gmtime_r(&seconds, &tm) != NULL)
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	tpmiot_buf_put_str(out, text);
}

/* Appends what was written to bio, which is freed. */
static void
drain(BIO *bio, struct tpmiot_buf *out)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	if (len > 0)
		tpmiot_buf_put(out, data, (size_t)len);
	BIO_free(bio);
}

void
enroll_certs_put_name(const X509_NAME *name, struct tpmiot_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());

	if (bio == NULL) {
		out->failed = true;
		return;
	}
	/* Escapes control characters and everything that is not ASCII. */
	(void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
	drain(bio, out);
}

enum tpmiot_rc
enroll_certs_put_pem(STACK_OF(X509) *certs, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int i;

	if (bio == NULL)
		return tpmiot_err_memory(err);
	for (i = 0; i < sk_X509_num(certs); i++) {
		if (PEM_write_bio_X509(bio, sk_X509_value(certs, i)) != 1) {
			BIO_free(bio);
			return tpmiot_err_crypto(err, "cannot write a certificate");
		}
	}
	drain(bio, out);
	return tpmiot_buf_done(out, err);
}

enum tpmiot_rc
enroll_certs_read_leaf(const char *dir, const char *name, X509 **out, struct tpmiot_err *err)
{
	struct tpmiot_buf pem = TPMIOT_BUF_INIT;
	char file[ENROLL_FILE_NAME_MAX];
	STACK_OF(X509) *certs = NULL;
	enum tpmiot_rc rc;

	enroll_state_file_name(name, ".crt", file);
	rc = tpmiot_statedir_read(dir, file, &pem, err);
	if (rc == TPMIOT_OK)
		rc = enroll_certs_parse((struct tpmiot_bytes){ pem.data, pem.len }, &certs, err);
	if (rc == TPMIOT_OK)
		*out = sk_X509_shift(certs);
	sk_X509_pop_free(certs, X509_free);
	tpmiot_buf_free(&pem);
	return rc;
}
