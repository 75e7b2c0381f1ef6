#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The line's script, with software TPMs: every unit is registered, enrolled and tested; a
# stop in the middle loses nothing; what is wrong with one unit is said, and holds up no other.
# TPMIOT_FACTORY_UNITS is how many (default 8; make check-factory: 200).
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

UNITS=${TPMIOT_FACTORY_UNITS:-8}
export OPENSSL_CONF=$SRC/examples/openssl.cnf TPMIOT_ENROLL=$ENROLL
factory() {
	with_module "$SRC/examples/tpmiot-factory" --server="$CA_URL" --ca-file="$CADIR/ca.crt" \
	    --report="$T/report" --jobs=2 "$@"
}
rows() { awk -F, -v want="$1" '$3 == want' "$T/report/report.csv" | wc -l; }

make_ca
for ((i = 1; i <= UNITS; i++)); do
	name=$(printf 'SN%04d' "$i")
	OPENSSL_CONF=/dev/null start_swtpm "$name"
	echo "$name $TPMIOT_TCTI $T/units/$name" >>"$T/units.txt"
	echo "$name,$(tpmiot-enroll ek --json | sed -n 's/.*"spki_sha256": "\(.*\)".*/\1/p')" >>"$T/expected.csv"
done
unset TPMIOT_TCTI
start_ca --set rate_limit=off # listed: the script registers

cat >"$T/register" <<SH
#!/bin/sh
[ "\$1" != "\$(cat "$T/unwanted" 2>/dev/null)" ] || { echo "the line is not to have \$1"; exit 1; }
"$CA" --dir="$CADIR" allow list --json | grep -q "\$2" && exit 0
exec "$CA" --dir="$CADIR" allow add --ek="\$2" --device-id="\$1"
SH
chmod +x "$T/register"

check_fails 2 'are needed' 'usage' "$SRC/examples/tpmiot-factory" --report="$T/report"
"$SRC/examples/tpmiot-factory" --help >"$T/help" 2>"$T/help.err" || echo failed >>"$T/help.err"
check_grep '^usage: tpmiot-factory --server' "$T/help" 'help'
check_is 'help is no error' "$(cat "$T/help.err")" ''
check_fails 1 'enroll: .*ek-not-listed' 'not registered: the CA refuses' \
    factory <(head -n 1 "$T/units.txt")
check_is 'and it is reported' "$(rows failed)" 1
check_fails 1 'failed; --retry' 'a failed unit is left alone' factory <(head -n 1 "$T/units.txt")
check_is 'and not reported again' "$(rows failed)" 1

# One more that the line is not to have, and one whose TPM is another one's.
echo SN0002 >"$T/unwanted"
awk -F, '$1 == "SN0003" { $2 = "00" } { print $1 "," $2 }' "$T/expected.csv" >"$T/wrong.csv"
check_fails 1 'SN0002 .*register: the line is not to have' 'a unit that cannot be registered' \
    factory --register="$T/register" --expected="$T/wrong.csv" <(sed -n 2,3p "$T/units.txt")
check_grep '^SN0003 .*register: the EK is not the one in the list' "$T/out" 'a unit with another EK'
rm "$T/unwanted"
# As other systems write a list: upper case, CRLF.
tr a-f A-F <"$T/expected.csv" | sed 's/$/\r/' >"$T/expected.dos" && mv "$T/expected.dos" "$T/expected.csv"

# kill -9 in the middle, and half a row
setsid "$SRC/examples/tpmiot-factory" --server="$CA_URL" --ca-file="$CADIR/ca.crt" \
    --report="$T/report" --jobs=2 --register="$T/register" --expected="$T/expected.csv" --retry \
    "$T/units.txt" >"$T/killed.log" 2>&1 </dev/null &
pid=$!
until [ "$(rows ok)" -ge 1 ] || ! kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
# With all that it started, as a power cut does; what is forked meanwhile, too.
pkill -9 -s "$pid"
wait "$pid" 2>/dev/null
for ((i = 0; i < 20; i++)); do
	pkill -9 -s "$pid" || break
	sleep 0.05
done
printf '2026-01-01T00:00:00Z,SN00' >>"$T/report/report.csv"
before=$(rows ok)
note "$before units were done when it was killed"
# What was killed may take a moment to go, and holds the report's lock until then.
for ((i = 0; i < 100; i++)); do
	pgrep -f "$T/units.txt" >/dev/null || break
	sleep 0.1
done
check 'after the kill: the same again' factory --register="$T/register" \
    --expected="$T/expected.csv" --retry "$T/units.txt"
check_is 'every unit is ok, once' "$(awk -F, '$3 == "ok" { print $2 }' "$T/report/report.csv" | sort -u | wc -l)" "$UNITS"
check_is 'the CA knows them all, by their serial numbers' "$(tpmiot-ca --dir="$CADIR" device list --json |
    grep -c '"SN[0-9]*"')" "$UNITS"
check 'the report is CSV' python3 -c 'import csv,sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert all(len(r) == 9 and None not in r.values() and None not in r for r in rows), rows' "$T/report/report.csv"
check 'and JSON, with the same rows' python3 -c 'import json,sys
j = [json.loads(l) for l in open(sys.argv[1])]
ok = {r["serial"] for r in j if r["result"] == "ok"}
assert len(ok) == int(sys.argv[2]), len(ok)
assert all(r["device_id"] == r["serial"] and len(r["ek_sha256"]) == 64 for r in j if r["result"] == "ok")' \
    "$T/report/report.jsonl" "$UNITS"
first=$T/units/SN0001
check_is "a unit's services reach its key" "$(stat -c %a "$T/units" "$first" "$first/device.crt" | paste -sd' ')" \
    "$([ "$(id -u)" = 0 ] && echo '755 755 644' || echo '755 700 644')"
# Asked to stop while a unit is at work: nothing of it is left, and the next run goes on at once.
cat >"$T/slow" <<SH
#!/bin/sh
: >"$T/slow.began"
exec sleep 60
SH
chmod +x "$T/slow"
TMPDIR=$T/tmp
mkdir "$TMPDIR"
export TMPDIR
start stopped "$SRC/examples/tpmiot-factory" --server="$CA_URL" --ca-file="$CADIR/ca.crt" \
    --report="$T/report2" --register="$T/slow" <(head -n 1 "$T/units.txt")
wait_for stopped test -e "$T/slow.began"
stop stopped
check_is 'stopped: it says so' "$?" 130
check_is 'nothing that it made is left' "$(find "$TMPDIR" -mindepth 1)" ''
check 'nor the report in use' flock -n "$T/report2/.lock" true
unset TMPDIR
# shellcheck disable=SC2317,SC2329  # called by check_fails
full() {
	(ulimit -f 0 && trap '' XFSZ && "$SRC/examples/tpmiot-factory" --server="$CA_URL" --ca-file="$CADIR/ca.crt" \
	    --report="$T/report3" "$@" 2>&1) | cat
	return "${PIPESTATUS[0]}"
}
mkdir "$T/report3"
cp "$T/report/report.csv" "$T/report3/"
sed -i '/SN0001/d' "$T/report3/report.csv"
check_fails 1 'SN0001 +failed .*report: .*make room' 'a report that cannot be written' full <(head -n 1 "$T/units.txt")

lines=$(wc -l <"$T/report/report.csv")
check 'once more: nothing to do' factory "$T/units.txt"
check_is 'and nothing was done' "$(wc -l <"$T/report/report.csv")" "$lines"
done_testing
