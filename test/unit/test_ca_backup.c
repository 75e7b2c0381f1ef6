/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the store, what becomes of them, and who gets how many certificates. */
#include "enrolkit.h"

#include <sys/stat.h>

#include "ca/pki/crl.h"

static void
enrol(struct kit *kit, const struct kit_device *dev)
{
	struct kit_answer answer;

	kit_enrol(kit, dev, NULL, &answer, NULL);
	kit_answer_free(&answer);
}

static int64_t
crl_number(struct kit *kit)
{
	struct ca_crl crl = { .der = TPMIOT_BUF_INIT };
	struct tpmiot_err err = { 0 };

	assert_ok(ca_crl_current(&kit->config, &kit->signer, kit->store, kit_now, &crl, &err));
	tpmiot_buf_free(&crl.der);
	return crl.number;
}

/* The kit with the store closed, or opened again. */
static void
close_store(struct kit *kit)
{
	ca_api_free(&kit->api);
	ca_store_free(&kit->store);
}

static void
open_store(struct kit *kit)
{
	struct tpmiot_err err = { 0 };

	assert_ok(ca_store_open(kit->path, &kit->store, &err));
	assert_ok(ca_api_new(&kit->config, kit->store, &kit->signer, kit_clock, &kit->api, &err));
}

static void
test_backup_and_restore(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	struct kit_answer answer, refused;
	char copy[128], old[160];
	int64_t number;
	struct stat st;

	scratch_path(kit->dir, "copy", copy);
	snprintf(old, sizeof(old), "%s.old", kit->path);
	enrol(kit, &kit_a);
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &answer); /* under way meanwhile */
	assert_ok(ca_store_begin(kit->store, &err)); /* another's writing does not disturb */
	ca_store_rollback(kit->store);
	assert_ok(ca_store_backup(kit->store, copy, &err));
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	number = crl_number(kit);
	enrol(kit, &kit_b); /* lost by the restore */

	assert_fails(ca_store_restore(copy, kit->path, kit_now, &err), TPMIOT_E_CONFLICT, "in use");
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 2);
	close_store(kit);
	assert_ok(ca_store_restore(copy, kit->path, kit_now, &err));
	assert_int_equal(access(old, F_OK), 0);
	assert_int_equal(stat(kit->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	open_store(kit);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 1);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM audit WHERE reason = 'restore'"), 1);
	assert_true(crl_number(kit) > number + 1000);
	/* Its session may have been spent after the copy was made. */
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, answer.doc), &refused);
	assert_string_equal(refused.type, "session-invalid");
	kit_answer_free(&refused);
	kit_answer_free(&answer);
	enrol(kit, &kit_b);
	/* The copy can be used again, and is as it was. */
	close_store(kit);
	assert_ok(ca_store_restore(copy, kit->path, kit_now, &err));
	open_store(kit);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 1);
}

static void
test_backup_refuses(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	char copy[128];

	assert_fails(
	    ca_store_backup(kit->store, kit->path, &err), TPMIOT_E_USAGE, "the store itself");
	scratch_path(kit->dir, "none/copy", copy);
	assert_fails(ca_store_backup(kit->store, copy, &err), TPMIOT_E_IO, "none/copy");
}

/* A restore that was interrupted when the store was aside is repeated: the one aside stays. */
static void
test_restore_interrupted(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	char copy[128], old[160], old_wal[160];
	struct ca_store *store = NULL;
	struct ca_device dev = { .ek_cert = TPMIOT_BUF_INIT };

	scratch_path(kit->dir, "copy", copy);
	snprintf(old, sizeof(old), "%s.old", kit->path);
	snprintf(old_wal, sizeof(old_wal), "%s.old-wal", kit->path);
	assert_ok(ca_store_backup(kit->store, copy, &err));
	enrol(kit, &kit_a);
	close_store(kit);
	assert_int_equal(rename(kit->path, old), 0);
	scratch_write(kit->dir, "store.db.old-wal", "its log, which is a part of it");
	assert_ok(ca_store_restore(copy, kit->path, kit_now, &err));
	assert_int_equal(access(old_wal, F_OK), 0);
	assert_ok(ca_store_open(old, &store, &err));
	assert_ok(ca_device_find(store, kit_a.ek_spki, &dev, &err));
	tpmiot_buf_free(&dev.ek_cert);
	ca_store_free(&store);
	scratch_write(kit->dir, "store.db.old-wal", "of the one from before");
	assert_ok(ca_store_restore(copy, kit->path, kit_now, &err));
	assert_int_equal(access(old, F_OK), 0);
	assert_int_equal(access(old_wal, F_OK), -1);
	open_store(kit);
}

/* None of these changes the store. */
static void
test_restore_refuses(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	char bad[128];
	FILE *f;

	enrol(kit, &kit_a);
	close_store(kit);
	scratch_path(kit->dir, "bad", bad);
	assert_fails(ca_store_restore(bad, kit->path, kit_now, &err), TPMIOT_E_IO, "bad");
	f = fopen(bad, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fputs("this is no database, ", f);
	fclose(f);
	assert_fails(ca_store_restore(bad, kit->path, kit_now, &err), TPMIOT_E_FORMAT, "bad");
	f = fopen(bad, "w"); /* an empty database is none of ours with anything in it */
	assert_non_null(f);
	fclose(f);
	assert_fails(ca_store_restore(bad, kit->path, kit_now, &err), TPMIOT_E_FORMAT, "no backup");
	assert_fails(
	    ca_store_restore(kit->path, kit->path, kit_now, &err), TPMIOT_E_USAGE, "itself");
	open_store(kit);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM devices"), 1);
}

/* A copy whose pages are damaged is found out before it is put in place. */
static void
test_restore_refuses_damage(void **state)
{
	struct kit *kit = *state;
	struct tpmiot_err err = { 0 };
	char copy[128];
	FILE *f;

	for (int i = 0; i < 20; i++)
		enrol(kit, &kit_a);
	scratch_path(kit->dir, "copy", copy);
	assert_ok(ca_store_backup(kit->store, copy, &err));
	close_store(kit);
	f = fopen(copy, "r+");
	assert_non_null(f);
	for (long at = 4096 * 4; at < 4096 * 30; at += 4096) {
		fseek(f, at, SEEK_SET);
		for (int i = 0; i < 64; i++)
			fputc(0xa5, f);
	}
	fclose(f);
	assert_fails(ca_store_restore(copy, kit->path, kit_now, &err), TPMIOT_E_FORMAT, "damaged");
	open_store(kit);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 20);
}

static void
test_issue_limit(void **state)
{
	struct kit *kit = *state;
	struct kit_answer answer, refused;
	int64_t begun;

	kit->config.issue_limit = 3;
	begun = kit_now;
	for (int i = 0; i < 3; i++) {
		enrol(kit, &kit_a);
		kit_now += 60;
	}
	kit_post(kit, "/v1/attestations", kit_attest(&kit_a), &answer);
	assert_int_equal(answer.status, 200);
	kit_post(kit, "/v1/certificates", kit_issue(&kit_a, answer.doc), &refused);
	assert_int_equal(refused.status, 429);
	assert_string_equal(refused.type, "rate-limited");
	assert_int_equal(refused.retry_after, begun + 86400 - kit_now);
	assert_int_equal(kit_count(kit, "SELECT count(*) FROM certificates"), 3);
	assert_int_equal(
	    kit_count(kit, "SELECT count(*) FROM audit WHERE reason = 'rate-limited'"), 1);
	kit_answer_free(&refused);
	kit_answer_free(&answer);
	enrol(kit, &kit_b); /* another has its own */
	kit_now = begun + 86400;
	enrol(kit, &kit_a); /* the first is a day old */
	kit->config.issue_limit = 0;
	for (int i = 0; i < 5; i++)
		enrol(kit, &kit_a);
}

/* A certificate that is sent again is none more. */
static void
test_issue_limit_replay(void **state)
{
	struct kit *kit = *state;
	struct kit_answer issued, again;
	json_t *request = NULL;

	kit->config.issue_limit = 1;
	kit_enrol(kit, &kit_a, NULL, &issued, &request);
	kit_post(kit, "/v1/certificates", request, &again);
	assert_int_equal(again.status, 200);
	kit_answer_free(&again);
	kit_answer_free(&issued);
}

static bool
count_cert(void *arg, const struct ca_cert *cert)
{
	(void)cert;
	++*(int *)arg;
	return true;
}

static int
expiring(struct kit *kit, int64_t before)
{
	struct tpmiot_err err = { 0 };
	int n = 0;

	assert_ok(ca_cert_list_expiring(kit->store, before, count_cert, &n, &err));
	return n;
}

static void
test_expiring(void **state)
{
	struct kit *kit = *state;
	const int64_t end = kit_now + kit->config.validity;

	enrol(kit, &kit_a);
	enrol(kit, &kit_b);
	assert_int_equal(expiring(kit, end - 86400), 0);
	assert_int_equal(expiring(kit, end), 2);
	kit_now += 86400;
	enrol(kit, &kit_b); /* has a successor */
	assert_int_equal(expiring(kit, end), 1);
	assert_int_equal(expiring(kit, end + 2 * 86400), 2);
	kit_sql(kit, "UPDATE devices SET state = 1");
	assert_int_equal(expiring(kit, end + 2 * 86400), 0);
	kit_sql(kit, "UPDATE devices SET state = 0; UPDATE certificates SET state = 1");
	assert_int_equal(expiring(kit, end + 2 * 86400), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, kit_setup, kit_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_backup_and_restore),
		TEST(test_backup_refuses),
		TEST(test_restore_interrupted),
		TEST(test_restore_refuses),
		TEST(test_restore_refuses_damage),
		TEST(test_issue_limit),
		TEST(test_issue_limit_replay),
		TEST(test_expiring),
	};

	return cmocka_run_group_tests_name("ca_backup", tests, kit_group_setup, kit_group_teardown);
}
