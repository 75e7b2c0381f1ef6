#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Objects by name: certificates, public keys, key files and revocation lists in NV, and the
# certificates beside a key in the state directory.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
mkdir -p "$TPMIOT_STATE_DIR"
genpkey "$TPMIOT_STATE_DIR/device.key" -algorithm EC
for cn in one two; do
	openssl req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
		-keyout "$T/$cn.key" -subj "/CN=$cn" -out "$T/$cn.crt" 2>"$T/log"
	openssl x509 -in "$T/$cn.crt" -outform DER -out "$T/$cn.der"
done
cat "$T/one.crt" "$T/two.crt" >"$TPMIOT_STATE_DIR/device.crt"

# nv INDEX FILE: a readable index with this content
nv() {
	tpm2_nvdefine -Q -C o -s "$(stat -c %s "$2")" -a 'ownerread|ownerwrite|authread|authwrite' "$1" &&
	    tpm2_nvwrite -Q -C o -i "$2" "$1"
}
store() { openssl storeutl -provider tpmiot -provider default -noout -text "$@" >"$T/out" 2>&1; }
subjects() { sed -n 's,.*Subject: CN *= *,,p' "$T/out" | paste -sd' '; }

nv 0x01c00101 "$T/one.der"
{
	cat "$T/two.der"
	head -c 100 /dev/zero | tr '\0' '\377'
} >"$T/padded"
nv 0x01c00102 "$T/padded"
nv 0x01c00100 "$TPMIOT_STATE_DIR/device.crt"
echo nonsense >"$T/nonsense"
nv 0x01c00200 "$T/nonsense"

check 'a certificate in NV' store -certs tpmiot:nv=0x01c00101
check_is 'is what was put there' "$(subjects)" one
check 'the EK certificate' store -certs tpmiot:nv=0x01c00002
check_grep 'TPM Manufacturer|2.23.133.2.1|Issuer: CN ?= ?' "$T/out" 'is one'
check 'as in tpm2-openssl' store handle:0x01c00102
check_is 'padding is taken off' "$(subjects)" two
check 'several in PEM' store -certs tpmiot:nv=0x01c00100
check_is 'are all there' "$(subjects)" 'one two'
check 'openssl x509 takes it' \
	openssl x509 -provider tpmiot -provider default -in tpmiot:nv=0x01c00101 -noout -subject
check 'certificates of a key' store -certs tpmiot:device
check_is 'are those of NAME.crt' "$(subjects)" 'one two'
count_tpm "$T/count" openssl x509 -provider tpmiot -provider default -in tpmiot:device -noout >"$T/out" 2>&1
check_is 'and take no TPM command' "$(wc -l <"$T/count")" 0
check 'the key is the key' store -keys tpmiot:device
check_is 'and no certificate' "$(subjects)" ''
count_tpm "$T/count" openssl x509 -provider tpmiot -provider default -in tpmiot:nv=0x01c00101 \
	-noout >"$T/out" 2>&1
check_is 'commands of a certificate in NV' "$(sed 's, .*,,' "$T/count" | paste -sd' ')" \
	'NV_ReadPublic NV_Read'

# ---- Keys and revocation lists in NV, as in tpm2-openssl -----------------------------------

openssl pkey -in "$T/one.key" -pubout -out "$T/one.pub"
openssl pkey -in "$T/one.key" -pubout -outform DER -out "$T/one.pub.der"
pubkey "$TPMIOT_STATE_DIR/device.key" "$T/device.pub"
printf '[ca]\ndefault_ca=c\n[c]\ndatabase=%s\n' "$T/index" >"$T/ca.cnf"
: >"$T/index"
openssl ca -config "$T/ca.cnf" -gencrl -crldays 1 -md sha256 -cert "$T/one.crt" -keyfile "$T/one.key" \
	-out "$T/one.crl" 2>"$T/log"
nv 0x01000010 "$T/one.pub.der"
nv 0x01000011 "$T/one.pub"
nv 0x01000012 "$TPMIOT_STATE_DIR/device.key"
nv 0x01000013 "$T/one.crl"
cat "$T/two.crt" "$T/one.pub" "$T/one.crl" >"$T/mixed"
nv 0x01000014 "$T/mixed"
openssl pkeyutl -derive -inkey "$T/one.key" -peerkey "$T/device.pub" -out "$T/secret"
# agree PEER OPTION…: with what is in NV, in $T/secret as well
agree() {
	local peer=$1
	shift
	openssl pkeyutl -provider tpmiot "$@" -derive -inkey tpmiot:device -peerkey "$peer" \
	    -out "$T/secret2" && cmp "$T/secret" "$T/secret2"
}
check 'a public key in NV is a peer' agree handle:0x1000010
check 'beside base, with a query' agree handle:0x1000010 -provider base -propquery '?provider=tpmiot'
check 'beside default' agree handle:0x1000010 -provider default
check 'in PEM' agree handle:0x1000011
check 'behind a certificate' agree tpmiot:nv=0x01000014
check 'it is printed' openssl pkey -provider tpmiot -pubin -in handle:0x1000010 -noout -text
sign_from_nv() {
	openssl dgst -provider tpmiot "$@" -sha256 -sign handle:0x1000012 -out "$T/sig" "$T/mixed" &&
	    openssl dgst -sha256 -verify "$T/device.pub" -signature "$T/sig" "$T/mixed"
}
check 'a key file in NV signs' sign_from_nv
check 'beside default, too' sign_from_nv -provider default
store -crls handle:0x1000013
check_grep 'Certificate Revocation List' "$T/out" 'a revocation list in NV'
store -crls handle:0x1000014
check_grep 'Certificate Revocation List' "$T/out" 'behind others'
store handle:0x1000014
check_is 'everything in an index' "$(grep -cE '^[0-9]: (Certificate|Public key|CRL)' "$T/out")" 3
check_fails '*' '0x01000010 holds no private key' 'a public key is no private one' \
	openssl pkey -provider tpmiot -in handle:0x1000010 -noout
check_fails '*' '0x01000013 holds no (public|private) key' 'nor is a revocation list' agree handle:0x1000013

x509() { openssl x509 -provider tpmiot -provider default -noout -in "$1"; }
check_fails '*' 'no NV index 0x01c00009' 'an index that is not there' x509 tpmiot:nv=0x01c00009
check_fails '*' '0x01c00200 holds no certificate' 'an index with something else' x509 tpmiot:nv=0x01c00200
check_fails '*' 'no certificate for nokey' 'a name without a certificate' x509 tpmiot:nokey
check_fails '*' '0x01c00101 holds no private key' 'a key from an NV index' \
	openssl pkey -provider tpmiot -in tpmiot:nv=0x01c00101 -pubout

done_testing
