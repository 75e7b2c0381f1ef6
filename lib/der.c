/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <tpmiot/der.h>

#define DEPTH_MAX 32 /* a certificate has a dozen */
#define CONSTRUCTED 0x20
#define TAG_NUMBER 0x1f /* all set: the tag goes on in the next bytes */
#define BOOLEAN 0x01
#define SET 0x31

struct walk {
	const uint8_t *begin; /* of all, for where something is */
	struct tpmiot_err *err;
	unsigned depth;
};

struct value {
	uint8_t tag;
	const uint8_t *start, *content;
	size_t size, len; /* with header, without */
};

static enum tpmiot_rc check_all(struct walk *w, const uint8_t *data, size_t len, bool sorted);

static enum tpmiot_rc
refuse(const struct walk *w, const uint8_t *at, const char *rule)
{
	return tpmiot_err_set(w->err, TPMIOT_E_FORMAT, "not strict DER: %s (at byte %zu; X.690)",
	    rule, (size_t)(at - w->begin));
}

/* The length's octets behind the first: as few as hold it, and only from 128 on. */
static bool
read_long_length(struct tpmiot_reader *r, uint8_t first, size_t *out)
{
	const unsigned n = first & 0x7f;
	size_t len = 0;

	if (n == 0 || n > sizeof(uint32_t))
		return false;
	for (unsigned i = 0; i < n; i++) {
		const uint8_t octet = tpmiot_reader_u8(r);

		if (i == 0 && octet == 0)
			return false;
		len = len << 8 | octet;
	}
	*out = len;
	return len >= 0x80;
}

static enum tpmiot_rc
read_value(struct walk *w, struct tpmiot_reader *r, struct value *out)
{
	uint8_t first;

	out->start = r->data;
	out->tag = tpmiot_reader_u8(r);
	if ((out->tag & TAG_NUMBER) == TAG_NUMBER)
		return refuse(w, out->start, "a tag that certificates do not have");
	first = tpmiot_reader_u8(r);
	out->len = first;
	if (first >= 0x80 && !read_long_length(r, first, &out->len))
		return refuse(w, out->start, "a length that is not the shortest");
	out->content = tpmiot_reader_take(r, out->len);
	if (r->failed)
		return refuse(w, out->start, "it is cut off");
	out->size = (size_t)(out->content - out->start) + out->len;
	return TPMIOT_OK;
}

static enum tpmiot_rc
check_content(struct walk *w, const struct value *value)
{
	enum tpmiot_rc rc;

	if (value->tag == BOOLEAN &&
	    (value->len != 1 || (value->content[0] != 0x00 && value->content[0] != 0xff)))
		return refuse(w, value->start, "a BOOLEAN that is neither 00 nor FF");
	if ((value->tag & CONSTRUCTED) == 0)
		return TPMIOT_OK;
	if (w->depth == DEPTH_MAX)
		return refuse(w, value->start, "too deep");
	w->depth++;
	rc = check_all(w, value->content, value->len, value->tag == SET);
	w->depth--;
	return rc;
}

/* No value is the beginning of another, so that lengths never decide. */
static bool
in_order(const struct value *a, const struct value *b)
{
	return memcmp(a->start, b->start, a->size < b->size ? a->size : b->size) <= 0;
}

static enum tpmiot_rc
check_all(struct walk *w, const uint8_t *data, size_t len, bool sorted)
{
	struct value last = { .size = 0 };
	struct tpmiot_reader r;
	enum tpmiot_rc rc = TPMIOT_OK;

	tpmiot_reader_init(&r, data, len);
	while (rc == TPMIOT_OK && r.len > 0) {
		struct value value;

		if ((rc = read_value(w, &r, &value)) != TPMIOT_OK)
			break;
		if (sorted && last.size > 0 && !in_order(&last, &value))
			return refuse(w, value.start, "a SET whose members are out of order");
		rc = check_content(w, &value);
		last = value;
	}
	return rc;
}

enum tpmiot_rc
tpmiot_der_check(const uint8_t *data, size_t len, struct tpmiot_err *err)
{
	struct walk w = { .begin = data, .err = err };
	struct tpmiot_reader r;
	struct value value;
	enum tpmiot_rc rc;

	tpmiot_reader_init(&r, data, len);
	if ((rc = read_value(&w, &r, &value)) != TPMIOT_OK)
		return rc;
	if (r.len > 0)
		return refuse(&w, r.data, "something behind it");
	return check_content(&w, &value);
}
