#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whoever used tpm2-openssl changes the provider's name and nothing else: the same command
# lines with both, and each with the other's keys.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

TPM2_MODULE=$(openssl version -m | sed -n 's/^MODULESDIR: "\(.*\)"/\1/p')/tpm2.so
[ -e "$TPM2_MODULE" ] || skip_all 'tpm2-openssl is not installed'

# Both modules where OpenSSL looks
mkdir "$T/modules"
ln -s "$BUILD/provider/.libs/tpmiot.so" "$TPM2_MODULE" "$T/modules"
export OPENSSL_MODULES=$T/modules
start_swtpm
export TPM2OPENSSL_TCTI=$TPMIOT_TCTI
echo 'to be signed' >"$T/message"
openssl dgst -sha256 -binary -out "$T/digest" "$T/message"

# by PROVIDER COMMAND…: as tpm2-openssl's documentation has it
by() { openssl "$2" -provider "$1" -provider default -propquery "?provider=$1" "${@:3}"; }

# same NAME COMMAND…: works with tpmiot if it works with tpm2. "@" is the provider's name in
# both. Where tpm2-openssl of this version fails, tpmiot only has to work.
same() {
	local name=$1 was=works
	shift
	by tpm2 "${@//@/tpm2}" >"$T/tpm2.out" 2>&1 </dev/null || was='fails'
	check "$name (tpm2 $was)" by tpmiot "${@//@/tpmiot}"
}

# ---- Making keys ---------------------------------------------------------------------

make_key() {
	local name=$1
	shift
	same "genpkey $name" genpkey -out "$T/$name.@" "$@"
}
make_key rsa -algorithm RSA
make_key rsa3072 -algorithm RSA -pkeyopt bits:3072
make_key ec -algorithm EC -pkeyopt group:P-256
make_key ec384 -algorithm EC -pkeyopt group:P-384
make_key parent -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x81000001
make_key pss -algorithm RSA-PSS -pkeyopt digest:sha256
make_key ec521 -algorithm EC -pkeyopt group:P-521
make_key digest -algorithm RSA -pkeyopt digest:sha256
make_key parentauth -algorithm EC -pkeyopt parent:0x81000001 -pkeyopt parent-auth:
make_key auth -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:abc

# ---- Using them, and each other's --------------------------------------------------------

# use KEY TITLE [OPTION…]: what people do with a key; signatures are verified without a TPM
use() {
	local key=$1 title=$2 name
	shift 2
	same "$title: pkey -pubout" pkey -in "$key" -pubout -out "$T/pub.@" "$@"
	[ ! -s "$T/pub.tpm2" ] || check "$title: the same public key" cmp "$T/pub.tpm2" "$T/pub.tpmiot"
	rm -f "$T/pub.tpm2"
	same "$title: req" req -new -key "$key" -subj /CN=leaf -out "$T/req.@" "$@"
	check "$title: verifies" openssl req -verify -noout -in "$T/req.tpmiot"
	same "$title: req -x509" req -x509 -new -key "$key" -subj /CN=root -out "$T/crt.@" \
	    -addext basicConstraints=critical,CA:TRUE "$@"
	check "$title: verifies" openssl verify -CAfile "$T/crt.tpmiot" "$T/crt.tpmiot"
	same "$title: x509 -req" x509 -req -in "$T/req.tpmiot" -CA "$T/crt.tpmiot" -CAkey "$key" \
	    -out "$T/issued.@" "$@"
	check "$title: verifies" openssl verify -CAfile "$T/crt.tpmiot" "$T/issued.tpmiot"
	same "$title: pkeyutl -sign" pkeyutl -sign -inkey "$key" -in "$T/digest" -out "$T/sig.@" \
	    -pkeyopt digest:sha256 "$@"
	check "$title: verifies" openssl pkeyutl -verify -pubin -inkey "$T/pub.tpmiot" \
	    -in "$T/digest" -sigfile "$T/sig.tpmiot" -pkeyopt digest:sha256
	# openssl dgst has no -propquery.
	check "$title: dgst -sign" openssl dgst -provider tpmiot -provider default -sha256 \
	    -sign "$key" -out "$T/sig" "$@" "$T/message"
	check "$title: verifies" openssl dgst -sha256 -verify "$T/pub.tpmiot" -signature "$T/sig" \
	    "$T/message"
}

for maker in tpm2 tpmiot; do
	for key in rsa ec ec384 parent; do
		[ -s "$T/$key.$maker" ] || {
			skip "$maker made none" "$key by $maker"
			continue
		}
		use "$T/$key.$maker" "$key by $maker"
	done
	use "$T/auth.$maker" "password, by $maker" -passin pass:abc
done

# ---- Persistent keys -----------------------------------------------------------------------

tpm_key 0x81000010 ecc256:null:null || die 'no persistent EC key'
tpm_key 0x81000011 rsa2048:null:null || die 'no persistent RSA key'
for handle in 0x81000010 0x81000011; do
	use "handle:$handle" "handle:$handle"
	use "object:$T/$handle.object" "object:$handle"
done
check_is 'tpmiot left nothing in the TPM' "$(tpm2_getcap handles-transient)" ''

done_testing
