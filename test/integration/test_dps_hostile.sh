#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A provisioning service that lies, one field at a time: the device says so, keeps what it has,
# and leaves nothing in its TPM. And devices that begin registrations and never finish them.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"

SCOPE=0ne00TEST
BEGUN=${TPMIOT_DPS_BEGUN:-300}
KILLS=${TPMIOT_DPS_KILLS:-8}
MODE=$T/mode
# shellcheck disable=SC2120  # by way of check_fails
dps() {
	tpmiot-enroll dps --id-scope="$SCOPE" --server="localhost:$PORT" --ca-file="$CADIR/ca.crt" \
	    --timeout=3s "$@"
}
python() { env -u OPENSSL_MODULES -u OPENSSL_CONF /usr/bin/python3 "$@"; }
tpm_is_clean() { [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]; }
list_ek() {
	tpmiot-enroll ek --public-out="$T/$1.ek" >/dev/null 2>&1 &&
	    tpmiot-ca --dir="$CADIR" allow add --ek="$T/$1.ek" --device-id="$1" >/dev/null
}

start_swtpm other
start_swtpm tpm
make_ca --host=localhost
start_ca --set "dps_scope=$SCOPE" --set hubs=hub.example.net --set rate_limit=off
list_ek tpm
use_tpm other
list_ek other

echo none >"$MODE"
start hostile env -u OPENSSL_MODULES -u OPENSSL_CONF /usr/bin/python3 "$SRC/test/integration/dps_hostile.py" \
    "$CADIR/tls.crt" "$CADIR/tls.key" "$CADIR/ca.crt" "$CA_PORT" "$MODE"
wait_for_line hostile '^port [0-9]' || die 'the hostile service does not start'
PORT=$(sed -n 's/^port //p' "$T/hostile.log")

# What is for another TPM.
echo "save $T/other.key" >"$MODE"
TPMIOT_STATE_DIR=$T/other.state dps >/dev/null 2>&1
use_tpm tpm
# A registration that stands, which nothing below may harm.
echo none >"$MODE"
check 'through the service that does nothing wrong' dps
echo once >"$MODE"
check 'as if the client said only once whom it is about' dps --again
echo slow >"$MODE"
check 'one that takes its time to assign' count_tpm "$T/count" dps --again
check_is 'no session is kept meanwhile' "$(grep -cE 'StartAuthSession|FlushContext' "$T/count")" 4
cp -a "$TPMIOT_STATE_DIR" "$T/before"

# lies STATUS REGEX MODE…: a registration with this wrong fails, and harms nothing
lies() {
	local status=$1 regex=$2
	shift 2
	echo "$*" >"$MODE"
	check_fails "$status" "$regex" "$*" dps --again
	diff -r "$T/before" "$TPMIOT_STATE_DIR" >/dev/null || not_ok "$*: the state changed"
}

for step in challenge assigned; do
	for part in 0 1 2 3 4 5; do
		[ "$part" -eq 5 ] || lies 4 'not (what|for)' $step key truncated:$part
		[ "$part" -eq 5 ] || lies 4 'not (what|for)' $step key extended:$part
	done
	lies 4 'not what' $step key empty:2
	lies 4 'not what' $step key empty:5
	lies 4 'not what' $step key huge:2
	for part in 0 1 2 3 4; do
		lies 4 'not for this TPM' $step key flipped:$part
	done
	lies 4 'not (what|for)' $step key order:0,2
	lies 4 'not (what|for)' $step key order:1,3
	lies 4 'not what' $step key order:4,5
	lies 4 'attributes' $step key attributes:0x2
	lies 4 'attributes' $step key attributes:0x10000
	lies 4 'attributes' $step key attributes:0x40
	lies 4 'not what' $step key behind
	lies 4 'not what' $step key cut:0
	lies 4 'not what' $step key cut:700
	lies 4 'authenticationKey' $step key base64
	lies 4 'not for this TPM' $step key "other:$T/other.key"
	lies 4 'more than [0-9]+ bytes' $step big
	lies 4 'no provisioning service|not what' $step raw hello
	lies 4 'no provisioning service' $step redirect
done
lies 4 'authenticationKey' challenge drop authenticationKey
lies 4 'no provisioning service' challenge status 200
lies 3 'refused' challenge status 403
lies 4 'try again later' challenge status 500
lies 4 'assigned a hub within 3 s.*--timeout' assigned endless
lies 3 'could not register.*no reason given' assigned set status '"failed"'
lies 4 'status' assigned set status '"unheard"'
lies 4 'assignedHub' assigned set registrationState.assignedHub '"hub/../x"'
lies 4 'assignedHub' assigned set registrationState.assignedHub '""'
lies 4 'deviceId' assigned set registrationState.deviceId '"a/b"'
lies 4 'deviceId' assigned set registrationState.deviceId '7'
lies 4 'authenticationKey' assigned drop registrationState.tpm.authenticationKey
lies 4 'operationId' assigning set operationId '"../../x"'
lies 4 'operationId' assigning drop operationId
check 'nothing stays in the TPM' tpm_is_clean
echo none >"$MODE"
check 'and then it works as before' dps --again

# ---- Cut short ------------------------------------------------------------------------------
# kill -9 at moments all over a registration's time; then without --again and --persistent: either the
# former one still stands, or it is made good.
kill_at() {
	"$ENROLL" -q dps --id-scope="$SCOPE" --server="localhost:$CA_PORT" --ca-file="$CADIR/ca.crt" --again $1 \
	    >"$T/killed.log" 2>&1 &
	local pid=$!
	sleep "$2"
	if kill -9 "$pid" 2>/dev/null; then KILLED=$((KILLED + 1)); fi
	wait "$pid" 2>/dev/null
	dps >"$T/killed.log" 2>&1 && tpmiot-enroll token sas >"$T/sas" && tpm_is_clean &&
	    tpmiot-ca --dir="$CADIR" token verify --audience=hub.example.net <"$T/sas" >/dev/null && return
	BAD="$BAD $1@$2"
	show "$T/killed.log"
}
PORT=$CA_PORT BAD='' KILLED=0
check 'with the CA itself: another server than the registration was with' dps --again
for ((i = 0; i < KILLS; i++)); do
	kill_at "$([ $((i % 2)) -eq 0 ] || echo --persistent)" "0.$(printf '%02d' $((1 + i * 7 % 23)))" 2>/dev/null
done
check_is "the same again after each of $KILLS kills (bad)" "$BAD" ''
check_is 'some of which came before the end' "$([ "$KILLED" -ge $((KILLS / 2)) ] && echo yes)" yes

# ---- Registrations that are never finished -----------------------------------------------
size() { stat -c %s "$CADIR/store.db" "$CADIR/store.db-wal" | paste -sd+ | bc; }
begin_many() {
	python - "$CA_PORT" "$CADIR/ca.crt" "$SCOPE" "$1" "$T/request" <<-'PY'
	import http.client, ssl, sys
	port, ca, scope, n, request = sys.argv[1:6]
	body = open(request).read()
	c = http.client.HTTPSConnection("localhost", int(port), context=ssl.create_default_context(cafile=ca))
	for _ in range(int(n)):
	    c.request("PUT", "/%s/registrations/tpm/register" % scope, body, {"Content-Type": "application/json"})
	    r = c.getresponse()
	    r.read()
	    assert r.status == 401, r.status
	PY
}
tpm2_readpublic -Q -c 0x81010001 -o "$T/ek.pub"
tpm2_readpublic -Q -c 0x81000001 -o "$T/srk.pub"
printf '{"tpm":{"endorsementKey":"%s","storageRootKey":"%s"}}' "$(base64 -w0 "$T/ek.pub")" \
    "$(base64 -w0 "$T/srk.pub")" >"$T/request"
begin_many 50
before=$(size) memory=$(awk '/^VmRSS/ { print $2 }' "/proc/${PIDS[ca]}/status")
check "$BEGUN registrations begun, none finished" begin_many "$BEGUN"
check_is 'the store has not grown by a byte' "$(size)" "$before"
grown=$(($(awk '/^VmRSS/ { print $2 }' "/proc/${PIDS[ca]}/status") - memory))
if [ -n "${TPMIOT_SANITIZED:-}" ]; then
	skip 'ASan keeps what is freed' 'nor the server'
elif [ "$grown" -le 1024 ]; then
	ok "nor the server (by $grown KiB)"
else
	not_ok "the server has grown by $grown KiB"
fi
done_testing
