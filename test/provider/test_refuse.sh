#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What can't be done is refused, with the reason and what would work.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
mkdir -p "$TPMIOT_STATE_DIR"
echo 'to be signed' >"$T/message"
genpkey "$T/ec.key" -algorithm EC
genpkey "$T/rsa.key" -algorithm RSA
genpkey "$T/fixed.key" -algorithm RSA -pkeyopt digest:sha256
genpkey "$TPMIOT_STATE_DIR/pw.key" -algorithm EC -pkeyopt user-auth:open-sesame
tpm_key 0x81000020 ecc256:ecdsa-sha256:null "$RESTRICTED" || die 'no attestation key'
tpm_key 0x81000022 rsa2048:rsapss-sha256:null "$RESTRICTED" || die 'no PSS key'
tpm_key 0x81000023 rsa2048:null:null || die 'no RSA key that only signs'
ONLY_SIGNS=handle:0x81000023

dgst() { openssl dgst -provider tpmiot -out "$T/sig" "$@" "$T/message"; }
utl() { openssl pkeyutl -provider tpmiot -sign -in "$T/digest" -out "$T/sig" "$@"; }
request() { openssl req -new -provider tpmiot -subj /CN=x -out "$T/req.pem" -key "$@"; }
PSS=(-sigopt rsa_padding_mode:pss)

# ---- Parameters ----------------------------------------------------------------

openssl dgst -sha256 -binary -out "$T/digest" "$T/message"
check_fails '*' 'sha224.*use SHA256' 'a digest that TPMs do not sign with RSA' \
	dgst -sha224 -sign "$ONLY_SIGNS"
check_fails '*' 'does not sign SHA3-256' 'a digest that this TPM does not know' \
	dgst -sha3-256 -sign "$ONLY_SIGNS"
check_fails '*' 'rsa_pss_saltlen:digest' 'a salt length that no TPM has' \
	dgst -sha256 "${PSS[@]}" -sigopt rsa_pss_saltlen:20 -sign "$ONLY_SIGNS"
check_fails '*' 'rsa_pss_saltlen:digest' 'a salt length that this TPM does not have' \
	dgst -sha256 "${PSS[@]}" -sigopt rsa_pss_saltlen:max -sign "$ONLY_SIGNS"
check_fails '*' 'leave out rsa_mgf1_md' 'another hash for MGF1' \
	dgst -sha256 "${PSS[@]}" -sigopt rsa_mgf1_md:sha1 -sign "$ONLY_SIGNS"
check_fails '*' 'rsa_padding_mode:pkcs1' 'X9.31 padding' \
	dgst -sha256 -sigopt rsa_padding_mode:x931 -sign "$T/rsa.key"
check_fails '*' 'does not fit' 'a salt that is too long' \
	dgst -sha256 "${PSS[@]}" -sigopt rsa_pss_saltlen:223 -sign "$T/rsa.key"
check_fails '*' 'exactly 256 bytes' 'a digest without padding' \
	utl -inkey "$T/rsa.key" -pkeyopt rsa_padding_mode:none
check_fails '*' 'SHA1 digest (has 20 bytes, not|of) 32' 'PSS without a digest: OpenSSL takes SHA-1' \
	utl -inkey "$T/rsa.key" -pkeyopt rsa_padding_mode:pss
check_fails '*' 'which digest' 'a bare digest for RSA that is not named' utl -inkey "$ONLY_SIGNS"
check_fails '*' 'SHA384 digest has 48 bytes, not 32' 'a digest of another size than named' \
	utl -inkey "$T/rsa.key" -pkeyopt digest:sha384
check_fails '*' 'signs SHA256 only' 'another digest than the key is made for' \
	dgst -sha384 -sign "$T/fixed.key"
# The scheme's hash in its public area, SHA-256, becomes SM3.
openssl pkey -provider tpmiot -in "$T/fixed.key" -outform DER -out "$T/fixed.der"
{
	echo '-----BEGIN TSS2 PRIVATE KEY-----'
	LC_ALL=C sed 's/\x00\x14\x00\x0b\x08\x00/\x00\x14\x00\x12\x08\x00/' "$T/fixed.der" | base64
	echo '-----END TSS2 PRIVATE KEY-----'
} >"$T/sm3.key"
check_fails '*' 'hash 0x0012 only.*SHA256' 'a key for a hash that is not known' \
	openssl pkey -provider tpmiot -in "$T/sm3.key" -noout
check_fails '*' 'does not sign with PSS' 'another padding than the key is made for' \
	dgst -sha256 "${PSS[@]}" -sign "$T/fixed.key"
check_fails '*' 'PSS padding only' 'PKCS#1 padding with a PSS key' \
	dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign handle:0x81000022
genpkey "$T/pss.key" -algorithm RSA-PSS
check_fails '*' 'signs SHA256 only' 'another digest than an RSA-PSS key is made for' \
	dgst -sha384 -sign "$T/pss.key"
check_fails '*' 'PSS padding only' 'PKCS#1 padding with an RSA-PSS key' \
	dgst -sha256 -sigopt rsa_padding_mode:pkcs1 -sign "$T/pss.key"
check_fails '*' 'attestation key.*message' 'a bare digest for an attestation key' \
	utl -inkey handle:0x81000020
check_fails '*' 'signs SHA256 only' 'another digest for an attestation key' \
	dgst -sha384 -sign handle:0x81000020
check_fails '*' 'made to decrypt, not to sign' 'a storage key' request handle:0x81000001

# ---- Making keys -------------------------------------------------------------------

for bits in 1000 2049 3000 8192 70000; do
	check_fails '*' "bits:$bits: .* it has: 1024, 2048, 3072" "RSA with $bits bits" \
		openssl genpkey -provider tpmiot -algorithm RSA -pkeyopt "bits:$bits"
done
for e in 3 65541 4294967297; do
	check_fails '*' 'leave out rsa_keygen_pubexp' "RSA with exponent $e" \
		openssl genpkey -provider tpmiot -algorithm RSA -pkeyopt "rsa_keygen_pubexp:$e"
done
for curve in brainpoolP256r1 BN-P256 SM2 secp256k1; do
	check_fails '*' "group:$curve: .* they have: .*prime256v1, secp384r1" "the curve $curve" \
		openssl genpkey -provider tpmiot -algorithm EC -pkeyopt "group:$curve"
done
check_fails '*' '2 primes only' 'RSA with three primes' \
	openssl genpkey -provider tpmiot -algorithm RSA -pkeyopt primes:3
pss_key() { openssl genpkey -provider tpmiot -algorithm RSA-PSS -out "$T/x.key" "$@"; }
check_fails '*' '32 bytes.*leave out rsa_pss_keygen_saltlen' 'RSA-PSS with a salt of another length' \
	pss_key -pkeyopt rsa_pss_keygen_saltlen:20
check_fails '*' 'leave out rsa_pss_keygen_mgf1_md' 'RSA-PSS with another hash for MGF1' \
	pss_key -pkeyopt rsa_pss_keygen_mgf1_md:sha1
check_fails '*' 'digest:sha224' 'RSA-PSS for a hash that TPMs do not have' \
	pss_key -pkeyopt rsa_pss_keygen_md:sha224
check_fails '*' 'digest:md5' 'a key fixed to MD5' \
	openssl genpkey -provider tpmiot -algorithm EC -pkeyopt digest:md5
check_fails '*' 'no parent at 0x81000077' 'a parent that is not there' \
	openssl genpkey -provider tpmiot -algorithm EC -pkeyopt parent:0x81000077

# ---- Names and files ---------------------------------------------------------------

check_fails '*' 'tpmiot-enroll status' 'a name that is not in the state directory' request tpmiot:nokey
check_fails '*' 'tpmiot-enroll status' 'a public half that is not there' \
	request "tpmiot:spki-sha256=$(printf '%064d' 0)"
check_fails '*' 'no key at 0x81000099' 'a handle that holds nothing' request handle:0x81000099
check_fails '*' 'persistent object' 'a handle that is none' request tpmiot:handle=0x80000000
check_fails '*' 'key name' 'a name with a slash' request tpmiot:../device
check_fails '*' "can't be opened" 'an object file that is not there' request "object:$T/none"
check_fails '*' 'key name' 'an unknown attribute' request 'tpmiot:device;pin=1'
for n in 40 200 300; do
	openssl pkey -provider tpmiot -in "$T/ec.key" -outform DER | head -c $n >"$T/cut.der"
	{
		echo '-----BEGIN TSS2 PRIVATE KEY-----'
		base64 "$T/cut.der"
		echo '-----END TSS2 PRIVATE KEY-----'
	} >"$T/cut.pem"
	[ "$(stat -c %s "$T/cut.der")" -eq "$n" ] || continue # the whole key is shorter
	check_fails '*' 'key file:' "a key file in DER cut off after $n bytes" request "$T/cut.der"
	check_fails '*' 'key file:' "a key file in PEM cut off after $n bytes" request "$T/cut.pem"
	check_fails '*' 'key file:' 'the same with the default provider' \
		request "$T/cut.pem" -provider default
done

# ---- Passwords ---------------------------------------------------------------------

lockouts() { tpm2_getcap properties-variable | sed -n 's/TPM2_PT_LOCKOUT_COUNTER: //p'; }
before=$(lockouts)
# no guess that counts: this key has noDA
check_fails '*' 'wrong authorisation value' 'an empty password' request tpmiot:pw -passin pass:
check_fails '*' 'wrong authorisation value.*tried once' 'a wrong password' request 'tpmiot:pw;auth=wrong'
count_tpm "$T/count" request 'tpmiot:pw;auth=wrong' >"$T/out" 2>&1
check_is 'is tried once' "$(grep -c Sign "$T/count")" 1
check_is 'and does not count towards lockout' "$(lockouts)" "$before"
tpm2_create -Q -C 0x81000001 -G ecc -p right -u "$T/pw.pub" -r "$T/pw.priv" -c "$T/pw.ctx" \
	-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda'
tpm2_evictcontrol -Q -C o -c "$T/pw.ctx" 0x81000055
tpm2_flushcontext -t
check_fails '*' 'none was given.*[?]pass' 'a persistent key whose name says nothing of its password' \
	request tpmiot:handle=0x81000055
check 'and one that does' request 'tpmiot:handle=0x81000055?pass' -passin pass:right
tpm2_evictcontrol -Q -C o -c 0x81000055
check_is 'and does not count either' "$(lockouts)" "$before"
long=$(printf '%040d' 7)
check_fails '*' 'a password of 40 bytes' 'one that is longer than a key can have' \
	openssl genpkey -provider tpmiot -quiet -algorithm EC -pkeyopt group:P-256 \
	-pkeyopt "user-auth:$long" -out "$T/long.key"
check_fails '*' 'a password of 40 bytes' 'the same for a key' request "tpmiot:pw;auth=$long"
printf '%0300d\n' 7 >"$T/long.pass"
check_fails '*' 'a password of 12[0-9] bytes' 'a line that is cut off' \
	request "tpmiot:pw;auth-file=$T/long.pass"
check_fails '*' 'auth-env=NO_SUCH' 'a password from a missing variable' \
	request 'tpmiot:pw;auth-env=NO_SUCH'
check_fails '*' "auth-file=.*can't be read" 'a password from a missing file' \
	request "tpmiot:pw;auth-file=$T/none"

# ---- Configuration -----------------------------------------------------------------

cat >"$T/bad.cnf" <<'CNF'
openssl_conf = init
[init]
providers = providers
[providers]
default = default_sect
tpmiot = tpmiot_sect
[default_sect]
activate = 1
[tpmiot_sect]
activate = 1
keygen = maybe
CNF
check 'a setting that makes no sense breaks no program' \
	env OPENSSL_CONF="$T/bad.cnf" openssl dgst -sha256 "$T/message"
check_fails '*' 'keygen.*software or tpm' 'but is told when a key is made' \
	env OPENSSL_CONF="$T/bad.cnf" openssl genpkey -propquery provider=tpmiot -algorithm EC
# ---- The environment of a setuid program ------------------------------------------

# as_setuid COMMAND…: a stranger runs this copy of openssl, which is root's
as_setuid() { setpriv --reuid=65534 --regid=65534 --clear-groups "$T/suid/openssl" "$@"; }
read_key() { "$1" pkey -provider-path "$OPENSSL_MODULES" -provider tpmiot -noout -in "$2"; }
# A setuid program looks for its libraries where the linker said, and not at LD_LIBRARY_PATH.
finds_its_libraries() {
	cmp -s <(env -u LD_LIBRARY_PATH "$T/suid/openssl" version 2>&1) <(openssl version)
}
mkdir "$T/suid"
cp "$(command -v openssl)" "$T/suid/openssl"
if ! finds_its_libraries; then
	skip "this openssl needs LD_LIBRARY_PATH, which a setuid program does not get: link it with -rpath" \
		'the environment of a setuid program'
elif [ -z "${TPMIOT_SANITIZED:-}" ] && [ "$(id -u)" -eq 0 ] && command -v setpriv >/dev/null &&
    chmod 4755 "$T/suid/openssl" && chmod go+x "$T" "$T/suid" &&
    ! findmnt -no OPTIONS -T "$T" | grep -q nosuid; then
	check 'TPMIOT_TCTI counts where caller and owner are the same' \
		read_key "$T/suid/openssl" handle:0x81000020
	check_fails '*' 'no TPM at TCTI default' 'in a setuid program it does not' \
		read_key as_setuid handle:0x81000020
	check 'TPMIOT_STATE_DIR counts as well' \
		read_key "$T/suid/openssl" 'tpmiot:pw;auth=open-sesame'
	check_fails '*' '/var/lib/tpmiot' 'but not in a setuid program' \
		read_key as_setuid 'tpmiot:pw;auth=open-sesame'
else
	skip 'needs root, setpriv, setuid, and no sanitizers' 'the environment of a setuid program'
fi

check_is 'nothing is left in the TPM' \
	"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''

done_testing
