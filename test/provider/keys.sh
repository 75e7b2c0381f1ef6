# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the provider's tests to source, behind lib.sh: keys of every form in one software TPM.

# genpkey FILE OPTION…: a key in the TPM
genpkey() {
	local file=$1
	shift
	openssl genpkey -provider tpmiot -quiet -out "$file" "$@" 2>"$T/genpkey.log"
}

# pubkey KEY FILE: its public half, for OpenSSL's own provider to verify with
pubkey() { openssl pkey -provider tpmiot -in "$1" -pubout -out "$2"; }

# tpm_key HANDLE ALGORITHM [ATTRIBUTES]: made persistent by tpm2-tools, so not by us
tpm_key() {
	local dir=$T/tpm2key
	mkdir -p "$dir"
	tpm2_create -Q -C 0x81000001 -G "$2" -u "$dir/pub" -r "$dir/priv" \
		-a "${3:-fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda}" &&
	    tpm2_load -Q -C 0x81000001 -u "$dir/pub" -r "$dir/priv" -c "$dir/ctx" &&
	    tpm2_evictcontrol -Q -C o -c "$dir/ctx" -o "$T/$1.object" "$1" &&
	    tpm2_flushcontext -Q -t
}

# shellcheck disable=SC2034  # for the scripts
RESTRICTED='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda'

# new_request KEY [OPTION…]: with that one flag, and verified by OpenSSL alone
new_request() {
	local key=$1
	shift
	openssl req -new -provider tpmiot -key "$key" -subj /CN=x -out "$T/req.pem" "$@" &&
	    openssl req -in "$T/req.pem" -verify -noout
}

# count_request KEY: the TPM commands of a request, on one line
count_request() {
	count_tpm "$T/count" openssl req -new -provider tpmiot -key "$1" -subj /CN=x \
		-out "$T/req.pem" >"$T/out" 2>&1
	paste -sd' ' "$T/count"
}

# ---- TLS ---------------------------------------------------------------------

# certify NAME SUBJECT: a certificate for the key NAME.key, by ca.key
certify() {
	openssl req -new -provider default -provider tpmiot -key "$T/$1.key" -subj "/CN=$2" \
		-addext subjectAltName=DNS:localhost -out "$T/$1.csr" &&
	    openssl x509 -req -in "$T/$1.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" \
		-copy_extensions copy -days 30 -out "$T/$1.crt"
}

# shipped_config FILE FIRST SECOND: the shipped configuration, in this order
shipped_config() {
	awk -v first="$2" -v second="$3" '
		/^\[/ { here = $0 }
		here == "[provider_sect]" && /^[a-z]* = / {
			if (!done++) {
				print first " = " first "_sect"
				print second " = " second "_sect"
			}
			next
		}
		{ print }' "$SRC/examples/openssl.cnf" >"$1"
	printf '[req]\ndistinguished_name = dn\n[dn]\n' >>"$1"
}
