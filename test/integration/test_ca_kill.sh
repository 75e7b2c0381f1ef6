#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of tpmiot-ca at any moment of an enrolment: every certificate that a device
# received is in the store, and the device's next attempt succeeds.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ROUNDS=16

start_swtpm
make_ca
trust_mfr

listed() {
	local serial
	serial=$(openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -serial)
	tpmiot-ca --dir="$CADIR" cert list --json >"$T/certs.json" &&
	    grep -qi -- "${serial#serial=}" "$T/certs.json"
}

enroll_in_background() {
	start "enroll-$1" "$ENROLL" enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt"
}

# How long an enrolment takes here, so that the moments are spread over all of it. Where
# exactly they hit does not matter to the test.
export TPMIOT_STATE_DIR=$T/state-undisturbed
start_ca --set enrolment=open --set rate_limit=off
began=$(date +%s%N)
check 'undisturbed' enroll
took=$(($(date +%s%N) - began))
stop_ca

killed=0 received=0
for ((round = 0; round < ROUNDS; round++)); do
	export TPMIOT_STATE_DIR=$T/state-$round
	start_ca --set enrolment=open --set rate_limit=off
	enroll_in_background $round
	sleep "$(awk "BEGIN { print $took * $round / $ROUNDS / 1e9 }")"
	alive "enroll-$round" && killed=$((killed + 1))
	stop_ca KILL
	stop "enroll-$round" TERM
	start_ca --set enrolment=open --set rate_limit=off
	if [ -s "$TPMIOT_STATE_DIR/device.crt" ]; then
		received=$((received + 1))
		check "round $round: the certificate received is in the store" listed
	fi
	check "round $round: the next attempt succeeds" enroll
	check "round $round: its certificate is in the store" listed
	stop_ca
done
note "killed during $killed enrolments; $received certificates were received before"
done_testing
