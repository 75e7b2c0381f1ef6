#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Who may enrol, and as whom: each refusal as the device's user sees it (exit code 3, the
# cause and the next step), and what lets the device in.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
restart_ca() {
	stop_ca
	start_ca --set rate_limit=off "$@"
}
subject() { openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -subject -nameopt RFC2253; }
# A device that never enrolled, with the TPM in use
fresh_device() { export TPMIOT_STATE_DIR=$T/state-$1; }
refused() { check_fails 3 "$@"; }
no_certificate() {
	local file=$TPMIOT_STATE_DIR/device.crt
	check_is "$1: no certificate was stored" "$([ -e "$file" ] && echo "$file")" ''
}

start_swtpm tpm nocert
make_ca
start_ca --set rate_limit=off # the default policy: listed

# ---- The allow-list ----

fresh_device listed
refused 'allow-list.*allow add|allow add' 'not on the list' enroll
no_certificate 'not on the list'
check 'tpmiot-enroll ek' tpmiot-enroll ek
hash=$(grep -oiE '\b[0-9a-f]{64}\b' "$T/out" | head -n 1)
check_is 'it prints the fingerprint' "${#hash}" 64
tpm2_createek -Q -c "$T/ek.ctx" -G rsa -u "$T/ek.pub" && tpm2_flushcontext -t
tpm2_readpublic -Q -c "$T/ek.ctx" -f pem -o "$T/ek.pem" && tpm2_flushcontext -t
check_is 'it is the SHA-256 of the SPKI' "$hash" \
    "$(openssl pkey -pubin -in "$T/ek.pem" -outform DER | openssl dgst -sha256 -r | cut -d ' ' -f 1)"
for form in "$hash" "$T/ek.pem" "$T/ek.pub"; do
	check "allow add --ek=${form##*/}" ca allow add --ek="$form"
	check "on the list by ${form##*/}: enrol" enroll
	check_is "on the list by ${form##*/}: the id is the EK's" "$(subject)" \
	    "subject=CN=ek-${hash:0:32}"
	check 'allow list' ca allow list
	check_grep "$hash" "$T/out" 'it is listed'
	check "allow remove" ca allow remove --ek="$hash"
	fresh_device "listed-${form##*.}"
	refused 'allow add' "off the list again: refused" enroll
done
check_fails '*' 'EK|read|format|hex' 'allow add of nonsense' ca allow add --ek=/etc/hostname

# ---- Identities ----

start_swtpm named
fresh_device named
tpm2_nvread -Q 0x01c00002 -o "$T/named.crt" 2>/dev/null
check 'allow add of an EK certificate, with an id' \
    ca allow add --ek="$T/named.crt" --device-id=pump-7
refused 'pump-8|device.id' 'an id that is not the one on the list' enroll --device-id=pump-8
no_certificate 'another id'
check 'the id on the list' enroll --device-id=pump-7
check_is 'is the subject' "$(subject)" 'subject=CN=pump-7'
start_swtpm twin
fresh_device twin
tpm2_nvread -Q 0x01c00002 -o "$T/twin.crt" 2>/dev/null
if ca allow add --ek="$T/twin.crt" --device-id=pump-7 >"$T/out" 2>&1; then
	refused 'pump-7' 'an id that another device has' enroll
else
	check_grep 'pump-7' "$T/out" 'the list refuses an id that another device has'
fi
no_certificate 'the id of another'
stop_swtpm named
stop_swtpm twin

# ---- Trust in manufacturers, and join tokens ----

restart_ca --set enrolment=token
start_swtpm joiner
fresh_device joiner
refused 'trust' 'an EK root that nobody trusts' enroll
trust_mfr
refused 'token' 'no join token' enroll
echo tj_0000000000000000000000000000 >"$T/wrong"
refused 'token' 'a wrong join token' enroll --join-token-file="$T/wrong"
no_certificate 'a wrong join token'
check 'join add' join_token "$T/once"
check 'a join token: enrol' enroll --join-token-file="$T/once"
fresh_device joiner-again
check 'the same device may use it again' enroll --join-token-file="$T/once"
start_swtpm joiner2
fresh_device joiner2
refused 'spent|used' 'a spent join token' enroll --join-token-file="$T/once"
check 'join add with an id' join_token "$T/gate-token" --device-id=gate-1
check 'its id is given' enroll --join-token-file="$T/gate-token"
check_is 'as subject' "$(subject)" 'subject=CN=gate-1'
check 'join list' ca join list
check_is 'the list does not show tokens' "$(grep -cF "$(cat "$T/gate-token")" "$T/out")" 0
start_swtpm joiner3
fresh_device joiner3
check 'join add for one second' join_token "$T/short" --expires=1s
sleep 2
refused 'expired' 'an expired join token' enroll --join-token-file="$T/short"
no_certificate 'an expired join token'

# ---- Another manufacturer ----

restart_ca --set enrolment=open
MFR=$T/mfr2
start_swtpm stranger
fresh_device stranger
refused 'trust' 'a manufacturer that is not trusted' enroll
no_certificate 'not trusted'
check 'trust list' ca trust list
trust_mfr
check 'trusted now: enrol' enroll

# ---- What the operator sees ----

check 'audit' ca audit --last=0
for word in ek-not-listed device-id-mismatch join-token-required join-token-invalid \
    join-token-spent join-token-expired ek-certificate-untrusted; do
	check_grep "$word" "$T/out" "the audit log has $word"
done
check 'device list' ca device list
check_grep 'pump-7' "$T/out" 'it shows the device'
check 'device show' ca device show pump-7
check 'cert list' ca cert list
done_testing
