#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every operation of OpenSSL's EVP functions (evp.c) with keys of every type, curve and form.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

EVP=$BUILD/test/provider/evp
[ -x "$EVP" ] || die "no $EVP: run 'make check' first"
start_swtpm

# operations NAME [--attestation] KEY: one test for each
operations() {
	local name=$1 line n=0
	shift
	with_module "$EVP" "$@" >"$T/evp.out" 2>"$T/evp.err" </dev/null
	check_is "$name: the program came to its end" "$(($? <= 1))" 1
	while read -r line; do
		n=$((n + 1))
		case $line in
		'ok '*) ok "$name: ${line#ok }" ;;
		*)
			not_ok "$name: ${line#not ok }"
			show "$T/evp.err"
			;;
		esac
	done <"$T/evp.out"
	[ "$n" -ge 15 ] || not_ok "$name: $n operations were tried"
}

for curve in P-192 P-224 P-256 P-384 P-521; do
	genpkey "$T/$curve.key" -algorithm EC -pkeyopt "group:$curve"
	operations "EC $curve" "$T/$curve.key"
done
genpkey "$T/ec-fixed.key" -algorithm EC -pkeyopt group:P-384 -pkeyopt digest:sha384
operations 'EC P-384 for SHA-384 only' --attestation "$T/ec-fixed.key"
genpkey "$T/rsa.key" -algorithm RSA
operations 'RSA 2048' "$T/rsa.key"
genpkey "$T/rsa3072.key" -algorithm RSA -pkeyopt bits:3072
operations 'RSA 3072' "$T/rsa3072.key"
genpkey "$T/rsa-fixed.key" -algorithm RSA -pkeyopt digest:sha512
operations 'RSA for SHA-512 only' --attestation "$T/rsa-fixed.key"
genpkey "$T/pss.key" -algorithm RSA-PSS
operations 'RSA-PSS' "$T/pss.key"
genpkey "$T/pss384.key" -algorithm RSA-PSS -pkeyopt rsa_pss_keygen_md:sha384 \
	-pkeyopt rsa_pss_keygen_mgf1_md:sha384 -pkeyopt rsa_pss_keygen_saltlen:48
operations 'RSA-PSS with SHA-384' "$T/pss384.key"

tpm_key 0x81000010 ecc256:null:null || die 'no persistent EC key'
tpm_key 0x81000011 rsa2048:rsapss-sha256:null || die 'no persistent RSA-PSS key'
tpm_key 0x81000020 ecc256:ecdsa-sha256:null "$RESTRICTED" || die 'no EC attestation key'
tpm_key 0x81000021 rsa2048:rsassa-sha256:null "$RESTRICTED" || die 'no RSA attestation key'
tpm_key 0x81000022 rsa2048:rsapss-sha256:null "$RESTRICTED" || die 'no PSS attestation key'
operations 'persistent EC, which only signs' --attestation handle:0x81000010
operations 'persistent RSA-PSS' handle:0x81000011
operations 'EC attestation key' --attestation handle:0x81000020
operations 'RSA attestation key' --attestation handle:0x81000021
operations 'RSA-PSS attestation key' --attestation handle:0x81000022

check_is 'nothing is left in the TPM' \
	"$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''
done_testing
