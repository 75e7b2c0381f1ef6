/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an encoding is the one that DER allows (X.690 clauses 10 and 11). libcrypto reads others
 * as well: what two programs read differently, or encode anew to other bytes than were signed.
 */
#ifndef TPMIOT_DER_H
#define TPMIOT_DER_H

#include <tpmiot/buf.h>

/*
 * One value, all of it: lengths definite and as short as possible, BOOLEANs 00 or FF, the members
 * of each SET in order (of SET OF; X.509 has no other). Values inside of OCTET STRINGs, as
 * extensions are, are not looked into. TPMIOT_E_FORMAT says what is wrong and at which byte.
 */
TPMIOT_MUST_USE enum tpmiot_rc tpmiot_der_check(
    const uint8_t *data, size_t len, struct tpmiot_err *err);

#endif
