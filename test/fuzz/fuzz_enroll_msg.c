/* SPDX-License-Identifier: Apache-2.0 */
/* What a server may answer to a device; the first byte says as what it is read. */
#include <string.h>

#include "enroll/enrol/certs.h"
#include "enroll/net/msg.h"
#include "fuzz.h"

#define NOW 1767225600

static void
challenge(struct tpmiot_bytes in, bool renewal)
{
	struct enroll_msg_challenge out = { .banks_n = 0 };
	struct tpmiot_err err;
	enum tpmiot_rc rc;

	rc = renewal ? enroll_msg_parse_renewal(in, &out, &err)
	             : enroll_msg_parse_challenge(in, &out, &err);
	if (rc == TPMIOT_OK) {
		FUZZ_ASSERT(out.nonce.len > 0 && out.session.len > 0);
		FUZZ_ASSERT(out.banks_n <= TPMIOT_BANKS_MAX);
		FUZZ_ASSERT((out.credential_blob.len == 0) == renewal);
	}
	enroll_msg_challenge_free(&out);
}

static void
certificates(struct tpmiot_bytes pem)
{
	STACK_OF(X509) *certs = NULL;
	struct tpmiot_buf out = TPMIOT_BUF_INIT;
	char id[TPMIOT_DEVICE_ID_MAX + 1];
	struct tpmiot_err err;
	X509 *leaf;

	if (enroll_certs_parse(pem, &certs, &err) != TPMIOT_OK)
		return;
	FUZZ_ASSERT(sk_X509_num(certs) > 0 && sk_X509_num(certs) <= ENROLL_CERTS_MAX);
	leaf = sk_X509_value(certs, 0);
	if (enroll_certs_device_id(leaf, id))
		FUZZ_ASSERT(tpmiot_device_id_valid(id));
	enroll_certs_put_name(X509_get_subject_name(leaf), &out);
	enroll_certs_put_time(enroll_certs_not_after(leaf), &out);
	FUZZ_ASSERT(enroll_certs_check_issued(certs, certs, X509_get0_pubkey(leaf), NOW, &err) !=
	                TPMIOT_OK ||
	            X509_get0_pubkey(leaf) != NULL);
	tpmiot_buf_free(&out);
	sk_X509_pop_free(certs, X509_free);
}

/* Names become names of files: each is one, and none comes twice. */
static void
secrets(const struct enroll_msg_issued *in)
{
	FUZZ_ASSERT(in->secrets_n <= ENROLL_MSG_SECRETS_MAX);
	FUZZ_ASSERT(in->has_secrets || in->secrets_n == 0);
	for (size_t i = 0; i < in->secrets_n; i++) {
		FUZZ_ASSERT(tpmiot_key_name_valid(in->secrets[i].name));
		FUZZ_ASSERT(in->secrets[i].pub.area.type == TPM2_ALG_KEYEDHASH);
		FUZZ_ASSERT(in->secrets[i].priv.size > 0 && in->secrets[i].seed.size > 0);
		for (size_t j = 0; j < i; j++)
			FUZZ_ASSERT(strcmp(in->secrets[i].name, in->secrets[j].name) != 0);
	}
}

static void
issued(struct tpmiot_bytes in)
{
	struct enroll_msg_issued out = { .certificate = TPMIOT_BUF_INIT };
	struct tpmiot_err err;

	if (enroll_msg_parse_issued(in, &out, &err) == TPMIOT_OK) {
		FUZZ_ASSERT(out.certificate.len > 0 && tpmiot_device_id_valid(out.device_id));
		secrets(&out);
		certificates((struct tpmiot_bytes){ out.certificate.data, out.certificate.len });
	}
	enroll_msg_issued_free(&out);
}

/* Text for people has no control characters. */
static void
clean(const char *text)
{
	for (; *text != '\0'; text++)
		FUZZ_ASSERT((unsigned char)*text >= 0x20 && *text != 0x7f);
}

static void
problem(struct tpmiot_bytes in)
{
	struct enroll_msg_problem out;

	enroll_msg_parse_problem(in, &out);
	clean(out.type);
	clean(out.title);
	clean(out.detail);
	clean(out.next);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tpmiot_bytes rest = { data + 1, size - 1 };
	STACK_OF(X509) *certs = NULL;
	struct tpmiot_err err;

	if (size == 0)
		return 0;
	switch (data[0]) {
	case 'c':
		challenge(rest, false);
		break;
	case 'r':
		challenge(rest, true);
		break;
	case 'i':
		issued(rest);
		break;
	case 'p':
		problem(rest);
		break;
	case 'P':
		certificates(rest);
		break;
	default: /* a chain in NV */
		if (enroll_certs_split(rest, &certs, &err) == TPMIOT_OK) {
			FUZZ_ASSERT(sk_X509_num(certs) <= ENROLL_CERTS_MAX);
			sk_X509_pop_free(certs, X509_free);
		}
	}
	return 0;
}
