#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Certificates by name: in NV, and beside a key in the state directory.
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

x509() { openssl x509 -provider tpmiot -provider default -noout -in "$1"; }
check_fails '*' 'no NV index 0x01c00009' 'an index that is not there' x509 tpmiot:nv=0x01c00009
check_fails '*' 'certificate' 'an index with something else' x509 tpmiot:nv=0x01c00200
check_fails '*' 'no certificate for nokey' 'a name without a certificate' x509 tpmiot:nokey
check_fails '*' 'no key' 'a key from an NV index' \
	openssl pkey -provider tpmiot -in tpmiot:nv=0x01c00101 -pubout

done_testing
