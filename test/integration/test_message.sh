#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Messages signed with the device's key, CMS by stock `openssl cms` and JWS: tpmiot-ca message
# verify says whose they are, and refuses what is not right about one.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
TPM=(-provider tpmiot -provider default)
# sign NAME OUT [OPTION…]: $T/message, with the key NAME in the TPM
sign() {
	local name=$1 out=$2
	shift 2
	openssl cms -sign -binary -in "$T/message" -outform PEM -out "$out" "${TPM[@]}" \
	    -signer "$TPMIOT_STATE_DIR/$name.crt" -inkey "tpmiot:$name" "$@"
}
# soft OUT [OPTION…]: with a key in a file
soft() {
	local out=$1
	shift
	openssl cms -sign -binary -in "$T/message" -outform DER -out "$out" -signer "$T/own.crt" \
	    -inkey "$T/own.pem" "$@"
}
verify() { ca message verify "--signature=$1" "${@:2}" "$T/message"; }
is_pump() { check "$1" "${@:2}" && check_is "$1: it is pump-1's" "$(cat "$T/out")" pump-1; }

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off --set accept_ids=yes
check 'enrol' enroll --device-id=pump-1
check 'and an RSA key beside it' enroll --device-id=pump-1 --name=rsa --key=rsa-2048
printf 'temperature=21.5\r\n\0binary\n' >"$T/message"

# ---- CMS ---------------------------------------------------------------------------
for name in device rsa; do
	check "$name: openssl cms" sign $name "$T/$name.cms"
	is_pump "$name" verify "$T/$name.cms"
done
check 'PSS' sign rsa "$T/pss.cms" -keyopt rsa_padding_mode:pss -keyopt rsa_pss_saltlen:digest
is_pump 'PSS' verify "$T/pss.cms"
openssl cms -cmsout -in "$T/device.cms" -inform PEM -outform DER -out "$T/device.der"
is_pump 'DER' verify "$T/device.der"
check 'without the certificate' sign device "$T/nocerts.cms" -nocerts
is_pump 'it is found by its number' verify "$T/nocerts.cms"
check 'by the key id' sign device "$T/keyid.cms" -keyid
is_pump 'by the key id' verify "$T/keyid.cms"
is_pump 'for this device' verify "$T/device.cms" --device-id=pump-1
check_fails 1 'pump-2 was asked for' 'for another one' verify "$T/device.cms" --device-id=pump-2
ca --json message verify --signature="$T/device.cms" "$T/message" >"$T/json"
check_is 'json' "$(python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(j["accepted"], j["device_id"], j["kind"], len(j["key"]), j["signed_at"][:2])' "$T/json")" 'True pump-1 cms 64 20'

other() { printf 'temperature=99.9' >"$T/other"; ca message verify --signature="$T/device.cms" "$T/other"; }
check_fails 1 'not of this message' 'another message' other
check 'the message in it' sign device "$T/nodetach.cms" -nodetach
check_fails 1 'has to be detached' 'is refused' verify "$T/nodetach.cms"
check 'no signed attributes' sign device "$T/noattr.cms" -noattr
check_fails 1 'without -noattr' 'are refused' verify "$T/noattr.cms"
check 'SHA-1' sign rsa "$T/sha1.cms" -md sha1
check_fails 1 'none of SHA-256' 'is refused' verify "$T/sha1.cms"
check 'two signers' openssl cms -resign -in "$T/device.cms" -inform PEM -outform PEM -binary -nodetach \
    -content "$T/message" -out "$T/two.cms" "${TPM[@]}" -signer "$TPMIOT_STATE_DIR/rsa.crt" -inkey tpmiot:rsa
check_fails 1 'exactly one signer|detached' 'are refused' verify "$T/two.cms"
openssl cms -encrypt -binary -in "$T/message" -outform PEM -out "$T/enveloped.cms" "$TPMIOT_STATE_DIR/rsa.crt"
check_fails 1 'no SignedData' 'an enveloped message' verify "$T/enveloped.cms"
for file in "$T/message" "$CADIR/ca.crt" /dev/null; do
	check_fails 1 'no CMS signature' "no signature: ${file##*/}" verify "$file"
done
head -c 200 "$T/device.der" >"$T/cut"
check_fails 1 'no CMS signature' 'half a signature' verify "$T/cut"
{ cat "$T/device.der"; echo; } >"$T/long"
check_fails 1 'no CMS signature' 'more than a signature' verify "$T/long"
head -c 70000 /dev/zero >"$T/big"
check_fails 1 '65536' 'a huge one' verify "$T/big"
# A certificate with our device's number and name, of somebody else's making
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/own.pem" 2>/dev/null
openssl req -x509 -new -key "$T/own.pem" -subj /CN=pump-1 -days 20 -out "$T/own.crt" \
    -set_serial "0x$(openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -serial | cut -d= -f2)"
check 'an impostor with our number' soft "$T/own.cms"
check_fails 1 'nobody.s on record|not of this message' 'is refused' verify "$T/own.cms"

# ---- A self-signed certificate, by its fingerprint ------------------------------------------
bare() { ca --set bare_keys=yes "$@"; }
check 'registered' bare device add --device-id=meter-7 --key="$T/own.crt"
check_fails 1 'bare_keys = no' 'the policy decides' verify "$T/own.cms"
check 'and says yes' bare message verify --signature="$T/own.cms" "$T/message"
check_is "it is meter-7's" "$(cat "$T/out")" meter-7

# ---- JWS ---------------------------------------------------------------------------------------
tpmiot-enroll token jws <"$T/message" >"$T/jws"
is_pump 'a JWS' ca message verify --payload="$T/payload" "$T/jws"
check 'its payload is the message' cmp "$T/payload" "$T/message"
tpmiot-enroll token jws --name=rsa --alg=PS256 <"$T/message" >"$T/ps.jws"
is_pump 'PS256' ca message verify "$T/ps.jws"
rm "$T/payload"
check_fails 1 'pump-2 was asked' 'for another device' ca message verify --payload="$T/payload" --device-id=pump-2 "$T/jws"
check 'and nothing was written' test ! -e "$T/payload"
tpmiot-enroll token jwt --aud=x >"$T/jwt"
check_fails 1 'typ.*JOSE' 'a token is no message' ca message verify "$T/jwt"
as_token() { ca token verify --audience=broker <"$1"; }
printf '{"aud":"broker","iat":%d,"exp":%d}' "$(date +%s)" "$(($(date +%s) + 60))" >"$T/claims"
tpmiot-enroll token jws <"$T/claims" >"$T/claims.jws"
check_fails 1 'something else than a token' 'nor a message a token' as_token "$T/claims.jws"
sed 's/\./.A/2' "$T/jws" >"$T/changed"
check_fails 1 'does not hold|base64|bytes, which' 'a changed one' ca message verify "$T/changed"
check_fails 1 'JWS' 'none at all' ca message verify "$T/message"
check_fails 2 'payload is of a JWS' 'options that exclude each other' verify "$T/device.cms" --payload=x

# ---- Whose time is over ----------------------------------------------------------------------------
check 'blocked' ca device block pump-1
check_fails 1 'pump-1 is blocked' 'CMS' verify "$T/rsa.cms"
check_fails 1 'pump-1 is blocked' 'JWS' ca message verify "$T/jws"
ca device unblock pump-1
check 'a certificate is revoked' ca cert revoke "$(openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -serial | cut -d= -f2)"
check_fails 1 'is revoked' 'CMS' verify "$T/device.cms"
check_fails 1 'is revoked' 'JWS' ca message verify "$T/jws"
check_fails 1 'is revoked' 'without the certificate' verify "$T/nocerts.cms"
is_pump 'not the other key' verify "$T/rsa.cms"
if [ -n "${TPMIOT_SANITIZED:-}" ]; then
	skip 'faketime and ASan exclude each other' 'certificates that have ended'
else
	later() { faketime '+400 days' "$CA" --dir="$CADIR" message verify "$@" "$T/message"; }
	check_fails 1 'certificate of the key.*has ended' 'a certificate that has ended' later --signature="$T/rsa.cms"
	sooner() { faketime '-10 minutes' "$CA" --dir="$CADIR" message verify --signature="$T/rsa.cms" "$T/message"; }
	check_fails 1 'future|not begun' 'signed in the future' sooner
fi
done_testing
