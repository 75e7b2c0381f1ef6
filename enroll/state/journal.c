/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <jansson.h>

#include <tpmiot/b64.h>
#include <tpmiot/template.h>

#include "enroll/state/journal.h"
#include "enroll/state/pending.h"

/* ---- The file ------------------------------------------------------------------ */

static json_t *
handle_array(const TPM2_HANDLE *handles, size_t n)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < n; i++)
		(void)json_array_append_new(array, json_integer(handles[i]));
	return array;
}

static json_t *
name_array(const TPM2B_NAME *names, size_t n)
{
	json_t *array = json_array();
	struct tpmiot_buf hex = TPMIOT_BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		tpmiot_buf_reset(&hex);
		tpmiot_hex_encode(names[i].name, names[i].size, &hex);
		(void)json_array_append_new(array, json_string(tpmiot_buf_cstr(&hex)));
	}
	tpmiot_buf_free(&hex);
	return array;
}

enum tpmiot_rc
enroll_journal_put(
    const struct enroll_journal *journal, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *objects =
	    journal->lists_objects ? handle_array(journal->objects, journal->objects_n) : NULL;
	json_t *root = json_pack("{s:I, s:I, s:o*, s:o, s:o}", "reset_count",
	    (json_int_t)journal->reset_count, "restart_count", (json_int_t)journal->restart_count,
	    "objects", objects, "sessions", handle_array(journal->sessions, journal->sessions_n),
	    "names", name_array(journal->names, journal->names_n));
	size_t len = json_dumpb(root, NULL, 0, JSON_COMPACT);
	uint8_t *at = len > 0 ? tpmiot_buf_grow(out, len) : NULL;

	if (at != NULL)
		(void)json_dumpb(root, (char *)at, len, JSON_COMPACT);
	json_decref(root);
	return at != NULL ? TPMIOT_OK : tpmiot_err_memory(err);
}

static bool
read_u32(const json_t *value, uint32_t *out)
{
	json_int_t n = json_integer_value(value);

	*out = (uint32_t)n;
	return json_is_integer(value) && n >= 0 && n <= UINT32_MAX;
}

static bool
read_handles(const json_t *array, TPM2_HANDLE out[TPMIOT_HANDLES_MAX], size_t *n)
{
	size_t i;

	*n = json_array_size(array);
	if (!json_is_array(array) || *n > TPMIOT_HANDLES_MAX)
		return false;
	for (i = 0; i < *n; i++)
		if (!read_u32(json_array_get(array, i), &out[i]))
			return false;
	return true;
}

static bool
read_names(const json_t *array, TPM2B_NAME out[ENROLL_JOURNAL_NAMES], size_t *n)
{
	*n = json_array_size(array);
	if (!json_is_array(array) || *n > ENROLL_JOURNAL_NAMES)
		return false;
	for (size_t i = 0; i < *n; i++) {
		const char *hex = json_string_value(json_array_get(array, i));
		size_t len = hex != NULL ? strlen(hex) : 0;

		if (len == 0 || len % 2 != 0 || len / 2 > sizeof(out[i].name) ||
		    tpmiot_hex_decode(hex, out[i].name, len / 2, NULL) != TPMIOT_OK)
			return false;
		out[i].size = (UINT16)(len / 2);
	}
	return true;
}

enum tpmiot_rc
enroll_journal_parse(struct tpmiot_bytes json, struct enroll_journal *out, struct tpmiot_err *err)
{
	json_t *root = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *objects = json_object_get(root, "objects");
	const json_t *names = json_object_get(root, "names");
	struct enroll_journal read = { .lists_objects = objects != NULL };
	enum tpmiot_rc rc = TPMIOT_OK;

	if (read_u32(json_object_get(root, "reset_count"), &read.reset_count) &&
	    read_u32(json_object_get(root, "restart_count"), &read.restart_count) &&
	    (objects == NULL || read_handles(objects, read.objects, &read.objects_n)) &&
	    read_handles(json_object_get(root, "sessions"), read.sessions, &read.sessions_n) &&
	    (names == NULL || read_names(names, read.names, &read.names_n)))
		*out = read;
	else
		rc = tpmiot_err_set(err, TPMIOT_E_FORMAT, "no journal of tpmiot-enroll");
	json_decref(root);
	return rc;
}

bool
enroll_journal_exists(const char *dir)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	bool found = tpmiot_statedir_read(dir, ENROLL_JOURNAL_FILE, &text, NULL) == TPMIOT_OK;

	tpmiot_buf_free(&text);
	return found;
}

static bool
read_old(const char *dir, struct enroll_journal *out)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	bool found;

	found = tpmiot_statedir_read(dir, ENROLL_JOURNAL_FILE, &text, NULL) == TPMIOT_OK &&
	        enroll_journal_parse((struct tpmiot_bytes){ text.data, text.len }, out, NULL) ==
	            TPMIOT_OK;
	tpmiot_buf_free(&text);
	return found;
}

/* ---- The repair ------------------------------------------------------------------ */

bool
enroll_journal_is_template(const TPMT_PUBLIC *area)
{
	return tpmiot_template_is_srk(area) || tpmiot_ek_profile_match(area) != NULL;
}

static bool
is_same(const TPM2B_NAME *a, const TPM2B_NAME *b)
{
	return a->size == b->size && memcmp(a->name, b->name, a->size) == 0;
}

struct search {
	const char *dir;
	const TPM2B_NAME *name;
	bool found;
};

static bool
is_key(const struct search *search, const char *name)
{
	struct tpmiot_keyfile key;
	bool same;

	if (enroll_state_read_key(search->dir, name, &key, NULL) != TPMIOT_OK)
		return false;
	same = is_same(&key.pub.name, search->name);
	tpmiot_keyfile_clear(&key);
	return same;
}

static bool
compare_key(void *arg, const char *name)
{
	struct search *search = arg;
	char next[ENROLL_FILE_NAME_MAX];

	enroll_pending_name(name, next);
	search->found = is_key(search, name) || is_key(search, next);
	return !search->found;
}

static bool
is_ours(const char *dir, const struct tpmiot_public *pub)
{
	struct search search = { dir, &pub->name, false };

	if (enroll_journal_is_template(&pub->area))
		return true;
	return tpmiot_statedir_each_key(dir, compare_key, &search, NULL) == TPMIOT_OK &&
	       search.found;
}

static bool
has(const TPM2_HANDLE *handles, size_t n, TPM2_HANDLE handle)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (handles[i] == handle)
			return true;
	return false;
}

static void
drop(TPM2_HANDLE *handles, size_t *n, size_t i)
{
	(*n)--;
	memmove(&handles[i], &handles[i + 1], (*n - i) * sizeof(handles[0]));
}

static bool
names(const struct enroll_journal *journal, const TPM2B_NAME *name)
{
	for (size_t i = 0; i < journal->names_n; i++)
		if (is_same(&journal->names[i], name))
			return true;
	return false;
}

/* Whether the run that wrote the journal left it. */
static bool
is_left(const char *dir, const struct enroll_journal *old, TPM2_HANDLE handle,
    const struct tpmiot_public *pub)
{
	return names(old, &pub->name) ||
	       (old->lists_objects && !has(old->objects, old->objects_n, handle) &&
	           is_ours(dir, pub));
}

/* Takes out of `now` what it flushes. */
static void
repair(const struct enroll_state *state, struct tpmiot_tpm *tpm, const struct enroll_ui *ui,
    const struct enroll_journal *old, struct enroll_journal *now)
{
	struct tpmiot_public pub;
	TPM2_HANDLE handle;
	size_t i;

	for (i = now->objects_n; i-- > 0;) {
		handle = now->objects[i];
		if ((has(old->objects, old->objects_n, handle) && old->names_n == 0) ||
		    tpmiot_tpm_read_public(tpm, handle, &pub, NULL) != TPMIOT_OK ||
		    !is_left(state->dir, old, handle, &pub))
			continue;
		enroll_ui_detail(ui, "flushing object 0x%08x of an interrupted run", handle);
		tpmiot_tpm_flush(tpm, &handle);
		drop(now->objects, &now->objects_n, i);
	}
	for (i = now->sessions_n; i-- > 0;) {
		handle = now->sessions[i];
		if (has(old->sessions, old->sessions_n, handle))
			continue;
		enroll_ui_detail(ui, "flushing session 0x%08x of an interrupted run", handle);
		tpmiot_tpm_flush(tpm, &handle);
		drop(now->sessions, &now->sessions_n, i);
	}
}

static enum tpmiot_rc
write_down(
    const struct enroll_state *state, const struct enroll_journal *journal, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	enum tpmiot_rc rc = enroll_journal_put(journal, &text, err);

	if (rc == TPMIOT_OK) {
		rc = tpmiot_statedir_write(
		    state->dir, ENROLL_JOURNAL_FILE, text.data, text.len, 0600, (gid_t)-1, err);
		if (rc != TPMIOT_OK)
			(void)tpmiot_err_prefix(err,
			    "cannot write into %s, nothing was changed "
			    "(make room or give access, then run the same command again)",
			    state->dir);
	}
	tpmiot_buf_free(&text);
	return rc;
}

static enum tpmiot_rc
list_objects(struct tpmiot_tpm *tpm, struct enroll_journal *out, struct tpmiot_err *err)
{
	enum tpmiot_rc rc = tpmiot_tpm_handles(tpm, (TPM2_HANDLE)TPM2_HT_TRANSIENT << TPM2_HR_SHIFT,
	    out->objects, &out->objects_n, err);

	out->lists_objects = rc == TPMIOT_OK;
	return rc;
}

static enum tpmiot_rc
take_stock(struct tpmiot_tpm *tpm, struct enroll_journal *out, struct tpmiot_err *err)
{
	TPMS_TIME_INFO time;
	enum tpmiot_rc rc;

	rc = tpmiot_tpm_handles(
	    tpm, TPM2_LOADED_SESSION_FIRST, out->sessions, &out->sessions_n, err);
	if (rc == TPMIOT_OK)
		rc = tpmiot_tpm_read_clock(tpm, &time, err);
	if (rc == TPMIOT_OK) {
		out->reset_count = time.clockInfo.resetCount;
		out->restart_count = time.clockInfo.restartCount;
	}
	return rc;
}

static enum tpmiot_rc
begin(const struct enroll_state *state, struct tpmiot_tpm *tpm, const struct enroll_ui *ui,
    bool listing, struct enroll_journal *now, struct tpmiot_err *err)
{
	struct enroll_journal old;
	enum tpmiot_rc rc = take_stock(tpm, now, err);
	const bool repairs = rc == TPMIOT_OK && read_old(state->dir, &old) &&
	                     old.reset_count == now->reset_count &&
	                     old.restart_count == now->restart_count;

	if (rc == TPMIOT_OK && (listing || repairs))
		rc = list_objects(tpm, now, err);
	if (rc == TPMIOT_OK && repairs)
		repair(state, tpm, ui, &old, now);
	return rc == TPMIOT_OK ? write_down(state, now, err) : rc;
}

enum tpmiot_rc
enroll_journal_begin(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    const struct enroll_ui *ui, struct tpmiot_err *err)
{
	struct enroll_journal now = { .names_n = 0 };

	return begin(state, tpm, ui, true, &now, err);
}

enum tpmiot_rc
enroll_journal_begin_named(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    const struct enroll_ui *ui, struct enroll_journal *out, struct tpmiot_err *err)
{
	*out = (struct enroll_journal){ .names_n = 0 };
	return begin(state, tpm, ui, false, out, err);
}

enum tpmiot_rc
enroll_journal_list_objects(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    struct enroll_journal *journal, struct tpmiot_err *err)
{
	enum tpmiot_rc rc;

	if (journal->lists_objects)
		return TPMIOT_OK;
	rc = list_objects(tpm, journal, err);
	return rc == TPMIOT_OK ? write_down(state, journal, err) : rc;
}

enum tpmiot_rc
enroll_journal_expect(const struct enroll_state *state, struct enroll_journal *journal,
    const TPM2B_NAME *name, struct tpmiot_err *err)
{
	if (journal->names_n == ENROLL_JOURNAL_NAMES) {
		journal->names_n--;
		memmove(&journal->names[0], &journal->names[1],
		    journal->names_n * sizeof(journal->names[0]));
	}
	journal->names[journal->names_n++] = *name;
	return write_down(state, journal, err);
}

enum tpmiot_rc
enroll_journal_end(const struct enroll_state *state, enum tpmiot_rc rc, struct tpmiot_err *err)
{
	enum tpmiot_rc ended;

	if (rc == TPMIOT_E_TPM_GONE)
		return rc;
	ended =
	    tpmiot_statedir_remove(state->dir, ENROLL_JOURNAL_FILE, rc == TPMIOT_OK ? err : NULL);
	return rc == TPMIOT_OK ? ended : rc;
}
