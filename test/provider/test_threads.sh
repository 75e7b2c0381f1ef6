#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 64 threads sign with one key and with many. TPMIOT_LONG=1: more often.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"
n=${TPMIOT_LONG:+50}

start_swtpm
odd_keys
check '64 threads, one EC key' odd threads 64 "${n:-3}" "$T/ec.pem"
check '64 threads, one persistent key' odd threads 64 "${n:-3}" handle:0x81000010
check '64 threads, keys of every kind' odd threads 64 "${n:-2}" "${ODD_KEYS[@]}"
start_abrmd
check '64 threads, keys of every kind, through tpm2-abrmd' odd threads 64 "${n:-2}" "${ODD_KEYS[@]}"
done_testing
