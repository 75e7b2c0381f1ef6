/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "tcti.h"

#define SHIM_MAGIC 0x74706d696f740001ULL
#define RESPONSE_HEADER 10
#define RETRIES 9 /* 10 ms doubled each time: about ten seconds in all */

static const uint8_t STARTUP_CLEAR[] = { 0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0 };

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static TSS2_RC
shim_transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct tcti_shim *shim = (struct tcti_shim *)ctx;

	if (size > sizeof(shim->command))
		return TSS2_TCTI_RC_BAD_VALUE;
	memcpy(shim->command, command, size);
	shim->len = size;
	shim->response_len = 0;
	return Tss2_Tcti_Transmit(shim->real, size, command);
}

static void
back_off(unsigned int tries)
{
	long ms = 10L << tries;
	struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };

	(void)nanosleep(&pause, NULL);
}

static TSS2_RC
startup(struct tcti_shim *shim)
{
	uint8_t response[64];
	size_t size = sizeof(response);
	TSS2_RC rc = Tss2_Tcti_Transmit(shim->real, sizeof(STARTUP_CLEAR), STARTUP_CLEAR);

	if (rc == TSS2_RC_SUCCESS)
		rc = Tss2_Tcti_Receive(shim->real, &size, response, TSS2_TCTI_TIMEOUT_BLOCK);
	return rc;
}

/* Receives until the TPM has said its last word on the command. */
static TSS2_RC
converse(struct tcti_shim *shim, int32_t timeout)
{
	unsigned int tries = 0, starts = 0;
	TSS2_RC rc;

	for (;;) {
		shim->response_len = sizeof(shim->response);
		rc = Tss2_Tcti_Receive(shim->real, &shim->response_len, shim->response, timeout);
		if (rc != TSS2_RC_SUCCESS)
			return rc;
		/* SAPI believes the header's size; what came has to bear it out. */
		if (shim->response_len < RESPONSE_HEADER ||
		    be32(shim->response + 2) != shim->response_len)
			return TSS2_TCTI_RC_MALFORMED_RESPONSE;
		switch (be32(shim->response + 6)) {
		case TPM2_RC_RETRY:
		case TPM2_RC_YIELDED:
		case TPM2_RC_TESTING:
		case TPM2_RC_NV_RATE:
			if (tries == RETRIES)
				return rc;
			back_off(tries++);
			break;
		case TPM2_RC_INITIALIZE:
			if (starts++ > 0 || startup(shim) != TSS2_RC_SUCCESS)
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

	if (shim->response_len == 0) {
		rc = converse(shim, timeout);
		if (rc != TSS2_RC_SUCCESS) {
			shim->response_len = 0;
			return rc;
		}
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
