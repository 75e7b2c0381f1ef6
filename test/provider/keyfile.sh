# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the tests of key files to source, behind lib.sh: files with any field, put together by
# OpenSSL's ASN.1 generator from what tpm2-tools made, so by nobody who shares code with us.

hex() { od -An -v -tx1 "$@" | tr -d ' \n'; }

# be16 N, be32 N: big-endian, in hexadecimal
be16() { printf '%04x' "$1"; }
be32() { printf '%08x' "$1"; }

# tpm2b HEX: with its size in front
tpm2b() { printf '%04x%s' $((${#1} / 2)) "$1"; }

# shellcheck disable=SC2034  # for the scripts
CC_SECRET=0x151 CC_AUTHORIZE=0x16a CC_AUTHVALUE=0x16b CC_PASSWORD=0x18c
# shellcheck disable=SC2034  # for the scripts
CC_TIMER=0x16d CC_LOCALITY=0x16f CC_OR=0x171 CC_PCR=0x17f

# trial FILE COMMAND…: the policyDigest to which `tpm2_policy…` commands lead; each argument is
# one command with its options, the session and output are added.
trial() {
	local file=$1 command
	shift
	tpm2_startauthsession -Q -S "$T/trial.ctx" || return 1
	for command in "$@"; do
		# shellcheck disable=SC2086  # a command with its options
		tpm2_$command -Q -S "$T/trial.ctx" -L "$file" >/dev/null || return 1
	done
	tpm2_flushcontext -Q "$T/trial.ctx"
}

# under PARENT NAME OPTION…: tpm2_create, files $T/NAME.pub and $T/NAME.priv
under() {
	local parent=$1 name=$2
	shift 2
	tpm2_create -Q -C "$parent" -u "$T/$name.pub" -r "$T/$name.priv" "$@" &&
	    tpm2_flushcontext -Q -t
}

POLICY_KEY='fixedtpm|fixedparent|sensitivedataorigin|sign|noda'

# policy_key NAME POLICY OPTION…: one that is used by its policy only
policy_key() {
	local name=$1 policy=$2
	shift 2
	under 0x81000001 "$name" -G ecc256:ecdsa-sha256:null -L "$policy" -a "$POLICY_KEY" "$@"
}

# importable NAME: $T/NAME.key, an EC key of $T/NAME.pem, made outside the TPM for
# the storage key at 0x81000001
importable() {
	[ -e "$T/srk.pub" ] || tpm2_readpublic -Q -c 0x81000001 -o "$T/srk.pub"
	openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/$1.pem" &&
	    tpm2_duplicate -Q -U "$T/srk.pub" -G ecc -k "$T/$1.pem" -u "$T/$1.pub" \
		-r "$T/$1.priv" -s "$T/$1.seed" &&
	    keyfile "$1" type=4 secret="$(hex "$T/$1.seed")"
}

# keyfile NAME FIELD=VALUE…: $T/NAME.key of $T/NAME.pub and $T/NAME.priv. Fields: type (3),
# empty (TRUE), parent (0x81000001), secret, rsaparent, parentname, description; and
# policy='CODE:HEX …', signed='NAME CODE:HEX …', of which there may be several.
keyfile() {
	local name=$1 type=3 empty=TRUE parent=0x81000001 secret='' rsaparent='' parentname=''
	local description='' policy='' field n=0 conf=$T/$1.asn1 signed=() step
	shift
	for field in "$@"; do
		case $field in
		signed=*) signed+=("${field#*=}") ;;
		*) local "${field%%=*}=${field#*=}" ;;
		esac
	done
	{
		echo 'asn1=SEQUENCE:key'
		echo '[key]'
		echo "a=OID:2.23.133.10.1.$type"
		[ -z "$empty" ] || echo "b=EXPLICIT:0,BOOLEAN:$empty"
		[ -z "$policy" ] || echo 'c=EXPLICIT:1,SEQUENCE:policy'
		[ -z "$secret" ] || echo "d=EXPLICIT:2,FORMAT:HEX,OCT:$secret"
		[ ${#signed[@]} -eq 0 ] || echo 'e=EXPLICIT:3,SEQUENCE:signed'
		[ -z "$description" ] || echo "f=EXPLICIT:4,UTF8:$description"
		[ -z "$rsaparent" ] || echo "g=EXPLICIT:5,BOOLEAN:$rsaparent"
		[ -z "$parentname" ] || echo "h=EXPLICIT:6,FORMAT:HEX,OCT:$parentname"
		echo "i=INTEGER:$parent"
		echo "j=FORMAT:HEX,OCT:$(hex "$T/$name.pub")"
		echo "k=FORMAT:HEX,OCT:$(hex "$T/$name.priv")"
		# shellcheck disable=SC2086  # a list
		[ -z "$policy" ] || policy_section policy $policy
		[ ${#signed[@]} -eq 0 ] || {
			echo '[signed]'
			for n in "${!signed[@]}"; do
				echo "s$n=SEQUENCE:signed$n"
			done
			for n in "${!signed[@]}"; do
				# shellcheck disable=SC2206  # a list
				step=(${signed[n]})
				printf '[signed%s]\na=EXPLICIT:0,UTF8:%s\nb=EXPLICIT:1,SEQUENCE:steps%s\n' \
				    "$n" "${step[0]}" "$n"
				policy_section "steps$n" "${step[@]:1}"
			done
		}
	} >"$conf"
	openssl asn1parse -genconf "$conf" -noout -out "$T/$name.der" &&
	    {
		echo '-----BEGIN TSS2 PRIVATE KEY-----'
		base64 "$T/$name.der"
		echo '-----END TSS2 PRIVATE KEY-----'
	    } >"$T/$name.key"
}

# policy_section NAME CODE:HEX…: the ASN.1 generator's section of these commands
policy_section() {
	local section=$1 n=0 step
	shift
	echo "[$section]"
	for step in "$@"; do
		echo "p$n=SEQUENCE:${section}_$n"
		n=$((n + 1))
	done
	n=0
	for step in "$@"; do
		# An empty string is not hexadecimal to the generator.
		printf '[%s_%d]\na=EXPLICIT:0,INTEGER:%s\nb=EXPLICIT:1,%s:%s\n' \
		    "$section" "$n" "${step%%:*}" \
		    "$([ -n "${step#*:}" ] && echo FORMAT:HEX,OCT || echo OCT)" "${step#*:}"
		n=$((n + 1))
	done
}

# signs KEY [OPTION…]: a signature that OpenSSL verifies by itself with $T/NAME.pub's key
signs() {
	local key=$1
	shift
	openssl pkey -provider tpmiot -in "$key" -pubout -out "$T/signs.pub" "$@" &&
	    openssl dgst -provider tpmiot -sha256 -sign "$key" -out "$T/signs.sig" "$@" "$T/message" &&
	    openssl dgst -sha256 -verify "$T/signs.pub" -signature "$T/signs.sig" "$T/message"
}

# count_sign KEY [OPTION…]: the TPM commands of a signature, on one line
count_sign() {
	local key=$1
	shift
	count_tpm "$T/count" openssl dgst -provider tpmiot -sha256 -sign "$key" \
	    -out "$T/signs.sig" "$@" "$T/message" >"$T/out" 2>&1
	paste -sd' ' "$T/count"
}
