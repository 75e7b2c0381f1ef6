#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Signatures, each verified by OpenSSL's default provider alone: key types, digests, paddings,
# messages and bare digests, attestation keys, passwords.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
echo 'to be signed' >"$T/message"
head -c 5000 /dev/urandom >"$T/long"
genpkey "$T/ec.key" -algorithm EC
genpkey "$T/ec384.key" -algorithm EC -pkeyopt group:P-384
genpkey "$T/rsa.key" -algorithm RSA
genpkey "$T/rsa3072.key" -algorithm RSA -pkeyopt bits:3072
for key in ec ec384 rsa rsa3072; do
	pubkey "$T/$key.key" "$T/$key.pub"
done

# sign_message KEY PUBLIC FILE OPTION…: by openssl dgst
sign_message() {
	local key=$1 public=$2 file=$3
	shift 3
	openssl dgst -provider tpmiot -sign "$key" -out "$T/sig" "$@" "$file" &&
	    openssl dgst -verify "$public" -signature "$T/sig" "$@" "$file" &&
	    openssl dgst -provider tpmiot -verify "$public" -signature "$T/sig" "$@" "$file"
}

# sign_digest KEY PUBLIC DIGEST OPTION…: by openssl pkeyutl
sign_digest() {
	local key=$1 public=$2 digest=$3
	shift 3
	openssl dgst "-$digest" -binary -out "$T/digest" "$T/message" &&
	    openssl pkeyutl -provider tpmiot -sign -inkey "$key" -in "$T/digest" -out "$T/sig" "$@" &&
	    openssl pkeyutl -verify -pubin -inkey "$public" -in "$T/digest" -sigfile "$T/sig" "$@"
}

# ---- Digests and paddings ----------------------------------------------------

for key in ec ec384; do
	# The last ones are no hash of this TPM: an ECDSA signature does not tell.
	for digest in sha1 sha256 sha384 sha512 sha224 sha3-256; do
		check "$key signs $digest" sign_message "$T/$key.key" "$T/$key.pub" "$T/message" "-$digest"
		check "$key signs a bare $digest digest" sign_digest "$T/$key.key" "$T/$key.pub" "$digest"
	done
done
# Digests longer and shorter than what the curve signs.
for curve in P-192 P-224; do
	genpkey "$T/$curve.key" -algorithm EC -pkeyopt "group:$curve"
	pubkey "$T/$curve.key" "$T/$curve.pub"
	for digest in sha1 sha224 sha256; do
		check "$curve signs $digest" \
			sign_message "$T/$curve.key" "$T/$curve.pub" "$T/message" "-$digest"
	done
done
PSS='-sigopt rsa_padding_mode:pss'
for key in rsa rsa3072; do
	for digest in sha1 sha256 sha384 sha512; do
		check "$key signs $digest, PKCS#1" \
			sign_message "$T/$key.key" "$T/$key.pub" "$T/message" "-$digest"
		# shellcheck disable=SC2086  # options
		check "$key signs $digest, PSS" \
			sign_message "$T/$key.key" "$T/$key.pub" "$T/message" "-$digest" $PSS \
			-sigopt rsa_pss_saltlen:digest
		check "$key signs a bare $digest digest" \
			sign_digest "$T/$key.key" "$T/$key.pub" "$digest" -pkeyopt "digest:$digest"
	done
done
# shellcheck disable=SC2086
check 'PSS without a salt length' sign_message "$T/rsa.key" "$T/rsa.pub" "$T/message" -sha256 $PSS
# shellcheck disable=SC2086
check 'PSS with the salt length as a number' \
	sign_message "$T/rsa.key" "$T/rsa.pub" "$T/message" -sha256 $PSS -sigopt rsa_pss_saltlen:32
# shellcheck disable=SC2086
check 'a request signed with PSS' new_request "$T/rsa.key" $PSS
check_is 'says so, with the salt that was used' "$(openssl req -in "$T/req.pem" -noout -text |
	grep -cE 'rsassaPss|Salt Length: 0x20')" 2
# What TPM2_Sign does not do, a key that may decrypt does all the same.
for digest in md5 sha224 sha3-256 md5-sha1 sha512-256; do
	check "rsa signs $digest, PKCS#1" \
		sign_message "$T/rsa.key" "$T/rsa.pub" "$T/message" "-$digest"
done
for salt in 0 1 20 32 33 222 max; do
	# shellcheck disable=SC2086
	check "PSS with a salt of $salt" sign_message "$T/rsa.key" "$T/rsa.pub" "$T/message" \
		-sha256 $PSS -sigopt "rsa_pss_saltlen:$salt"
done
# shellcheck disable=SC2086
check 'PSS with another hash for MGF1' sign_message "$T/rsa.key" "$T/rsa.pub" "$T/message" \
	-sha256 $PSS -sigopt rsa_mgf1_md:sha1
# shellcheck disable=SC2086
check 'PSS with a hash that the TPM does not have' \
	sign_message "$T/rsa.key" "$T/rsa.pub" "$T/message" -sha3-256 $PSS
check 'a bare digest without a name' sign_digest "$T/rsa.key" "$T/rsa.pub" sha256
check 'a number without padding' bash -c "
	openssl rand 255 | cat <(printf '\\001') - >'$T/number' &&
	openssl rsautl -provider tpmiot -sign -raw -inkey '$T/rsa.key' -in '$T/number' -out '$T/sig' &&
	openssl rsautl -verify -raw -pubin -inkey '$T/rsa.pub' -in '$T/sig' | cmp - '$T/number'"
for options in '-sha224' "-sha256 $PSS -sigopt rsa_pss_saltlen:20"; do
	# shellcheck disable=SC2086
	count_tpm "$T/count" openssl dgst -provider tpmiot $options -sign "$T/rsa.key" \
		-out "$T/sig" "$T/message"
	check_is "commands of $options" "$(paste -sd' ' "$T/count")" 'Load RSA_Decrypt FlushContext'
done
check 'a long message' sign_message "$T/ec.key" "$T/ec.pub" "$T/long" -sha256
check_fails 1 'Verification failure' 'another message does not verify' \
	openssl dgst -provider tpmiot -sha256 -verify "$T/ec.pub" -signature "$T/sig" "$T/message"
head -c 700 /dev/zero >"$T/sig"
check_fails 1 'Verification failure|Error verifying' 'neither does a signature of 700 zeros' \
	openssl dgst -provider tpmiot -sha256 -verify "$T/ec.pub" -signature "$T/sig" "$T/message"

# ---- Attestation keys --------------------------------------------------------

tpm_key 0x81000020 ecc256:ecdsa-sha256:null "$RESTRICTED" || die 'no EC attestation key'
tpm_key 0x81000021 rsa2048:rsassa-sha256:null "$RESTRICTED" || die 'no RSA attestation key'
tpm_key 0x81000022 rsa2048:rsapss-sha384:null "$RESTRICTED" || die 'no PSS attestation key'
for n in 20 21 22; do
	pubkey "handle:0x810000$n" "$T/ak$n.pub"
done
for file in message long; do
	check "an EC attestation key signs the $file" \
		sign_message handle:0x81000020 "$T/ak20.pub" "$T/$file" -sha256
	check "an RSA attestation key signs the $file" \
		sign_message handle:0x81000021 "$T/ak21.pub" "$T/$file" -sha256
	# shellcheck disable=SC2086
	check "a PSS attestation key signs the $file" \
		sign_message handle:0x81000022 "$T/ak22.pub" "$T/$file" -sha384 $PSS
done
for n in 20 21 22; do
	check "a request by attestation key $n, without naming digest or padding" \
		new_request "handle:0x810000$n"
done
count_tpm "$T/count" openssl dgst -provider tpmiot -sha256 -sign handle:0x81000020 \
	-out "$T/sig" "$T/message"
check_is 'commands of an attestation key' "$(paste -sd' ' "$T/count")" 'ReadPublic Hash Sign'

# ---- Passwords ---------------------------------------------------------------

mkdir -p "$TPMIOT_STATE_DIR"
check 'a key with a password' \
	genpkey "$TPMIOT_STATE_DIR/pw.key" -algorithm EC -pkeyopt user-auth:open-sesame
echo open-sesame >"$T/password"
export PASSWORD=open-sesame
check 'from -passin' new_request "$TPMIOT_STATE_DIR/pw.key" -passin pass:open-sesame
check 'from auth=' new_request 'tpmiot:pw;auth=open-sesame'
check 'from auth=, percent-encoded' new_request 'tpmiot:pw?auth=open%2dsesame'
check 'from auth-file=' new_request "tpmiot:pw?auth-file=$T/password"
check 'from auth-env=' new_request 'tpmiot:pw;auth-env=PASSWORD'
check 'its public half needs none' openssl pkey -provider tpmiot \
	-in 'tpmiot:pw;auth=wrong' -pubout
check 'a key fixed to SHA-384' \
	genpkey "$T/fixed.key" -algorithm EC -pkeyopt group:P-384 -pkeyopt digest:sha384
check 'signs with it without being told' new_request "$T/fixed.key"
check_is 'indeed' "$(openssl req -in "$T/req.pem" -noout -text | grep -c ecdsa-with-SHA384)" 1
check_is 'nothing is left in the TPM' \
	"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''

done_testing
