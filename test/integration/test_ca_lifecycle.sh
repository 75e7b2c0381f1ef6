#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What becomes of a certificate after it was issued: renewal over mTLS, by a client that is not ours.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }

# post PATH [CURL-OPTION…]: an empty request; prints body and status
post() {
	OPENSSL_CONF=$SRC/examples/openssl.cnf curl -sS --cacert "$CADIR/ca.crt" -w '\n%{http_code}\n' \
	    -H 'Content-Type: application/json' -d '{}' "${@:2}" "$CA_URL$1"
}
as_device() { post "$1" --cert "$TPMIOT_STATE_DIR/device.crt" --key "$TPMIOT_STATE_DIR/device.key" "${@:2}"; }

# refused TYPE NAME COMMAND…
refused() {
	check "$2: answered" "${@:3}"
	check_grep "problem:$1\"" "$T/out" "$2: $1"
}

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off
check 'enrol' enroll

# ---- Renewal ----

for tls in 1.2 1.3; do
	check "renewal begins, TLS $tls" as_device /v1/renewals --tlsv$tls --tls-max $tls
	check_grep '^200$' "$T/out" "renewal begins, TLS $tls: 200"
	check_grep '"nonce":' "$T/out" "renewal begins, TLS $tls: a nonce"
done
refused client-certificate-required 'no client certificate' post /v1/renewals
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/other.key" \
    -out "$T/other.crt" -subj /CN=other -days 2 2>/dev/null
refused client-certificate-invalid "a stranger's certificate" \
    post /v1/renewals --cert "$T/other.crt" --key "$T/other.key"

# ---- Block ----

id=$(ca device list --json | sed -n 's/.*"device_id": "\(.*\)".*/\1/p')
check 'device block, while the server runs' ca device block "$id"
refused device-blocked 'blocked' as_device /v1/renewals
check 'device unblock' ca device unblock "$id"
check 'renewal begins again' as_device /v1/renewals
check_grep '^200$' "$T/out" 'unblocked: 200'

# ---- Revocation, published ----

serial=$(ca cert list --json | sed -n 's/.*"serial": "\(.*\)".*/\1/p')
get_crl() { curl -sS --cacert "$CADIR/ca.crt" -o "$1" "$CA_URL/v1/crl"; }
crl_number() { openssl crl -in "$1" -inform "$2" -noout -crlnumber | sed 's/.*=0x0*//'; }
verify() { openssl verify -crl_check -CAfile "$CADIR/ca.crt" -CRLfile "$T/crl.pem" "$TPMIOT_STATE_DIR/device.crt"; }

check 'the server has a CRL' get_crl "$T/crl.der"
check 'and it is the CA'"'"'s' openssl crl -in "$T/crl.der" -inform DER -noout -CAfile "$CADIR/ca.crt" -verify
check 'crl --out' ca crl --out="$T/crl.pem"
check_is 'the same list, by its number' "$(crl_number "$T/crl.pem" PEM)" "$(crl_number "$T/crl.der" DER)"
ca crl --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["number"]); open(sys.argv[1], "w").write(o["pem"])' "$T/json.pem" >"$T/number"
check_is 'and with --json' "$(cat "$T/number") $(crl_number "$T/json.pem" PEM)" "$(crl_number "$T/crl.der" DER) $(crl_number "$T/crl.der" DER)"
check 'the certificate is good' verify
check_fails 1 'no certificate' 'cert revoke of what is not there' ca cert revoke 0abc
check_fails 2 'keyCompromise' 'cert revoke with a reason that is none' ca cert revoke "$serial" --reason=bored
check 'cert revoke' ca cert revoke "$serial" --reason=keyCompromise
check_fails 1 'already' 'twice' ca cert revoke "$serial"
check 'the server has a new CRL' get_crl "$T/crl2.der"
check_is 'with the next number' "$(crl_number "$T/crl2.der" DER)" $(($(crl_number "$T/crl.der" DER) + 1))
ca crl >"$T/crl.pem"
check_fails '*' 'revoked' 'openssl refuses the certificate' verify
check 'crl --der' ca crl --der --out="$T/crl3.der"
check 'is what the server has' cmp "$T/crl2.der" "$T/crl3.der"
refused certificate-revoked 'a revoked certificate' as_device /v1/renewals
check 'cert show' ca cert show "$serial"
check_grep '^reason: keyCompromise' "$T/out" 'cert show says why'

# ---- The TPM is replaced: the same id for another one ----

check 'tpmiot-enroll reset' tpmiot-enroll reset --yes
check 'device release' ca device release "$id"
ca join add --device-id=pump-1 >"$T/token1" 2>"$T/err"
check 'enrol as pump-1' enroll --join-token-file="$T/token1"
first=$TPMIOT_STATE_DIR
start_swtpm other
export TPMIOT_STATE_DIR=$T/state-other
ca join add --device-id=pump-1 >"$T/token2" 2>"$T/err"
check_fails 3 'device-id-taken|pump-1' 'its id for another TPM' enroll --join-token-file="$T/token2"
check 'a secret of its own' ca secret add --device=pump-1 --file="$T/token1" wifi
check 'device release of pump-1' ca device release pump-1
check_grep '^certificates_revoked: 1' "$T/out" 'revokes its certificate'
check_grep '^secrets_removed: 1' "$T/out" 'and the old TPM gets its secret no more'
check 'the other TPM enrols as pump-1' enroll --join-token-file="$T/token2"
check 'device show pump-1' ca device show pump-1
check_is 'both are known' "$(ca device list --json | grep -c '"ek":')" 2
TPMIOT_STATE_DIR=$first
use_tpm tpm
ek=$(tpmiot-enroll ek --json | sed -n 's/^ *"spki_sha256": "\(.*\)".*/\1/p')
check 'the old TPM may be listed anew, as another device' ca allow add --ek="$ek" --device-id=spare-1
refused certificate-revoked "the replaced TPM's certificate" as_device /v1/renewals

done_testing
