#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TPM commands are what time is on a hardware TPM; their number is deterministic.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=counts.sh
. "$SRC/test/integration/counts.sh"

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open

# A device that gets two secrets: a value and an HMAC key. Using one of each.
count_secrets() {
	local ek
	ek=$(tpmiot-enroll ek --json | grep -oE '[0-9a-f]{64}' | head -n 1)
	printf 'a value' >"$T/value"
	tpmiot-ca --dir="$CADIR" secret add --ek="$ek" --file="$T/value" value &&
	    tpmiot-ca --dir="$CADIR" secret add --ek="$ek" --kind=hmac --file="$T/value" hmac
	export TPMIOT_STATE_DIR=$T/state-secrets
	counted 22 'tpmiot-enroll enroll, with two secrets' enroll
	counted 6 'tpmiot-enroll secret show' tpmiot-enroll secret show value
	counted 3 'tpmiot-enroll secret use, an HMAC' tpmiot-enroll secret use hmac
	counted 19 'tpmiot-enroll renew, with two secrets' tpmiot-enroll renew --before=4000d
}

count_all >"$T/counts"
count_secrets >>"$T/counts"
n=0
while read -r count budget what; do
	n=$((n + 1))
	if [ "$count" = failed ]; then
		not_ok "$what: it failed"
	elif case $what in *exactly*) [ "$count" -eq "$budget" ] ;; *) [ "$count" -le "$budget" ] ;; esac; then
		ok "$what: $count TPM commands of $budget"
	else
		not_ok "$what: $count TPM commands of $budget"
		[ ! -e "$T/count.$n" ] || show "$T/count.$n" 60
	fi
done <"$T/counts"
check_is 'everything was counted' "$n" 14
done_testing
