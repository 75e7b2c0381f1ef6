/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* Autoconf's */

#include "ca_test.h"

#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "ca/store/store_int.h"

#define NOW ((int64_t)1800000000)

struct fixture {
	char dir[64];
	char path[128];
	struct ca_store *store;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct tpmiot_err err = { 0 };

	assert_non_null(f);
	scratch_make(f->dir);
	scratch_path(f->dir, "store.db", f->path);
	assert_ok(ca_store_create(f->path, &err));
	assert_ok(ca_store_open(f->path, &f->store, &err));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	ca_store_free(&f->store);
	assert_null(f->store);
	scratch_remove(f->dir);
	free(f);
	return 0;
}

/* Runs SQL behind the store's back; returns SQLite's code. */
static int
raw(const struct fixture *f, const char *sql)
{
	sqlite3 *db = NULL;
	int rc;

	assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

static struct ca_device
device(uint8_t n, const char *id)
{
	struct ca_device dev = { .last_seen = NOW + n };

	memset(dev.ek_spki, n, sizeof(dev.ek_spki));
	snprintf(dev.id, sizeof(dev.id), "%s", id);
	return dev;
}

static void
enrol(struct fixture *f, uint8_t n, const char *id)
{
	struct ca_device dev = device(n, id);
	struct tpmiot_err err = { 0 };

	assert_ok(ca_device_enrol(f->store, &dev, &err));
}

static struct ca_cert
certificate(uint8_t serial, uint8_t dev)
{
	struct ca_cert cert = {
		.serial_len = 16, .issued = NOW, .not_before = NOW - 60, .not_after = NOW + 3600
	};

	memset(cert.serial, serial, cert.serial_len);
	memset(cert.ek_spki, dev, sizeof(cert.ek_spki));
	memset(cert.key_spki, 0xee, sizeof(cert.key_spki));
	memset(cert.session, serial, sizeof(cert.session));
	tpmiot_buf_put_str(&cert.der, "der");
	return cert;
}

static void
add_cert(struct fixture *f, uint8_t serial, uint8_t dev)
{
	struct ca_cert cert = certificate(serial, dev);
	struct tpmiot_err err = { 0 };

	assert_ok(ca_cert_add(f->store, &cert, &err));
	tpmiot_buf_free(&cert.der);
}

static bool
count_device(void *arg, const struct ca_device *dev)
{
	assert_true(dev->id[0] != '\0');
	++*(int *)arg;
	return true;
}

static bool
count_cert(void *arg, const struct ca_cert *cert)
{
	assert_true(cert->device_id[0] != '\0');
	++*(int *)arg;
	return true;
}

static bool
count_audit(void *arg, const struct ca_audit *entry)
{
	(void)entry;
	return ++*(int *)arg < 100;
}

static void
test_create_is_private(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_fails(ca_store_create(f->path, &err), TPMIOT_E_CONFLICT, "there already");
}

static void
test_open_refuses(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_store *other = NULL;
	char path[128];

	scratch_path(f->dir, "a", path);
	assert_fails(ca_store_open(path, &other, &err), TPMIOT_E_NOT_FOUND, "init");
	scratch_write(
	    f->dir, "a", "this is not a database, and long enough to be seen as one.......");
	assert_fails(ca_store_open(path, &other, &err), TPMIOT_E_FORMAT, "damaged");
	assert_int_equal(raw(f, "PRAGMA user_version=99"), SQLITE_OK);
	assert_fails(ca_store_open(f->path, &other, &err), TPMIOT_E_UNSUPPORTED, "newer");
	assert_int_equal(raw(f, "PRAGMA application_id=1"), SQLITE_OK);
	assert_fails(ca_store_open(f->path, &other, &err), TPMIOT_E_FORMAT, "not tpmiot-ca's");
	assert_null(other);
}

/* As the version before made it: what its last step added is taken away. */
static void
make_older(struct fixture *f)
{
	assert_int_equal(raw(f, "ALTER TABLE registrations DROP COLUMN day;"
	                        "ALTER TABLE registrations DROP COLUMN of_day;"
	                        "PRAGMA user_version=10"),
	    SQLITE_OK);
}

/* An older store is changed by who upgrades it only, and can be copied before. */
static void
test_older(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_store *other = NULL;
	int64_t version = 0;
	char copy[128];

	scratch_path(f->dir, "a", copy);
	make_older(f);
	assert_fails(ca_store_open(f->path, &other, &err), TPMIOT_E_UNSUPPORTED, "upgrade");
	assert_null(other);
	assert_ok(ca_store_open_any(f->path, &other, &err));
	assert_true(ca_store_outdated(other));
	assert_ok(ca_store_backup(other, copy, &err));
	assert_ok(ca_store_pragma(other, "PRAGMA user_version", &version, &err));
	assert_int_equal(version, 10);
	assert_ok(ca_store_upgrade(other, &err));
	assert_false(ca_store_outdated(other));
	assert_ok(ca_store_upgrade(other, &err)); /* and once more is nothing */
	ca_store_free(&other);
	assert_ok(ca_store_open(f->path, &other, &err));
	ca_store_free(&other);
	assert_fails(ca_store_open(copy, &other, &err), TPMIOT_E_UNSUPPORTED, "upgrade");
}

static void
test_rollback_undoes(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_device dev = { 0 };

	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 1, "one");
	ca_store_rollback(f->store);
	ca_store_rollback(f->store);
	memset(dev.ek_spki, 1, sizeof(dev.ek_spki));
	assert_fails(
	    ca_device_find(f->store, dev.ek_spki, &dev, &err), TPMIOT_E_NOT_FOUND, "device");
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 1, "one");
	assert_ok(ca_store_commit(f->store, &err));
	assert_ok(ca_device_find_id(f->store, "one", &dev, &err));
}

/* Group commit: all that was committed becomes durable, and seen by others, at once. */
static void
test_group_settles_together(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_store *other = NULL;
	struct ca_device dev = { 0 };

	ca_store_group(f->store);
	assert_ok(ca_store_open(f->path, &other, &err));
	assert_ok(ca_store_settle(f->store, &err)); /* nothing */
	assert_int_equal(ca_store_unsettled(f->store), 0);
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 1, "one");
	assert_fails(ca_store_begin(f->store, &err), TPMIOT_E_USAGE, "transaction is open");
	assert_ok(ca_store_commit(f->store, &err));
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 2, "two");
	ca_store_rollback(f->store); /* this one alone */
	ca_store_rollback(f->store);
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 3, "three");
	assert_ok(ca_store_commit(f->store, &err));
	assert_int_equal(ca_store_unsettled(f->store), 2);
	assert_int_equal(ca_device_find_id(other, "one", &dev, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_device_find_id(f->store, "one", &dev, &err));
	assert_ok(ca_store_settle(f->store, &err));
	assert_int_equal(ca_store_unsettled(f->store), 0);
	assert_ok(ca_device_find_id(other, "one", &dev, &err));
	assert_int_equal(ca_device_find_id(other, "two", &dev, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_device_find_id(other, "three", &dev, &err));
	ca_store_free(&other);
}

/* A transaction that is rolled back and was the first leaves the lock to others. */
static void
test_group_rollback_unlocks(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_store *other = NULL;

	ca_store_group(f->store);
	assert_ok(ca_store_open(f->path, &other, &err));
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 1, "one");
	ca_store_rollback(f->store);
	assert_ok(ca_store_begin(other, &err));
	ca_store_rollback(other);
	ca_store_free(&other);
}

/* When SQLite gives up the whole transaction, none of the group is reported as recorded. */
static void
test_group_lost(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_device dev = { 0 };

	ca_store_group(f->store);
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 1, "one");
	assert_ok(ca_store_commit(f->store, &err));
	assert_ok(ca_store_exec(f->store, "ROLLBACK", &err));
	assert_fails(ca_store_begin(f->store, &err), TPMIOT_E_IO, "lost");
	assert_fails(ca_store_settle(f->store, &err), TPMIOT_E_IO, "lost");
	assert_int_equal(ca_device_find_id(f->store, "one", &dev, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_store_begin(f->store, &err)); /* and then it goes on */
	enrol(f, 1, "one");
	assert_ok(ca_store_commit(f->store, &err));
	assert_ok(ca_store_settle(f->store, &err));
}

/* A server goes on with something else soon, and sooner still as long as it lasts. */
static void
test_group_waits_shortly(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_store *other = NULL;
	struct timespec from, to;

	assert_ok(ca_store_open(f->path, &other, &err));
	ca_store_group(f->store);
	assert_ok(ca_store_begin(other, &err));
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (int i = 0; i < 10; i++)
		assert_fails(ca_store_begin(f->store, &err), TPMIOT_E_IO, "holds the store");
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 3);
	ca_store_rollback(other);
	assert_ok(ca_store_begin(f->store, &err));
	ca_store_rollback(f->store);
	ca_store_free(&other);
}

/* What another process commits is seen at once; what it does not commit is not. */
static void
test_two_connections(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_store *other = NULL;
	struct ca_device dev = { 0 };

	assert_ok(ca_store_open(f->path, &other, &err));
	assert_ok(ca_store_begin(f->store, &err));
	enrol(f, 1, "one");
	assert_int_equal(ca_device_find_id(other, "one", &dev, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_store_commit(f->store, &err));
	assert_ok(ca_device_find_id(other, "one", &dev, &err));
	assert_ok(ca_device_set_state(other, dev.ek_spki, CA_DEVICE_BLOCKED, &err));
	assert_ok(ca_device_find_id(f->store, "one", &dev, &err));
	assert_int_equal(dev.state, CA_DEVICE_BLOCKED);
	ca_store_free(&other);
}

static void
test_device_enrol_again(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_device dev = device(1, "one"), got = { 0 };

	strcpy(dev.manufacturer, "id:53544D20");
	tpmiot_buf_put_str(&dev.ek_cert, "cert");
	assert_ok(ca_device_enrol(f->store, &dev, &err));
	assert_ok(ca_device_set_state(f->store, dev.ek_spki, CA_DEVICE_BLOCKED, &err));
	dev.last_seen = NOW + 500;
	tpmiot_buf_reset(&dev.ek_cert);
	assert_ok(ca_device_enrol(f->store, &dev, &err));
	assert_ok(ca_device_find(f->store, dev.ek_spki, &got, &err));
	assert_int_equal(got.first_seen, NOW + 1);
	assert_int_equal(got.last_seen, NOW + 500);
	assert_int_equal(got.state, CA_DEVICE_BLOCKED);
	assert_string_equal(got.manufacturer, "id:53544D20");
	assert_string_equal(got.group, "");
	assert_int_equal(got.ek_cert.len, 4);
	tpmiot_buf_free(&got.ek_cert);
	tpmiot_buf_free(&dev.ek_cert);
}

static void
test_device_enrol_conflict(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_device dev = device(2, "one"), got = { 0 };
	int n = 0;

	enrol(f, 1, "one");
	assert_fails(ca_device_enrol(f->store, &dev, &err), TPMIOT_E_CONFLICT, "another device");
	dev = device(1, "uno");
	assert_fails(ca_device_enrol(f->store, &dev, &err), TPMIOT_E_CONFLICT, "another id");
	assert_ok(ca_device_find_id(f->store, "one", &got, &err));
	assert_int_equal(got.last_seen, NOW + 1);
	assert_ok(ca_device_list(f->store, count_device, &n, &err));
	assert_int_equal(n, 1);
}

static void
test_ak_belongs_to_one_device(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_ak ak = { .name_len = 34, .last_seen = NOW }, got = { 0 };

	memset(ak.ek_spki, 1, sizeof(ak.ek_spki));
	tpmiot_buf_put_str(&ak.public, "public");
	assert_int_equal(ca_ak_enrol(f->store, &ak, &err), TPMIOT_E_CONFLICT); /* no device */
	enrol(f, 1, "one");
	enrol(f, 2, "two");
	assert_ok(ca_ak_enrol(f->store, &ak, &err));
	ak.last_seen = NOW + 9;
	assert_ok(ca_ak_enrol(f->store, &ak, &err));
	memset(ak.ek_spki, 2, sizeof(ak.ek_spki));
	assert_fails(ca_ak_enrol(f->store, &ak, &err), TPMIOT_E_CONFLICT, "another device");
	assert_ok(ca_ak_find(f->store, ak.spki, &got, &err));
	assert_int_equal(got.ek_spki[0], 1);
	assert_int_equal(got.first_seen, NOW);
	assert_int_equal(got.last_seen, NOW + 9);
	assert_ok(ca_ak_latest(f->store, got.ek_spki, &got, &err));
	assert_int_equal(ca_ak_latest(f->store, ak.ek_spki, &got, &err), TPMIOT_E_NOT_FOUND);
	tpmiot_buf_free(&got.public);
	tpmiot_buf_free(&ak.public);
}

static void
test_cert_roundtrip(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_cert cert = certificate(7, 1), got = { 0 };
	uint8_t two[CA_SHA256_LEN];
	int n = 0;

	assert_int_equal(ca_cert_add(f->store, &cert, &err), TPMIOT_E_CONFLICT); /* no device */
	enrol(f, 1, "one");
	enrol(f, 2, "two");
	assert_ok(ca_cert_add(f->store, &cert, &err));
	assert_int_equal(ca_cert_add(f->store, &cert, &err), TPMIOT_E_CONFLICT);
	add_cert(f, 8, 2);
	assert_ok(ca_cert_find(f->store, cert.serial, cert.serial_len, &got, &err));
	assert_string_equal(got.device_id, "one");
	assert_memory_equal(got.key_spki, cert.key_spki, CA_SHA256_LEN);
	assert_int_equal(got.not_after, NOW + 3600);
	assert_int_equal(got.state, CA_CERT_GOOD);
	assert_memory_equal(got.der.data, "der", 3);
	assert_int_equal(ca_cert_find(f->store, cert.serial, 15, &got, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_cert_list(f->store, NULL, count_cert, &n, &err));
	assert_int_equal(n, 2);
	memset(two, 2, sizeof(two));
	assert_ok(ca_cert_list(f->store, two, count_cert, &n, &err));
	assert_int_equal(n, 3);
	tpmiot_buf_free(&got.der);
	tpmiot_buf_free(&cert.der);
}

static void
test_session_is_spent_once(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_session session = { .serial_len = 16 }, got = { 0 };
	struct ca_seal_key key = { 0 };

	memset(session.serial, 7, 16);
	assert_int_equal(ca_session_spend(f->store, &session, &err), TPMIOT_E_CONFLICT);
	enrol(f, 1, "one");
	add_cert(f, 7, 1);
	assert_ok(ca_seal_key_add(f->store, key.key, NOW, &err));
	assert_ok(ca_seal_key_newest(f->store, &key, &err));
	session.seal_key = key.id;
	assert_ok(ca_session_spend(f->store, &session, &err));
	assert_int_equal(ca_session_spend(f->store, &session, &err), TPMIOT_E_CONFLICT);
	assert_ok(ca_session_purge(f->store, &err));
	assert_ok(ca_session_find(f->store, session.id, &got, &err));
	assert_int_equal(got.serial_len, 16);
	assert_int_equal(got.seal_key, key.id);
	assert_ok(ca_seal_key_add(f->store, key.key, NOW + 2, &err));
	assert_ok(ca_seal_key_purge(f->store, NOW + 1, NOW + 9, &err));
	assert_ok(ca_session_purge(f->store, &err));
	assert_int_equal(ca_session_find(f->store, session.id, &got, &err), TPMIOT_E_NOT_FOUND);
}

static void
test_allow_conflicts(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_allow allow = { .device_id = "one", .note = "n", .added = NOW }, got;

	assert_ok(ca_allow_add(f->store, &allow, &err));
	assert_fails(ca_allow_add(f->store, &allow, &err), TPMIOT_E_CONFLICT, "already");
	allow.ek_spki[0] = 1; /* another EK, same id */
	assert_int_equal(ca_allow_add(f->store, &allow, &err), TPMIOT_E_CONFLICT);
	allow.device_id[0] = '\0';
	assert_ok(ca_allow_add(f->store, &allow, &err));
	allow.ek_spki[0] = 2; /* two without an id do not clash */
	assert_ok(ca_allow_add(f->store, &allow, &err));
	assert_ok(ca_allow_find(f->store, allow.ek_spki, &got, &err));
	assert_string_equal(got.device_id, "");
	assert_string_equal(got.note, "n");
	assert_ok(ca_allow_remove(f->store, allow.ek_spki, &err));
	assert_int_equal(ca_allow_remove(f->store, allow.ek_spki, &err), TPMIOT_E_NOT_FOUND);
	assert_int_equal(ca_allow_find(f->store, allow.ek_spki, &got, &err), TPMIOT_E_NOT_FOUND);
}

static void
test_allow_against_devices(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_allow allow = { .device_id = "uno" };
	const struct ca_audit entry = { .event = "admin", .decision = "done", .reason = "import" };
	struct ca_allow_added done;
	bool known;

	enrol(f, 1, "one");
	memset(allow.ek_spki, 1, sizeof(allow.ek_spki));
	assert_fails(ca_allow_add(f->store, &allow, &err), TPMIOT_E_CONFLICT, "one is enrolled");
	strcpy(allow.device_id, "one");
	assert_ok(ca_allow_add(f->store, &allow, &err));
	memset(allow.ek_spki, 2, sizeof(allow.ek_spki));
	assert_fails(ca_allow_add(f->store, &allow, &err), TPMIOT_E_CONFLICT, "one is enrolled");
	/* Released, a device may come back under any id: by itself, or as one of many. */
	enrol(f, 3, "three");
	memset(allow.ek_spki, 3, sizeof(allow.ek_spki));
	assert_ok(ca_device_release(f->store, allow.ek_spki, &err));
	strcpy(allow.device_id, "drei");
	assert_ok(ca_allow_stage_start(f->store, &err));
	assert_ok(ca_allow_stage(f->store, 2, &allow, &known, &err));
	assert_ok(ca_allow_add_staged(f->store, &entry, &done, &err));
	assert_int_equal(done.added, 1);
	assert_ok(ca_allow_remove(f->store, allow.ek_spki, &err));
	assert_ok(ca_allow_add(f->store, &allow, &err));
}

/* Lines of a file: those that are there stay as they are, one that contradicts stops all. */
static void
test_allow_staged(void **state)
{
	const struct ca_audit entry = {
		.time = NOW, .event = "admin", .decision = "done", .reason = "allow import"
	};
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_allow a = { .device_id = "a", .group = "g", .added = NOW },
	                b = { .device_id = "b", .note = "n" }, got;
	struct ca_allow_added done;
	struct ca_store *other = NULL;
	int64_t rows = 0;
	bool known = true;

	b.ek_spki[0] = 1;
	assert_ok(ca_allow_add(f->store, &a, &err));
	assert_ok(ca_allow_stage_start(f->store, &err));
	assert_ok(ca_allow_stage(f->store, 2, &a, &known, &err));
	assert_false(known);
	assert_ok(ca_allow_stage(f->store, 3, &b, &known, &err));
	assert_ok(ca_allow_stage(f->store, 4, &b, &known, &err));
	assert_true(known);
	strcpy(b.note, "m"); /* the same EK, another entry */
	assert_fails(ca_allow_stage(f->store, 5, &b, &known, &err), TPMIOT_E_CONFLICT, "\"b\"");
	/* Until here, nobody waits. */
	assert_ok(ca_store_open(f->path, &other, &err));
	assert_ok(ca_store_begin(other, &err));
	ca_store_free(&other);
	assert_ok(ca_store_begin(f->store, &err));
	assert_ok(ca_allow_add_staged(f->store, &entry, &done, &err));
	assert_ok(ca_store_commit(f->store, &err));
	assert_int_equal(done.added, 1);
	assert_int_equal(done.known, 1);
	assert_ok(ca_allow_find(f->store, b.ek_spki, &got, &err));
	assert_string_equal(got.note, "n");
	assert_int_equal(got.added, NOW);
	assert_ok(ca_store_pragma(f->store,
	    "SELECT count(*) FROM audit WHERE device_id = 'b' AND detail = 'n'"
	    " AND reason = 'allow import'",
	    &rows, &err));
	assert_int_equal(rows, 1);

	enrol(f, 7, "seven");
	assert_ok(ca_allow_stage_start(f->store, &err)); /* without those from before */
	a = (struct ca_allow){ .device_id = "c", .ek_spki = { 2 } };
	assert_ok(ca_allow_stage(f->store, 2, &a, &known, &err));
	strcpy(a.device_id, "seven");
	a.ek_spki[0] = 3;
	assert_ok(ca_allow_stage(f->store, 9, &a, &known, &err));
	assert_ok(ca_store_begin(f->store, &err));
	assert_fails(ca_allow_add_staged(f->store, &entry, &done, &err), TPMIOT_E_CONFLICT,
	    "seven is enrolled");
	assert_int_equal(done.line, 9);
	ca_store_rollback(f->store);
	a.ek_spki[0] = 2;
	assert_int_equal(ca_allow_find(f->store, a.ek_spki, &got, &err), TPMIOT_E_NOT_FOUND);
}

static bool
keep_root(void *arg, const struct ca_root *root)
{
	*(int64_t *)arg = root->id;
	assert_string_equal(root->subject, "CN=x");
	assert_int_equal(root->kind, CA_ROOT_LINK);
	return true;
}

static void
test_root_generation(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_root root = { .kind = CA_ROOT_LINK, .subject = "CN=x" };
	int64_t before = 0, after = 0, last = 0, id = 0;

	tpmiot_buf_put_str(&root.der, "der");
	assert_ok(ca_root_generation(f->store, &before, &err));
	assert_ok(ca_root_add(f->store, &root, &err));
	assert_ok(ca_root_generation(f->store, &after, &err));
	assert_true(before != after);
	assert_int_equal(ca_root_add(f->store, &root, &err), TPMIOT_E_CONFLICT);
	assert_ok(ca_root_list(f->store, keep_root, &id, &err));
	assert_ok(ca_root_remove(f->store, id, &err));
	assert_ok(ca_root_generation(f->store, &last, &err));
	assert_true(last != after && last != before);
	assert_int_equal(ca_root_remove(f->store, id, &err), TPMIOT_E_NOT_FOUND);
	tpmiot_buf_free(&root.der);
}

static void
test_token_counts_devices(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_token token = { .uses_allowed = 2, .expires = NOW + 10 }, got;
	uint8_t ek[4][CA_SHA256_LEN] = { { 1 }, { 2 }, { 3 } };
	int64_t id = 0, next = 0;

	assert_ok(ca_token_add(f->store, &token, &id, &err));
	assert_ok(ca_token_use(f->store, id, ek[0], NOW, &err));
	assert_ok(ca_token_use(f->store, id, ek[0], NOW, &err));
	assert_ok(ca_token_find(f->store, token.sha256, &got, &err));
	assert_int_equal(got.uses, 1);
	assert_ok(ca_token_use(f->store, id, ek[1], NOW, &err));
	assert_fails(ca_token_use(f->store, id, ek[2], NOW, &err), TPMIOT_E_POLICY, "used up");
	assert_ok(ca_token_use(f->store, id, ek[0], NOW + 9, &err));
	assert_fails(ca_token_use(f->store, id, ek[0], NOW + 10, &err), TPMIOT_E_POLICY, "expired");
	assert_ok(ca_token_remove(f->store, id, &err));
	assert_int_equal(ca_token_use(f->store, id, ek[0], NOW, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_token_add(f->store, &token, &next, &err)); /* a number is never used again */
	assert_true(next > id);
	assert_ok(ca_token_find_id(f->store, next, &got, &err));
	assert_int_equal(got.uses, 0);
}

static void
test_seal_keys_rotate(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_seal_key first = { 0 }, second = { 0 };
	uint8_t key[CA_SEAL_KEY_LEN] = { 1 };

	assert_int_equal(ca_seal_key_newest(f->store, &first, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_seal_key_add(f->store, key, NOW, &err));
	assert_ok(ca_seal_key_newest(f->store, &first, &err));
	assert_true(first.id != 0);
	assert_ok(ca_seal_key_purge(f->store, NOW + 99, NOW + 99, &err)); /* the newest stays */
	key[0] = 2;
	assert_ok(ca_seal_key_add(f->store, key, NOW + 1, &err));
	assert_ok(ca_seal_key_newest(f->store, &second, &err));
	assert_int_equal(second.key[0], 2);
	assert_ok(ca_seal_key_find(f->store, first.id, &first, &err));
	assert_int_equal(first.key[0], 1);
	assert_ok(ca_seal_key_purge(f->store, NOW, NOW, &err));
	assert_ok(ca_seal_key_find(f->store, first.id, &first, &err));
	assert_ok(ca_seal_key_purge(f->store, NOW + 1, NOW + 1, &err));
	assert_int_equal(ca_seal_key_find(f->store, first.id, &first, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_seal_key_add(f->store, key, NOW, &err)); /* the clock was set back */
	assert_ok(ca_seal_key_purge(f->store, NOW - 9, NOW, &err));
	assert_int_equal(ca_seal_key_find(f->store, second.id, &second, &err), TPMIOT_E_NOT_FOUND);
}

static void
test_settings(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct tpmiot_buf value = TPMIOT_BUF_INIT;

	assert_int_equal(ca_setting_get(f->store, "a", &value, &err), TPMIOT_E_NOT_FOUND);
	assert_ok(ca_setting_set(f->store, "a", "1", 1, &err));
	assert_ok(ca_setting_set(f->store, "a", "22", 2, &err));
	assert_ok(ca_setting_set(f->store, "b", NULL, 0, &err));
	assert_ok(ca_setting_get(f->store, "b", &value, &err));
	assert_int_equal(value.len, 0);
	assert_ok(ca_setting_get(f->store, "a", &value, &err));
	assert_int_equal(value.len, 2);
	tpmiot_buf_free(&value);
}

static bool
keep_audit(void *arg, const struct ca_audit *entry)
{
	*(struct ca_audit *)arg = *entry;
	return true;
}

static void
test_audit_only_grows(void **state)
{
	struct fixture *f = *state;
	struct tpmiot_err err = { 0 };
	struct ca_audit entry = { .time = NOW,
		.event = "attest",
		.decision = "refused",
		.reason = "ek-not-listed",
		.peer = "[::1]:7" },
	                got = { 0 };
	int n = 0;

	assert_ok(ca_audit_add(f->store, &entry, &err));
	entry.has_ek = true;
	memset(entry.ek_spki, 9, sizeof(entry.ek_spki));
	assert_ok(ca_audit_add(f->store, &entry, &err));
	assert_int_equal(raw(f, "UPDATE audit SET reason = 'x'"), SQLITE_CONSTRAINT);
	assert_int_equal(raw(f, "DELETE FROM audit"), SQLITE_CONSTRAINT);
	assert_int_equal(
	    raw(f, "REPLACE INTO audit (id, time, event, decision) VALUES (1, 1, 'x', 'y')"),
	    SQLITE_CONSTRAINT);
	assert_ok(ca_audit_list(f->store, 0, count_audit, &n, &err));
	assert_int_equal(n, 2);
	assert_ok(ca_audit_list(f->store, 1, keep_audit, &got, &err));
	assert_int_equal(got.id, 2);
	assert_true(got.has_ek);
	assert_string_equal(got.reason, "ek-not-listed");
	assert_string_equal(got.device_id, "");
}

/* A disk that is full says so, whichever file it is that cannot grow. Needs a root's mount. */
static void
test_full_disk(void **state)
{
	char dir[64], path[128], filler[128];
	char block[4096] = { 1 };
	struct tpmiot_err err = { 0 };
	struct ca_store *store = NULL;
	FILE *f;

	(void)state;
	scratch_make(dir);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", dir, "tmpfs", 0, "size=512k") != 0) {
		scratch_remove(dir);
		skip();
	}
	scratch_path(dir, "store.db", path);
	scratch_path(dir, "filler", filler);
	assert_ok(ca_store_create(path, &err));
	f = fopen(filler, "w");
	assert_non_null(f);
	setvbuf(f, NULL, _IONBF, 0);
	while (fwrite(block, sizeof(block), 1, f) == 1)
		;
	fclose(f);
	assert_fails(ca_store_open(path, &store, &err), TPMIOT_E_IO, "file system is full");
	assert_int_equal(umount2(dir, MNT_DETACH), 0);
	scratch_remove(dir);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_create_is_private),
		TEST(test_open_refuses),
		TEST(test_older),
		TEST(test_rollback_undoes),
		TEST(test_two_connections),
		TEST(test_group_settles_together),
		TEST(test_group_rollback_unlocks),
		TEST(test_group_lost),
		TEST(test_group_waits_shortly),
		TEST(test_device_enrol_again),
		TEST(test_device_enrol_conflict),
		TEST(test_ak_belongs_to_one_device),
		TEST(test_cert_roundtrip),
		TEST(test_session_is_spent_once),
		TEST(test_allow_conflicts),
		TEST(test_allow_against_devices),
		TEST(test_allow_staged),
		TEST(test_root_generation),
		TEST(test_token_counts_devices),
		TEST(test_seal_keys_rotate),
		TEST(test_settings),
		TEST(test_audit_only_grows),
		cmocka_unit_test(test_full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
