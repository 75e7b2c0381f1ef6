/* SPDX-License-Identifier: Apache-2.0 */
/* What the paddings share. */
#ifndef LIB_RSAPAD_H
#define LIB_RSAPAD_H

#include <tpmiot/rsapad.h>

/* XORs MGF1 of seed (RFC 8017, annex B.2.1) onto len bytes. */
TPMIOT_MUST_USE bool rsapad_mgf1_xor(
    const EVP_MD *md, struct tpmiot_bytes seed, uint8_t *data, size_t len);

/* Masks: all ones or zero, without a branch that shows which. */
static inline uint32_t
ct_is_zero(uint32_t a)
{
	return 0u - ((~a & (a - 1u)) >> 31);
}

static inline uint32_t
ct_eq(uint32_t a, uint32_t b)
{
	return ct_is_zero(a ^ b);
}

/* Of numbers below 2^31. */
static inline uint32_t
ct_lt(uint32_t a, uint32_t b)
{
	return 0u - ((a - b) >> 31);
}

static inline uint32_t
ct_select(uint32_t mask, uint32_t a, uint32_t b)
{
	return (mask & a) | (~mask & b);
}

#endif
