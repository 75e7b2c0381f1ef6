/* SPDX-License-Identifier: Apache-2.0 */
/* Fields in their order, strings with a length byte, public areas as TPM2B. */
#include "ca/enrol/ticket.h"

#include <string.h>

static void
put_str(struct tpmiot_buf *buf, const char *str)
{
	size_t len = strlen(str);

	tpmiot_buf_put_u8(buf, (uint8_t)len); /* all our strings are shorter than 256 */
	tpmiot_buf_put(buf, str, len);
}

static void
take_str(struct tpmiot_reader *r, char *out, size_t size)
{
	size_t len = tpmiot_reader_u8(r);
	const uint8_t *data = tpmiot_reader_take(r, len);

	if (data == NULL || len >= size || memchr(data, '\0', len) != NULL) {
		r->failed = true;
		return;
	}
	memcpy(out, data, len);
	out[len] = '\0';
}

static void
take(struct tpmiot_reader *r, void *out, size_t len)
{
	const uint8_t *data = tpmiot_reader_take(r, len);

	if (data != NULL)
		memcpy(out, data, len);
}

/* Banks in their order: alg, and bit i for PCR i. */
static void
put_pcrs(struct tpmiot_buf *buf, const struct tpmiot_pcrset *set)
{
	tpmiot_buf_put_u8(buf, (uint8_t)set->n);
	for (size_t i = 0; i < set->n; i++) {
		tpmiot_buf_put_u16(buf, set->bank[i].alg);
		tpmiot_buf_put_u32(buf, set->bank[i].selected);
	}
}

static void
take_pcrs(struct tpmiot_reader *r, struct tpmiot_pcrset *out)
{
	size_t n = tpmiot_reader_u8(r);

	for (size_t i = 0; i < n && !r->failed; i++) {
		TPMI_ALG_HASH alg = tpmiot_reader_u16(r);
		uint32_t selected = tpmiot_reader_u32(r);

		r->failed |= selected == 0 || selected >> TPMIOT_PCRS != 0;
		for (unsigned pcr = 0; pcr < TPMIOT_PCRS; pcr++)
			if ((selected >> pcr & 1) != 0 && !tpmiot_pcrset_add(out, alg, pcr, NULL))
				r->failed = true;
		/* In order, each once: the new one is the last. */
		r->failed |= out->n != i + 1 || out->bank[i].alg != alg;
	}
}

void
ca_ticket_put(const struct ca_ticket *t, struct tpmiot_buf *buf)
{
	tpmiot_buf_put(buf, t->id, sizeof(t->id));
	tpmiot_buf_put_u8(buf, (uint8_t)t->renews_len);
	tpmiot_buf_put(buf, t->renews, t->renews_len);
	tpmiot_buf_put_u64(buf, (uint64_t)t->expires);
	tpmiot_buf_put(buf, t->nonce, sizeof(t->nonce));
	tpmiot_buf_put(buf, t->secret_sha256, sizeof(t->secret_sha256));
	tpmiot_buf_put(buf, t->ek_spki, sizeof(t->ek_spki));
	tpmiot_public_put(&t->ak, buf);
	tpmiot_buf_put_u8(buf, t->ek_trusted);
	tpmiot_buf_put_u64(buf, (uint64_t)t->roots);
	tpmiot_buf_put_u16(buf, (uint16_t)t->ek_cert_len);
	tpmiot_buf_put(buf, t->ek_cert, t->ek_cert_len);
	put_str(buf, t->info.manufacturer);
	put_str(buf, t->info.model);
	put_str(buf, t->info.version);
	tpmiot_buf_put_u64(buf, (uint64_t)t->token);
	put_str(buf, t->device_id);
	put_str(buf, t->group);
	put_str(buf, t->profile);
	put_pcrs(buf, &t->pcrs);
}

static void
take_serial(struct tpmiot_reader *r, struct ca_ticket *t)
{
	const size_t len = tpmiot_reader_u8(r);

	if (len > sizeof(t->renews)) {
		r->failed = true;
		return;
	}
	take(r, t->renews, len);
	t->renews_len = len;
}

static void
take_cert(struct tpmiot_reader *r, struct ca_ticket *t)
{
	const size_t len = tpmiot_reader_u16(r);

	if (len > sizeof(t->ek_cert)) {
		r->failed = true;
		return;
	}
	take(r, t->ek_cert, len);
	t->ek_cert_len = len;
}

static enum tpmiot_rc
take_public(OSSL_LIB_CTX *libctx, struct tpmiot_reader *r, struct tpmiot_public *out,
    struct tpmiot_err *err)
{
	const uint8_t *start = r->data;
	size_t len;

	if (tpmiot_reader_tpm2b(r, sizeof(out->raw), &len) == NULL)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "the session's content is cut short");
	return tpmiot_public_parse(libctx, start, len + 2, out, err);
}

enum tpmiot_rc
ca_ticket_parse(OSSL_LIB_CTX *libctx, const uint8_t *data, size_t len, struct ca_ticket *out,
    struct tpmiot_err *err)
{
	struct tpmiot_reader r;
	struct ca_ticket t = { 0 };
	enum tpmiot_rc rc;
	uint8_t trusted;

	tpmiot_reader_init(&r, data, len);
	take(&r, t.id, sizeof(t.id));
	take_serial(&r, &t);
	t.expires = (int64_t)tpmiot_reader_u64(&r);
	take(&r, t.nonce, sizeof(t.nonce));
	take(&r, t.secret_sha256, sizeof(t.secret_sha256));
	take(&r, t.ek_spki, sizeof(t.ek_spki));
	if ((rc = take_public(libctx, &r, &t.ak, err)) != TPMIOT_OK)
		return rc;
	trusted = tpmiot_reader_u8(&r);
	t.ek_trusted = trusted == 1;
	t.roots = (int64_t)tpmiot_reader_u64(&r);
	take_cert(&r, &t);
	take_str(&r, t.info.manufacturer, sizeof(t.info.manufacturer));
	take_str(&r, t.info.model, sizeof(t.info.model));
	take_str(&r, t.info.version, sizeof(t.info.version));
	t.token = (int64_t)tpmiot_reader_u64(&r);
	take_str(&r, t.device_id, sizeof(t.device_id));
	take_str(&r, t.group, sizeof(t.group));
	take_str(&r, t.profile, sizeof(t.profile));
	take_pcrs(&r, &t.pcrs);
	if (trusted > 1 || !tpmiot_reader_done(&r))
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "the session's content is malformed");
	*out = t;
	return TPMIOT_OK;
}
