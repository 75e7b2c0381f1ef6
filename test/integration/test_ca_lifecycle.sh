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

done_testing
