/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Room in a full TPM.
 *
 * First our own keys give way: they can be loaded again at any time. If none of
 * ours is loaded, there may be what a program of ours left that was killed: a TPM
 * without a resource manager keeps objects for ever. Nothing in an object says
 * who loaded it, so one is taken for a leftover only if flushing it can't take
 * anything from anybody that they could not have back in the same way:
 *
 *  - its Name is that of a key that this process holds and can load itself, or
 *  - it is the storage root key made from our template in a transient slot, which
 *    is made for one command and made again for the next.
 *
 * Whoever else uses the same key by tpmiot at this moment finds the handle gone
 * and loads it again, as after a reset; and as signatures are verified, or asked for by the
 * key's Name, a handle that meanwhile means another object does no harm. Objects of any other Name
 * stay, whoever made them.
 *
 * A session has no Name. One that is not ours is put aside by TPM2_ContextSave,
 * which keeps it alive, and is put back at the end of this connection.
 *
 * Behind a resource manager none of this happens: it shows each connection its own
 * objects only, and flushes them when the connection ends.
 */
#include <openssl/crypto.h>

#include <tpmiot/template.h>

#include "conn.h"

/* The macro of tpm2-tss shifts a bit into the sign. */
#define TRANSIENT_FIRST ((TPM2_HANDLE)TPM2_HT_TRANSIENT << TPM2_HR_SHIFT)

/* The handles that the waiting command names itself. */
static void
handles_in(const uint8_t *command, size_t len, TPM2_HANDLE in[2])
{
	struct tpmiot_reader r;

	tpmiot_reader_init(&r, command, len);
	(void)tpmiot_reader_take(&r, 10);
	in[0] = tpmiot_reader_u32(&r);
	in[1] = tpmiot_reader_u32(&r);
}

static bool
flush_aside(struct tpmiot_tpm *tpm, TPM2_HANDLE handle)
{
	tpm_disown(tpm, handle);
	return Tss2_Sys_FlushContext(tpm->aside, handle) == TSS2_RC_SUCCESS;
}

static bool
list_aside(struct tpmiot_tpm *tpm, TPM2_HANDLE first, TPML_HANDLE *out)
{
	TPMS_CAPABILITY_DATA data = { 0 };

	if (Tss2_Sys_GetCapability(tpm->aside, NULL, TPM2_CAP_HANDLES, first, TPM2_MAX_CAP_HANDLES,
	        NULL, &data, NULL) != TSS2_RC_SUCCESS ||
	    data.capability != TPM2_CAP_HANDLES)
		return false;
	*out = data.data.handles;
	return true;
}

/* ---- objects -------------------------------------------------------------------- */

static bool
is_leftover(struct tpmiot_tpm *tpm, TPM2_HANDLE handle)
{
	TPM2B_PUBLIC pub = { 0 };
	TPM2B_NAME name = { 0 };

	if (Tss2_Sys_ReadPublic(tpm->aside, handle, NULL, &pub, &name, NULL, NULL) !=
	    TSS2_RC_SUCCESS)
		return false;
	return tpm_key_is_named(tpm, &name) || tpmiot_template_is_srk(&pub.publicArea);
}

static bool
flush_leftover(struct tpmiot_tpm *tpm, const TPM2_HANDLE in[2])
{
	TPML_HANDLE handles;

	if (!list_aside(tpm, TRANSIENT_FIRST, &handles))
		return false;
	for (UINT32 i = 0; i < handles.count; i++) {
		TPM2_HANDLE handle = handles.handle[i];

		if (handle != in[0] && handle != in[1] && !tpm_owns(tpm, handle) &&
		    is_leftover(tpm, handle))
			return flush_aside(tpm, handle);
	}
	return false;
}

/*
 * A response that was lost or mangled leaves an object whose handle we never saw; a
 * broken connection to a TPM without a resource manager leaves all. They are
 * found by their Names as long as we hold the keys, so before one is given up.
 */
void
tpm_flush_lost(struct tpmiot_tpm *tpm)
{
	static const TPM2_HANDLE none[2] = { 0, 0 };

	if (!tpm->doubtful || tpm->hangs || tpm->absent || tpm_begin(tpm, NULL) != TPMIOT_OK)
		return;
	tpm->doubtful = false;
	for (int n = 0; n < TPM_OWNED_MAX && flush_leftover(tpm, none); n++)
		;
	tpm_end(tpm);
}

/* ---- sessions ------------------------------------------------------------------- */

static bool
swap_session(struct tpmiot_tpm *tpm)
{
	TPML_HANDLE handles;

	if (tpm->swapped != NULL || !list_aside(tpm, TPM2_LOADED_SESSION_FIRST, &handles))
		return false;
	for (UINT32 i = 0; i < handles.count; i++) {
		if (tpm_owns(tpm, handles.handle[i]))
			continue;
		tpm->swapped = OPENSSL_zalloc(sizeof(*tpm->swapped));
		if (tpm->swapped == NULL)
			return false;
		if (Tss2_Sys_ContextSave(tpm->aside, handles.handle[i], tpm->swapped) ==
		    TSS2_RC_SUCCESS)
			return true;
		OPENSSL_free(tpm->swapped);
		tpm->swapped = NULL;
	}
	return false;
}

void
tpm_restore_room(struct tpmiot_tpm *tpm)
{
	TPM2_HANDLE handle;

	if (tpm->swapped == NULL)
		return;
	/* If it cannot be put back, it was flushed, or the TPM was reset. */
	if (tpm->aside != NULL)
		(void)Tss2_Sys_ContextLoad(tpm->aside, tpm->swapped, &handle);
	OPENSSL_free(tpm->swapped);
	tpm->swapped = NULL;
}

bool
tpm_make_room(void *arg, TPM2_RC code, const uint8_t *command, size_t len)
{
	struct tpmiot_tpm *tpm = arg;
	TPM2_HANDLE in[2], oldest;

	if (code == TPM2_RC_SESSION_MEMORY)
		return swap_session(tpm);
	handles_in(command, len, in);
	oldest = tpm_key_give_up(tpm, in);
	return oldest != 0 ? flush_aside(tpm, oldest) : flush_leftover(tpm, in);
}
