#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make bench-ca: 10,000 simulated devices (TPMs in software, TLS and JSON as on the wire) enrol
# at one tpmiot-ca with its SQLite store. Enrolments a second stand beside what the machine could
# do at most with the same cryptography on one core, measured in the same run; and the CA's
# processor time beside what OpenSSL takes for it by the calls that everybody uses.
# make check-ca-kill: the same, and the CA is killed (kill -9) 100 times meanwhile. In both, every
# certificate that a device received has to be in the store, and no session gave two.
# TPMIOT_BENCH_DEVICES, _WORKERS and _KILLS change the numbers.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

DEVICES=${TPMIOT_BENCH_DEVICES:-10000}
WORKERS=${TPMIOT_BENCH_WORKERS:-32}
KILLS=${TPMIOT_BENCH_KILLS:-0}
LOAD=$BUILD/test/bench/enrol_load
LIMIT=$BUILD/test/bench/enrol_limit
BARE=$BUILD/test/bench/enrol_bare

row() { note "$(printf '%-58s %9s %s' "$@")"; }
calc() { awk "BEGIN { printf \"$1\", $2 }"; }

# Processor time of the CA so far, in clock ticks
ticks() { awk '{ print $14 + $15 }' "/proc/${PIDS[ca]}/stat"; }
start_open() { start_ca --set enrolment=open --set rate_limit=off --set log_level=error; }
sql() { python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])' "$CADIR/store.db" "$1"; }

# The lines of DIR/received against the store: how many of them are not in it
missing() {
	python3 - "$CADIR/store.db" "$T/received" <<-'PY'
	import base64, sqlite3, sys
	store = set(sqlite3.connect(sys.argv[1]).execute(
	    "SELECT d.id, c.der FROM certificates c JOIN devices d USING (ek_spki)"))
	got = {(l.split()[0], base64.b64decode(l.split()[1])) for l in open(sys.argv[2])}
	print(len(got - store))
	PY
}

"$LOAD" maker "$T" || die 'enrol_load maker'
make_ca
check 'the CA trusts the maker' tpmiot-ca --dir="$CADIR" trust add "$T/maker.pem"
start_open
before=$(ticks)

"$LOAD" run "$T" "$CA_PORT" "$DEVICES" "$WORKERS" >"$T/load" 2>"$T/load.err" </dev/null &
PIDS[load]=$!
killed=0
if [ "$KILLS" -gt 0 ]; then
	until [ -s "$T/received" ] || ! alive load; do sleep 0.05; done
	# Spread over the devices: one kill for each so many certificates
	while [ "$killed" -lt "$KILLS" ] && alive load; do
		if [ "$(wc -l <"$T/received")" -ge $((DEVICES * (killed + 1) / (KILLS + 2))) ]; then
			stop_ca KILL
			killed=$((killed + 1))
			start_open
		else
			sleep 0.0$((RANDOM % 9 + 1))
		fi
	done
fi
status=0
wait "${PIDS[load]}" || status=$?
unset 'PIDS[load]'
check_is "$DEVICES devices enrolled" "$status" 0
show "$T/load.err"
after=$(ticks)
stop_ca

read -r took again devices_cpu <"$T/load"
check_is 'every certificate that a device received is in the store' "$(missing)" 0
check_is 'each device received one' "$(cut -d' ' -f1 "$T/received" | sort -u | wc -l)" "$DEVICES"
check_is 'no session gave two' "$(sql 'SELECT count(*) - count(DISTINCT session) FROM certificates')" 0
check_is 'every certificate is of a spent session, and the other way round' \
    "$(sql 'SELECT
	(SELECT count(*) FROM certificates c LEFT JOIN sessions s USING (serial) WHERE c.session IS NOT s.id) +
	(SELECT count(*) FROM sessions s LEFT JOIN certificates c USING (serial) WHERE c.session IS NOT s.id)')" 0
check_is 'the store is sound' "$(sql 'PRAGMA integrity_check')" ok
row 'kill -9 of the CA' "$killed" ''
row 'requests repeated by devices' "$again" ''
if [ "$KILLS" -gt 0 ]; then
	check_is "the CA was killed $KILLS times" "$killed" "$KILLS"
	row 'certificates in the store' "$(sql 'SELECT count(*) FROM certificates')" ''
	done_testing
fi
cpu=$(calc '%.0f' "($after - $before) * 1e6 / $(getconf CLK_TCK) / $DEVICES")
limit=$("$LIMIT" 3)
bare=$("$BARE" 3)
row 'enrolments a second' "$(calc '%.0f' "$DEVICES / $took")" /s
row '  the same cryptography alone, one core' "$(calc '%.0f' "1e6 / $limit")" /s
row '  ratio' "$(calc '%.2f' "$DEVICES / $took * $limit / 1e6")" '(> 0.5)'
row "the CA's processor time for one" "$cpu" us
row '  the cryptography alone' "$limit" us
row '  ratio' "$(calc '%.2f' "$limit / $cpu")" ''
row "  by OpenSSL's usual calls, no HTTP, JSON, store" "$bare" us
row '  ratio' "$(calc '%.2f' "$bare / $cpu")" ''
row "the devices' own processor time, on the same cores" "$(calc '%.0f' "$devices_cpu * 1e6 / $DEVICES")" us
done_testing
