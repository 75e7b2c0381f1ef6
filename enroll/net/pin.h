/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CA that is known by a fingerprint only: the SHA-256 of a certificate that stands in the
 * chain which the server shows, the CA's own (tpmiot-ca init prints it) or the server's.
 */
#ifndef ENROLL_PIN_H
#define ENROLL_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include <tpmiot/err.h>

#define ENROLL_PIN_LEN 32

struct enroll_pin {
	uint8_t sha256[ENROLL_PIN_LEN];
};

/* 64 hexadecimal digits, with colons between the bytes or without. TPMIOT_E_USAGE. */
TPMIOT_MUST_USE enum tpmiot_rc enroll_pin_parse(
    const char *text, struct enroll_pin *out, struct tpmiot_err *err);

/*
 * From now on ctx trusts nothing but chains that end in the pinned certificate; everything else
 * of RFC 5280 holds as before, and the server's name is the caller's matter. pin is borrowed.
 */
void enroll_pin_apply(SSL_CTX *ctx, const struct enroll_pin *pin);

#endif
