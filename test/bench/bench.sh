#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make bench: what it costs, with the budgets beside it. Against a software TPM: its times
# say little about hardware; the number of TPM commands does.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=../integration/counts.sh
. "$SRC/test/integration/counts.sh"
# shellcheck source=rates.sh
. "$SRC/test/bench/rates.sh"
MEASURE=$BUILD/test/bench/measure

# row WHAT MEASURED UNIT [BUDGET]
row() { printf '%-58s %9s %-4s %s\n' "$1" "$2" "$3" "${4:+${4} $3}"; }
heading() { printf '\n%-58s %9s %-4s %s\n' "$1" measured '' budget; }

rss() { awk '/^VmRSS/ { print $2 }' "/proc/${PIDS[$1]}/status"; }

# In tenths, as awk rounds: mib KIB
mib() { awk "BEGIN { printf \"%.1f\", $1 / 1024 }"; }

stripped_size() {
	strip -o "$T/stripped" "$1" && awk "BEGIN { printf \"%.0f\", $(stat -c %s "$T/stripped") / 1024 }"
}

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off

heading 'TPM commands'
count_all >"$T/counts"
while read -r count budget what; do
	row "$what" "$count" '' "$budget"
done <"$T/counts"

heading 'Enrolment (software TPM, persistent EK and storage root key)'
for key in ec-p256 rsa-2048; do
	for ((i = 1; i <= 5; i++)); do
		TPMIOT_STATE_DIR=$T/bench-$key-$i "$MEASURE" run "$ENROLL" enroll --key=$key \
		    --server="$CA_URL" --ca-file="$CADIR/ca.crt" 2>>"$T/bench.log" || show "$T/bench.log"
	done | sort -n >"$T/$key.times"
	read -r ms peak < <(sed -n 3p "$T/$key.times")
	row "wall time, $key (median of 5)" "$ms" ms
	[ $key != ec-p256 ] || PEAK=$peak
done

all_rates

heading 'Memory and size'
row 'tpmiot-enroll enroll, peak resident' "$(mib "$PEAK")" MiB 16
row "tpmiot-ca, idle after these enrolments, resident" "$(mib "$(rss ca)")" MiB 24
row 'tpmiot.so, stripped' "$(stripped_size "$BUILD/provider/.libs/tpmiot.so")" KiB '< 300'
row 'tpmiot-enroll, stripped' "$(stripped_size "$ENROLL")" KiB
row 'tpmiot-ca, stripped' "$(stripped_size "$CA")" KiB
row 'loading tpmiot.so in a new library context (median of 101)' "$("$MEASURE" load 101)" us '< 1000'
row 'resident memory that this adds to a process (median of 11)' \
    "$(for ((i = 0; i < 11; i++)); do "$MEASURE" memory; done | median)" KiB '<= 1024'
TAP_DONE=1
