/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a TLS client is. The store has every certificate that was issued, so "ours" means
 * "the very bytes we recorded", which also holds when the CA's key has changed since.
 */
#include <string.h>

#include <openssl/err.h>

#include "ca/enrol/api_int.h"

static bool
invalid(struct ca_exchange *x, const char *why)
{
	return ca_refuse(
	    &x->problem, CA_PROBLEM_CLIENT_CERTIFICATE_INVALID, "the client certificate %s", why);
}

/* The serial as the store has it: big endian, no leading zero. 0: it cannot be one of ours. */
static size_t
serial_of(const X509 *cert, uint8_t out[CA_SERIAL_MAX])
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	size_t len = 0;

	if (bn != NULL && !BN_is_negative(bn) && BN_num_bytes(bn) <= CA_SERIAL_MAX)
		len = (size_t)BN_bn2bin(bn, out);
	BN_free(bn);
	return len;
}

static bool
same_bytes(X509 *cert, const struct tpmiot_buf *der)
{
	unsigned char *mine = NULL;
	const int len = i2d_X509(cert, &mine);
	const bool same =
	    len > 0 && (size_t)len == der->len && memcmp(mine, der->data, der->len) == 0;

	OPENSSL_free(mine);
	return same;
}

static bool
find(struct ca_api *api, struct ca_exchange *x, struct ca_cert *out)
{
	X509 *cert = x->req->peer_cert;
	uint8_t serial[CA_SERIAL_MAX];
	struct tpmiot_err err = { 0 };
	const size_t len = serial_of(cert, serial);
	enum tpmiot_rc rc = TPMIOT_E_NOT_FOUND;

	if (len > 0)
		rc = ca_cert_find(api->store, serial, len, out, &err);
	if (rc != TPMIOT_OK && rc != TPMIOT_E_NOT_FOUND)
		return ca_fail(&x->problem, &err);
	if (rc == TPMIOT_E_NOT_FOUND || !same_bytes(cert, &out->der))
		return invalid(x, "was not issued by this CA");
	return true;
}

static bool
check(struct ca_api *api, struct ca_exchange *x, const struct ca_cert *cert)
{
	struct ca_device device = { 0 };
	struct tpmiot_err err = { 0 };
	bool key_revoked;

	if (cert->state != CA_CERT_GOOD)
		return ca_refuse(&x->problem, CA_PROBLEM_CERTIFICATE_REVOKED,
		    "the client certificate was revoked");
	if (ca_cert_key_revoked(api->store, cert->key_spki, &key_revoked, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	if (key_revoked)
		return ca_refuse(&x->problem, CA_PROBLEM_KEY_REVOKED,
		    "another certificate of the client certificate's key was revoked, so that "
		    "nobody may rely on the key");
	if (x->now < cert->not_before)
		return invalid(x, "is not valid yet");
	if (x->now >= cert->not_after)
		return invalid(x, "has expired");
	if (ca_device_find(api->store, cert->ek_spki, &device, &err) != TPMIOT_OK)
		return ca_fail(&x->problem, &err);
	tpmiot_buf_free(&device.ek_cert);
	if (device.state == CA_DEVICE_BLOCKED)
		return ca_refuse(&x->problem, CA_PROBLEM_DEVICE_BLOCKED,
		    "the device \"%s\" is blocked", cert->device_id);
	return true;
}

bool
ca_client(struct ca_api *api, struct ca_exchange *x, struct ca_cert *out)
{
	struct ca_cert cert = { .der = TPMIOT_BUF_INIT };

	if (x->req->peer_cert == NULL)
		return ca_refuse(&x->problem, CA_PROBLEM_CLIENT_CERTIFICATE_REQUIRED,
		    "the request came without a TLS client certificate");
	if (!find(api, x, &cert)) {
		tpmiot_buf_free(&cert.der);
		return false;
	}
	memcpy(x->ek_spki, cert.ek_spki, sizeof(x->ek_spki));
	x->has_ek = true;
	memcpy(x->device_id, cert.device_id, sizeof(x->device_id));
	if (!check(api, x, &cert)) {
		tpmiot_buf_free(&cert.der);
		return false;
	}
	tpmiot_buf_free(&out->der);
	*out = cert;
	return true;
}
