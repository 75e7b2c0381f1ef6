#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Registration as with Azure's Device Provisioning Service, both ends ours: the hub's key in the
# TPM, tokens signed with it, what they cost, who is refused, what is kept.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"

SCOPE=0ne00TEST
dps() { tpmiot-enroll dps --id-scope="$SCOPE" --server="localhost:$CA_PORT" --ca-file="$CADIR/ca.crt" "$@"; }
sas() { tpmiot-enroll token sas "$@"; }
ca() { tpmiot-ca --dir="$CADIR" "$@"; }
verify() { ca token verify "$@" <"$T/sas"; }
list_ek() {
	tpmiot-enroll ek --public-out="$T/$1.ek" >"$T/ek.out" 2>&1 && ca allow add --ek="$T/$1.ek" "${@:2}"
}
tpm_is_clean() { [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]; }
# costs BUDGET NAME: what the last count_tpm counted. A registration may take 20, EK and storage root
# key being persistent.
costs() {
	local n
	n=$(wc -l <"$T/count")
	if [ "$n" -le "$1" ] && [ "$n" -gt 0 ]; then
		ok "$2: $n TPM commands of $1"
	else
		not_ok "$2: $n TPM commands of $1"
		show "$T/count" 40
	fi
}

start_swtpm
make_ca --host=localhost
SERVE=(--set "dps_scope=$SCOPE" --set 'hubs=north.example.net=2, south.example.net' --set rate_limit=off)
start_ca "${SERVE[@]}"

# ---- From nothing to a token ------------------------------------------------------
check_fails 1 'not registered with a hub.*dps' 'no token before' sas
check_fails 3 'not on its allow-list.*Next step: .*allow add --ek=' 'a device that nobody listed' dps
check 'listed' list_ek tpm --device-id=pump-1
check_fails 3 'says that it is "other".*pump-1' 'under an id that is not its own' dps --registration-id=other
count_tpm "$T/count" dps >"$T/out" 2>&1
check_is 'registered' "$?" 0
show "$T/out" 12
check_is 'the hub with more weight comes first' "$(sed -n 's/^Hub: *//p' "$T/out")" north.example.net
check_is 'as the list says' "$(sed -n 's/^Device id: *//p' "$T/out")" pump-1
check_is 'the default registration id: base32 of 32 bytes' \
    "$(sed -n 's/^Registration id: *//p' "$T/out" | tr -d 'a-z2-7' | wc -c; sed -n 's/^Registration id: *//p' "$T/out" | wc -c)" "1
53"
costs 17 'a registration'
check 'nothing stays in the TPM' tpm_is_clean
check 'again: nothing to do' dps
check_grep 'already registered' "$T/out" 'which is said'
check 'as it is registered' dps --ek=rsa --registration-id="$(sed -n 's/^Registration id: *//p' "$T/out")"
for option in --persistent --registration-id=other --ek=H-3 --server=localhost:1 --id-scope=0ther; do
	check_fails 2 "^tpmiot-enroll: ${option%%=*}: .*is registered with.*--again" "it is not with $option" dps "$option"
done

check 'status' tpmiot-enroll status
check_grep '^  registered +as pump-1 with the hub north.example.net, since 20[0-9-]+T' "$T/out" 'says where and since when'
tpmiot-enroll status --json >"$T/json"
check_is 'in JSON, too' "$(python3 -c 'import json,sys; k=json.load(open(sys.argv[1]))["keys"][0]; r=k["registration"]; print(k["kind"], r["hub"], r["device_id"], r["for_this_key"], r["assigned"][:2])' "$T/json")" \
    'hmac-sha256 north.example.net pump-1 True 20'
with_module "$ENROLL" doctor >"$T/out" 2>&1
check_grep '^OK +registration +hub is pump-1 with the hub north' "$T/out" 'and so does the doctor'
cp "$TPMIOT_STATE_DIR/hub.dps.json" "$T/record"
sed -i 's/"key": "000b../"key": "000bff/' "$TPMIOT_STATE_DIR/hub.dps.json"
check_fails '*' 'FAIL +registration .*cut short' 'of another key: it finds that' with_module "$ENROLL" doctor
echo '{' >"$TPMIOT_STATE_DIR/hub.dps.json"
check_fails '*' 'FAIL +registration .*damaged' 'or damaged' with_module "$ENROLL" doctor
cp "$T/record" "$TPMIOT_STATE_DIR/hub.dps.json"
count_tpm "$T/count" sas >"$T/sas"
check_is 'a token costs three TPM commands' "$(awk '{ print $NF }' "$T/count" | tr '\n' ' ')" 'Load HMAC FlushContext '
check_grep '^SharedAccessSignature sr=north.example.net%2Fdevices%2Fpump-1&sig=[A-Za-z0-9%]+&se=[0-9]+$' "$T/sas" 'as Azure writes it'
check 'the CA takes it' verify --audience=north.example.net
check_is 'and says whose it is' "$(cat "$T/out")" pump-1
check_fails 1 'not for south' 'another hub does not' verify --audience=south.example.net
check_fails 1 "pump-1's" 'nor as another device' verify --audience=north.example.net --device-id=pump-2
awk -F'se=' '{ print $1 "se=" $2 + 1 }' "$T/sas" >"$T/forged" && cp "$T/sas" "$T/good" && cp "$T/forged" "$T/sas"
check_fails 1 'not by the key' 'a forged one' verify --audience=north.example.net
cp "$T/good" "$T/sas"
stop_ca
check 'the CA is down: a token all the same' sas --ttl=10m
start_ca "${SERVE[@]}"
sas --resource='hub/devices/it'"'"'s!*()' >"$T/odd"
check_grep '^SharedAccessSignature sr=hub%2Fdevices%2Fit%27s%21%2a%28%29&' "$T/odd" 'what only hubs have encoded is in lower case'

# What killed runs left gives way, as in the provider: it has the Name of the key in hand.
for n in 1 2; do
	check "a token is killed between TPM2_Load and TPM2_FlushContext, $n" killed_at 1 "$ENROLL" token sas
done
check_is 'which fills the TPM: it needs a slot for the parent' "$(tpm2_getcap handles-transient | wc -l)" 2
check 'a token all the same' sas
tpm2_flushcontext -Q -t

# ---- Persistent, again --------------------------------------------------------------
count_tpm "$T/count" dps --again --persistent >"$T/out" 2>&1
check_is 'to where Microsoft looks for it' "$?" 0
costs 20 'which is Load, EvictControl, FlushContext more'
check 'an HMAC key at 0x81000100' tpm2_readpublic -c 0x81000100
count_tpm "$T/count" sas >"$T/sas"
check_is 'two TPM commands then' "$(awk '{ print $NF }' "$T/count" | tr '\n' ' ')" 'ReadPublic HMAC '
check 'with the key that it had' verify --audience=north.example.net
check 'back into a file' dps --again
check_fails '*' 'handle' 'the handle is free' tpm2_readpublic -c 0x81000100
check 'there once more' dps --again --persistent
tpm2_changeauth -Q -c owner secret
check_fails 5 'another password' "the owner's password is missing" dps --again
check_grep 'TPMIOT KEY REFERENCE' "$TPMIOT_STATE_DIR/hub.key" 'so the key is known to be where it is'
check_fails 5 'another password; give it with --owner-auth-file' 'for a reset, too' tpmiot-enroll reset
check 'which left all there is' test -s "$TPMIOT_STATE_DIR/hub.dps.json"
TPMIOT_OWNER_AUTH=secret check 'with it: back into a file' dps --again
check_fails '*' 'handle' 'the handle is free again' tpm2_readpublic -c 0x81000100
TPMIOT_OWNER_AUTH=secret check 'and taken again' dps --again --persistent
tpm2_changeauth -Q -c owner -p secret
check 'and it signs' sas
tpm2_evictcontrol -Q -C o -c 0x81000100
check_fails '*' . 'somebody takes the key away' sas
check 'the same command puts it back' dps --persistent
check 'and tokens are good' sas
tpm2_changeauth -Q -c owner secret
(umask 077; echo secret >"$T/owner")
check 'reset' tpmiot-enroll reset --owner-auth-file="$T/owner"
tpm2_changeauth -Q -c owner -p secret
check_fails '*' 'handle' 'takes the key away' tpm2_readpublic -c 0x81000100
check_fails 1 'not registered' 'and the registration' sas

# ---- Blocked ----------------------------------------------------------------------------
check 'registered anew' dps
sas >"$T/sas"
check 'blocked' ca device block pump-1
check_fails 1 'is blocked' 'its token is refused' verify --audience=north.example.net
check_fails 3 'is blocked' 'and its registration' dps --again
sas >"$T/sas2"
check 'what it had is still there' test -s "$T/sas2"
check 'unblocked' ca device unblock pump-1
fingerprint=$(openssl x509 -in "$CADIR/ca.crt" -noout -fingerprint -sha256 | sed 's/.*=//')
by_fingerprint() { tpmiot-enroll dps --id-scope="$SCOPE" --server="localhost:$CA_PORT" --again "--ca-fingerprint=$1" "${@:2}"; }
check_fails 4 'not trusted.*--ca-fingerprint' 'the fingerprint of another CA' by_fingerprint "$(printf '%064d' 0)"
check_fails 2 '64 hexadecimal digits' 'or none' by_fingerprint "${fingerprint%??}"
check_fails 2 'not both' 'beside a file' by_fingerprint "$fingerprint" --ca-file="$CADIR/ca.crt"
check_fails 4 'not trusted' 'nor is a CA trusted without either' \
    tpmiot-enroll dps --id-scope="$SCOPE" --server="localhost:$CA_PORT" --again
check "registered again, with the CA's fingerprint alone" by_fingerprint "$fingerprint"
check 'which is remembered for its clock' sas --check-clock

# ---- A key of the operator's: what OpenSSL signs with it is the token -----------------
openssl rand 32 >"$T/key"
base64 -w0 "$T/key" >"$T/key.b64"
check 'the operator sets the key' ca dps set-key --ek="$T/tpm.ek" --key-file="$T/key.b64"
check_fails 1 '16 to 64 bytes' 'which has to be one' ca dps set-key --ek="$T/tpm.ek" --key-file=<(echo AAAA)
check 'the device fetches it' dps --again
sas >"$T/sas"
by_openssl() {
	local sr se
	sr=$(sed 's/.*sr=\([^&]*\)&.*/\1/' "$T/sas") se=$(sed 's/.*se=//' "$T/sas")
	printf '%s\n%s' "$sr" "$se" |
	    openssl dgst -sha256 -mac HMAC -macopt "hexkey:$(od -An -tx1 -v "$T/key" | tr -d ' \n')" -binary |
	    base64 | sed 's/+/%2B/g; s,/,%2F,g; s/=/%3D/g'
}
check_is 'the token is what OpenSSL makes of it' "$(sed 's/.*sig=\([^&]*\)&.*/\1/' "$T/sas")" "$(by_openssl)"
check_is 'the store does not hold it' "$(grep -c -a -F -f "$T/key.b64" "$CADIR/store.db")" 0
check_is 'dps list' "$(ca --json dps list | python3 -c 'import json,sys; r=json.load(sys.stdin); print(len(r), r[0]["hub"])')" \
    '1 north.example.net'

check_is 'device show' "$(ca --json device show pump-1 | python3 -c 'import json,sys; r=json.load(sys.stdin); print(r["hub"], len(r["registration_id"]), r["registered"][:2])')" \
    'north.example.net 52 20'

# ---- Released ---------------------------------------------------------------------------
check 'another TPM is to have the id' ca device release pump-1
check_fails 1 'no device pump-1 is registered' 'the token is worth nothing' verify --audience=north.example.net
check_is 'the place at the hub is free' "$(ca --json dps list | tr -d ' \n')" '[]'
check_fails 3 'not on its allow-list' 'and the TPM is a stranger' dps --again

# ---- Groups, join tokens, other kinds of TPM ---------------------------------------------
stop_ca
trust_mfr
printf '\n[group south]\nhubs = south.example.net\n' >>"$CADIR/tpmiot-ca.conf"
join_token "$T/join" --group=south 2>/dev/null
chmod 600 "$T/join"
start_ca "${SERVE[@]}" --set enrolment=token
# cost_of KIND ARG…: a registration, and one to the handle
cost_of() {
	local kind=$1 cost cost_persistent
	shift
	read -r cost cost_persistent <<<"${COSTS[$kind]}"
	check "$kind: registered" count_tpm "$T/count" dps --again "$@"
	costs "$cost" "$kind: a registration"
	check "$kind: a token" sas
	check "$kind: at the handle" count_tpm "$T/count" dps --again --persistent "$@"
	costs "$cost_persistent" "$kind: to the handle"
	check "$kind: nothing stays in the TPM" tpm_is_clean
}
no_certificate() {
	check "$1: to a file again" dps --again
	check "$1: its certificate is lost" tpm_forget "${@:2}"
	cost_of "$1 without"
}
# P-384's policy is two commands of two; to the handle it is used by its value, with a TPM_RC_RETRY
# when that is for the first time. The bare one makes EK and storage root key, and flushes them.
declare -A COSTS=([bare]='21 24' [tpm]='17 20' ['tpm without']='17 20' [ecc]='19 19' ['ecc without']='19 18' [ecc-p256]='17 20')
for kind in bare tpm ecc ecc-p256; do
	start_swtpm $kind $kind
	export TPMIOT_STATE_DIR=$T/$kind.kind
	if [ "$kind" = bare ]; then
		check_fails 3 'wants a join token' "$kind: without a join token" dps
		cost_of $kind --join-token-file="$T/join"
		check_grep '"hub": "south' "$TPMIOT_STATE_DIR/hub.dps.json" "$kind: to its group's hub"
		cp "$CADIR/tpmiot-ca.conf" "$T/conf"
		sed -i '/^\[group south\]/,$d' "$CADIR/tpmiot-ca.conf"
		stop_ca
		start_ca "${SERVE[@]}" --set enrolment=token
		check_fails 3 'group "south", and the configuration has no' 'a group that is taken out' dps --again
		check_is 'which the audit log has' \
		    "$(ca audit | grep -c 'group-unknown')" 1
		cp "$T/conf" "$CADIR/tpmiot-ca.conf"
		stop_ca
		start_ca "${SERVE[@]}" --set enrolment=token
		continue
	fi
	check "$kind: listed" list_ek $kind
	cost_of $kind
	[ $kind != ecc ] || no_certificate $kind 0x01c00016
	[ $kind != tpm ] || no_certificate $kind 0x01c00002 0x01c00016
	[ $kind = ecc ] || continue
	tpm2_dictionarylockout -Q -s -n 1 -t 1000 -l 1000
	stop_swtpm $kind KILL
	start_swtpm $kind
	check_is "$kind: a power cut after that counts" "$(tpm2_getcap properties-variable | awk '/inLockout/ { print $2 }')" 1
	check "$kind: to the handle all the same, by its policy" count_tpm "$T/count" dps --again --persistent
	check_grep 'ActivateCredential 0x921' "$T/count" "$kind: in a lockout"
done
check 'another EK at the handle where an RSA one is' tpm2_createek -Q -c 0x81010001 -G rsa -u "$T/rsa.pub"
tpm2_flushcontext -Q -t
check 'the certified one is the device still' tpmiot-enroll -v dps --id-scope="$SCOPE" \
    --server="localhost:$CA_PORT" --ca-file="$CADIR/ca.crt" --again
check_grep 'EK ECC P-256, low range, its certificate' "$T/out" 'as with enroll'
check 'which takes it' enroll -v
check_grep '[Ee]ndorsement key.*P-256|EK.*P-256' "$T/out" 'the same one'
done_testing
