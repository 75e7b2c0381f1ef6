#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job: TPMs of every kind enrol, and openssl uses the key.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

public_of_cert() { openssl x509 -in "$1" -noout -pubkey; }
public_of_key() { openssl pkey -provider tpmiot -in "$1" -pubout; }

csr_verifies() {
	openssl req -new -provider tpmiot -key "$1" -subj /CN=x | openssl req -verify -noout
}

# What has to be true of a device that enrolled as NAME; $1 says which TPM it has.
check_enrolled() {
	local what=$1 name=$2 dir=$TPMIOT_STATE_DIR file
	check "$what: the certificate is the CA's" \
	    openssl verify -CAfile "$CADIR/ca.crt" "$dir/$name.crt"
	check_is "$what: it is for the key in the TPM" \
	    "$(public_of_cert "$dir/$name.crt")" "$(public_of_key "tpmiot:$name")"
	check_is "$what: the key file is the same key" \
	    "$(public_of_cert "$dir/$name.crt")" "$(public_of_key "$dir/$name.key")"
	check "$what: openssl req signs with tpmiot:$name" csr_verifies "tpmiot:$name"
	check "$what: openssl req signs with the key file" csr_verifies "$dir/$name.key"
	check_is "$what: no transient object is left" "$(tpm_handles transient)" ''
	check_is "$what: no session is left" "$(tpm_handles loaded-session)" ''
	check_is "$what: the AK is the owner's alone" "$(stat -c %a "$dir/ak.key")" 600
	for file in "$dir"/.*.tmp; do
		[ ! -e "$file" ] || not_ok "$what: $file is left"
	done
}

start_swtpm tpm-persistent persistent
make_ca
trust_mfr
start_ca --set enrolment=open

for kind in persistent bare ecc ecc-bare ecc-p256; do
	start_swtpm "tpm-$kind" "$kind"
	export TPMIOT_STATE_DIR=$T/state-$kind
	before=$(tpm_handles persistent)
	check "$kind: enrol" enroll
	check_enrolled "$kind" device
	check "$kind: enrol again" enroll
	check_enrolled "$kind, again" device
	check_is "$kind: persistent objects as before" "$(tpm_handles persistent)" "$before"
	stop_swtpm "tpm-$kind"
done

start_swtpm tpm-persistent
export TPMIOT_STATE_DIR=$T/state-keys
for key in ec-p256 ec-p384 rsa-2048 rsa-3072; do
	check "key $key: enrol" enroll --key=$key --name=$key
	check_enrolled "key $key" $key
done

start_swtpm tpm-abrmd bare
export TPMIOT_STATE_DIR=$T/state-abrmd
start_abrmd
check 'behind tpm2-abrmd: enrol' enroll
check_enrolled 'behind tpm2-abrmd' device

tpmiot-ca --dir="$CADIR" cert list --json >"$T/certs.json"
check_grep '"' "$T/certs.json" 'the CA lists certificates'
done_testing
