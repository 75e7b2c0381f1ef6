#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of an enrolment, at many moments; the same command again; and everything is as
# after an undisturbed run: the TPM's handles, the files, nothing left over. Some of the devices get secrets.
# TPMIOT_KILL_POINTS is how many moments (default 32).
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

POINTS=${TPMIOT_KILL_POINTS:-32}

# Handles, not what is behind them; file names and modes, not their content.
picture() {
	local kind
	for kind in transient loaded-session saved-session persistent; do
		echo "$kind: $(tpm2_getcap "handles-$kind" | tr -d '\n')"
	done
	(cd "$TPMIOT_STATE_DIR" && find . -mindepth 1 -printf '%P %m %g\n' | LC_ALL=C sort)
}

now_us() { echo $((${EPOCHREALTIME/[^0-9]/})); }

# kill_at MICROSECONDS: an enrolment that is killed after that time. Not by the function
# enroll, because the program is to be killed, and not a shell around it.
kill_at() {
	local pid
	"$ENROLL" -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" "$KEY" \
	    >"$T/killed.log" 2>&1 &
	pid=$!
	sleep "$(printf '0.%06d' "$1")"
	kill -9 "$pid" 2>/dev/null && KILLED=$((KILLED + 1))
	wait "$pid" 2>/dev/null
}

# One round: killed at a moment, done again, compared. Says what is wrong.
survives() {
	tpmiot-enroll -q reset || return 1
	kill_at "$1"
	[ -z "$(tpm2_getcap handles-transient)" ] || ORPHANS=$((ORPHANS + 1))
	enroll -q "$KEY" || return 1
	picture >"$T/picture.now"
	diff "$T/picture.want" "$T/picture.now" || return 1
	openssl verify -CAfile "$TPMIOT_STATE_DIR/ca.crt" "$TPMIOT_STATE_DIR/device.crt" >/dev/null || return 1
	[ ! -e "$TPMIOT_STATE_DIR/wifi.secret" ] || [ "$(tpmiot-enroll secret show wifi)" = 'a secret' ]
}

# The device in use gets two from now on: after the certificate, so that kills come while they arrive.
add_secrets() {
	local ek
	ek=$(tpmiot-enroll ek --json | grep -oE '[0-9a-f]{64}' | head -n 1)
	printf 'a secret' >"$T/secret"
	tpmiot-ca --dir="$CADIR" secret add --ek="$ek" --file="$T/secret" wifi &&
	    tpmiot-ca --dir="$CADIR" secret add --ek="$ek" --file="$T/secret" --kind=hmac hmac
}

# all_points WHAT POINTS KEY: with the TPM in use, moments all over an enrolment's time until
# POINTS of them came before its end.
all_points() {
	local what=$1 points=$2 i at begin took bad=
	KEY=--key=$3
	export TPMIOT_STATE_DIR=$T/state-$what
	begin=$(now_us)
	check "$what: an undisturbed run" enroll "$KEY"
	took=$(($(now_us) - begin))
	[ "$took" -lt 900000 ] || took=900000
	picture >"$T/picture.want"
	KILLED=0
	ORPHANS=0
	for ((i = 0; KILLED < points && i < 8 * points; i++)); do
		at=$((took * (i * 37 % 100) / 100 + 1000))
		survives "$at" >"$T/kill.log" 2>&1 </dev/null || {
			bad="$bad $at"
			note "killed after $at us:"
			show "$T/kill.log"
		}
	done
	check_is "$what: the same again after each of $points kills (bad after us)" "$bad" ''
	check_is "$what: so many were killed before their end" "$KILLED" "$points"
	note "$what: $took us undisturbed; $ORPHANS of the kills left objects in the TPM"
}

# Without a resource manager what is loaded stays, so there has to be something to repair.
something_to_repair() {
	[ "$ORPHANS" -ge $((KILLED / 8)) ]
	check_is "$1: kills left something to repair" $? 0
}

start_swtpm bare bare
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off

all_points bare "$POINTS" ec-p256
something_to_repair bare
# The TPM goes on making an RSA key when nobody waits for it any more.
all_points bare-rsa $((POINTS / 4)) rsa-2048

start_swtpm persistent
add_secrets
all_points persistent "$POINTS" ec-p256
something_to_repair persistent
check 'persistent: with two secrets' test -e "$TPMIOT_STATE_DIR/wifi.secret" -a -e "$TPMIOT_STATE_DIR/hmac.secret"

use_tpm bare
start_abrmd
all_points abrmd $((POINTS / 4)) ec-p256
check_is 'abrmd: its clients leave nothing' "$ORPHANS" 0
done_testing
