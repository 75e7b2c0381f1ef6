/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "script_tcti.h"

static TSS2_RC
transmit(TSS2_TCTI_CONTEXT *ctx, size_t size, const uint8_t *command)
{
	struct script_tcti *script = (struct script_tcti *)ctx;

	if (script->sent == SCRIPT_MAX)
		return TSS2_TCTI_RC_IO_ERROR;
	tpmiot_buf_put(&script->commands[script->sent++], command, size);
	return TSS2_RC_SUCCESS;
}

static TSS2_RC
receive(TSS2_TCTI_CONTEXT *ctx, size_t *size, uint8_t *response, int32_t timeout)
{
	struct script_tcti *script = (struct script_tcti *)ctx;
	const struct script_step *step = &script->steps[script->at];

	(void)timeout;
	if (script->at == script->n)
		return TSS2_TCTI_RC_IO_ERROR;
	script->at++;
	if (step->rc != TSS2_RC_SUCCESS)
		return step->rc;
	if (*size < step->response.len)
		return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
	memcpy(response, step->response.data, step->response.len);
	*size = step->response.len;
	return TSS2_RC_SUCCESS;
}

TSS2_TCTI_CONTEXT *
script_init(struct script_tcti *script)
{
	memset(script, 0, sizeof(*script));
	script->common.v1.magic = 0x7363726970740001ULL;
	script->common.v1.version = 2;
	script->common.v1.transmit = transmit;
	script->common.v1.receive = receive;
	return (TSS2_TCTI_CONTEXT *)script;
}

void
script_free(struct script_tcti *script)
{
	for (size_t i = 0; i < SCRIPT_MAX; i++) {
		tpmiot_buf_free(&script->steps[i].response);
		tpmiot_buf_free(&script->commands[i]);
	}
}

static struct tpmiot_buf *
next(struct script_tcti *script)
{
	return &script->steps[script->n++].response;
}

void
script_code(struct script_tcti *script, TPM2_RC code)
{
	struct tpmiot_buf *out = next(script);

	tpmiot_buf_put_u16(out, TPM2_ST_NO_SESSIONS);
	tpmiot_buf_put_u32(out, 10);
	tpmiot_buf_put_u32(out, code);
}

void
script_ok(struct script_tcti *script, TPM2_HANDLE handle, const struct tpmiot_buf *params,
    bool authorised)
{
	struct tpmiot_buf *out = next(script);
	size_t len = params != NULL ? params->len : 0;

	tpmiot_buf_put_u16(out, authorised ? TPM2_ST_SESSIONS : TPM2_ST_NO_SESSIONS);
	tpmiot_buf_put_u32(
	    out, (uint32_t)(10 + (handle != 0 ? 4 : 0) + len + (authorised ? 4 + 5 : 0)));
	tpmiot_buf_put_u32(out, TPM2_RC_SUCCESS);
	if (handle != 0)
		tpmiot_buf_put_u32(out, handle);
	if (authorised)
		tpmiot_buf_put_u32(out, (uint32_t)len);
	if (params != NULL)
		tpmiot_buf_put(out, params->data, params->len);
	if (authorised)
		tpmiot_buf_put(out, "\0\0\1\0\0", 5); /* no nonce, continueSession, no HMAC */
}

void
script_break(struct script_tcti *script, TSS2_RC rc)
{
	script->steps[script->n++].rc = rc;
}

TPM2_CC
script_command(const struct script_tcti *script, size_t i)
{
	struct tpmiot_reader r;

	if (i >= script->sent)
		return 0;
	tpmiot_reader_init(&r, script->commands[i].data, script->commands[i].len);
	(void)tpmiot_reader_take(&r, 6);
	return tpmiot_reader_u32(&r);
}
