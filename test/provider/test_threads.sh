#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 64 threads sign with one key and with many, and do everything else that can be done with
# keys at the same time. TPMIOT_LONG=1: more often. make check-tsan: with ThreadSanitizer.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"
n=${TPMIOT_LONG:+50}

start_swtpm
odd_keys
export KEYUSER_PASS=secret
genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret || die 'no key'
files=("$T/ec.pem" "$T/rsa.pem" "$T/p384.pem" "$T/auth.pem")

if [ "${TPMIOT_SANITIZED:-}" = thread ]; then
	check_fails 99 'data race' 'ThreadSanitizer sees a race' odd race 2 100000
	check_is 'and looks into the module' \
	    "$(nm -D "$OPENSSL_MODULES/tpmiot.so" | grep -c '__tsan_write8$')" 1
fi
check '64 threads, one EC key' odd threads 64 "${n:-3}" "$T/ec.pem"
check '64 threads, one persistent key' odd threads 64 "${n:-3}" handle:0x81000010
check '64 threads, keys of every kind' odd threads 64 "${n:-2}" "${ODD_KEYS[@]}" "$T/auth.pem"
check '64 threads load, make, use and free keys' odd mixed 64 "${n:-4}" "${files[@]}"
check 'threads that wait for each other' count_tpm "$T/signs" odd threads 8 20 "$T/rsa.pem"
check_is 'nothing is signed twice, whoever sends it' "$(grep -c '^Sign' "$T/signs")" 160
check_is 'nothing is left in the TPM' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''
start_abrmd
check '64 threads, keys of every kind, through tpm2-abrmd' odd threads 64 "${n:-2}" "${ODD_KEYS[@]}"
done_testing
