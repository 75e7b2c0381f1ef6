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
done_testing
