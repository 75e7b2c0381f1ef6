#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# RSA decryption: every padding, what was encrypted by OpenSSL's default provider alone; what
# is wrong; what crosses the bus; what it costs.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
printf 'a message that is a secret' >"$T/message"
genpkey "$T/rsa.key" -algorithm RSA
genpkey "$T/rsa3072.key" -algorithm RSA -pkeyopt bits:3072
genpkey "$T/fixed.key" -algorithm RSA -pkeyopt digest:sha256
mkdir -p "$TPMIOT_STATE_DIR"
genpkey "$TPMIOT_STATE_DIR/pw.key" -algorithm RSA -pkeyopt user-auth:open-sesame
for key in rsa rsa3072 fixed; do
	pubkey "$T/$key.key" "$T/$key.pub"
done
pubkey 'tpmiot:pw;auth=open-sesame' "$T/pw.pub"

# encrypt PUBLIC OPTION…
encrypt() {
	local public=$1
	shift
	openssl pkeyutl -encrypt -pubin -inkey "$public" -in "$T/message" -out "$T/secret" "$@"
}
decrypt() {
	local key=$1
	shift
	openssl pkeyutl -provider tpmiot -decrypt -inkey "$key" -in "$T/secret" -out "$T/plain" "$@"
}
# there_and_back KEY PUBLIC OPTION…
there_and_back() {
	local key=$1 public=$2
	shift 2
	encrypt "$public" "$@" && decrypt "$key" "$@" && cmp "$T/message" "$T/plain"
}

# ---- Paddings ------------------------------------------------------------------

for key in rsa rsa3072; do
	check "$key, PKCS#1" there_and_back "$T/$key.key" "$T/$key.pub"
	# RFC 8017 says SHA-1; SHA-224 and SHA3-256 are no hashes of this TPM
	for digest in sha1 sha224 sha256 sha384 sha512 sha3-256; do
		check "$key, OAEP, $digest" there_and_back "$T/$key.key" "$T/$key.pub" \
			-pkeyopt rsa_padding_mode:oaep -pkeyopt "rsa_oaep_md:$digest"
	done
done
OAEP=(-pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256)
check 'OAEP without a digest' \
	there_and_back "$T/rsa.key" "$T/rsa.pub" -pkeyopt rsa_padding_mode:oaep
check 'OAEP with another hash for MGF1' \
	there_and_back "$T/rsa.key" "$T/rsa.pub" "${OAEP[@]}" -pkeyopt rsa_mgf1_md:sha1
check 'OAEP with a label' \
	there_and_back "$T/rsa.key" "$T/rsa.pub" "${OAEP[@]}" -pkeyopt rsa_oaep_label:6c00626c
check_fails '*' 'another digest or label' 'another label' decrypt "$T/rsa.key" "${OAEP[@]}"
encrypt "$T/rsa.pub" "${OAEP[@]}"
check_fails '*' 'another digest or label' 'another digest' \
	decrypt "$T/rsa.key" -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha384
check 'a message that is as long as can be' bash -c "
	head -c 190 /dev/urandom >'$T/max' &&
	openssl pkeyutl -encrypt -pubin -inkey '$T/rsa.pub' -in '$T/max' -out '$T/secret' ${OAEP[*]} &&
	openssl pkeyutl -provider tpmiot -decrypt -inkey '$T/rsa.key' -in '$T/secret' ${OAEP[*]} |
	cmp - '$T/max'"
check 'an empty message' bash -c "
	: >'$T/empty'
	openssl pkeyutl -encrypt -pubin -inkey '$T/rsa.pub' -in '$T/empty' -out '$T/secret' ${OAEP[*]} &&
	openssl pkeyutl -provider tpmiot -decrypt -inkey '$T/rsa.key' -in '$T/secret' ${OAEP[*]} |
	cmp - '$T/empty'"
{
	head -c 1 /dev/zero
	head -c 255 /dev/urandom
} >"$T/number"
check 'no padding' bash -c "
	openssl pkeyutl -encrypt -pubin -inkey '$T/rsa.pub' -in '$T/number' -out '$T/secret' \
		-pkeyopt rsa_padding_mode:none &&
	openssl pkeyutl -provider tpmiot -decrypt -inkey '$T/rsa.key' -in '$T/secret' \
		-pkeyopt rsa_padding_mode:none | cmp - '$T/number'"
check 'encrypted by this provider' bash -c "
	openssl pkeyutl -provider tpmiot -encrypt -pubin -inkey '$T/rsa.pub' -in '$T/message' \
		-out '$T/secret' ${OAEP[*]} &&
	openssl pkeyutl -provider tpmiot -decrypt -inkey '$T/rsa.key' -in '$T/secret' ${OAEP[*]} |
	cmp - '$T/message'"

# ---- CMS -----------------------------------------------------------------------

check 'a certificate for the key' openssl req -x509 -new -provider tpmiot -provider default \
	-key "$T/rsa.key" -subj /CN=rsa -out "$T/rsa.crt"
check 'cms -encrypt to it' openssl cms -encrypt -in "$T/message" -binary -out "$T/cms" "$T/rsa.crt"
check 'cms -decrypt' openssl cms -decrypt -provider tpmiot -provider default -in "$T/cms" \
	-binary -inkey "$T/rsa.key" -recip "$T/rsa.crt" -out "$T/plain"
check 'gives the message' cmp "$T/message" "$T/plain"

# ---- Wrong paddings tell nothing -------------------------------------------------

for n in 1 2 3; do
	{
		head -c 1 /dev/zero
		head -c 255 /dev/urandom
	} >"$T/secret"
	check "a wrong padding is no error ($n)" decrypt "$T/rsa.key"
	mv "$T/plain" "$T/first"
	decrypt "$T/rsa.key"
	check "and gives the same message in another process ($n)" cmp "$T/first" "$T/plain"
done
check_is 'messages of three wrong paddings differ' "$(for n in 1 2 3; do
	{
		head -c 1 /dev/zero
		head -c 255 /dev/urandom
	} >"$T/secret"
	decrypt "$T/rsa.key" && sha256sum <"$T/plain"
done | sort -u | wc -l)" 3

# ---- Passwords and the bus -------------------------------------------------------

check 'a key with a password' there_and_back 'tpmiot:pw;auth=open-sesame' "$T/pw.pub" "${OAEP[@]}"
encrypt "$T/pw.pub" "${OAEP[@]}"
check_fails '*' 'wrong authorisation value' 'an empty password' \
	decrypt tpmiot:pw "${OAEP[@]}" -passin pass:
check_fails '*' 'wrong authorisation value.*tried once' 'a wrong password' \
	decrypt 'tpmiot:pw;auth=wrong' "${OAEP[@]}"

encrypt "$T/rsa.pub"
check 'decrypting with the bus recorded' \
	env TPMIOT_TCTI="pcap:$TPMIOT_TCTI" TCTI_PCAP_FILE="$T/bus.pcap" openssl pkeyutl \
	-provider tpmiot -decrypt -inkey "$T/rsa.key" -in "$T/secret" -out "$T/plain"
check 'the message came' cmp "$T/message" "$T/plain"
check_is 'and did not cross the bus in clear' "$(grep -c 'a secret' "$T/bus.pcap")" 0
check_grep . "$T/bus.pcap" 'what did was recorded'

# ---- What can't be decrypted -----------------------------------------------------

encrypt "$T/fixed.pub"
check_fails '*' 'made to sign' 'a key that signs only' decrypt "$T/fixed.key"
tpm_key 0x81000030 rsa2048:oaep-sha256:null \
	'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt|noda' || die 'no OAEP key'
pubkey handle:0x81000030 "$T/oaep.pub"
check 'a key made for OAEP' there_and_back handle:0x81000030 "$T/oaep.pub" "${OAEP[@]}"
check_fails '*' 'rsa_oaep_md:SHA256' 'with another digest' \
	decrypt handle:0x81000030 -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1
check_fails '*' 'OAEP only' 'or padding' decrypt handle:0x81000030
tpm_key 0x81000031 rsa2048:rsaes:null \
	'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|decrypt|noda' || die 'no RSAES key'
check_fails '*' 'without a scheme' 'a key made for PKCS#1' decrypt handle:0x81000031
head -c 300 /dev/urandom >"$T/secret"
check_fails '*' 'no ciphertext' 'more bytes than the key has' decrypt "$T/rsa.key"

# ---- What it costs -----------------------------------------------------------------

encrypt "$T/rsa.pub" "${OAEP[@]}"
openssl pkey -provider tpmiot -in "$T/rsa.key" -outform DER -out "$T/rsa.der"
count_tpm "$T/count" decrypt "$T/rsa.key" "${OAEP[@]}"
check_is 'commands of OAEP, key file' "$(paste -sd' ' "$T/count")" \
	'ReadPublic StartAuthSession Load RSA_Decrypt FlushContext FlushContext'
encrypt "$T/rsa.pub"
count_tpm "$T/count" decrypt "$T/rsa.key"
check_is 'PKCS#1 takes one more for the key' "$(paste -sd' ' "$T/count")" \
	'ReadPublic StartAuthSession Load RSA_Decrypt RSA_Decrypt FlushContext FlushContext'
check_is 'nothing is left in the TPM' \
	"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''

done_testing
