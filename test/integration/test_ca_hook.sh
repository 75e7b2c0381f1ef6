#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The operator's own policy: a program that is asked before a certificate is issued. What it is told,
# what its answers do, and that the server serves others meanwhile, whatever it does.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
certs() { ca cert list --json | grep -c '"serial"'; }
# once NAME: one attempt, which does not come again
once() { timeout 20 "$ENROLL" enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --name="$1"; }
logged() { wait_for_line ca "$1"; }

# The hook does what a file says.
cat >"$T/hook" <<HOOK
#!/bin/bash
cat >"$T/asked.\$\$"
mv "$T/asked.\$\$" "$T/asked"
. "$T/behaviour"
HOOK
chmod 755 "$T/hook"
hook() { printf '%s\n' "$1" >"$T/behaviour"; }
hook 'echo "{\"decision\": \"allow\"}"'

start_swtpm
make_ca --set enrolment=open --set hook="$T/hook" --set hook_timeout=2 --set rate_limit=off
trust_mfr
check 'check' ca check
check_grep '^hook +ok' "$T/out" 'check: hook ok'
start_ca

# ---- Answers ----

check 'allow' enroll
python3 - "$T/asked" "$(tpmiot-enroll --json ek)" >"$T/told" 2>&1 <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
assert d["version"] == 1 and d["event"] == "issue" and d["profile"] == "client" and d["group"] == "", d
assert d["device_id"] == "ek-" + d["ek"][:32] and len(d["key"]) == 64 and d["ek"] in sys.argv[2], d
assert d["ek_certificate_trusted"] is True and d["tpm_manufacturer"].startswith("id:"), d
assert d["peer"] == "127.0.0.1", d
PY
check_is 'it is told who asks, and for what' "$?" 0
show "$T/told"
check 'renewal: allow' tpmiot-enroll renew --before=1000d --rekey
check_grep '"event":"renew"' "$T/asked" 'renewal: it is told that it is one'
n=$(certs)

hook 'echo "{\"decision\": \"deny\", \"reason\": \"not on a Sunday\"}"'
check_fails 3 'not on a Sunday.*external-policy' 'deny: the device is told why' once b
check 'deny: audit' ca audit
check_grep 'external-policy.*not on a Sunday|not on a Sunday' "$T/out" 'deny: the reason is in the audit log'
check_fails 3 'not on a Sunday' 'deny: renewals, too' tpmiot-enroll renew --before=1000d --rekey
hook 'printf "%s" "{\"decision\": \"deny\", \"reason\": \"a\\u001b[31mb\"}"'
check_fails 3 'a\?\[31mb' 'deny: no control characters' once b

# ---- No answer is no certificate, and the cause is in the log ----

# The tool would try again: that it gets no certificate in a while is what counts.
without() {
	local seconds=$1
	shift
	# shellcheck disable=SC2016  # for the shell that it starts
	check "$1: no certificate" bash -c '! timeout "$@" && [ ! -e "$TPMIOT_STATE_DIR/b.crt" ]' - \
	    "$seconds" "$ENROLL" -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --name=b
}
# no_answer NAME BEHAVIOUR REGEX [SECONDS]
no_answer() {
	hook "$2"
	without "${4:-1.2}" "$1"
	check "$1: the log says why" logged "503 server-error.*hook: .*$3"
}
no_answer 'nothing' ':' 'its output is not'
no_answer 'nonsense' 'echo maybe' 'its output is not'
no_answer 'allow, and exit 1' 'echo "{\"decision\": \"allow\"}"; exit 1' 'exit status'
no_answer 'killed' 'kill -9 $$' 'killed'
no_answer 'endless talk' 'yes' 'too much'
no_answer 'too slow' 'sleep 61.375' 'hook_timeout' 3.5
check 'what was too slow runs no more' bash -c '! pgrep -fx "sleep 61.375"'
chmod -x "$T/hook"
hook 'echo "{\"decision\": \"allow\"}"'
without 1.2 'it cannot be started'
check 'it cannot be started: the log says why' logged 'hook: cannot be started'
check_fails 1 . 'check says so' ca check
chmod 757 "$T/hook"
check_fails 1 . 'check: others may write to it' ca check
check_grep 'others may write' "$T/out" 'check: others may write to it: says so'
chmod 755 "$T/hook"
check_is 'no certificate came of all that' "$(certs)" "$n"
check 'and none is on the device' test ! -e "$TPMIOT_STATE_DIR/b.crt"

# ---- Others are served meanwhile ----

hook 'sleep 1.5; echo "{\"decision\": \"allow\"}"'
start slow "$ENROLL" enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --name=slow
wait_for slow test ! -e "$T/no" # its process is there
for ((i = 0; i < 100; i++)); do
	pgrep -f "$T/hook" >/dev/null && break
	sleep 0.05
done
began=$(date +%s%N)
check 'a request while the hook works' curl -sS --cacert "$CADIR/ca.crt" -o "$T/crl" "$CA_URL/v1/crl"
check 'is answered at once' test $((($(date +%s%N) - began) / 1000000)) -lt 900
wait "${PIDS[slow]}"
check_is 'and the one that waited gets its certificate' "$?" 0
unset "PIDS[slow]"

# Clients that hang up, or send the next request early, while their hook works; then the end.
for ((i = 0; i < 3; i++)); do
	(timeout -s KILL 0.9 "$ENROLL" -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --name=gone$i; :) >/dev/null 2>&1
done
check 'clients that hang up meanwhile do no harm' once again
start last "$ENROLL" enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --name=last
for ((i = 0; i < 100; i++)); do
	pgrep -f "$T/hook" >/dev/null && break
	sleep 0.05
done
check 'a stop while the hook works goes well' stop_ca
wait "${PIDS[last]}"
check_is 'and its device got its certificate first' "$?" 0
unset "PIDS[last]"
check_is 'the store agrees' "$(ca cert list --json | grep -c '"state": "good"')" "$(certs)"

done_testing
