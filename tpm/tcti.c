/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include <tpmiot/buf.h>

#include "tcti.h"

#define SHIM_MAGIC 0x74706d696f740001ULL
#define RESPONSE_HEADER 10
#define RETRIES 9    /* 10 ms doubled each time: about five seconds in all */
#define ROOM_WAITS 8 /* about two and a half */
#define ROOM_MAX 16  /* slots freed for one command: more is no honest TPM */
#define POLL_HANDLES_MAX 4

/*
 * How long a response may take, in seconds. Linux gives a TPM five minutes for
 * making a key and two at most for anything else; a resource manager may have a
 * queue in front of us. What is longer is a TPM that hangs.
 */
#define LIMIT_KEYGEN 900
#define LIMIT_OTHER 300

static const uint8_t STARTUP_CLEAR[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0 };

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t
now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- sending ---------------------------------------------------------------- */

/* Another one than was sent ahead must not get its answer. */
static TSS2_RC
claim(struct tcti_shim *shim, size_t size, const uint8_t *command)
{
	shim->ahead = false;
	return size == shim->len && memcmp(command, shim->command, size) == 0
	           ? TSS2_RC_SUCCESS
	           : TSS2_TCTI_RC_BAD_SEQUENCE;
}

static TSS2_RC
shim_transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct tcti_shim *shim = (struct tcti_shim *)ctx;
	int64_t start;
	TSS2_RC rc;

	if (shim->ahead)
		return claim(shim, size, command);
	if (size > sizeof(shim->command))
		return TSS2_TCTI_RC_BAD_VALUE;
	memcpy(shim->command, command, size);
	shim->len = size;
	shim->response_len = 0;
	start = now_ns();
	rc = Tss2_Tcti_Transmit(shim->real, size, command);
	shim->sent = now_ns();
	shim->sending = shim->sent - start;
	if (rc != TSS2_RC_SUCCESS || !shim->send_ahead)
		return rc;
	shim->ahead = true;
	return TSS2_TCTI_RC_TRY_AGAIN;
}

int64_t
tcti_shim_took(const struct tcti_shim *shim)
{
	return shim->sending + shim->working;
}

bool
tcti_shim_may_send_ahead(const struct tcti_shim *shim)
{
	return !shim->ahead && shim->sending < shim->working;
}

void
tcti_back_off(unsigned int tries)
{
	long ms = 10L << tries;
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&pause, NULL);
}

/* ---- waiting ---------------------------------------------------------------- */

static int32_t
limit_ms(const struct tcti_shim *shim)
{
	uint32_t code = shim->len >= RESPONSE_HEADER ? be32(shim->command + 6) : 0;

	if (shim->limit_s != 0)
		return shim->limit_s < INT32_MAX / 1000 ? (int32_t)shim->limit_s * 1000 : INT32_MAX;
	if (code == TPM2_CC_Create || code == TPM2_CC_CreatePrimary || code == TPM2_CC_CreateLoaded)
		return LIMIT_KEYGEN * 1000;
	return LIMIT_OTHER * 1000;
}

static int64_t
now_ms(void)
{
	return now_ns() / 1000000;
}

/*
 * Most TCTIs of tpm2-tss take no notice of a time limit, but tell what to poll.
 * Those that do neither (swtpm, mssim) are for tests; there a limit is beyond us.
 */
static TSS2_RC
wait_for_response(TSS2_TCTI_CONTEXT *real, int32_t ms)
{
	TSS2_TCTI_POLL_HANDLE fds[POLL_HANDLES_MAX];
	int64_t end = now_ms() + ms;
	size_t n = POLL_HANDLES_MAX;
	int ready;

	if (Tss2_Tcti_GetPollHandles(real, fds, &n) != TSS2_RC_SUCCESS || n == 0 ||
	    n > POLL_HANDLES_MAX)
		return TSS2_RC_SUCCESS;
	/* What to poll for is not what every TCTI says (device: writing too; tabrmd: nothing). */
	for (size_t i = 0; i < n; i++)
		fds[i].events = POLLIN;
	do {
		int64_t left = end - now_ms();

		ready = poll(fds, (nfds_t)n, left > 0 ? (int)left : 0);
	} while (ready < 0 && errno == EINTR);
	return ready == 0 ? TSS2_TCTI_RC_TRY_AGAIN : TSS2_RC_SUCCESS;
}

static TSS2_RC
receive(TSS2_TCTI_CONTEXT *real, int32_t ms, size_t *size, uint8_t *response)
{
	TSS2_RC rc = wait_for_response(real, ms);

	return rc != TSS2_RC_SUCCESS ? rc : Tss2_Tcti_Receive(real, size, response, ms);
}

/* ---- commands that are not over with their first response ---------------------- */

static TSS2_RC
startup(struct tcti_shim *shim)
{
	uint8_t response[64];
	size_t size = sizeof(response);
	TSS2_RC rc = Tss2_Tcti_Transmit(shim->real, sizeof(STARTUP_CLEAR), STARTUP_CLEAR);

	if (rc == TSS2_RC_SUCCESS)
		rc = receive(shim->real, limit_ms(shim), &size, response);
	shim->was_started = rc == TSS2_RC_SUCCESS && size >= RESPONSE_HEADER &&
	                    be32(response + 6) != TPM2_RC_SUCCESS;
	return rc;
}

/* Room made by us is there at once; what others hold they may give back soon. */
static bool
wait_for_room(struct tcti_shim *shim, TPM2_RC code, unsigned int *made, unsigned int *waits)
{
	if (shim->make_room == NULL || *made == ROOM_MAX || *waits == ROOM_WAITS)
		return false;
	if (shim->make_room(shim->make_room_arg, code, shim->command, shim->len))
		(*made)++;
	else
		tcti_back_off((*waits)++);
	return true;
}

static bool
returns_handle(uint32_t command)
{
	switch (command) {
	case TPM2_CC_ContextLoad:
	case TPM2_CC_CreatePrimary:
	case TPM2_CC_HMAC_Start:
	case TPM2_CC_HashSequenceStart:
	case TPM2_CC_Load:
	case TPM2_CC_LoadExternal:
	case TPM2_CC_StartAuthSession:
		return true;
	default:
		return false;
	}
}

/*
 * SAPI believes the size in the header and the one in front of the parameters (and adds it up in
 * 32 bits on some machines): what came has to bear them out.
 */
static bool
sizes_fit(const struct tcti_shim *shim)
{
	uint32_t command = shim->len >= RESPONSE_HEADER ? be32(shim->command + 6) : 0;
	struct tpmiot_reader r;
	uint16_t tag;

	tpmiot_reader_init(&r, shim->response, shim->response_len);
	tag = tpmiot_reader_u16(&r);
	if (tpmiot_reader_u32(&r) != shim->response_len)
		return false;
	if (tpmiot_reader_u32(&r) == TPM2_RC_SUCCESS && returns_handle(command))
		(void)tpmiot_reader_u32(&r);
	if (tag == TPM2_ST_SESSIONS)
		(void)tpmiot_reader_take(&r, tpmiot_reader_u32(&r));
	return !r.failed;
}

/* Receives until the TPM has said its last word on the command. */
static TSS2_RC
converse(struct tcti_shim *shim)
{
	unsigned int tries = 0, starts = 0, rooms = 0, waits = 0;
	TSS2_RC rc;

	for (;;) {
		uint32_t code;

		shim->response_len = sizeof(shim->response);
		rc = receive(shim->real, limit_ms(shim), &shim->response_len, shim->response);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
		if (!sizes_fit(shim))
			return TSS2_TCTI_RC_MALFORMED_RESPONSE;
		code = be32(shim->response + 6);
		switch (code & ~(uint32_t)TSS2_RC_LAYER_MASK) {
		case TPM2_RC_RETRY:
		case TPM2_RC_YIELDED:
		case TPM2_RC_TESTING:
		case TPM2_RC_NV_RATE:
			if (tries == RETRIES)
				return rc;
			tcti_back_off(tries++);
			break;
		case TPM2_RC_INITIALIZE:
			if (starts++ > 0 || startup(shim) != TSS2_RC_SUCCESS)
				return rc;
			break;
		case TPM2_RC_OBJECT_MEMORY:
		case TPM2_RC_MEMORY:
		case TPM2_RC_SESSION_MEMORY:
			if (!wait_for_room(
			        shim, code & ~(uint32_t)TSS2_RC_LAYER_MASK, &rooms, &waits))
				return rc;
			break;
		default:
			return rc;
		}
		rc = Tss2_Tcti_Transmit(shim->real, shim->len, shim->command);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
	}
}

static TSS2_RC
shim_receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response, int32_t timeout)
{
	struct tcti_shim *shim = (struct tcti_shim *)ctx;
	TSS2_RC rc;

	(void)timeout; /* SAPI's callers block; the limit is ours */
	if (shim->response_len == 0) {
		rc = converse(shim);
		if (rc != TSS2_RC_SUCCESS) {
			shim->response_len = 0;
			return rc;
		}
		shim->working = now_ns() - shim->sent;
	}
	if (response != NULL && *size < shim->response_len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	*size = shim->response_len;
	if (response != NULL) {
		memcpy(response, shim->response, shim->response_len);
		OPENSSL_cleanse(shim->response, shim->response_len);
		shim->response_len = 0;
	}
	return TSS2_RC_SUCCESS;
}

TSS2_TCTI_CONTEXT *
tcti_shim_init(struct tcti_shim *shim, TSS2_TCTI_CONTEXT *real)
{
	memset(shim, 0, sizeof(*shim));
	shim->common.v1.magic = SHIM_MAGIC;
	shim->common.v1.version = 2;
	shim->common.v1.transmit = shim_transmit;
	shim->common.v1.receive = shim_receive;
	shim->real = real;
	return (TSS2_TCTI_CONTEXT *)shim;
}
