/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

#include <tpmiot/keyrules.h>

/*
 * CVE-2017-15361: a faulty library made primes of the form k * M + (65537^a mod M),
 * M being the product of the first primes. Then the modulus, too, is a power of
 * 65537 modulo each of these primes. A sound modulus is so for all of them with
 * a chance of about 2^-27 (Nemec et al., "The Return of Coppersmith's Attack",
 * ACM CCS 2017, section 3).
 */
static const uint8_t PRIMES[] = { 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61,
	67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163,
	167 };

static unsigned int
residue(const uint8_t *number, size_t len, unsigned int prime)
{
	unsigned int r = 0;

	for (size_t i = 0; i < len; i++)
		r = (r * 256 + number[i]) % prime;
	return r;
}

static bool
is_power_of_65537(unsigned int r, unsigned int prime)
{
	unsigned int power = 1;

	do {
		if (power == r)
			return true;
		power = power * (65537u % prime) % prime;
	} while (power != 1);
	return false;
}

bool
tpmiot_roca_fingerprint(const uint8_t *modulus, size_t len)
{
	for (size_t i = 0; i < sizeof(PRIMES); i++)
		if (!is_power_of_65537(residue(modulus, len, PRIMES[i]), PRIMES[i]))
			return false;
	return true;
}
