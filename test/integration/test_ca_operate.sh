#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The running server from its operator's side: reload, a graceful stop, metrics, health, logs.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
get() { curl -sS --max-time 20 -w '\n%{http_code}\n' "$@"; }
refuse_me() { get --cacert "$CADIR/ca.crt" -H 'Content-Type: application/json' -d '{}' "$CA_URL/v1/attestations"; }
conf() { sed -i "/^#*$1 = /d" "$CADIR/tpmiot-ca.conf" && echo "$1 = $2" >>"$CADIR/tpmiot-ca.conf"; }
reloads() { grep -cE '(info: |"message": ")reloaded|error: not reloaded' "$T/ca.log"; }
reload() {
	local before
	before=$(reloads)
	kill -HUP "${PIDS[ca]}"
	# shellcheck disable=SC2016  # for the shell that wait_for starts
	wait_for ca eval '[ "$(reloads)" -gt '"$before"' ]'
}
# The end of the server's certificate, as a client sees it.
server_serial() {
	openssl s_client -connect "127.0.0.1:$CA_PORT" </dev/null 2>/dev/null | openssl x509 -noout -serial
}
metric() { get "$METRICS/metrics" | sed -n "s/^tpmiot_ca_$1 //p"; }

start_swtpm
make_ca
trust_mfr
free_port
METRICS=http://127.0.0.1:$PORT
conf metrics_listen "127.0.0.1:$PORT"
start_ca

# ---- Metrics and health ----

check 'health' get "$METRICS/health"
check_grep '^ok$' "$T/out" 'health: ok'
check_grep '^200$' "$T/out" 'health: 200'
check 'metrics' get "$METRICS/metrics"
check_grep '^tpmiot_ca_devices\{state="active"\} 0$' "$T/out" 'no device yet'
check_grep '^tpmiot_ca_reload_time_seconds 0$' "$T/out" 'no reload yet'
if command -v promtool >/dev/null; then
	get "$METRICS/metrics" | sed '$d' >"$T/metrics"
	check 'promtool finds nothing wrong' promtool check metrics <"$T/metrics"
fi
# Every line is a comment or NAME{LABELS} NUMBER, and each name has its TYPE before it.
get "$METRICS/metrics" | sed -n '$!p' | awk '
	/^# TYPE / { type[$3] = 1; next }
	/^#/ || /^$/ { next }
	!/^[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? -?[0-9.e+]+$/ { print "bad line: " $0; bad = 1; next }
	{ name = $1; sub(/\{.*/, "", name); base = name; sub(/_(bucket|sum|count)$/, "", base)
	  if (!(name in type) && !(base in type)) { print "no type: " $0; bad = 1 } }
	END { exit bad }' >"$T/format" 2>&1
check_is 'the text has the format' "$?" 0
show "$T/format"
check 'another path' get "$METRICS/"
check_grep '^404$' "$T/out" 'another path: 404'
check 'another method' get -X DELETE "$METRICS/metrics"
check_grep '^405$' "$T/out" 'another method: 405'
check 'a body' get -d x "$METRICS/metrics"
check_grep '^4..$' "$T/out" 'a body: refused'
check 'a long header' get -H "X: $(printf '%05000d' 0)" "$METRICS/health"
check_grep '^431$' "$T/out" 'a long header: 431'
# What the server makes of TEXT.
raw() { python3 -c 'import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
s.sendall(sys.argv[2].encode().decode("unicode_escape").encode())
if sys.argv[3:]:
    s.shutdown(socket.SHUT_WR)
print(s.makefile("rb").readline().decode().strip())' "${METRICS##*:}" "$@"; }
check_is 'what is no request' "$(raw 'HELO x\r\n\r\n')" 'HTTP/1.1 400 Bad Request'
check_is 'no version' "$(raw 'GET /health\r\n\r\n')" 'HTTP/1.1 400 Bad Request'
check_is 'no path' "$(raw 'GET health HTTP/1.1\r\n\r\n')" 'HTTP/1.1 400 Bad Request'
check_is 'a query' "$(raw 'GET /health?x=1 HTTP/1.1\r\n\r\n')" 'HTTP/1.1 200 OK'
check_is 'from a client that has no more to say' "$(raw 'GET /health HTTP/1.1\r\n\r\n' half)" 'HTTP/1.1 200 OK'
# Clients that open connections and ask for nothing, or for half of something.
python3 - "${METRICS##*:}" >"$T/idle" <<'EOF' &
import select, socket, sys, time, urllib.request
port = int(sys.argv[1])
began = time.monotonic()
idle = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(100)] # no more than the backlog
for s in idle[1::2]:
    try:
        s.sendall(b"GET /health HT")
    except OSError:
        pass  # it had to make way
print("health:", urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=4).read().decode().strip(),
      "in time" if time.monotonic() - began < 4 else "late")
open_now = len(idle) - len(select.select(idle, [], [], 0)[0])
print("open:", "at most 32" if 0 < open_now <= 32 else open_now)
while idle and time.monotonic() - began < 10:
    for s in select.select(idle, [], [], 1)[0]:
        idle.remove(s)
print("after a while:", len(idle))
EOF
IDLE=$!
check 'metrics on the TLS address' get --cacert "$CADIR/ca.crt" "$CA_URL/metrics"
check_grep '^404$' "$T/out" 'metrics on the TLS address: 404'

# ---- Reload ----

check_fails 3 'ek-not-listed' 'a device that is not listed' enroll
exec {kept}<>"/dev/tcp/127.0.0.1/$CA_PORT" # a connection that is there before and after
conf enrolment open
reload
check 'after a reload with enrolment = open it enrols' enroll
wait "$IDLE"
check_is 'monitoring answers beside idle connections, and these end' "$(tr '\n' ';' <"$T/idle")" \
    'health: ok in time;open: at most 32;after a while: 0;'
check_is 'metrics count the certificate' "$(metric 'certificates{state="good"}')" 1
check_is 'metrics count the refusal' "$(metric 'requests_total{request="attest",result="ek-not-listed"}')" 1
check_is 'metrics count the issue' "$(metric 'requests_total{request="issue",result="ok"}')" 1
check_is 'metrics say that the reload went well' "$(metric reload_ok)" 1

conf enrolment nonsense
reload
check_grep 'error: not reloaded.*enrolment' "$T/ca.log" 'a wrong file is refused, with the reason'
check_is 'and metrics say so' "$(metric reload_ok)" 0
check 'what was before is in force' tpmiot-enroll enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --name=second
conf enrolment open
mv "$CADIR/tls.key" "$T/tls.key"
reload
check_grep 'error: not reloaded.*tls' "$T/ca.log" 'a missing key is refused'
check 'and the server goes on' refuse_me
mv "$T/tls.key" "$CADIR/tls.key"

# A new certificate for the server, while a connection with the old one stays open.
cat >"$T/tls.cnf" <<'CNF'
subjectAltName = DNS:localhost,IP:127.0.0.1
CNF
before=$(server_serial)
(
	printf 'url = "%s/v1/crl"\noutput = "%s"\n' "$CA_URL" "$T/crl1"
	printf 'url = "%s/v1/crl"\noutput = "%s"\n' "$CA_URL" "$T/crl2"
	printf 'cacert = "%s"\nrate = "20/m"\nwrite-out = "connects=%%{num_connects}\\n"\nsilent\n' "$CADIR/ca.crt"
) >"$T/curlrc"
curl -K "$T/curlrc" >"$T/kept" 2>&1 &
client=$!
# shellcheck disable=SC2016
wait_for ca test -s "$T/crl1"
openssl req -new -key "$CADIR/tls.key" -subj /CN=localhost |
    openssl x509 -req -CA "$CADIR/ca.crt" -CAkey "$CADIR/ca.key" -days 90 -extfile "$T/tls.cnf" -out "$CADIR/tls.crt" 2>/dev/null
reload
after=$(server_serial)
check 'the server shows its new certificate' test "$before" != "$after"
wait "$client"
check_is 'a client in between was served twice over one connection' "$(tr '\n' ' ' <"$T/kept")" 'connects=1 connects=0 '

conf listen 127.0.0.1:1
kill -HUP "${PIDS[ca]}"
check 'new connections go on' refuse_me
exec {kept}>&-

conf rate_limit 2
reload
refuse_me >/dev/null
refuse_me >/dev/null
check 'a rate limit by reload' refuse_me
check_grep '^429$' "$T/out" 'a rate limit by reload: 429'

# ---- The log for programs ----

conf log_format json
reload
refuse_me >/dev/null
tail -n 1 "$T/ca.log" >"$T/line"
check 'a line of the log is JSON' python3 -c 'import json, sys
d = json.loads(open(sys.argv[1]).read())
assert d["level"] == "info" and d["status"] == 429 and d["result"] == "rate-limited", d
assert d["peer"] == "127.0.0.1" and d["path"] == "/v1/attestations" and d["time"].endswith("Z"), d' "$T/line"

# ---- A graceful stop ----

check 'it stops at SIGTERM, and says that it went well' stop_ca
check_grep '"message": "stopped"' "$T/ca.log" 'the last line'

# ---- Started by systemd: with its socket, and telling it how it goes ----

conf log_format text
conf listen 127.0.0.1:1 # not looked at
conf rate_limit off
activated() { python3 "$SRC/test/integration/socket_activation.py" "$CADIR/ca.crt" "$T/activated.log" "$CA" --dir="$CADIR" serve; }
check 'with a socket that was passed' activated
check_is 'it tells when it is ready, reloads and stops, and serves' "$(tr '\n' ' ' <"$T/out")" \
    'READY=1 200 RELOADING=1 READY=1 200 STOPPING=1 exit 0 '
check_grep '^listening on https://127\.0\.0\.1:[0-9]+$' "$T/activated.log" 'its address is the socket'"'"'s'
check_grep 'listen = 127.0.0.1:1 is not looked at' "$T/activated.log" 'and the log says so'
# shellcheck disable=SC2016  # for that shell
passed() { LISTEN_FDS=$1 bash -c 'export LISTEN_PID=$$; exec "$0" --dir="$1" serve "$2" 3</dev/null' "$CA" "$CADIR" "$2"; }
check_fails 2 'one listening TCP socket' 'what is no socket is refused' passed 1 --listen=127.0.0.1:0
check_fails 2 'one listening TCP socket' 'so are two' passed 2 --listen=127.0.0.1:0
LISTEN_FDS=1 LISTEN_PID=1 start other "$CA" --dir="$CADIR" serve --listen=127.0.0.1:0
check 'a socket for another process is not ours' wait_for_line other '^listening on https://127'
stop other

done_testing
