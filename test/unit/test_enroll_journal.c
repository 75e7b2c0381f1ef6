/* SPDX-License-Identifier: Apache-2.0 */
/* The journal: read back as written, and what a repair flushes and what it leaves alone. */
#include <sys/stat.h>
#include <unistd.h>

#include <tpmiot/template.h>

#include "enroll/state/journal.h"
#include "script_tcti.h"
#include "unit.h"

#define RESETS 7
#define RESTARTS 8

struct fixture {
	char dir[64];
	struct enroll_state state;
	struct enroll_ui ui;
	struct script_tcti script;
	struct tpmiot_tpm *tpm;
	struct tpmiot_err err;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)strcpy(f->dir, "/tmp/tpmiot-journal.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_ok(enroll_state_open(f->dir, &f->state, &f->err), &f->err);
	assert_ok(tpmiot_tpm_new_on(script_init(&f->script), NULL, &f->tpm, &f->err), &f->err);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	static const char *const files[] = { ENROLL_JOURNAL_FILE, "device.key" };
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < COUNT(files); i++)
		assert_ok(tpmiot_statedir_remove(f->dir, files[i], &f->err), &f->err);
	assert_int_equal(rmdir(f->dir), 0); /* and nothing else was in it */
	enroll_state_close(&f->state);
	tpmiot_tpm_free(&f->tpm);
	script_free(&f->script);
	free(f);
	return 0;
}

/* ---- What the TPM says ----------------------------------------------------------- */

static void
say_handles(struct fixture *f, const TPM2_HANDLE *handles, uint32_t n)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;
	uint32_t i;

	tpmiot_buf_put_u8(&params, 0);
	tpmiot_buf_put_u32(&params, TPM2_CAP_HANDLES);
	tpmiot_buf_put_u32(&params, n);
	for (i = 0; i < n; i++)
		tpmiot_buf_put_u32(&params, handles[i]);
	script_ok(&f->script, 0, &params, false);
	tpmiot_buf_free(&params);
}

static void
say_clock(struct fixture *f, uint32_t resets)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;

	tpmiot_buf_put_u64(&params, 5);
	tpmiot_buf_put_u64(&params, 6);
	tpmiot_buf_put_u32(&params, resets);
	tpmiot_buf_put_u32(&params, RESTARTS);
	tpmiot_buf_put_u8(&params, 1);
	script_ok(&f->script, 0, &params, false);
	tpmiot_buf_free(&params);
}

static void
say_public(struct fixture *f, const struct tpmiot_public *pub)
{
	struct tpmiot_buf params = TPMIOT_BUF_INIT;
	int i;

	tpmiot_public_put(pub, &params);
	for (i = 0; i < 2; i++) { /* Name and qualified name */
		tpmiot_buf_put_u16(&params, pub->name.size);
		tpmiot_buf_put(&params, pub->name.name, pub->name.size);
	}
	script_ok(&f->script, 0, &params, false);
	tpmiot_buf_free(&params);
}

static void
make_public(const TPMT_PUBLIC *area, struct tpmiot_public *out)
{
	struct tpmiot_err err;

	assert_ok(tpmiot_public_from_area(NULL, area, out, &err), &err);
}

static void
write_journal(struct fixture *f, const struct enroll_journal *journal)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	assert_ok(enroll_journal_put(journal, &text, &f->err), &f->err);
	assert_ok(tpmiot_statedir_write(
	              f->dir, ENROLL_JOURNAL_FILE, text.data, text.len, 0600, (gid_t)-1, &f->err),
	    &f->err);
	tpmiot_buf_free(&text);
}

static void
read_journal(struct fixture *f, struct enroll_journal *out)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;

	assert_ok(tpmiot_statedir_read(f->dir, ENROLL_JOURNAL_FILE, &text, &f->err), &f->err);
	assert_ok(enroll_journal_parse((struct tpmiot_bytes){ text.data, text.len }, out, &f->err),
	    &f->err);
	tpmiot_buf_free(&text);
}

/* The handle that the i-th command, a FlushContext, has flushed. */
static void
assert_flushed(const struct fixture *f, size_t i, TPM2_HANDLE handle)
{
	struct tpmiot_reader r;

	assert_int_equal(script_command(&f->script, i), TPM2_CC_FlushContext);
	tpmiot_reader_init(&r, f->script.commands[i].data, f->script.commands[i].len);
	(void)tpmiot_reader_take(&r, 10);
	assert_int_equal(tpmiot_reader_u32(&r), handle);
}

/* ---- Tests ------------------------------------------------------------------------- */

static void
test_put_parse(void **state)
{
	const struct enroll_journal journal = { .reset_count = UINT32_MAX,
		.lists_objects = true,
		.names = { { 2, { 0xab, 0xcd } } },
		.names_n = 1,
		.restart_count = 2,
		.objects = { 0x80000000, 0x80000001 },
		.objects_n = 2,
		.sessions = { 0x03000000 },
		.sessions_n = 1 };
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct enroll_journal back;
	struct tpmiot_err err;
	size_t len;

	(void)state;
	assert_ok(enroll_journal_put(&journal, &text, &err), &err);
	assert_ok(
	    enroll_journal_parse((struct tpmiot_bytes){ text.data, text.len }, &back, &err), &err);
	assert_int_equal(back.reset_count, UINT32_MAX);
	assert_int_equal(back.restart_count, 2);
	assert_int_equal(back.objects_n, 2);
	assert_int_equal(back.objects[1], 0x80000001);
	assert_int_equal(back.sessions_n, 1);
	assert_int_equal(back.sessions[0], 0x03000000);
	assert_int_equal(back.names_n, 1);
	assert_int_equal(back.names[0].size, 2);
	assert_memory_equal(back.names[0].name, "\xab\xcd", 2);
	for (len = 0; len < text.len; len++)
		assert_refused(
		    enroll_journal_parse((struct tpmiot_bytes){ text.data, len }, &back, &err),
		    TPMIOT_E_FORMAT, &err, "journal");
	tpmiot_buf_free(&text);
}

static void
test_parse_refusals(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{\"reset_count\":-1,\"restart_count\":0,\"objects\":[],\"sessions\":[]}",
		"{\"reset_count\":4294967296,\"restart_count\":0,\"objects\":[],\"sessions\":[]}",
		"{\"reset_count\":1,\"restart_count\":0,\"objects\":{},\"sessions\":[]}",
		"{\"reset_count\":1,\"restart_count\":0,\"objects\":[\"1\"],\"sessions\":[]}",
		"{\"reset_count\":1,\"restart_count\":0,\"objects\":[]}",
		"{\"reset_count\":1,\"restart_count\":0,\"sessions\":[],\"names\":{}}",
		"{\"reset_count\":1,\"restart_count\":0,\"sessions\":[],\"names\":[\"0\"]}",
		"{\"reset_count\":1,\"restart_count\":0,\"sessions\":[],\"names\":[\"\"]}",
		"{\"reset_count\":1,\"restart_count\":0,\"sessions\":[],\"names\":[\"xx\"]}",
		("{\"reset_count\":1,\"restart_count\":0,\"sessions\":[],"
		 "\"names\":[\"00\",\"01\",\"02\"]}"),
	};
	struct enroll_journal journal;
	struct tpmiot_err err;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		assert_refused(enroll_journal_parse(
		                   (struct tpmiot_bytes){ bad[i], strlen(bad[i]) }, &journal, &err),
		    TPMIOT_E_FORMAT, &err, "journal");
}

static void
test_is_template(void **state)
{
	TPMT_PUBLIC area;

	(void)state;
	tpmiot_template_srk_ecc(&area);
	area.unique.ecc.x.size = 32;
	memset(area.unique.ecc.x.buffer, 7, 32);
	assert_true(enroll_journal_is_template(&area));
	tpmiot_template_ek(tpmiot_ek_profile_at(0), &area);
	assert_true(enroll_journal_is_template(&area));
	tpmiot_template_ak_ecc(&area);
	assert_false(enroll_journal_is_template(&area));
	tpmiot_template_srk_ecc(&area);
	area.objectAttributes ^= TPMA_OBJECT_NODA;
	assert_false(enroll_journal_is_template(&area));
}

static void
test_begin_notes_what_is_there(void **state)
{
	static const TPM2_HANDLE objects[] = { 0x80000000 }, sessions[] = { 0x02000001 };
	struct fixture *f = *state;
	struct enroll_journal now;

	say_handles(f, sessions, 1);
	say_clock(f, RESETS);
	say_handles(f, objects, 1);
	assert_false(enroll_journal_exists(f->dir));
	assert_ok(enroll_journal_begin(&f->state, f->tpm, &f->ui, &f->err), &f->err);
	assert_int_equal(f->script.sent, 3);
	assert_true(enroll_journal_exists(f->dir));
	read_journal(f, &now);
	assert_int_equal(now.reset_count, RESETS);
	assert_int_equal(now.restart_count, RESTARTS);
	assert_int_equal(now.objects[0], 0x80000000);
	assert_int_equal(now.sessions[0], 0x02000001);
	assert_int_equal(
	    enroll_journal_end(&f->state, TPMIOT_E_TPM_GONE, &f->err), TPMIOT_E_TPM_GONE);
	assert_true(enroll_journal_exists(f->dir)); /* who knows what was flushed */
	assert_int_equal(enroll_journal_end(&f->state, TPMIOT_E_AUTH, &f->err), TPMIOT_E_AUTH);
	assert_false(enroll_journal_exists(f->dir));
	assert_ok(enroll_journal_end(&f->state, TPMIOT_OK, &f->err), &f->err);
}

/* From the last to the first: a storage root key goes, a stranger's key stays, as does what was
 * there before. */
static void
test_begin_repairs(void **state)
{
	static const TPM2_HANDLE objects[] = { 0x80000000, 0x80000001, 0x80000002 };
	static const TPM2_HANDLE sessions[] = { 0x02000000, 0x03000001 };
	const struct enroll_journal old = { .reset_count = RESETS,
		.lists_objects = true,
		.restart_count = RESTARTS,
		.objects = { 0x80000000 },
		.objects_n = 1,
		.sessions = { 0x02000000 },
		.sessions_n = 1 };
	struct fixture *f = *state;
	struct enroll_journal now;
	struct tpmiot_public pub;
	TPMT_PUBLIC area;

	write_journal(f, &old);
	say_handles(f, sessions, 2);
	say_clock(f, RESETS);
	say_handles(f, objects, 3);
	tpmiot_template_srk_ecc(&area);
	make_public(&area, &pub);
	say_public(f, &pub);
	script_code(&f->script, TPM2_RC_SUCCESS);
	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	make_public(&area, &pub);
	say_public(f, &pub);
	script_code(&f->script, TPM2_RC_SUCCESS);
	assert_ok(enroll_journal_begin(&f->state, f->tpm, &f->ui, &f->err), &f->err);
	assert_int_equal(f->script.sent, 7);
	assert_flushed(f, 4, 0x80000002);
	assert_flushed(f, 6, 0x03000001);
	read_journal(f, &now);
	assert_int_equal(now.objects_n, 2);
	assert_int_equal(now.objects[1], 0x80000001);
	assert_int_equal(now.sessions_n, 1);
	assert_int_equal(now.sessions[0], 0x02000000);
}

static void
test_begin_knows_its_keys(void **state)
{
	static const TPM2_HANDLE objects[] = { 0x80000000 };
	const struct enroll_journal old = {
		.reset_count = RESETS, .restart_count = RESTARTS, .lists_objects = true
	};
	struct tpmiot_keyfile file = { .empty_auth = true, .parent = TPM2_RH_OWNER };
	struct fixture *f = *state;
	struct stat st;
	TPMT_PUBLIC area;

	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	make_public(&area, &file.pub);
	file.priv.size = 4;
	assert_ok(enroll_state_write_key(&f->state, "device", &file, &f->err), &f->err);
	assert_int_equal(fstatat(f->state.fd, "device.key", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, f->state.group != (gid_t)-1 ? 0640 : 0600);
	write_journal(f, &old);
	say_handles(f, NULL, 0);
	say_clock(f, RESETS);
	say_handles(f, objects, 1);
	say_public(f, &file.pub);
	script_code(&f->script, TPM2_RC_SUCCESS);
	assert_ok(enroll_journal_begin(&f->state, f->tpm, &f->ui, &f->err), &f->err);
	assert_int_equal(f->script.sent, 5);
	assert_flushed(f, 4, 0x80000000);
}

/* After a reset of the TPM nothing of the old run can be left: handles mean something else. */
static void
test_begin_after_tpm_reset(void **state)
{
	static const TPM2_HANDLE objects[] = { 0x80000000 }, sessions[] = { 0x03000001 };
	const struct enroll_journal old = {
		.reset_count = RESETS, .restart_count = RESTARTS, .lists_objects = true
	};
	struct fixture *f = *state;
	struct enroll_journal now;

	write_journal(f, &old);
	say_handles(f, sessions, 1);
	say_clock(f, RESETS + 1);
	say_handles(f, objects, 1);
	assert_ok(enroll_journal_begin(&f->state, f->tpm, &f->ui, &f->err), &f->err);
	assert_int_equal(f->script.sent, 3);
	read_journal(f, &now);
	assert_int_equal(now.objects_n, 1);
	assert_int_equal(now.sessions_n, 1);
}

/* A run that says Names has no list taken; what it left is known by them, and nothing else is
 * touched. */
static void
test_begin_named(void **state)
{
	static const TPM2_HANDLE objects[] = { 0x80000000, 0x80000001 };
	struct tpmiot_public ours, srk;
	struct fixture *f = *state;
	struct enroll_journal now;
	TPMT_PUBLIC area;

	tpmiot_template_key(TPMIOT_KEY_EC_P256, &area);
	make_public(&area, &ours);
	tpmiot_template_srk_ecc(&area);
	make_public(&area, &srk);
	say_handles(f, NULL, 0);
	say_clock(f, RESETS);
	assert_ok(enroll_journal_begin_named(&f->state, f->tpm, &f->ui, &now, &f->err), &f->err);
	assert_int_equal(f->script.sent, 2);
	for (int i = 0; i < ENROLL_JOURNAL_NAMES; i++)
		assert_ok(enroll_journal_expect(&f->state, &now, &srk.name, &f->err), &f->err);
	assert_ok(enroll_journal_expect(&f->state, &now, &ours.name, &f->err), &f->err);
	read_journal(f, &now);
	assert_false(now.lists_objects);
	assert_int_equal(now.names_n, ENROLL_JOURNAL_NAMES);
	now.names[0] = now.names[1]; /* the storage root key's went */
	write_journal(f, &now);

	say_handles(f, NULL, 0);
	say_clock(f, RESETS);
	say_handles(f, objects, 2);
	say_public(f, &ours);
	script_code(&f->script, TPM2_RC_SUCCESS);
	say_public(f, &srk);
	assert_ok(enroll_journal_begin_named(&f->state, f->tpm, &f->ui, &now, &f->err), &f->err);
	assert_int_equal(f->script.sent, 8);
	assert_flushed(f, 6, 0x80000001);
	assert_true(now.lists_objects);
	assert_int_equal(now.objects_n, 1);
	assert_ok(enroll_journal_list_objects(&f->state, f->tpm, &now, &f->err), &f->err);
	assert_int_equal(f->script.sent, 8);
}

#define WITH_TPM(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_parse),
		cmocka_unit_test(test_parse_refusals),
		cmocka_unit_test(test_is_template),
		WITH_TPM(test_begin_notes_what_is_there),
		WITH_TPM(test_begin_repairs),
		WITH_TPM(test_begin_knows_its_keys),
		WITH_TPM(test_begin_after_tpm_reset),
		WITH_TPM(test_begin_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
