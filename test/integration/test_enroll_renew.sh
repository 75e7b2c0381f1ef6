#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Renewal over mTLS with the key in the TPM: same key and new key, when it is due, what the
# CA refuses, and kill -9 at many moments: there is always one key with its certificate.
# TPMIOT_KILL_POINTS is how many moments (default 24).
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

POINTS=${TPMIOT_KILL_POINTS:-24}
NOW=--before=36500d # whatever the certificate says

renew() { tpmiot-enroll renew "$@"; }
crt() { openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout "$@"; }
serial() { crt -serial; }
pubkey() { crt -pubkey | openssl dgst -sha256; }
state_files() { (cd "$TPMIOT_STATE_DIR" && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' '); }
tpm_is_clean() { [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]; }
# The key file's key and the certificate's are one.
pair_fits() {
	tpmiot-enroll status --json >"$T/status" &&
	    python3 -c 'import json,sys; k=json.load(open(sys.argv[1]))["keys"]; sys.exit(not all(x["certificate"]["for_this_key"] and not x["certificate"]["expired"] for x in k))' "$T/status"
}
fresh() { export TPMIOT_STATE_DIR=$T/state-$1; }

start_swtpm bare bare
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off

fresh none
check_fails 1 'no certificate yet.*enroll' 'nothing to renew' renew
check_fails 2 '30d' 'a time that is none' renew --before=soon

for kind in bare persistent ecc; do
	start_swtpm $kind $kind
	for key in ec-p256 ec-p384 rsa-2048; do
		[ $key = ec-p256 ] || [ $kind = bare ] || continue
		fresh "$kind-$key"
		check "$kind, $key: enrol" enroll --key=$key
		was=$(serial) was_key=$(pubkey)
		check "$kind, $key: not due" renew
		check_is "$kind, $key: so nothing changed" "$(serial)" "$was"
		check "$kind, $key: renew" renew $NOW
		[ "$(serial)" != "$was" ]
		check_is "$kind, $key: another certificate" $? 0
		check_is "$kind, $key: for the same key" "$(pubkey)" "$was_key"
		check "$kind, $key: renew with a new key" renew $NOW --rekey
		[ "$(pubkey)" != "$was_key" ]
		check_is "$kind, $key: another key" $? 0
		check "$kind, $key: which fits" pair_fits
		check_is "$kind, $key: nothing is left over" "$(state_files)" \
		    'ak.key ca.crt device.crt device.key server.json '
		check "$kind, $key: nor in the TPM" tpm_is_clean
		check "$kind, $key: it leads to the CA" \
		    openssl verify -CAfile "$TPMIOT_STATE_DIR/ca.crt" "$TPMIOT_STATE_DIR/device.crt"
	done
done

# Another program keeps a key in a TPM of three slots, without a resource manager.
start_swtpm held persistent
fresh held
check 'held: enrol' enroll
free_port
start holder openssl s_server -provider default -provider tpmiot -accept "$PORT" -quiet \
    -key "$TPMIOT_STATE_DIR/device.key" -cert "$TPMIOT_STATE_DIR/device.crt"
wait_for holder port_answers "$PORT"
openssl s_client -connect "localhost:$PORT" </dev/null >/dev/null 2>&1
check 'held: a key that both have gives way' renew $NOW --rekey
check 'held: and it fits' pair_fits
openssl s_client -connect "localhost:$PORT" </dev/null >/dev/null 2>&1
was=$(serial)
check_fails 5 'no room.*resource manager' 'held: what others have stays' renew $NOW --rekey
check_is 'held: nothing is lost' "$(serial)" "$was"
stop holder TERM
tpm2_flushcontext -t
check 'held: room for AK and new key' renew $NOW --rekey
check 'held: and it fits' pair_fits

renew --json $NOW >"$T/json"
check_is 'json' "$(python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(j["result"], j["exit"])' "$T/json")" 'renewed 0'

# ---- When -------------------------------------------------------------------------

fresh short
stop_ca
start_ca --set enrolment=open --set rate_limit=off --set validity=1d
check 'a certificate for a day' enroll
check 'is not due today' renew
check_grep 'not due' "$T/out" 'and it is said'
check 'a day before: due' renew --before=24h
check_grep 'renewed' "$T/out" 'and renewed'
check 'with --before' renew --before=22h
check_grep 'not due' "$T/out" 'and then not any more'

# ---- What goes wrong ----------------------------------------------------------------

was=$(serial)
stop_ca
check_fails 4 'not reachable' 'no CA' renew $NOW --timeout=0s
check 'no CA: a renewal with a new key keeps the old one' pair_fits
check_fails 4 'not reachable' 'no CA, new key' renew $NOW --rekey --timeout=0s
check_is 'no CA: the old certificate stays' "$(serial)" "$was"
start_ca --set enrolment=open --set rate_limit=off
check 'the CA is back: the key that was made is used' renew $NOW --rekey
check 'and fits' pair_fits
python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE certificates SET state = 1, revoked_at = 1")
db.commit()' "$CADIR/store.db"
check_fails 3 'certificate-revoked' 'a revoked certificate renews nothing' renew $NOW
check 'enrol with a new start' tpmiot-enroll reset
check 'and again' enroll
id=$(crt -subject -nameopt RFC2253 | sed 's/.*CN=//')
tpmiot-ca --dir="$CADIR" device block "$id" >"$T/block.log" 2>&1
check_fails 3 'device-blocked' 'a blocked device renews nothing' renew $NOW --rekey
tpmiot-ca --dir="$CADIR" device unblock "$id" >"$T/block.log" 2>&1
check 'unblocked' renew $NOW
check 'TPM clean after all that' tpm_is_clean
rm "$TPMIOT_STATE_DIR/server.json"
check_fails 2 'give --server' 'a server that nobody remembers' renew $NOW
check 'can be named' renew $NOW --server="$CA_URL" --ca-file="$CADIR/ca.crt"
check_is 'and is remembered' "$(state_files)" 'ak.key ca.crt device.crt device.key server.json '
cp "$CADIR/ca.crt" "$T/stick.crt"
check 'renew, the CA file on a stick' renew $NOW --server="$CA_URL" --ca-file="$T/stick.crt"
rm "$T/stick.crt"
check 'which is gone: what stood in it is remembered' renew $NOW
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/stick.key" \
    -out "$T/stick.crt" -subj '/CN=planted' 2>"$T/stick.log"
check 'and what stands there now is not looked at' renew $NOW

# The CA gets another key: devices learn of it while the server still shows what they know.
sign_tls() { # sign_tls CERT KEY
	openssl req -new -key "$CADIR/tls.key" -subj /CN=localhost -addext subjectAltName=DNS:localhost |
	    openssl x509 -req -CA "$1" -CAkey "$2" -days 9 -copy_extensions copy -out "$T/tls.crt" 2>"$T/tls.log"
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/next.key" -out "$T/next.crt" \
    -subj '/CN=Next CA' -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign -days 99 2>"$T/next.log"
next_ca() {
	stop_ca
	start_ca --set enrolment=open --set rate_limit=off --set "ca_key=$T/next.key" --set "ca_cert=$T/next.crt" "$@"
}
sign_tls "$CADIR/ca.crt" "$CADIR/ca.key"
next_ca --set "tls_cert=$T/tls.crt"
check 'another CA key, the old TLS certificate' renew $NOW
check_is 'ca.crt is the next one' "$(openssl x509 -in "$TPMIOT_STATE_DIR/ca.crt" -noout -subject -nameopt RFC2253)" 'subject=CN=Next CA'
sign_tls "$T/next.crt" "$T/next.key"
next_ca --set "tls_cert=$T/tls.crt"
check 'the TLS certificate is of the next CA as well' renew $NOW
cp "$T/stick.crt" "$TPMIOT_STATE_DIR/ca.crt"
check_fails 4 'not trusted' 'neither the one nor the other' renew $NOW
stop_ca
start_ca --set enrolment=open --set rate_limit=off

rm "$TPMIOT_STATE_DIR/ak.key"
check_fails 1 'attestation key.*enrol' 'no AK any more' renew $NOW

# ---- kill -9 --------------------------------------------------------------------------

now_us() { echo $((${EPOCHREALTIME/[^0-9]/})); }

kill_at() {
	local pid
	"$ENROLL" -q renew $NOW "$MODE" >"$T/killed.log" 2>&1 &
	pid=$!
	sleep "$(printf '0.%06d' "$1")"
	kill -9 "$pid" 2>/dev/null && KILLED=$((KILLED + 1))
	wait "$pid" 2>/dev/null
}

# At any moment: whoever is due next repairs it, and what was valid is not lost.
survives() {
	kill_at "$1"
	renew -q --before=1s || return 1 # not due: only what was decided is finished
	pair_fits || return 1
	renew -q $NOW "$MODE" || return 1
	pair_fits || return 1
	[ "$(state_files)" = 'ak.key ca.crt device.crt device.key server.json ' ] && tpm_is_clean
}

for MODE in --rekey -q; do
	start_swtpm bare
	fresh "kill$MODE"
	check "kill, $MODE: enrol" enroll
	begin=$(now_us)
	check "kill, $MODE: an undisturbed renewal" renew $NOW "$MODE"
	took=$(($(now_us) - begin))
	[ "$took" -lt 900000 ] || took=900000
	bad='' KILLED=0
	for ((i = 0; KILLED < POINTS && i < 8 * POINTS; i++)); do
		at=$((took * (i * 37 % 100) / 100 + 1000))
		survives "$at" >"$T/kill.log" 2>&1 </dev/null || {
			bad="$bad $at"
			note "killed after $at us:"
			show "$T/kill.log"
			state_files | sed 's/^/# /'
		}
	done
	check_is "kill, $MODE: repaired after each of $POINTS kills (bad after us)" "$bad" ''
	check_is "kill, $MODE: so many were killed before their end" "$KILLED" "$POINTS"
done

# The moments between the decision and its end, one by one.
for have in 'device.key device.crt' 'device.crt'; do
	check 'between: a pair that waits' renew $NOW --rekey
	want=$(serial)
	cp "$TPMIOT_STATE_DIR/device.crt" "$T/new.crt"
	cp "$TPMIOT_STATE_DIR/device.key" "$T/new.key"
	check 'between: an older pair' renew $NOW --rekey
	cp "$T/new.crt" "$TPMIOT_STATE_DIR/.device.next.crt"
	if [ "$have" = device.crt ]; then
		cp "$T/new.key" "$TPMIOT_STATE_DIR/device.key"
	else
		cp "$T/new.key" "$TPMIOT_STATE_DIR/.device.next.key"
	fi
	check 'between: finished' renew --before=1s
	check_is 'between: it is the new one' "$(serial)" "$want"
	check 'between: and fits' pair_fits
done

# Whose services may use the key was said at the enrolment, and goes for its successor.
chgrp 4242 "$TPMIOT_STATE_DIR/device.key"
check 'group: renewed with a new key' renew $NOW --rekey
check_is 'group: the one that the old key had' "$(stat -c '%g %a' "$TPMIOT_STATE_DIR/device.key")" '4242 640'
check 'group: another one is said' renew $NOW --rekey --group=4343
check_is 'group: and kept' "$(stat -c '%g %a' "$TPMIOT_STATE_DIR/device.key")" '4343 640'
cp "$T/new.crt" "$TPMIOT_STATE_DIR/.device.next.crt"
cp "$T/new.key" "$TPMIOT_STATE_DIR/.device.next.key"
check 'reset between the two files of a rotation' tpmiot-enroll reset --name=device
check_is 'leaves nothing of either key' "$(state_files)" 'ak.key ca.crt server.json '
done_testing
