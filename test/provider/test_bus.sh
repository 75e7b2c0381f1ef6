#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The bus is hostile: what crossed it is recorded, byte for byte, and searched for secrets.
# Likewise: test_decrypt.sh (RSA plaintext), test_ecdh.sh (shared secrets), test_keyfile_sealed.sh
# (sealed data), test_keyfile_policy.sh (passwords in policies), test_keyfile_parent.sh (a parent
# in another's place); test_faults.sh turns bits in every response.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"

start_swtpm
AUTH=correct-horse-battery-staple
hex() { od -An -v -tx1 "$@" | tr -d ' \n'; }

# record FILE COMMAND…: all bytes to and from the TPM, in hexadecimal
record() {
	local file=$1
	shift
	rm -f "$T/bus.pcap"
	TPMIOT_TCTI=pcap:$TPMIOT_TCTI TCTI_PCAP_FILE=$T/bus.pcap "$@" || return 1
	hex "$T/bus.pcap" >"$file"
}

# in_recording FILE TEXT
in_recording() { grep -q "$(printf %s "$2" | hex)" "$1"; }
not_in_recording() { ! in_recording "$@"; }

# encrypted FILE: the TPM commands with a session that encrypts the command's first parameter:
# handle, nonce, attributes continue (01) and decrypt (20), or the latter alone, HMAC
encrypted() {
	local nonce='(0014[0-9a-f]{40}|0020[0-9a-f]{64}|0030[0-9a-f]{96})'
	grep -qE "0[23]00000[0-9a-f]${nonce}2[01]00(14|20|30)" "$1"
}

echo message >"$T/msg"
for kind in 'EC group:P-256' 'RSA bits:2048'; do
	read -r alg option <<<"$kind"
	for parent in 0x81000001 0x40000001; do
		what="$alg key under $parent"
		check "$what: made with a password" record "$T/create" openssl genpkey \
		    -provider tpmiot -quiet -algorithm "$alg" -pkeyopt "$option" -pkeyopt "parent:$parent" \
		    -pkeyopt "user-auth:$AUTH" -out "$T/key.pem"
		check "$what: used with it" record "$T/sign" openssl dgst -provider tpmiot \
		    -sha256 -sign "$T/key.pem" -passin "pass:$AUTH" -out "$T/sig" "$T/msg"
		check "$what: the password was not in the recording of its making" \
		    not_in_recording "$T/create" "$AUTH"
		check "$what: nor in that of its use" not_in_recording "$T/sign" "$AUTH"
		check "$what: there was a session with encrypted parameters" encrypted "$T/create"
	done
done

# Decryption and key agreement under a storage key that the module has to make: the salt of
# the session is for that one.
check 'an RSA key with a password' openssl genpkey -provider tpmiot -quiet -algorithm RSA \
    -pkeyopt parent:0x40000001 -pkeyopt "user-auth:$AUTH" -out "$T/rsa.pem"
openssl pkey -provider tpmiot -in "$T/rsa.pem" -passin "pass:$AUTH" -pubout -out "$T/rsa.pub"
echo 'the plaintext of a message' >"$T/plain"
openssl pkeyutl -encrypt -pubin -inkey "$T/rsa.pub" -in "$T/plain" -out "$T/box"
check 'decrypts' record "$T/decrypt" openssl pkeyutl -provider tpmiot -decrypt -inkey "$T/rsa.pem" \
    -passin "pass:$AUTH" -in "$T/box" -out "$T/again"
check 'what was encrypted' cmp "$T/plain" "$T/again"
check 'neither the plaintext was in the recording' not_in_recording "$T/decrypt" "$(cat "$T/plain")"
check 'nor the password' not_in_recording "$T/decrypt" "$AUTH"
check 'but the ciphertext was' grep -q "$(hex "$T/box")" "$T/decrypt"

# tpm2-tss computes HMACs and salts in OpenSSL's default library context, which inside a provider
# may be the one that has just asked it (ESYS, FAPI): the module does without.
check_is 'the module has none of tpm2-tss that uses OpenSSL itself' \
    "$(readelf -d "$OPENSSL_MODULES/tpmiot.so" | grep -oE 'libtss2-(esys|fapi|policy)')" ''
check_grep 'libtss2-sys' <(readelf -d "$OPENSSL_MODULES/tpmiot.so") 'but its marshalling'

# The test can fail: a hierarchy's password is what cannot be hidden yet, and a tool that
# hides nothing is seen.
check 'tpm2_create with a password in the clear' \
    env TPM2TOOLS_TCTI="pcap:$TPM2TOOLS_TCTI" TCTI_PCAP_FILE="$T/clear.pcap" \
    tpm2_create -Q -C 0x81000001 -G ecc -p "$AUTH" -u "$T/u" -r "$T/r"
hex "$T/clear.pcap" >"$T/clear"
check 'is seen in the recording' in_recording "$T/clear" "$AUTH"
check_is 'and has no such session' "$(encrypted "$T/clear" && echo one)" ''
done_testing
