#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong on a device: each with its exit code, a message that names cause and next
# step, and nothing lost: once the cause is gone, the same command succeeds.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

state_files() { (cd "$TPMIOT_STATE_DIR" 2>/dev/null && find . -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' '); }

# fresh NAME: a state directory of its own
fresh() { export TPMIOT_STATE_DIR=$T/state-$1; }

tpm_is_clean() { [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]; }

# ---- Usage -------------------------------------------------------------------

fresh usage
check_fails 2 'which command' 'no command' tpmiot-enroll
check_fails 2 'one word too many' 'an empty command' tpmiot-enroll '' x
check_fails 2 'unknown option -x$' 'an unknown letter behind a known one' tpmiot-enroll -qx status
check_fails 2 'no command renewal' 'an unknown command' tpmiot-enroll renewal
check_fails 2 'Commands: enroll renew .*reset' 'and which there are' tpmiot-enroll renewal
check_fails 2 'unknown option --sever' 'an unknown option' tpmiot-enroll enroll --sever=x
check_fails 2 'no option --server' "another command's option" tpmiot-enroll status --server=x
check_fails 2 'needs to know the CA.*--server=https' 'no server' tpmiot-enroll enroll
check_fails 2 'http://.*join token.*https://' 'http is refused, and why' \
    tpmiot-enroll enroll --server=http://localhost:1
check_fails 2 'write https://localhost' 'no scheme' tpmiot-enroll enroll --server=localhost:8443
check_fails 2 'only https' 'another scheme' tpmiot-enroll enroll --server=ftp://localhost
check_fails 2 'ec-p256' 'an unknown kind of key' \
    tpmiot-enroll enroll --server=https://localhost:1 --key=dsa
check_fails 2 'program.s own' 'a name that is taken' \
    tpmiot-enroll enroll --server=https://localhost:1 --name=ca
check_fails 2 'does not begin' 'a name that leaves the directory' \
    tpmiot-enroll enroll --server=https://localhost:1 --name=../x
check_fails 2 'rsa, ecc' 'an unknown EK' tpmiot-enroll ek --ek=dsa
check_is 'wrong usage leaves nothing behind' "$(state_files)" ''
check 'help' tpmiot-enroll --help
check 'version' tpmiot-enroll --version

# ---- The TPM -----------------------------------------------------------------

fresh notpm
free_port
check_fails 5 'no TPM.*check that it is there' 'TPM not there' \
    tpmiot-enroll --tcti="swtpm:port=$PORT" enroll --server=https://localhost:1
check 'status without a TPM' tpmiot-enroll --tcti="swtpm:port=$PORT" status
check_grep 'TPM:.*no TPM' "$T/out" 'status says that there is none'
check 'reset without a TPM' tpmiot-enroll --tcti="swtpm:port=$PORT" reset

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off

fresh full
for _ in 1 2 3; do tpm2_createprimary -Q -C n; done
check_fails 5 'no free slot.*flushcontext' 'a TPM that others have filled' enroll
check_is 'what others loaded stays' "$(tpm2_getcap handles-transient | wc -l)" 3
check_is 'a full TPM leaves no journal' "$(state_files)" ''
tpm2_flushcontext -t
check 'after a full TPM: enrolled' enroll

fresh lockout
start_swtpm lockout
# A storage root key that is subject to the lockout, as a careless provisioning makes it.
tpm2_evictcontrol -Q -C o -c 0x81000001
tpm2_createprimary -Q -C o -c "$T/srk.ctx" \
    -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth'
tpm2_evictcontrol -Q -C o -c "$T/srk.ctx" 0x81000001
tpm2_flushcontext -t
tpm2_dictionarylockout -Q -s -n 1 -t 1000 -l 1000
tpm2_create -Q -C 0x81000001 -p right -u "$T/da.pub" -r "$T/da.priv" -c "$T/da.ctx"
tpm2_flushcontext -t
echo x >"$T/da.msg"
tpm2_sign -Q -c "$T/da.ctx" -p wrong -o "$T/da.sig" "$T/da.msg" 2>"$T/da.log"
tpm2_flushcontext -t
check_fails 5 'lockout.*clear-lockout' 'a TPM in lockout' enroll
tpm2_dictionarylockout -Q -c
check 'after the lockout: enrolled' enroll
stop_swtpm lockout

fresh replaced
use_tpm tpm
check 'enrolled with one TPM' enroll
rm "$TPMIOT_STATE_DIR/device.crt"
start_swtpm other
check_fails 5 'tpmiot-enroll reset' "another TPM's keys" enroll
check 'another TPM: reset' tpmiot-enroll reset
check 'another TPM: enrolled' enroll
stop_swtpm other
use_tpm tpm

if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
	fresh permission
	install -d -o 65534 -g 65534 -m 700 "$TPMIOT_STATE_DIR"
	chmod 711 "$T"
	install -m 600 /dev/null "$T/tpmrm0"
	cp "$ENROLL" "$T/enroll-for-all" && chmod 755 "$T/enroll-for-all"
	check_fails 5 'permission.*tss' 'no permission on the TPM device' \
	    setpriv --reuid=65534 --regid=65534 --clear-groups \
	    "$T/enroll-for-all" --tcti="device:$T/tpmrm0" enroll --server=https://localhost:1
else
	skip 'needs root' 'no permission on the TPM device'
fi

# ---- The CA ------------------------------------------------------------------

fresh ca
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/other.key" \
    -out "$T/other.crt" -subj '/CN=another CA' 2>"$T/other.log"
echo 'no certificate' >"$T/garbage"
check_fails 4 'not trusted.*other.crt is not the one of this CA' "another CA's file" \
    tpmiot-enroll enroll --server="$CA_URL" --ca-file="$T/other.crt"
check_fails 4 'should be the ca.crt of the CA.*no PEM certificate' 'a CA file without certificate' \
    tpmiot-enroll enroll --server="$CA_URL" --ca-file="$T/garbage"
check_fails 4 'cannot read.*No such file' 'a CA file that is not there' \
    tpmiot-enroll enroll --server="$CA_URL" --ca-file="$T/nowhere"
check_fails 4 'not trusted.*--ca-file' "the system's trust is not enough" \
    tpmiot-enroll enroll --server="$CA_URL"
fingerprint=$(openssl x509 -in "$CADIR/ca.crt" -noout -fingerprint -sha256 | sed 's/.*=//')
printf -v another '%s%X' "${fingerprint%?}" $((0x${fingerprint: -1} ^ 1))
check_fails 4 'not trusted.*--ca-fingerprint' 'the fingerprint of another CA' \
    tpmiot-enroll enroll --server="$CA_URL" --ca-fingerprint="$another"
check_fails 2 '64 hexadecimal digits' 'what is no fingerprint' \
    tpmiot-enroll enroll --server="$CA_URL" --ca-fingerprint="${fingerprint%??}"
check_fails 2 'not both' 'a file and a fingerprint' \
    tpmiot-enroll enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --ca-fingerprint="$fingerprint"
free_port
check_fails 4 'not reachable.*check the address' 'nobody listens' \
    tpmiot-enroll enroll --server="https://localhost:$PORT" --ca-file="$CADIR/ca.crt" --timeout=0s
check_fails 4 'not reachable.*Trying again in 1 s' 'which is tried again' \
    tpmiot-enroll enroll --server="https://localhost:$PORT" --ca-file="$CADIR/ca.crt" --timeout=1s
check 'a failure leaves no object in the TPM' tpm_is_clean
check_is 'a failure leaves the AK, and no key' "$(state_files)" 'ak.key '
check "after all these: enrolled, with the CA's fingerprint alone" \
    tpmiot-enroll enroll --server="$CA_URL" --ca-fingerprint="$fingerprint"
tpmiot-enroll doctor >"$T/doctor" 2>&1
check_grep 'answers and is trusted' "$T/doctor" 'which is remembered'

# ---- The disk ----------------------------------------------------------------

fresh disk
mkdir "$TPMIOT_STATE_DIR"
if mount -t tmpfs -o nr_blocks=1,mode=755 tpmiot-test "$TPMIOT_STATE_DIR" 2>"$T/mount.log"; then
	# One block more each time, so that another file is the one that does not fit.
	for ((blocks = 1; blocks < 9; blocks++)); do
		mount -o "remount,nr_blocks=$blocks" "$TPMIOT_STATE_DIR"
		head -c 4000 /dev/zero >"$TPMIOT_STATE_DIR/filler"
		check_fails 1 'cannot (store|write).*make room' "disk full at block $blocks" enroll
		check "disk full at block $blocks: nothing is left in the TPM" tpm_is_clean
		check_is "disk full at block $blocks: no half-written file" \
		    "$(state_files | grep -E 'tmp|journal')" ''
		[ ! -e "$TPMIOT_STATE_DIR/server.json" ] || break
	done
	check_is 'every file did not fit once' "$(state_files)" 'ak.key ca.crt device.key filler server.json '
	rm "$TPMIOT_STATE_DIR/filler"
	check 'room again: enrolled' enroll
	umount "$TPMIOT_STATE_DIR"
else
	skip 'may not mount' 'disk full at each file'
fi
fresh ulimit
# shellcheck disable=SC2317,SC2329  # called by check_fails
limited() {
	(trap '' XFSZ && ulimit -f 0 && enroll 2>&1) | cat
	return "${PIPESTATUS[0]}"
}
check_fails 1 'cannot (store|write).*make room' 'a file that may not grow' limited
check 'a file that may grow again: enrolled' enroll

# ---- What is there already ----------------------------------------------------

fresh again
check 'enrolled' enroll
stop_ca
check_fails 2 'exists and is ec-p256.*--name' 'another kind of key than there is' \
    enroll --key=rsa-2048
check 'already enrolled: no CA is needed' enroll
check_grep 'already enrolled' "$T/out" 'already enrolled: it says so'
check_fails 2 'another device id than pump-7' 'already enrolled, as another' \
    enroll --device-id=pump-7
check 'already enrolled, as this one' enroll --device-id="$(openssl x509 -noout -subject \
    -nameopt RFC2253 -in "$TPMIOT_STATE_DIR/device.crt" | sed 's/subject=CN=//')"
start_ca --set enrolment=open --set rate_limit=off
echo 'no key' >"$TPMIOT_STATE_DIR/device.key"
check_fails 1 'device.key.*no TPM key' 'a key file that is none' enroll
check 'a key file that is none: reset' tpmiot-enroll reset
check_is 'reset leaves nothing' "$(state_files)" ''
touch "$TPMIOT_STATE_DIR/gone.crt" "$TPMIOT_STATE_DIR/gone.dps.json"
check 'reset where only the key is gone' tpmiot-enroll reset
check_is 'removes what was its' "$(state_files)" ''
check 'reset twice' tpmiot-enroll reset

fresh twice
# shellcheck disable=SC2317,SC2329  # called by check
two_at_once() {
	local pid status=0
	enroll -q &
	pid=$!
	enroll -q || status=$?
	wait "$pid" && return "$status"
}
check 'two at once: one waits for the other' two_at_once
check_is 'two at once: one certificate' "$(state_files)" 'ak.key ca.crt device.crt device.key server.json '

# ---- Asked to stop -------------------------------------------------------------

fresh signal
# shellcheck disable=SC2317,SC2329  # called by check
stopped() {
	local pid status=0
	"$ENROLL" -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" --key=rsa-2048 &
	pid=$!
	while [ ! -e "$TPMIOT_STATE_DIR/.journal" ] && kill -0 "$pid"; do :; done
	kill "$pid"
	wait "$pid" || status=$?
	[ "$status" = 143 ] && [ ! -e "$TPMIOT_STATE_DIR/.journal" ] && tpm_is_clean
}
check 'SIGTERM: ends by it, and leaves nothing in the TPM' stopped
check 'after SIGTERM: enrolled' enroll --key=rsa-2048

# ---- For scripts ---------------------------------------------------------------

fresh json
# shellcheck disable=SC2317,SC2329  # called by check
json_has() { tpmiot-enroll --json "${@:2}" 2>/dev/null | python3 -c '
import json, sys
o = json.load(sys.stdin)
assert eval(sys.argv[1]), o' "$1"; }
if command -v python3 >/dev/null; then
	check 'json: a failure' json_has 'o["exit"] == 2 and "rsa" in o["error"]' ek --ek=x
	check 'json: enrolment' json_has 'o["exit"] == 0 and o["result"] == "enrolled"' \
	    enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt"
	check 'json: enrolled already' json_has 'o["result"] == "already enrolled" and o["device_id"]' \
	    enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt"
	check 'json: status' json_has 'o["keys"][0]["certificate"]["for_this_key"]' status
	check 'json: ek' json_has 'len(o["spki_sha256"]) == 64' ek
else
	skip 'no python3' 'json'
fi
done_testing
