#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# kill -9 of an enrolment, at many moments; the same command again; and everything is as
# after an undisturbed run: the TPM's handles, the files, nothing left over.
# TPMIOT_KILL_POINTS is how many moments for each kind of TPM (default 32).
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
	"$ENROLL" -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" >"$T/killed.log" 2>&1 &
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
	enroll -q || return 1
	picture >"$T/picture.now"
	diff "$T/picture.want" "$T/picture.now" || return 1
	openssl verify -CAfile "$TPMIOT_STATE_DIR/ca.crt" "$TPMIOT_STATE_DIR/device.crt" >/dev/null
}

# all_points KIND: for a kind of TPM, moments all over an enrolment's time until POINTS of
# them came before its end.
all_points() {
	local kind=$1 i at begin took bad=
	start_swtpm "kill-$kind" "$kind"
	export TPMIOT_STATE_DIR=$T/state-$kind
	begin=$(now_us)
	check "$kind: an undisturbed run" enroll
	took=$(($(now_us) - begin))
	picture >"$T/picture.want"
	KILLED=0
	ORPHANS=0
	for ((i = 0; KILLED < POINTS && i < 8 * POINTS; i++)); do
		at=$((took * (i * 37 % 100) / 100 + 1000))
		survives "$at" >"$T/kill.log" 2>&1 </dev/null || {
			bad="$bad $at"
			note "killed after $at us:"
			show "$T/kill.log"
		}
	done
	check_is "$kind: the same again after each of $POINTS kills (bad after us)" "$bad" ''
	check_is "$kind: so many were killed before their end" "$KILLED" "$POINTS"
	note "$kind: $took us undisturbed; $ORPHANS of the kills left objects in the TPM"
	[ "$ORPHANS" -ge $((POINTS / 8)) ]
	check_is "$kind: there was something to repair" $? 0
	stop_swtpm "kill-$kind"
}

make_tpm kill-bare # the manufacturer comes with its first TPM
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off

all_points bare
all_points persistent
done_testing
