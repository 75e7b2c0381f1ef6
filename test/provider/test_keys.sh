#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where keys come from and go to: every form of key name, files, public halves, key
# generation; and what each costs in TPM commands.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

# ---- Without a TPM -----------------------------------------------------------

export TPMIOT_TCTI=swtpm:port=1
check 'the provider loads without a TPM' openssl list -providers -provider tpmiot
check 'another program works beside it without a TPM' \
	openssl dgst -provider tpmiot -provider default -sha256 "$0"
echo hello >"$T/message"
check 'a software key in a file works without a TPM' \
	openssl genpkey -provider default -algorithm EC -pkeyopt group:P-256 -out "$T/soft.key"
check 'a software key signs with -provider tpmiot alone' new_request "$T/soft.key"
check_fails '*' 'no TPM at TCTI' 'a TPM that is not there is named' \
	openssl pkey -provider tpmiot -in handle:0x81000010 -pubout

# ---- Making keys -------------------------------------------------------------

start_swtpm
count_tpm "$T/count" openssl list -providers -provider tpmiot >"$T/out" 2>&1
check_is 'loading sends no TPM command' "$(wc -l <"$T/count")" 0

mkdir -p "$TPMIOT_STATE_DIR"
check 'genpkey: EC' genpkey "$T/ec.key" -algorithm EC
check 'genpkey: EC P-384' genpkey "$T/ec384.key" -algorithm EC -pkeyopt group:P-384
check 'genpkey: RSA' genpkey "$T/rsa.key" -algorithm RSA
check 'genpkey: RSA 3072' genpkey "$T/rsa3072.key" -algorithm RSA -pkeyopt bits:3072
for curve in P-192 P-224 P-521; do
	check "genpkey: $curve" genpkey "$T/curve.key" -algorithm EC -pkeyopt "group:$curve"
	check 'signs' new_request "$T/curve.key"
done
check 'genpkey: RSA 1024' genpkey "$T/rsa1024.key" -algorithm RSA -pkeyopt bits:1024
check 'signs' new_request "$T/rsa1024.key"
check 'genpkey: another exponent' \
	genpkey "$T/exponent.key" -algorithm RSA -pkeyopt rsa_keygen_pubexp:65543
check 'signs' new_request "$T/exponent.key"
check_is 'which is in the key' "$(openssl pkey -provider tpmiot -in "$T/exponent.key" -noout -text |
	grep -c 'Exponent: 65543')" 1
check 'genpkey: RSA-PSS with a salt that is shorter than the digest' \
	genpkey "$T/short.key" -algorithm RSA-PSS -pkeyopt bits:1024 -pkeyopt digest:sha512
check 'signs' new_request "$T/short.key"
check 'genpkey: under a named parent' \
	genpkey "$T/parent.key" -algorithm EC -pkeyopt parent:0x81000001
check 'genpkey: under the owner hierarchy' \
	genpkey "$T/owner.key" -algorithm EC -pkeyopt parent:0x40000001
check_grep '^-----BEGIN TSS2 PRIVATE KEY-----' "$T/ec.key" 'the file is a TSS2 PRIVATE KEY'
check_is 'P-384 is P-384' "$(openssl pkey -provider tpmiot -in "$T/ec384.key" -noout -text |
	grep -c 'P-384')" 1
check_is 'RSA 3072 has 3072 bits' "$(openssl pkey -provider tpmiot -in "$T/rsa3072.key" -noout -text |
	grep -c '3072 bit')" 1
count_tpm "$T/count" openssl genpkey -provider tpmiot -algorithm EC -out "$T/x.key" >"$T/out" 2>&1
check_is 'genpkey takes one command' "$(paste -sd' ' "$T/count")" 'Create'

# ---- Names ---------------------------------------------------------------------

tpm_key 0x81000010 ecc256:null:null || die 'no persistent EC key'
tpm_key 0x81000011 rsa2048:null:null || die 'no persistent RSA key'
cp "$T/ec.key" "$TPMIOT_STATE_DIR/device.key"
cp "$T/rsa.key" "$TPMIOT_STATE_DIR/other.key"
pubkey "$T/ec.key" "$T/ec.pub"
pubkey "$T/rsa.key" "$T/rsa.pub"
SPKI=$(openssl pkey -pubin -in "$T/ec.pub" -outform DER | sha256sum | cut -d' ' -f1)
openssl pkey -provider tpmiot -in "$T/rsa.key" -outform DER -out "$T/rsa.der"
openssl req -x509 -new -key "$T/soft.key" -subj /CN=soft -out "$T/soft.crt"
cat "$T/soft.crt" "$T/ec.key" >"$T/bundle.pem"

for key in "$T/ec.key" "$T/ec384.key" "$T/rsa.key" "$T/rsa3072.key" "$T/owner.key" "$T/rsa.der" \
    "$T/bundle.pem" "file:$T/ec.key" tpmiot:device "tpmiot:spki-sha256=$SPKI" \
    tpmiot:handle=0x81000010 handle:0x81000010 handle:0x81000011 \
    "object:$T/0x81000010.object" "object:$T/rsa.key"; do
	check "openssl req with ${key//$T\//}" new_request "$key"
done
from_stdin() { openssl pkey -provider tpmiot "${@:2}" <"$1" >"$T/out" 2>&1; }
check 'a key file on stdin' from_stdin "$T/ec.key" -noout -text
check 'a key file in DER on stdin' from_stdin "$T/rsa.der" -noout -text
check 'a public key on stdin' from_stdin "$T/ec.pub" -pubin -noout -text
# DER by this provider alone: what is not the TPM's is what it is, and not taken for it.
der() { openssl pkey -provider tpmiot -inform DER "$@"; }
check 'a key file in DER' der -in "$T/rsa.der" -noout
check 'beside the default provider' der -in "$T/rsa.der" -noout -provider default
check_fails '*' '.' 'is not in PEM' openssl pkey -provider tpmiot -inform PEM -in "$T/rsa.der" -noout
openssl pkey -pubin -in "$T/ec.pub" -outform DER -out "$T/ec.pub.der"
check 'a public key in DER' der -pubin -in "$T/ec.pub.der" -noout
openssl pkey -in "$T/soft.key" -pubout -out "$T/soft.pub"
openssl pkcs8 -topk8 -in "$T/soft.key" -outform DER -nocrypt -out "$T/p8.der"
openssl pkcs8 -topk8 -in "$T/soft.key" -outform DER -passout pass:x -out "$T/enc.der"
openssl ec -in "$T/soft.key" -outform DER -out "$T/sec1.der" 2>"$T/err"
for file in p8 enc sec1; do
	der -in "$T/$file.der" -passin pass:x -pubout -out "$T/der.pub" 2>"$T/err"
	check "a software key in DER ($file)" cmp "$T/soft.pub" "$T/der.pub"
done
openssl x509 -in "$T/soft.crt" -outform DER -out "$T/soft.crt.der"
check 'a certificate in DER' openssl x509 -provider tpmiot -in "$T/soft.crt.der" -noout -subject
check_fails '*' '.' 'something else in DER' der -in <(openssl asn1parse -genstr UTF8:x -out - -noout) -noout
check 'the same with the default provider loaded' \
	new_request "$T/ec.key" -provider default
check 'a key behind a certificate, read by the default provider' \
	new_request "$T/bundle.pem" -provider default
check 'and with the default provider first' \
	openssl req -new -provider default -provider tpmiot -key "$T/rsa.key" -subj /CN=x
check 'openssl req -verify with that one flag' \
	openssl req -in "$T/req.pem" -verify -noout -provider tpmiot
# OpenSSL 3.6 hashes the key for its identifier (SHA-1) with what the program has loaded.
check 'a self-signed certificate' openssl req -x509 -new -provider tpmiot -provider default \
	-key tpmiot:device -subj /CN=self -out "$T/self.crt"
check 'which OpenSSL verifies' openssl verify -CAfile "$T/self.crt" "$T/self.crt"

# ---- What it costs -----------------------------------------------------------

check_is 'commands of req, persistent EC key' "$(count_request handle:0x81000010)" 'ReadPublic Sign'
check_is 'commands of req, persistent RSA key' "$(count_request handle:0x81000011)" 'ReadPublic Sign'
check_is 'commands of req, key file under a persistent parent' \
	"$(count_request "$T/ec.key")" 'Load Sign FlushContext'
check_is 'commands of req, RSA key file' "$(count_request "$T/rsa.key")" 'Load Sign FlushContext'
check_is 'commands of req, key by its public half' \
	"$(count_request "tpmiot:spki-sha256=$SPKI")" 'Load Sign FlushContext'
count_tpm "$T/count" openssl pkey -provider tpmiot -in "$T/ec.key" -pubout >"$T/out" 2>&1
check_is 'the public half of a key file takes no command' "$(wc -l <"$T/count")" 0
check_is 'nothing is left in the TPM' "$(tpm2_getcap handles-transient)" ''

# ---- Public and private halves -----------------------------------------------

openssl req -in "$T/req.pem" -noout -pubkey >"$T/req.pub"
check 'the public half is the one in the request' cmp "$T/ec.pub" "$T/req.pub"
check 'the key is valid' openssl pkey -provider tpmiot -provider default -in "$T/ec.key" -check -noout
openssl pkey -provider tpmiot -in "$T/rsa.der" -out "$T/back.key"
check 'PEM to DER and back is the same key' cmp "$T/back.key" "$T/rsa.key"
for form in PEM DER; do
	openssl rsa -provider tpmiot -in "$T/rsa.key" -RSAPublicKey_out -outform "$form" -out "$T/pkcs1" 2>"$T/err"
	openssl rsa -RSAPublicKey_in -inform "$form" -in "$T/pkcs1" -pubout -out "$T/pkcs1.pub" 2>>"$T/err"
	check "the public half by PKCS #1, $form" cmp "$T/pkcs1.pub" "$T/rsa.pub"
done
genpkey "$T/pss.key" -algorithm RSA-PSS
check 'and of an RSA-PSS key' openssl rsa -provider tpmiot -in "$T/pss.key" -RSAPublicKey_out -out "$T/pkcs1"
ec() { openssl ec -provider tpmiot -in "$T/ec.key" "$@"; }
check 'openssl ec checks and prints' ec -check -noout -text
ec -conv_form compressed -pubout -outform DER -out "$T/short.der" 2>"$T/err"
openssl pkey -pubin -in "$T/ec.pub" -ec_conv_form compressed -pubout -outform DER -out "$T/short2.der"
check 'and writes the point in the form asked for' cmp "$T/short.der" "$T/short2.der"
check_fails '*' 'leave out -no_public' 'the public half stays in the file' ec -no_public
check 'openssl ecparam makes a key' openssl ecparam -provider tpmiot -name P-384 -genkey -out "$T/param.key"
openssl ecparam -name P-384 -out "$T/p384.param"
check 'behind the curve' diff "$T/p384.param" <(sed '/END EC/q' "$T/param.key")
check 'which is P-384' new_request "$T/param.key"
openssl pkey -provider tpmiot -in handle:0x81000010 -out "$T/reference.key"
check_grep '^-----BEGIN TPMIOT KEY REFERENCE-----' "$T/reference.key" \
	'a persistent key is written as a reference'
check_fails '*' 'not encrypted' 'a cipher for the key file is refused' \
	openssl pkey -provider tpmiot -provider default -in "$T/ec.key" -aes256 -passout pass:secret

# ---- Stores: what is wanted, what is removed ------------------------------------------

cp "$T/soft.crt" "$TPMIOT_STATE_DIR/device.crt"
store() { with_module "$BUILD/test/provider/store" "$@"; }
check_is 'a name, opened for certificates' "$(store expect cert tpmiot:device 2>/dev/null)" 1
check_is 'and for keys' "$(store expect key tpmiot:device 2>/dev/null)" 1
check_is 'a persistent key is no certificate' "$(store expect cert handle:0x81000010 2>/dev/null)" 0
store delete handle:0x81000099 >"$T/out" 2>&1
if [ $? -ne 77 ]; then
	check_fails 1 'no object|not there|handle' 'what is not there is not removed' \
	    store delete handle:0x81000099
	check_fails 1 'remove that' 'a file is not removed' store delete "object:$T/ec.key"
	check_fails 1 'tpmiot-enroll reset' 'nor what enrolment made' store delete tpmiot:device
	check_fails 1 'tpm2_nvundefine' 'nor an NV index' store delete tpmiot:nv=0x01c00002
	check 'all of them are there' test -s "$T/ec.key" -a -s "$TPMIOT_STATE_DIR/device.key"
	check 'a persistent key is' store delete handle:0x81000011
	check_is 'and gone' "$(tpm2_getcap handles-persistent | grep -c 81000011)" 0
	check 'the other one stays' new_request handle:0x81000010
	tpm2_changeauth -Q -c owner sesame
	check_fails 1 'tpm2_evictcontrol' "the owner's password is not known" \
	    store delete handle:0x81000010
	check_is 'which is still there' "$(tpm2_getcap handles-persistent | grep -c 81000010)" 1
else
	skip 'this OpenSSL has no OSSL_STORE_delete()' 'persistent keys are removed'
fi

done_testing
