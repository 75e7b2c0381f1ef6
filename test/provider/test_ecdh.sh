#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# ECDH with a key in the TPM, against a software key and OpenSSL's default provider alone: plain,
# with the KDF, in CMS; what is refused, what crosses the bus, what it costs.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
echo 'a message that is a secret' >"$T/message"
for group in P-256 P-384; do
	genpkey "$T/$group.key" -algorithm EC -pkeyopt "group:$group"
	pubkey "$T/$group.key" "$T/$group.pub"
	openssl genpkey -algorithm EC -pkeyopt "group:$group" -out "$T/$group.peer"
	openssl pkey -in "$T/$group.peer" -pubout -out "$T/$group.peer.pub"
done
genpkey "$T/fixed.key" -algorithm EC -pkeyopt digest:sha256
mkdir -p "$TPMIOT_STATE_DIR"
genpkey "$TPMIOT_STATE_DIR/pw.key" -algorithm EC -pkeyopt user-auth:open-sesame

# derive KEY PEER OPTION…: by the TPM, into $T/ours
derive() {
	local key=$1 peer=$2
	shift 2
	openssl pkeyutl -provider tpmiot -derive -inkey "$key" -peerkey "$peer" -out "$T/ours" "$@"
}
# agree GROUP OPTION…: both sides, the other one in software
agree() {
	local group=$1
	shift
	derive "$T/$group.key" "$T/$group.peer.pub" "$@" &&
	    openssl pkeyutl -derive -inkey "$T/$group.peer" -peerkey "$T/$group.pub" \
		-out "$T/theirs" "$@" && cmp "$T/ours" "$T/theirs"
}

for group in P-256 P-384; do
	check "$group, plain" agree "$group"
	for digest in sha1 sha256 sha512; do
		check "$group, X9.63 KDF with $digest" agree "$group" -pkeyopt kdf-type:X963KDF \
			-pkeyopt "kdf-digest:$digest" -pkeyopt kdf-outlen:100
	done
	check "$group, X9.63 KDF with shared information" agree "$group" \
		-pkeyopt kdf-type:X963KDF -pkeyopt kdf-digest:sha256 -pkeyopt kdf-outlen:16 \
		-pkeyopt hexkdf-ukm:00112233
	check_is 'as long as asked for' "$(wc -c <"$T/ours")" 16
done
derive "$T/P-256.key" "$T/P-256.peer.pub"
check_is 'the plain secret is a coordinate' "$(wc -c <"$T/ours")" 32
check 'beside the default provider' \
	derive "$T/P-256.key" "$T/P-256.peer.pub" -provider default
check 'a software key by this provider alone' \
	derive "$T/P-256.peer" "$T/P-256.pub"

# ---- CMS -----------------------------------------------------------------------

check 'a certificate for the key' openssl req -x509 -new -provider tpmiot -provider default \
	-key "$T/P-256.key" -subj /CN=ec -out "$T/ec.crt"
check 'cms -encrypt to it' openssl cms -encrypt -in "$T/message" -binary -out "$T/cms" -recip "$T/ec.crt"
check 'cms -decrypt' openssl cms -decrypt -provider tpmiot -provider default -in "$T/cms" \
	-binary -inkey "$T/P-256.key" -recip "$T/ec.crt" -out "$T/plain"
check 'gives the message' cmp "$T/message" "$T/plain"

# ---- Refused -------------------------------------------------------------------

check_fails '*' 'same curve|different parameters' 'a peer on another curve' \
	derive "$T/P-256.key" "$T/P-384.peer.pub"
check_fails '*' 'made to sign' 'a key that signs only' derive "$T/fixed.key" "$T/P-256.peer.pub"
tpm_key 0x81000032 ecc256:aes128cfb \
	'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt|noda' || die 'no storage key'
check_fails '*' 'storage key' 'a storage key' derive handle:0x81000032 "$T/P-256.peer.pub"
check_fails '*' 'wrong authorisation value.*tried once' 'a wrong password' \
	derive 'tpmiot:pw;auth=wrong' "$T/P-256.peer.pub"
check 'the right one' derive 'tpmiot:pw;auth=open-sesame' "$T/P-256.peer.pub"

# ---- The bus and what it costs ---------------------------------------------------

TPMIOT_TCTI="pcap:$TPMIOT_TCTI" TCTI_PCAP_FILE="$T/bus.pcap" \
	derive "$T/P-256.key" "$T/P-256.peer.pub"
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }
check_is 'the peer key crossed the bus in clear' "$(hex "$T/bus.pcap" | grep -c \
	"$(openssl pkey -pubin -in "$T/P-256.peer.pub" -outform DER | tail -c 64 | head -c 32 | hex -)")" 1
check_is 'the secret did not' "$(hex "$T/bus.pcap" | grep -c "$(hex "$T/ours")")" 0
count_tpm "$T/count" derive "$T/P-256.key" "$T/P-256.peer.pub"
check_is 'commands with a key file' "$(paste -sd' ' "$T/count")" \
	'ReadPublic StartAuthSession Load ECDH_ZGen FlushContext FlushContext'
check_is 'nothing is left in the TPM' \
	"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''

done_testing
