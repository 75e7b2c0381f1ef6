#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tpmiot-ca token verify: tokens of a TPM, and of keys that are registered as they are, against
# the registry; every reason to refuse one. The forged ones are made by python3-jwt's library.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
verify_file() { local file=$1; shift; ca token verify --audience=broker "$@" <"$file"; }
# accepted NAME FILE [OPTION…], refused REGEX NAME FILE [OPTION…]
accepted() { check "$1" verify_file "${@:2}" && check_is "$1: it is pump-1's" "$(cat "$T/out")" pump-1; }
refused() { check_fails 1 "$1" "$2" verify_file "${@:3}"; }
token() { tpmiot-enroll token jwt --aud=broker "$@"; }
forge() { env -u OPENSSL_MODULES -u OPENSSL_CONF /usr/bin/python3 "$SRC/test/integration/forge_jwt.py" "$@"; }
spki_sha256() { openssl pkey -pubin -in "$1" -outform DER | sha256sum | cut -d' ' -f1; }

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off --set accept_ids=yes
check 'enrol' enroll --device-id=pump-1
check 'and an RSA key beside it' enroll --device-id=pump-1 --name=rsa --key=rsa-2048

# ---- What holds -------------------------------------------------------------------
for alg in ES256 RS256 PS256; do
	name=device
	[ $alg = ES256 ] || name=rsa
	token --alg=$alg --name=$name >"$T/$alg.jwt"
	accepted "$alg" "$T/$alg.jwt"
done
accepted 'for this device' "$T/ES256.jwt" --device-id=pump-1
token --claim='jti=x' | tr -d '\n' >"$T/bare.jwt"
accepted 'without the end of a line' "$T/bare.jwt"
verify_file "$T/ES256.jwt" --json >"$T/json"
check_is 'json' "$(python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(j["accepted"], j["device_id"], j["kind"], j["alg"], len(j["key"]), j["expires"][-1])' "$T/json")" 'True pump-1 jwt ES256 64 Z'

# ---- What does not ------------------------------------------------------------------
check_fails 2 'audience' 'an audience is needed' ca token verify
other_audience() { ca token verify --audience=other <"$T/ES256.jwt"; }
check_fails 1 'not for other' 'for somebody else' other_audience
refused 'pump-1.s, and pump-2' 'for another device' "$T/ES256.jwt" --device-id=pump-2
token --sub=pump-2 >"$T/jwt"
refused 'subject another' "another one's subject" "$T/jwt"
token --ttl=2d >"$T/jwt"
refused '86400 are allowed' 'good for too long' "$T/jwt"
accepted 'unless that is said' "$T/jwt" --max-ttl=3d
check_fails 2 '15m' 'a time that is none' verify_file "$T/jwt" --max-ttl=soon
head -c 20000 /dev/zero | tr '\0' a >"$T/big"
refused 'more than 16384 bytes' 'a huge one' "$T/big"
for text in '' . .. a.b x.y.z "$(cut -d. -f1,2 "$T/ES256.jwt")" "$(cat "$T/ES256.jwt")x" "$(cat "$T/ES256.jwt")."; do
	printf %s "$text" >"$T/jwt"
	refused '.' "no token: '${text:0:6}', ${#text} characters" "$T/jwt"
done
sed 's/\./A./' "$T/ES256.jwt" >"$T/jwt"
refused 'JSON|base64' 'another header' "$T/jwt"

# ---- Keys that are registered as they are ------------------------------------------------
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/ec.pem" 2>/dev/null
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$T/rsa.pem" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt group:P-384 -out "$T/p384.pem" 2>/dev/null
openssl genpkey -algorithm ED25519 -out "$T/ed.pem"
for key in ec rsa p384 ed; do openssl pkey -in "$T/$key.pem" -pubout -out "$T/$key.pub"; done
openssl req -x509 -new -key "$T/p384.pem" -subj /CN=own -days 20 -out "$T/own.crt"
openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -pubkey >"$T/tpm.pub"
register() { ca device add "$@"; }
check_fails 1 'bare_keys = no' 'the policy says no' register --device-id=bare-1 --key="$T/ec.pub"
bare() { ca --set bare_keys=yes "$@"; }
register() { bare device add "$@"; }
check 'it says yes: P-256' register --device-id=bare-1 --key="$T/ec.pub"
check_fails 1 'belongs to a device already|registered already' 'not for two' register --device-id=bare-2 --key="$T/ec.pub"
check_fails 1 'registered already' 'nor twice' register --device-id=bare-1 --key="$T/ec.pub"
check 'a second key of it: RSA' register --device-id=bare-1 --key="$T/rsa.pub" --valid=1d
check 'and a self-signed certificate' register --device-id=bare-1 --key="$T/own.crt"
check_fails 1 'P-256 and P-384 are' 'a key that signs no token' register --device-id=bare-3 --key="$T/ed.pub"
check_fails 1 'not self-signed' 'a certificate of somebody' register --device-id=bare-3 --key="$TPMIOT_STATE_DIR/device.crt"
check_fails 1 'has a certificate, as the device pump-1' 'a key that has one' register --device-id=bare-3 --key="$T/tpm.pub"
check_fails 1 'neither a public key' 'a file that is none' register --device-id=bare-3 --key="$0"
check_fails 2 'is no device id' 'an id that is none' register --device-id=/ --key="$T/ec.pub"
check_fails 2 'what is needed' 'options are missing' register --device-id=x
check_fails 2 'stays in its group|no group' 'a group for one that is there' register --device-id=bare-1 --key="$T/p384.pub" --group=x
ca allow add --ek="$(printf '%064d' 7)" --device-id=listed-1 >"$T/out"
check_fails 1 'allow-list has the device id' 'an id that waits for a TPM' register --device-id=listed-1 --key="$T/p384.pub"
check 'they are listed' ca device show bare-1
check_is 'three of them' "$(ca --json device show bare-1 | python3 -c 'import json,sys; print(*sorted(k["self_signed"] for k in json.load(sys.stdin)["registered_keys"]))')" 'False False True'

CLAIMS='{"aud":"broker","iat":now,"exp":now+300'
kid() { printf '"kid":"%s"' "$(spki_sha256 "$T/$1.pub")"; }
# forged KEY ALG HEADER PAYLOAD: into $T/jwt
forged() { forge "$T/$1.pem" "$2" "$3" "$4" >"$T/jwt"; }
verify_bare() { bare token verify --audience=broker "$@" <"$T/jwt"; }
holds() { check "$1" verify_bare "${@:2}"; }
fails() { check_fails 1 "$1" "$2" verify_bare "${@:3}"; }

forged ec ES256 "{\"alg\":\"ES256\",$(kid ec)}" "$CLAIMS}"
holds 'by kid'
refused 'bare_keys = no' 'which the policy refuses' "$T/jwt"
forged ec ES256 '{"alg":"ES256","typ":"JWT"}' "$CLAIMS,\"sub\":\"bare-1\"}"
holds 'by sub, as others make them'
forged rsa RS256 '{"alg":"RS256","typ":"JWT"}' "$CLAIMS}"
holds 'by the device that the broker knows, as Google had it' --device-id=bare-1
fails 'neither its key' 'by nothing'
fails 'none of the 2 newest keys of pump-1' 'by a device that did not' --device-id=pump-1
forged p384 ES384 '{"alg":"ES384"}' "$CLAIMS,\"sub\":\"bare-1\"}"
holds 'ES384, by the certificate'
forged ec ES256 '{"alg":"ES256"}' '{"aud":["x","broker"],"sub":"bare-1","iat":now,"exp":now+300}'
holds 'for several'
forged ec ES256 '{"alg":"ES256"}' "$CLAIMS,\"sub\":\"bare-1\",\"nbf\":now-5,\"x\":[[1]]}"
holds 'with more in it'

# One rule broken at a time.
bad() { forged ec ES256 "$3" "$4"; fails "$1" "$2"; }
SUB='"sub":"bare-1"' OK='{"alg":"ES256"}'
bad 'no device on record' 'a device that there is not' "$OK" "$CLAIMS,\"sub\":\"nobody\"}"
bad 'expired' 'it ended' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":now-600,\"exp\":now-61}"
bad 'future' 'it is from the future' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":now+120,\"exp\":now+300}"
bad 'future' 'it has not begun' "$OK" "$CLAIMS,$SUB,\"nbf\":now+120}"
bad 'is good for -' 'it ends before it begins' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":now+50,\"exp\":now+20}"
bad 'no "exp"' 'it never ends' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":now}"
bad 'no "iat"' 'it never began' "$OK" "{$SUB,\"aud\":\"broker\",\"exp\":now+60}"
bad 'no time' 'a time that is text' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":\"now\",\"exp\":now+60}"
bad 'no time' 'a negative one' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":-1,\"exp\":now+60}"
bad 'no time' 'a huge one' "$OK" "{$SUB,\"aud\":\"broker\",\"iat\":now,\"exp\":1e300}"
bad 'aud' 'no audience' "$OK" "{$SUB,\"iat\":now,\"exp\":now+60}"
bad 'aud' 'audiences of others' "$OK" "{$SUB,\"aud\":[\"x\",1,\"brokers\"],\"iat\":now,\"exp\":now+60}"
bad 'sub.*not a string' 'a subject that is a number' "$OK" "$CLAIMS,\"sub\":1}"
bad 'duplicate' 'a key twice' "$OK" "$CLAIMS,$SUB,\"aud\":\"x\"}"
bad 'nested' 'nested deeply' "$OK" "$CLAIMS,$SUB,\"x\":[[[[[[[[[[1]]]]]]]]]]}"
bad 'not JSON' 'a payload that is none' "$OK" 'hello'
bad 'not a JSON object|not JSON' 'a payload that is a list' "$OK" '[]'
bad 'no "alg"' 'no algorithm' '{}' "$CLAIMS,$SUB}"
bad 'no "alg"' 'an algorithm that is a number' '{"alg":256}' "$CLAIMS,$SUB}"
bad 'crit' 'something critical' '{"alg":"ES256","crit":["x"],"x":1}' "$CLAIMS,$SUB}"
bad 'none of this key' 'another algorithm than the key has' "{\"alg\":\"RS256\",$(kid ec)}" "$CLAIMS,$SUB}"
bad 'none of this key' 'another curve' "{\"alg\":\"ES384\",$(kid ec)}" "$CLAIMS,$SUB}"
bad "nobody's on record" 'an unknown key' "{\"alg\":\"ES256\",\"kid\":\"$(printf '%064d' 0)\"}" "$CLAIMS,$SUB}"
bad 'does not hold' "another one's key named" "{\"alg\":\"ES256\",\"kid\":\"$(spki_sha256 "$T/tpm.pub")\"}" "$CLAIMS}"
for header in "{\"alg\":\"HS256\",$(kid ec)}" '{"alg":"HS256"}'; do
	forge "$T/ec.pub" HS256 "$header" "$CLAIMS,$SUB}" >"$T/jwt"
	fails 'not one of RS256' 'the public key as a shared secret'
done
forged ec none '{"alg":"none"}' "$CLAIMS,$SUB}"
fails 'not one of RS256|signature is missing' 'alg none, no signature'
forged ec ES256 '{"alg":"none"}' "$CLAIMS,$SUB}"
fails 'not one of RS256' 'alg none, with a signature'
forged ec DER "$OK" "$CLAIMS,$SUB}"
fails 'bytes, which|none of the' 'the signature in DER'
forged rsa PS256-long "{\"alg\":\"PS256\",$(kid rsa)}" "$CLAIMS}"
fails 'does not hold' 'PS256 with another salt than RFC 7518 has'
forged rsa RS256 "{\"alg\":\"PS256\",$(kid rsa)}" "$CLAIMS}"
fails 'does not hold' 'RS256 that says PS256'
forged ec ES256 "{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"oct\"},\"x5u\":\"http://evil\",$(kid ec)}" "$CLAIMS}"
holds 'keys in the header are not looked at'

# ---- Whose time is over --------------------------------------------------------------------
token >"$T/pump.jwt"
forged rsa RS256 "{\"alg\":\"RS256\",$(kid rsa)}" "$CLAIMS}"
holds 'before'
check 'a key is dropped' ca device drop-key "$(spki_sha256 "$T/rsa.pub")"
fails "nobody's on record" 'after'
check_fails 1 'no key' 'only once' ca device drop-key "$(spki_sha256 "$T/rsa.pub")"
check_fails 2 '64 hexadecimal' 'a digest that is none' ca device drop-key xyz
if [ -n "${TPMIOT_SANITIZED:-}" ]; then
	skip 'faketime and ASan exclude each other' 'a self-signed certificate that has ended'
else
	later() { faketime '+30 days' "$CA" --dir="$CADIR" --set bare_keys=yes token verify --audience=broker <"$T/jwt"; }
	forged p384 ES384 '{"alg":"ES384"}' "{$SUB,\"aud\":\"broker\",\"iat\":now+2592000,\"exp\":now+2592300}"
	check_fails 1 'time of the key.*has ended' 'a self-signed certificate that has ended' later
fi
forged ec ES256 "{\"alg\":\"ES256\",$(kid ec)}" "$CLAIMS}"
check 'the device is blocked' ca device block bare-1
fails 'bare-1 is blocked' 'its token is refused'
check 'and released' ca device release bare-1
check 'unblocked' ca device unblock "$(ca device list --json | sed -n 's/.*"device_id": "\(bare-1~.*\)".*/\1/p')"
fails 'was released' 'its key counts no more'
check 'the enrolled one, too' ca device block pump-1
refused 'pump-1 is blocked' 'its token, too' "$T/pump.jwt"
verify_file "$T/pump.jwt" --json >"$T/json" 2>/dev/null
check_is 'json' "$(python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(j["accepted"], "blocked" in j["reason"])' "$T/json")" 'False True'
check 'unblocked' ca device unblock pump-1
accepted 'it counts again' "$T/pump.jwt"
first=$(openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -serial | cut -d= -f2)
check 'it renews, with the same key' "$ENROLL" renew --before=4000d
accepted 'and counts' "$T/pump.jwt"
check 'the certificate before is revoked, and the key with it' ca cert revoke "$first" --reason=keyCompromise
refused 'revoked' 'and what its key signs' "$T/pump.jwt"
accepted 'not what the other key signs' "$T/RS256.jwt"
check_is 'the audit log has what the operator did' \
    "$(ca audit --last=0 | grep -cE 'device (add|drop-key)')" 4
done_testing
