#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Revocation by TPM makers: lists that the operator keeps, what is refused by them, and what a
# missing one means. The maker is one of our own, whose certificates may sign lists.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
reload() {
	local before
	before=$(grep -c 'reloaded' "$T/ca.log")
	kill -HUP "${PIDS[ca]}"
	# shellcheck disable=SC2016  # for the shell that wait_for starts
	wait_for ca eval '[ "$(grep -c reloaded "$T/ca.log")" -gt '"$before"' ]'
}

# issue NAME ISSUER EXTENSIONS [REQ-OPTION…]
cat >"$T/ext.cnf" <<'CNF'
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[ek]
basicConstraints = critical,CA:FALSE
keyUsage = critical,keyEncipherment
extendedKeyUsage = 2.23.133.8.1
subjectAltName = critical,dirName:tpm
[tpm]
a.2.23.133.2.1 = id:54534554
b.2.23.133.2.2 = test
c.2.23.133.2.3 = id:00010002
CNF
sign() {
	openssl x509 -req -in "$T/$1.csr" -CA "$T/$2.crt" -CAkey "$T/$2.key" -days 30 \
	    -extfile "$T/ext.cnf" -extensions "$3" -out "$T/$1.crt" "${@:4}" 2>"$T/sign.log"
}
new_key() { openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$T/$1.key" -subj "/CN=$1" -out "$T/$1.csr" 2>"$T/sign.log"; }
# crl ISSUER DAYS: signs the list of what was revoked, $T/ISSUER.index
crl() {
	cat >"$T/ca.cnf" <<-CNF
	[ca]
	default_ca = x
	[x]
	database = $T/$1.index
	default_md = sha256
	CNF
	touch "$T/$1.index"
	openssl ca -config "$T/ca.cnf" -gencrl -cert "$T/$1.crt" -keyfile "$T/$1.key" "${@:2}" -out "$T/crls/$1.pem" 2>"$T/sign.log" ||
	    show "$T/sign.log"
}
revoke() { openssl ca -config "$T/ca.cnf" -cert "$T/$1.crt" -keyfile "$T/$1.key" -revoke "$T/$2.crt" 2>"$T/sign.log"; }

mkdir "$T/crls"
new_key root
openssl x509 -req -in "$T/root.csr" -signkey "$T/root.key" -days 30 -extfile "$T/ext.cnf" -extensions ca -out "$T/root.crt" 2>"$T/sign.log"
new_key maker
sign maker root ca

# The TPM gets an EK certificate of this maker.
start_swtpm tpm bare
tpm2_createek -Q -c "$T/ek.ctx" -G rsa -f pem -u "$T/ek.pem"
tpm2_flushcontext -Q -t
tpm_forget 0x01c00002 0x01c00016
openssl req -new -newkey rsa:2048 -nodes -keyout "$T/any.key" -subj / -out "$T/ek.csr" 2>"$T/sign.log"
sign ek maker ek -force_pubkey "$T/ek.pem"
openssl x509 -in "$T/ek.crt" -outform DER -out "$T/ek.der"
tpm2_nvdefine -Q 0x01c00002 -C p -s "$(stat -c %s "$T/ek.der")" -a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate|policywrite'
tpm2_nvwrite -Q 0x01c00002 -C p -i "$T/ek.der"

make_ca --set enrolment=open --set ek_crls="$T/crls" --set rate_limit=off
ca trust add "$T/root.crt" "$T/maker.crt" >"$T/trust.log" 2>&1 || show "$T/trust.log"
crl maker -crldays 30
crl root -crldays 30
start_ca
check 'check knows the lists' ca check
check_grep 'revocation lists of TPM makers +ok' "$T/out" 'check knows the lists: ok'
check 'ek verify accepts' ca ek verify "$T/ek.crt"
check 'enrol: nothing is revoked' enroll

# ---- A missing list ----

mv "$T/crls/maker.pem" "$T/maker.away"
reload
check_fails 3 'no revocation list of the issuer.*maker' "the issuer's list is missing" enroll --name=b
check_fails 1 'refused by the rule "path"' 'ek verify says so, too' ca ek verify "$T/ek.crt"
mv "$T/maker.away" "$T/crls/maker.pem"
mv "$T/crls/root.pem" "$T/root.away"
reload
check_fails 3 'no revocation list of the issuer.*root' "the root's list is missing" enroll --name=b
sed -i 's/^#ek_crl_missing = .*/ek_crl_missing = accept/' "$CADIR/tpmiot-ca.conf"
reload
check 'ek_crl_missing = accept: it passes' enroll --name=b

# ---- Revoked ----

crl maker -crldays 30 # for its configuration
check 'the maker revokes the EK certificate' revoke maker ek
crl maker -crldays 30
check 'the list from before is in force until the reload' enroll --name=c
reload
check_fails 3 'ek-certificate-revoked' 'revoked' enroll --name=d
check_fails 3 'ek-certificate-revoked' 'what it had is not renewed either' tpmiot-enroll renew --before=4000d
check_fails 1 'revoked by its issuer|refused by' 'ek verify says so' ca ek verify "$T/ek.crt"
check 'the audit log has the reason' ca audit
check_grep 'ek-certificate-revoked' "$T/out" 'the audit log has the reason: ek-certificate-revoked'

# A list that is out of date still counts for what it revoked; with refuse, it is as good as none.
crl maker -crlsec 1
sleep 2
reload
check_fails 3 'ek-certificate-revoked' 'revoked, by a list that is out of date' enroll --name=d
check 'check warns' ca check
check_grep '1 of 1 are out of date' "$T/out" 'check warns: out of date'

# The intermediate is revoked.
: >"$T/maker.index"
crl maker -crldays 30
mv "$T/root.away" "$T/crls/root.pem"
crl root -crldays 30
revoke root maker
crl root -crldays 30
reload
check_fails 3 'ek-certificate-revoked' 'its issuer is revoked' enroll --name=d
check_fails 3 'ek-certificate-revoked' 'which ends renewals, too' tpmiot-enroll renew --before=4000d

# The operator vouches himself.
ca allow add --ek="$T/ek.pem" >"$T/allow.log" 2>&1 || show "$T/allow.log"
check 'a device on the allow-list needs no certificate' enroll --name=e
check 'and is renewed' tpmiot-enroll renew --before=4000d

# ---- Files that are none ----

echo nonsense >"$T/crls/note.txt"
kill -HUP "${PIDS[ca]}"
wait_for_line ca 'not reloaded.*note.txt'
check_grep 'not reloaded.*note.txt.*revocation list' "$T/ca.log" 'a file that is no list: not reloaded, and named'
check_fails 1 'put right' 'check says so' ca check
stop_ca
check_fails 1 'note.txt' 'and serve does not start' ca serve --listen=127.0.0.1:0

done_testing
