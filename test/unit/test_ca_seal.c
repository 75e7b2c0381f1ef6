/* SPDX-License-Identifier: Apache-2.0 */
#include "ca_test.h"

#include <tpmiot/template.h>

#include "ca/enrol/seal.h"

static const struct ca_seal_key key = { .id = 7, .key = { 1, 2, 3 } };

static void
make_ticket(struct ca_ticket *t)
{
	TPMT_PUBLIC area;
	struct tpmiot_err err;

	memset(t, 0, sizeof(*t));
	memset(t->id, 0xa1, sizeof(t->id));
	t->expires = 1767225900;
	memset(t->nonce, 0xa2, sizeof(t->nonce));
	memset(t->secret_sha256, 0xa3, sizeof(t->secret_sha256));
	memset(t->ek_spki, 0xa5, sizeof(t->ek_spki));
	memset(t->renews, 0xa6, 16);
	t->renews_len = 16;
	tpmiot_template_ak_ecc(&area);
	area.unique.ecc.x.size = area.unique.ecc.y.size = 32;
	assert_ok(tpmiot_public_from_area(NULL, &area, &t->ak, &err));
	t->ek_trusted = true;
	t->roots = 0x1020304050607;
	memset(t->ek_cert, 0xa4, sizeof(t->ek_cert));
	t->ek_cert_len = sizeof(t->ek_cert);
	strcpy(t->info.manufacturer, "id:53544D20");
	strcpy(t->info.model, "ST33");
	t->token = 12;
	strcpy(t->device_id, "pump-1");
	strcpy(t->group, "pumps");
}

static void
seal(struct tpmiot_buf *out)
{
	struct ca_ticket t;
	struct tpmiot_err err;

	make_ticket(&t);
	assert_ok(ca_seal(NULL, &key, &t, out, &err));
}

static void
test_unseal_same(void **state)
{
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT;
	struct ca_ticket want, got;
	struct tpmiot_err err;
	uint32_t id = 0;

	(void)state;
	make_ticket(&want);
	seal(&sealed);
	assert_ok(ca_seal_key_id(sealed.data, sealed.len, &id, &err));
	assert_int_equal(id, 7);
	assert_ok(ca_unseal(NULL, &key, sealed.data, sealed.len, &got, &err));
	assert_memory_equal(got.id, want.id, sizeof(got.id));
	assert_int_equal(got.expires, want.expires);
	assert_memory_equal(got.nonce, want.nonce, sizeof(got.nonce));
	assert_memory_equal(got.secret_sha256, want.secret_sha256, sizeof(got.secret_sha256));
	assert_memory_equal(got.ek_spki, want.ek_spki, sizeof(got.ek_spki));
	assert_int_equal(got.renews_len, want.renews_len);
	assert_memory_equal(got.renews, want.renews, want.renews_len);
	assert_memory_equal(&got.ak.name, &want.ak.name, sizeof(UINT16) + want.ak.name.size);
	assert_true(got.ek_trusted);
	assert_int_equal(got.roots, want.roots);
	assert_int_equal(got.ek_cert_len, want.ek_cert_len);
	assert_memory_equal(got.ek_cert, want.ek_cert, want.ek_cert_len);
	assert_string_equal(got.info.manufacturer, "id:53544D20");
	assert_string_equal(got.info.model, "ST33");
	assert_string_equal(got.info.version, "");
	assert_int_equal(got.token, 12);
	assert_string_equal(got.device_id, "pump-1");
	assert_string_equal(got.group, "pumps");
	tpmiot_buf_free(&sealed);
}

static void
test_seal_never_the_same(void **state)
{
	struct tpmiot_buf a = TPMIOT_BUF_INIT, b = TPMIOT_BUF_INIT;

	(void)state;
	seal(&a);
	seal(&b);
	assert_int_equal(a.len, b.len);
	/* Salt, iv and all that follows; a shared byte here and there is chance. */
	assert_memory_not_equal(a.data + 5, b.data + 5, 16);
	assert_memory_not_equal(a.data + 21, b.data + 21, 12);
	assert_memory_not_equal(a.data + 33, b.data + 33, 32);
	assert_true(a.len <= 6144); /* CA_WIRE_SESSION_MAX */
	tpmiot_buf_free(&a);
	tpmiot_buf_free(&b);
}

static void
test_unseal_refused(void **state)
{
	const struct ca_seal_key other = { .id = 7, .key = { 1, 2, 4 } };
	const struct ca_seal_key other_id = { .id = 8, .key = { 1, 2, 3 } };
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT;
	struct ca_ticket got;
	struct tpmiot_err err;

	(void)state;
	seal(&sealed);
	assert_int_equal(
	    ca_unseal(NULL, &other, sealed.data, sealed.len, &got, &err), TPMIOT_E_VERIFY);
	assert_int_equal(
	    ca_unseal(NULL, &other_id, sealed.data, sealed.len, &got, &err), TPMIOT_E_VERIFY);
	for (size_t n = 0; n < sealed.len; n++)
		assert_int_not_equal(ca_unseal(NULL, &key, sealed.data, n, &got, &err), TPMIOT_OK);
	tpmiot_buf_put_u8(&sealed, 0);
	assert_int_not_equal(ca_unseal(NULL, &key, sealed.data, sealed.len, &got, &err), TPMIOT_OK);
	sealed.len--;
	for (size_t n = 0; n < sealed.len; n++) {
		sealed.data[n] ^= 0x10;
		assert_int_not_equal(
		    ca_unseal(NULL, &key, sealed.data, sealed.len, &got, &err), TPMIOT_OK);
		sealed.data[n] ^= 0x10;
	}
	assert_ok(ca_unseal(NULL, &key, sealed.data, sealed.len, &got, &err));
	tpmiot_buf_free(&sealed);
}

/* The key id is associated data: a session says of itself only what the seal confirms. */
static void
test_unseal_key_id_changed(void **state)
{
	const struct ca_seal_key renamed = { .id = 6, .key = { 1, 2, 3 } };
	struct tpmiot_buf sealed = TPMIOT_BUF_INIT;
	struct ca_ticket got;
	struct tpmiot_err err;

	(void)state;
	seal(&sealed);
	sealed.data[4] = 6;
	assert_int_equal(
	    ca_unseal(NULL, &renamed, sealed.data, sealed.len, &got, &err), TPMIOT_E_VERIFY);
	tpmiot_buf_free(&sealed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unseal_same),
		cmocka_unit_test(test_seal_never_the_same),
		cmocka_unit_test(test_unseal_refused),
		cmocka_unit_test(test_unseal_key_id_changed),
	};

	return cmocka_run_group_tests_name("ca_seal", tests, NULL, NULL);
}
