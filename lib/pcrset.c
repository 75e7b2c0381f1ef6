/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <tpmiot/alg.h>
#include <tpmiot/b64.h>
#include <tpmiot/pcrset.h>

#define BANK_NAME_MAX 16
#define VALUE_MAX TPM2_SHA512_DIGEST_SIZE

static struct tpmiot_pcr_bank *
get_bank(struct tpmiot_pcrset *set, TPMI_ALG_HASH alg)
{
	size_t at = 0;

	while (at < set->n && set->bank[at].alg < alg)
		at++;
	if (at < set->n && set->bank[at].alg == alg)
		return &set->bank[at];
	if (set->n == TPMIOT_BANKS_MAX)
		return NULL;
	memmove(&set->bank[at + 1], &set->bank[at], (set->n - at) * sizeof(set->bank[0]));
	set->n++;
	set->bank[at] = (struct tpmiot_pcr_bank){ .alg = alg };
	return &set->bank[at];
}

bool
tpmiot_pcrset_add(struct tpmiot_pcrset *set, TPMI_ALG_HASH alg, unsigned pcr, const uint8_t *value)
{
	size_t size = tpmiot_alg_md_size(alg);
	struct tpmiot_pcr_bank *bank;

	if (size == 0 || size > VALUE_MAX || pcr >= TPMIOT_PCRS)
		return false;
	bank = get_bank(set, alg);
	if (bank == NULL || (bank->selected >> pcr & 1) != 0)
		return false;
	bank->selected |= (uint32_t)1 << pcr;
	if (value != NULL)
		memcpy(bank->values[pcr], value, size);
	return true;
}

/* ---- names of banks --------------------------------------------------------------- */

/* Only the one name that put_bank() writes: elsewhere a bank has several. */
TPMI_ALG_HASH
tpmiot_pcrset_bank_parse(const char *name, size_t len)
{
	char copy[BANK_NAME_MAX];
	TPMI_ALG_HASH alg;

	if (len == 0 || len >= sizeof(copy))
		return TPM2_ALG_ERROR;
	for (size_t i = 0; i < len; i++) {
		if (isupper((unsigned char)name[i]))
			return TPM2_ALG_ERROR;
		copy[i] = name[i];
	}
	copy[len] = '\0';
	alg = tpmiot_alg_from_md_name(copy);
	if (alg == TPM2_ALG_ERROR || strcasecmp(copy, tpmiot_alg_md_name(alg)) != 0)
		return TPM2_ALG_ERROR;
	return alg;
}

void
tpmiot_pcrset_put_bank(TPMI_ALG_HASH alg, struct tpmiot_buf *out)
{
	const char *name = tpmiot_alg_md_name(alg);

	for (; name != NULL && *name != '\0'; name++)
		tpmiot_buf_put_u8(out, (uint8_t)tolower((unsigned char)*name));
}

/* ---- text ------------------------------------------------------------------------- */

/* One of "0" to "23", without leading zeros. */
static bool
take_number(const char **at, unsigned *out)
{
	const char *p = *at;
	unsigned n = 0;

	if (!isdigit((unsigned char)*p) || (*p == '0' && isdigit((unsigned char)p[1])))
		return false;
	for (; isdigit((unsigned char)*p) && n < TPMIOT_PCRS; p++)
		n = 10 * n + (unsigned)(*p - '0');
	*at = p;
	*out = n;
	return n < TPMIOT_PCRS;
}

/* So many bytes in hexadecimal, and no more. */
static bool
take_value(const char **at, size_t size, uint8_t out[VALUE_MAX])
{
	size_t len = strspn(*at, "0123456789abcdefABCDEF");
	char digits[2 * VALUE_MAX + 1];

	if (len != 2 * size || size > VALUE_MAX)
		return false;
	memcpy(digits, *at, len);
	digits[len] = '\0';
	*at += len;
	return tpmiot_hex_decode(digits, out, size, NULL) == TPMIOT_OK;
}

/* "0=3d45…" or "0". */
static bool
take_pcr(const char **at, TPMI_ALG_HASH alg, bool with_value, struct tpmiot_pcrset *set)
{
	uint8_t value[VALUE_MAX];
	unsigned pcr = 0;

	if (!take_number(at, &pcr))
		return false;
	if (with_value) {
		if (**at != '=')
			return false;
		++*at;
		if (!take_value(at, tpmiot_alg_md_size(alg), value))
			return false;
	}
	return tpmiot_pcrset_add(set, alg, pcr, with_value ? value : NULL);
}

/* "sha256:0,1,7". */
static bool
take_bank(const char **at, bool with_values, struct tpmiot_pcrset *set)
{
	size_t len = strcspn(*at, ":");
	TPMI_ALG_HASH alg = tpmiot_pcrset_bank_parse(*at, len);

	if (alg == TPM2_ALG_ERROR || (*at)[len] != ':')
		return false;
	*at += len;
	do {
		++*at;
		if (!take_pcr(at, alg, with_values, set))
			return false;
	} while (**at == ',');
	return true;
}

static enum tpmiot_rc
parse(const char *text, bool with_values, struct tpmiot_pcrset *out, struct tpmiot_err *err)
{
	struct tpmiot_pcrset set = { .n = 0 };
	const char *at = text;
	bool ok = take_bank(&at, with_values, &set);

	while (ok && *at == '+') {
		at++;
		ok = take_bank(&at, with_values, &set);
	}
	if (!ok || *at != '\0')
		return tpmiot_err_set(err, TPMIOT_E_FORMAT,
		    "\"%.64s\" are no PCRs%s; write for example %s, with each PCR (0 to %d) once",
		    text, with_values ? " with values" : "",
		    with_values ? "sha256:0=HEX,7=HEX" : "sha256:0,1,7+sha384:2", TPMIOT_PCRS - 1);
	*out = set;
	return TPMIOT_OK;
}

enum tpmiot_rc
tpmiot_pcrset_parse_selection(const char *text, struct tpmiot_pcrset *out, struct tpmiot_err *err)
{
	return parse(text, false, out, err);
}

enum tpmiot_rc
tpmiot_pcrset_parse_values(const char *text, struct tpmiot_pcrset *out, struct tpmiot_err *err)
{
	return parse(text, true, out, err);
}

static void
put(const struct tpmiot_pcrset *set, bool with_values, struct tpmiot_buf *out)
{
	for (size_t b = 0; b < set->n; b++) {
		const struct tpmiot_pcr_bank *bank = &set->bank[b];
		const char *between = ":";

		if (b > 0)
			tpmiot_buf_put_str(out, "+");
		tpmiot_pcrset_put_bank(bank->alg, out);
		for (unsigned i = 0; i < TPMIOT_PCRS; i++) {
			if ((bank->selected >> i & 1) == 0)
				continue;
			tpmiot_buf_printf(out, "%s%u%s", between, i, with_values ? "=" : "");
			if (with_values)
				tpmiot_hex_encode(
				    bank->values[i], tpmiot_alg_md_size(bank->alg), out);
			between = ",";
		}
	}
}

void
tpmiot_pcrset_put_selection(const struct tpmiot_pcrset *set, struct tpmiot_buf *out)
{
	put(set, false, out);
}

void
tpmiot_pcrset_put_values(const struct tpmiot_pcrset *set, struct tpmiot_buf *out)
{
	put(set, true, out);
}

/* ---- tpm2_pcrread ------------------------------------------------------------------- */

static const char *
skip_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

/* "  sha256:" begins a bank, "    0 : 0x3D45…" is a PCR of it, a blank line is nothing. */
static bool
take_line(const char *at, TPMI_ALG_HASH *alg, struct tpmiot_pcrset *set)
{
	uint8_t value[VALUE_MAX];
	unsigned pcr = 0;
	size_t len;

	at = skip_blanks(at);
	if (isdigit((unsigned char)*at)) {
		if (*alg == TPM2_ALG_ERROR || !take_number(&at, &pcr))
			return false;
		at = skip_blanks(at);
		if (*at != ':')
			return false;
		at = skip_blanks(at + 1);
		if (strncmp(at, "0x", 2) != 0)
			return false;
		at += 2;
		return take_value(&at, tpmiot_alg_md_size(*alg), value) &&
		       at[strspn(at, " \t\r\n")] == '\0' &&
		       tpmiot_pcrset_add(set, *alg, pcr, value);
	}
	len = strcspn(at, ":\r\n");
	if (at[len] == ':')
		*alg = tpmiot_pcrset_bank_parse(at, len);
	return len == 0 || *alg != TPM2_ALG_ERROR;
}

enum tpmiot_rc
tpmiot_pcrset_parse_pcrread(const char *text, struct tpmiot_pcrset *out, struct tpmiot_err *err)
{
	struct tpmiot_pcrset set = { .n = 0 };
	TPMI_ALG_HASH alg = TPM2_ALG_ERROR;
	char line[2 * VALUE_MAX + 64];

	for (size_t len, n = 1; *text != '\0'; text += len, n++) {
		len = strcspn(text, "\n");
		if (text[len] == '\n')
			len++;
		if (len < sizeof(line)) {
			memcpy(line, text, len);
			line[len] = '\0';
		}
		if (len >= sizeof(line) || !take_line(line, &alg, &set))
			return tpmiot_err_set(err, TPMIOT_E_FORMAT,
			    "line %zu is none of tpm2_pcrread's: \"sha256:\", or \"0 : 0x\" and "
			    "the value of a PCR that was not there before",
			    n);
	}
	if (set.n == 0)
		return tpmiot_err_set(err, TPMIOT_E_FORMAT, "there is no PCR value in it");
	*out = set;
	return TPMIOT_OK;
}

bool
tpmiot_pcrset_same_selection(const struct tpmiot_pcrset *a, const struct tpmiot_pcrset *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->bank[i].alg != b->bank[i].alg || a->bank[i].selected != b->bank[i].selected)
			return false;
	return true;
}
