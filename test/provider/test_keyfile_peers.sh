#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key files go to and fro between tpmiot and who else writes them: tpm2-openssl, tpm2-tools and,
# where it is installed (its tools in PATH, its provider as libtpm2.so), openssl_tpm2_engine.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"
# shellcheck source=test/provider/keyfile.sh
. "$(dirname "$0")/keyfile.sh"

start_swtpm
echo hello >"$T/message"
MODULES=$(unset OPENSSL_MODULES; openssl version -m | sed 's/^MODULESDIR: "\(.*\)"$/\1/')
export TPM2OPENSSL_TCTI=$TPMIOT_TCTI

# theirs MODULE COMMAND OPENSSL-ARGUMENT…: OpenSSL with another provider
theirs() {
	local module=$1 command=$2
	shift 2
	OPENSSL_MODULES=${PEER_MODULES:-$MODULES} openssl "$command" -provider "$module" \
	    -provider default "$@"
}

# theirs_signs MODULE KEY: by the other provider, and OpenSSL verifies it
theirs_signs() {
	openssl pkey -provider tpmiot -in "$2" -pubout -out "$T/theirs.pub" &&
	    theirs "$1" dgst -propquery "?provider=$1" -sha256 -sign "$2" -out "$T/theirs.sig" \
		"$T/message" &&
	    openssl dgst -sha256 -verify "$T/theirs.pub" -signature "$T/theirs.sig" "$T/message"
}

# ---- tpm2-openssl ---------------------------------------------------------------

if [ -e "$MODULES/tpm2.so" ]; then
	for parent in 0x40000001 0x81000001; do
		theirs tpm2 genpkey -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:$parent \
			-out "$T/t2o.key" 2>"$T/log"
		check "tpm2-openssl's EC key under $parent signs" signs "$T/t2o.key"
		theirs tpm2 genpkey -algorithm RSA -pkeyopt bits:2048 -pkeyopt parent:$parent \
			-out "$T/t2o.key" 2>"$T/log"
		check "and its RSA key" signs "$T/t2o.key"
		openssl genpkey -provider tpmiot -quiet -algorithm EC -pkeyopt group:P-256 \
			-pkeyopt parent:$parent -out "$T/ours.key" 2>"$T/log"
		check "ours under $parent signs with tpm2-openssl" theirs_signs tpm2 "$T/ours.key"
	done
else
	skip 'tpm2-openssl is not installed' 'key files of tpm2-openssl'
fi

# ---- tpm2-tools -----------------------------------------------------------------

# tpm2_encodeobject 5.4 says the contrary of what is with emptyAuth, and leaves sessions behind.
encode() {
	tpm2_encodeobject -Q -C 0x81000001 -u "$T/tools.pub" -r "$T/tools.priv" -o "$T/tools.key" "$@" &&
	    tpm2_flushcontext -Q -l
}
for kind in ecc256 rsa2048; do
	under 0x81000001 tools -G $kind -a "$POLICY_KEY|userwithauth"
	check "tpm2_encodeobject ($kind)" encode
	check 'its file signs' signs "$T/tools.key" -passin pass:
done
under 0x81000001 tools -G ecc256 && encode
check 'and one whose password counts towards lockout' signs "object:$T/tools.key;auth="
under 0x81000001 tools -G ecc256 -p sesame && encode -p
check 'and one with a password' signs "object:$T/tools.key;auth=sesame"
# tpm2-tools can't read what it writes: the parts of ours are taken out as it wants them.
openssl genpkey -provider tpmiot -quiet -algorithm EC -pkeyopt group:P-256 \
	-pkeyopt parent:0x81000001 -out "$T/ours.key" 2>"$T/log"
openssl pkey -provider tpmiot -in "$T/ours.key" -outform DER -out "$T/ours.der"
for part in 2:pub 1:priv; do
	openssl asn1parse -inform DER -in "$T/ours.der" | grep 'OCTET STRING' | tail -n "${part%:*}" |
	    head -n 1 | sed 's/.*\[HEX DUMP\]://' | xxd -r -p >"$T/ours.${part#*:}"
done
check 'ours loads with tpm2_load' tpm2_load -Q -C 0x81000001 -u "$T/ours.pub" -r "$T/ours.priv" \
	-c "$T/ours.ctx"
tpm2_flushcontext -Q -t

# ---- GnuTLS ---------------------------------------------------------------------

# It reads key files, and writes none. Debian builds it without TPM 2.0 (3.7.9 of Debian 12 is
# linked to no tpm2-tss, and has only the TPM 1.2 names in it).
GNUTLS=$(ldconfig -p | sed -n 's/.*libgnutls\.so\.30 .*=> //p' | head -n 1)
if [ -n "$GNUTLS" ] && grep -q 'TSS2 PRIVATE KEY' "$GNUTLS"; then
	printf 'cn = "x"\n' >"$T/certtool.cfg"
	for parent in 0x40000001 0x81000001; do
		genpkey "$T/ours.key" -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:$parent
		check "ours under $parent signs with GnuTLS" certtool --generate-self-signed \
			--template "$T/certtool.cfg" --load-privkey "$T/ours.key" --outfile "$T/x.crt"
		check 'which OpenSSL verifies' openssl verify -CAfile "$T/x.crt" "$T/x.crt"
	done
else
	skip 'libgnutls is built without TPM 2.0 here, and knows no TSS2 PRIVATE KEY' \
		'key files of ours with GnuTLS'
fi

# ---- openssl_tpm2_engine ----------------------------------------------------------

# The name of its module is the same as tpm2-openssl's, so it has a directory of its own.
ENGINE_MODULES=${TPMIOT_TEST_ENGINE_MODULES:-$MODULES}
if command -v create_tpm2_key >/dev/null && [ -e "$ENGINE_MODULES/libtpm2.so" ] &&
    ! port_answers 2321; then
	# It knows a software TPM at this port only.
	mkdir -p "$T/engine" && echo 2321 >"$T/engine/port"
	start_swtpm engine
	export TPM_INTERFACE_TYPE=socsim SWTPM=swtpm
	export PEER_MODULES=$ENGINE_MODULES
	for made in '' '--pcr-lock sha256:7' '--locality 1' \
	    '--parent-handle 81000001' '--parent-handle null'; do
		# shellcheck disable=SC2086  # options
		check "create_tpm2_key $made" create_tpm2_key --ecc prime256v1 $made "$T/engine.key"
		check 'its file signs' signs "$T/engine.key"
		openssl pkey -provider tpmiot -in "$T/engine.key" -out "$T/again.key"
		check 'written by us, it signs with its own provider' \
			theirs_signs libtpm2 "$T/again.key"
	done
	check 'create_tpm2_key --secret' create_tpm2_key --ecc prime256v1 --secret 0x81000001 \
		"$T/engine.key"
	check 'its file signs' signs "$T/engine.key" -passin pass:
	check 'create_tpm2_key --rsa' create_tpm2_key --rsa "$T/engine.key"
	check 'its file loads' openssl pkey -provider tpmiot -in "$T/engine.key" -pubout
	check 'create_tpm2_key with a password' \
		create_tpm2_key --ecc prime256v1 --auth --password sesame "$T/engine.key"
	check 'signs with it' signs "$T/engine.key" -passin pass:sesame
	openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/outside.pem"
	tpm2_readpublic -Q -c 0x81000001 -f pem -o "$T/srk.pem"
	check 'create_tpm2_key: an importable key' create_tpm2_key --import "$T/srk.pem" \
		--parent-handle 81000001 --wrap "$T/outside.pem" "$T/engine.key"
	check 'signs' signs "$T/engine.key"
	openssl genpkey -algorithm RSA -quiet -pkeyopt rsa_keygen_bits:2048 -out "$T/signer.pem"
	openssl pkey -in "$T/signer.pem" -pubout -out "$T/signer.pub"
	check 'create_tpm2_key: a signed policy' \
		create_tpm2_key --ecc prime256v1 --signed-policy "$T/signer.pub" "$T/engine.key"
	check_fails '*' 'no signed policy' 'which nobody has signed yet' signs "$T/engine.key"
	check 'signed_tpm2_policy' signed_tpm2_policy add --pcr-lock sha256:7 "$T/engine.key" \
		"$T/signer.pem"
	check 'signs' signs "$T/engine.key"
	printf '%s' 'the data' >"$T/data"
	check 'seal_tpm2_data' sh -c 'seal_tpm2_data --parent-handle 81000001 --pcr-lock sha256:7 "$0" <"$1"' \
		"$T/sealed.key" "$T/data"
	check_is 'is unsealed' "$("$BUILD/test/provider/unseal" "$T/sealed.key")" 'the data'
	for parent in 0x40000001 0x81000001; do
		openssl genpkey -provider tpmiot -quiet -algorithm EC -pkeyopt group:P-256 \
			-pkeyopt parent:$parent -out "$T/ours.key" 2>"$T/log"
		check "ours under $parent signs with openssl_tpm2_engine" \
			theirs_signs libtpm2 "$T/ours.key"
	done
else
	skip 'openssl_tpm2_engine is not installed, or port 2321 is taken' 'key files of openssl_tpm2_engine'
fi
done_testing
