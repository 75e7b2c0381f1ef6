/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole requests to the CA, with a real store behind. The first byte says what the rest is: a
 * body as it is; or one field of a sound request (whose session, secret and the other fields
 * hold, so that every parser behind them is reached, quotes and secrets among them), changed as the
 * second byte says: 0 replaced, 1 overwritten, 2 inserted into, at the offset in the next two
 * bytes; or a client certificate. Nothing of this may ever be an error inside the CA.
 */
#include "../unit/enrolkit.h"

#include "fuzz.h"

#define HEAD 4

static struct kit *kit;
static json_t *attest, *issue; /* sound requests */

static const struct target {
	const char *path;  /* of HTTP */
	const char *field; /* NULL: the body itself */
} targets[] = {
	{ "/v1/attestations", NULL },
	{ "/v1/certificates", NULL },
	{ "/v1/renewals", NULL },
	{ "/v1/attestations", "ek.public" },
	{ "/v1/attestations", "ek.certificate" },
	{ "/v1/attestations", "ek.chain" },
	{ "/v1/attestations", "ak.public" },
	{ "/v1/certificates", "session" },
	{ "/v1/certificates", "key.public" },
	{ "/v1/certificates", "key.attest" },
	{ "/v1/certificates", "key.signature" },
	{ "/v1/certificates", "csr" },
	{ "/v1/renewals", "certificate" },
	{ "/v1/certificates", "parent" },
	{ "/v1/certificates", "quote.attest" },
	{ "/v1/certificates", "quote.signature" },
};

static void
prepare(void)
{
	struct tpmiot_pcrset values;
	struct kit_answer first;
	void *state = NULL;

	kit_group_setup(NULL);
	kit_setup(&state);
	kit = state;
	kit_configure(kit, "enrolment = open\npcrs = sha256:0,7\n");
	kit_secret(kit, &kit_b, "", "wifi", CA_SECRET_DATA, (struct tpmiot_bytes){ "secret", 6 });
	attest = kit_attest(&kit_b);
	kit_post(kit, "/v1/attestations", kit_attest(&kit_b), &first);
	issue = kit_issue(&kit_b, first.doc);
	kit_measure(&values, "sha256:0,7");
	kit_set(issue, "parent", kit_public(&kit_b.srk));
	kit_set(issue, "quote", kit_quote(&kit_b.ak, first.doc, &values, NULL));
	kit_answer_free(&first);
}

static void
send(const char *path, const void *body, size_t len, X509 *client)
{
	const struct ca_http_request req = { .method = "POST",
		.path = path,
		.content_type = "application/json",
		.body = body,
		.body_len = len,
		.peer_host = "192.0.2.7",
		.peer_cert = client };
	struct ca_http_reply reply = { .status = 0 };

	ca_api_handle(kit->api, &req, &reply);
	FUZZ_ASSERT(reply.status == 200 || (reply.status >= 400 && reply.status < 500));
	FUZZ_ASSERT(reply.body.len > 0);
	tpmiot_buf_free(&reply.body);
}

static void
change(struct tpmiot_buf *field, const uint8_t *data, size_t size)
{
	const size_t at = field->len > 0 ? (size_t)(data[2] << 8 | data[3]) % field->len : 0;
	struct tpmiot_buf out = TPMIOT_BUF_INIT;

	if (data[1] % 3 == 0) {
		tpmiot_buf_put(&out, data + HEAD, size - HEAD);
	} else {
		tpmiot_buf_put(&out, field->data, at);
		tpmiot_buf_put(&out, data + HEAD, size - HEAD);
		if (data[1] % 3 == 2)
			tpmiot_buf_put(&out, field->data + at, field->len - at);
		else if (at + size - HEAD < field->len)
			tpmiot_buf_put(
			    &out, field->data + at + size - HEAD, field->len - at - (size - HEAD));
	}
	tpmiot_buf_move(field, &out);
}

static void
send_field(const struct target *target, const uint8_t *data, size_t size)
{
	const bool second = strcmp(target->path, "/v1/certificates") == 0;
	json_t *body = json_deep_copy(second ? issue : attest), *at = body;
	const char *dot = strchr(target->field, '.');
	struct tpmiot_buf field = TPMIOT_BUF_INIT;
	char first[16], *text;

	if (dot != NULL) {
		snprintf(first, sizeof(first), "%.*s", (int)(dot - target->field), target->field);
		at = json_object_get(body, first);
	}
	at = json_object_get(at, dot != NULL ? dot + 1 : target->field);
	kit_unb64(json_is_array(at) ? json_array_get(at, 0) : at, &field);
	change(&field, data, size);
	if (json_is_array(at))
		json_array_set_new(at, 0, kit_b64(field.data, field.len));
	else
		kit_set(body, target->field, kit_b64(field.data, field.len));
	text = json_dumps(body, JSON_COMPACT);
	send(target->path, text, strlen(text), NULL);
	free(text);
	json_decref(body);
	tpmiot_buf_free(&field);
}

static void
send_client(const uint8_t *data, size_t size)
{
	const uint8_t *p = data;
	X509 *cert = d2i_X509(NULL, &p, (long)size);

	if (cert != NULL)
		send("/v1/renewals", "{}", 2, cert);
	X509_free(cert);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct target *target;

	if (kit == NULL)
		prepare();
	if (size < HEAD)
		return 0;
	target = &targets[data[0] % (sizeof(targets) / sizeof(targets[0]))];
	if (target->field == NULL)
		send(target->path, data + 1, size - 1, NULL);
	else if (strcmp(target->field, "certificate") == 0)
		send_client(data + HEAD, size - HEAD);
	else
		send_field(target, data, size);
	return 0;
}
