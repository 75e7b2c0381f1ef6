#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tokens signed by the TPM: made for every algorithm, verified by a library that shares no code
# with us (python3-jwt), refused where the key or the clock is wrong; never more than three TPM
# commands; a program runs with one in its environment.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/lib.sh"

token() { tpmiot-enroll token "$@"; }
jwt() { token jwt --aud=example "$@"; }

# What OpenSSL modules there are is set for our own programs: pyjwt has its own.
# by_pyjwt ALG PUBLIC-KEY TOKEN-FILE: prints sub, aud and how long it is good
by_pyjwt() {
	env -u OPENSSL_MODULES -u OPENSSL_CONF /usr/bin/python3 - "$@" <<-'PY'
	import sys, jwt
	alg, key, token = sys.argv[1], open(sys.argv[2]).read(), open(sys.argv[3]).read().strip()
	claims = jwt.decode(token, key, algorithms=[alg], audience="example")
	print(claims.get("sub"), claims["aud"], claims["exp"] - claims["iat"], jwt.get_unverified_header(token)["kid"])
	PY
}
spki_sha256() { openssl pkey -pubin -in "$1" -outform DER | sha256sum | cut -d' ' -f1; }
tpm_is_clean() { [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]; }

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off --set accept_ids=yes

check_fails 1 "no key device.*enroll" 'without a key' jwt

tpmiot-ca --dir="$CADIR" join add --device-id=kept >"$T/kept" 2>&1
check_fails 3 'device-id-taken|kept for another' 'an id that a join token is kept for' enroll --device-id=kept

# ---- Each algorithm, verified by others ---------------------------------------
for pair in ec-p256:ES256 ec-p384:ES384 rsa-2048:RS256 rsa-2048:PS256 rsa-3072:RS256; do
	kind=${pair%:*} alg=${pair#*:} name=${pair%:*}
	[ -e "$TPMIOT_STATE_DIR/$name.crt" ] ||
	    check "$kind: enrol" enroll --key="$kind" --name="$name" --device-id=pump-1
	openssl x509 -in "$TPMIOT_STATE_DIR/$name.crt" -noout -pubkey >"$T/$name.pub"
	check "$alg with $kind" jwt --alg="$alg" --name="$name" --ttl=10m
	cp "$T/out" "$T/$alg.jwt"
	check_is "$alg with $kind: by pyjwt" "$(by_pyjwt "$alg" "$T/$name.pub" "$T/$alg.jwt" 2>&1)" \
	    "pump-1 example 600 $(spki_sha256 "$T/$name.pub")"
done
check 'nothing stays in the TPM' tpm_is_clean

check 'the algorithm is as the key is' jwt --name=ec-p384
cp "$T/out" "$T/jwt"
check_is 'ES384 for P-384' "$(by_pyjwt ES384 "$T/ec-p384.pub" "$T/jwt" | cut -d' ' -f3)" 3600
check_fails 2 'with it, use ES256' 'an algorithm of another key' jwt --alg=RS256 --name=ec-p256
check_fails 2 'with it, use RS256 or PS256' 'and of another type' jwt --alg=ES256 --name=rsa-2048
check_fails 2 'RS256, PS256, ES256 and ES384' 'no shared secrets' jwt --alg=HS256 --name=ec-p256
check_fails 2 'RS256, PS256, ES256 and ES384' 'nor none' jwt --alg=none --name=ec-p256

# ---- What it says ---------------------------------------------------------------
payload() { cut -d. -f2 <"$1" | tr '_-' '/+' | base64 -d 2>/dev/null; }
check 'further claims, another subject' jwt --name=ec-p256 --sub=other --claim=fw=1.2 \
    --claim='n:={"a":[1,true]}'
payload "$T/out" >"$T/payload"
check_grep '"fw":"1.2","n":\{"a":\[1,true\]\},"sub":"other"' "$T/payload" 'they are there'
check_fails 2 'NAME=TEXT or NAME:=JSON' 'a claim that is none' jwt --name=ec-p256 --claim=x
check_fails 2 'NAME=TEXT or NAME:=JSON' 'bad JSON' jwt --name=ec-p256 '--claim=x:={'
check_fails 2 'option of its own' 'a claim with an option of its own' jwt --name=ec-p256 --claim=aud=x
check_fails 2 'option of its own' 'the subject, too' jwt --name=ec-p256 --claim=sub=x
check_fails 2 '30d' 'a time that is none' jwt --name=ec-p256 --ttl=soon
check_fails 2 'never be good' 'no time at all' jwt --name=ec-p256 --ttl=0s
check_fails 2 'aud=AUDIENCE is missing' 'for nobody' token jwt --name=ec-p256
check_fails 2 'which token' 'no kind' token
check_fails 2 'which token' 'a kind that there is not' token paper
check_fails 2 'jws has no option --aud' 'options belong to kinds' token jws --aud=x
jwt --name=ec-p256 --json >"$T/json"
check_is 'json' "$(python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(j["token"].count("."), j["expires"][-1], j["exit"])' "$T/json")" '2 Z 0'

# ---- A message ------------------------------------------------------------------
head -c 100000 /dev/urandom >"$T/message"
tpmiot-enroll token jws --name=rsa-2048 <"$T/message" >"$T/jws"
check_is 'a message as a JWS: the payload is the message' "$(payload "$T/jws" | sha256sum)" \
    "$(sha256sum <"$T/message")"
jws_holds() {
	printf %s "$(cut -d. -f1,2 <"$1")" >"$T/input"
	{ cut -d. -f3 <"$1" | tr '_-' '/+'; printf '=='; } | tr -d '\n' | base64 -d >"$T/sig" 2>/dev/null
	openssl dgst -sha256 -verify "$2" -signature "$T/sig" "$T/input"
}
check 'its signature, by hand' jws_holds "$T/jws" "$T/rsa-2048.pub"
head -c 1100000 /dev/zero >"$T/big"
too_big() { tpmiot-enroll token jws --name=rsa-2048 <"$T/big"; }
check_fails 2 'openssl cms' 'a message that is too big' too_big

# ---- Cost ---------------------------------------------------------------------------
count_tpm "$T/count" jwt --name=ec-p256 >"$T/jwt"
check_is 'a token costs three TPM commands' "$(awk '{ print $NF }' "$T/count" | tr '\n' ' ')" \
    "$(printf '%s\n' Load Sign FlushContext | tr '\n' ' ')"

# ---- A key that has a password -----------------------------------------------------
locked() { jwt --name=locked "$@"; }
printf 'sesame\n' >"$T/sesame" && printf 'barley' >"$T/barley" && chmod 600 "$T/sesame" "$T/barley"
check 'a key with a password' openssl genpkey -provider tpmiot -propquery provider=tpmiot -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt user-auth:sesame -out "$TPMIOT_STATE_DIR/locked.key"
check_fails '*' 'has a password.*--key-auth-file' 'which is not given' locked
check 'from a file' locked --key-auth-file="$T/sesame"
check 'from the environment' env TPMIOT_KEY_AUTH=sesame "$ENROLL" token jwt --aud=example --name=locked
check_fails '*' "the key's password.*wrong" 'another one' locked --key-auth-file="$T/barley"
check 'a key without one does not mind' jwt --name=ec-p256 --key-auth-file="$T/sesame"
rm "$TPMIOT_STATE_DIR/locked.key"

# ---- A program with it ----------------------------------------------------------------
# shellcheck disable=SC2016  # the program's shell expands it
check 'a program gets it' jwt --name=ec-p256 --exec sh -c 'echo "$TPMIOT_TOKEN" >"$1"; exit 0' sh "$T/got"
check_is 'which holds' "$(by_pyjwt ES256 "$T/ec-p256.pub" "$T/got" | cut -d' ' -f1)" pump-1
check_fails 7 'it ran' 'its exit code is ours' jwt --name=ec-p256 --exec sh -c 'echo it ran; exit 7'
check_fails 1 'cannot run /no/such' 'a program that is not there' jwt --name=ec-p256 --exec /no/such
check_fails 2 'command behind it' 'no program' jwt --name=ec-p256 --exec
check_fails 2 'no option --exec' 'other commands run nothing' tpmiot-enroll status --exec true

SIGNALS='^Sig(Blk|Ign)'
check_is 'signals are as they were' "$(jwt --name=ec-p256 --exec grep -E "$SIGNALS" /proc/self/status)" \
    "$(grep -E "$SIGNALS" /proc/self/status)"
check_is 'nothing was written' "$(find "$TPMIOT_STATE_DIR" -newer "$T/jwt" -type f)" ''

# ---- The clock -------------------------------------------------------------------------
check 'the clocks agree' jwt --name=ec-p256 --check-clock
at() { local when=$1; shift; faketime "$when" "$ENROLL" token jwt --aud=example --name=ec-p256 "$@"; }
if [ -n "${TPMIOT_SANITIZED:-}" ]; then
	skip 'faketime and ASan exclude each other' 'a clock that is wrong'
else
	check_fails 1 'not signed.*1970-01-0.*certificate begins.*set the clock' 'a clock without a battery' \
	    at '1970-01-02 00:00:00'
	check_fails 1 'not signed.*certificate ended.*enroll' 'a certificate that has ended' at '+3 years'
	check_fails 1 "not signed.*the CA's.*set the clock" 'an hour ahead of the CA' at '+1 hour' --check-clock
	check 'which nobody asked' at '+1 hour'
	check_fails 1 '^tpmiot-enroll: this device.s clock says 1971.*certificate begins.*set the clock' \
	    'by which no renewal would ever be due' faketime '1971-01-02 00:00:00' "$ENROLL" renew --name=ec-p256
fi
stop_ca
check 'the CA is down' jwt --name=ec-p256
check_fails 4 'localhost' 'unless it is asked' jwt --name=ec-p256 --check-clock
rm "$TPMIOT_STATE_DIR/server.json"
check_fails 2 'not enrolled with a CA whose clock' 'or nobody knows it' jwt --name=ec-p256 --check-clock
rm "$TPMIOT_STATE_DIR/ec-p256.crt"
check 'a key without certificate' jwt --name=ec-p256
payload "$T/out" >"$T/payload"
check_is 'has no subject' "$(grep -c sub "$T/payload")" 0
[ -n "${TPMIOT_SANITIZED:-}" ] ||
    check_fails 1 'not signed.*before 2026' 'and still no time before this program' at '1970-01-02 00:00:00'
done_testing
