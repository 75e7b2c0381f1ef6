/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <jansson.h>

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

enum tpmiot_rc
enroll_journal_put(
    const struct enroll_journal *journal, struct tpmiot_buf *out, struct tpmiot_err *err)
{
	json_t *root = json_pack("{s:I,s:I,s:o,s:o}", "reset_count",
	    (json_int_t)journal->reset_count, "restart_count", (json_int_t)journal->restart_count,
	    "objects", handle_array(journal->objects, journal->objects_n), "sessions",
	    handle_array(journal->sessions, journal->sessions_n));
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

enum tpmiot_rc
enroll_journal_parse(struct tpmiot_bytes json, struct enroll_journal *out, struct tpmiot_err *err)
{
	json_t *root = json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	struct enroll_journal read;
	enum tpmiot_rc rc = TPMIOT_OK;

	if (read_u32(json_object_get(root, "reset_count"), &read.reset_count) &&
	    read_u32(json_object_get(root, "restart_count"), &read.restart_count) &&
	    read_handles(json_object_get(root, "objects"), read.objects, &read.objects_n) &&
	    read_handles(json_object_get(root, "sessions"), read.sessions, &read.sessions_n))
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
	return tpmiot_template_is_srk(area) || tpmiot_ek_profile_match(area) != NULL ||
	       tpmiot_template_is_hmac_key(area);
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
	same = key.pub.name.size == search->name->size &&
	       memcmp(key.pub.name.name, search->name->name, search->name->size) == 0;
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
		if (has(old->objects, old->objects_n, handle) ||
		    tpmiot_tpm_read_public(tpm, handle, &pub, NULL) != TPMIOT_OK ||
		    !is_ours(state->dir, &pub))
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
take_stock(struct tpmiot_tpm *tpm, struct enroll_journal *out, struct tpmiot_err *err)
{
	TPMS_TIME_INFO time;
	enum tpmiot_rc rc;

	rc = tpmiot_tpm_handles(tpm, (TPM2_HANDLE)TPM2_HT_TRANSIENT << TPM2_HR_SHIFT, out->objects,
	    &out->objects_n, err);
	if (rc == TPMIOT_OK)
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

enum tpmiot_rc
enroll_journal_begin(const struct enroll_state *state, struct tpmiot_tpm *tpm,
    const struct enroll_ui *ui, struct tpmiot_err *err)
{
	struct tpmiot_buf text = TPMIOT_BUF_INIT;
	struct enroll_journal old, now;
	enum tpmiot_rc rc;

	rc = take_stock(tpm, &now, err);
	if (rc != TPMIOT_OK)
		return rc;
	if (read_old(state->dir, &old) && old.reset_count == now.reset_count &&
	    old.restart_count == now.restart_count)
		repair(state, tpm, ui, &old, &now);
	rc = enroll_journal_put(&now, &text, err);
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

enum tpmiot_rc
enroll_journal_end(const struct enroll_state *state, struct tpmiot_err *err)
{
	return tpmiot_statedir_remove(state->dir, ENROLL_JOURNAL_FILE, err);
}
