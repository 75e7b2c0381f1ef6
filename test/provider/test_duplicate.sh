#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is wrapped in software for a TPM's storage key (lib/duplicate.c): the TPM imports it,
# with and without an inner wrapper, under storage keys of either kind; another TPM key does not.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

start_swtpm
printf 0123456789abcdef >"$T/inner"
printf 'an HMAC key' >"$T/hmac.key"
tpm2_createprimary -Q -C o -G ecc -c "$T/ecc.ctx" && tpm2_flushcontext -t
tpm2_createprimary -Q -C o -G rsa2048 -c "$T/rsa.ctx" && tpm2_flushcontext -t
tpm2_createprimary -Q -C n -G ecc384:aes256cfb -g sha384 -c "$T/p384.ctx" && tpm2_flushcontext -t

# wrap PARENT KIND INNER-FILE|'' DATA-FILE
wrap() {
	tpm2_readpublic -Q -c "$T/$1.ctx" -o "$T/$1.pub" && tpm2_flushcontext -t &&
		"$BUILD/test/provider/duplicate" "$T/$1.pub" "$2" "${3:+$(cat "$3")}" "$T/dup" <"$4"
}

# import PARENT INNER-FILE|'': leaves the loaded object at out.ctx
import() {
	local key=()
	[ -z "$2" ] || key=(-k "$2" -G keyedhash)
	tpm2_import -Q -C "$T/$1.ctx" -u "$T/dup.pub" -i "$T/dup.priv" -s "$T/dup.seed" \
		"${key[@]}" -r "$T/out.priv" && tpm2_flushcontext -t &&
		tpm2_load -Q -C "$T/$1.ctx" -u "$T/dup.pub" -r "$T/out.priv" -c "$T/out.ctx" &&
		tpm2_flushcontext -t
}

for parent in ecc rsa p384; do
	for inner in '' "$T/inner"; do
		say="under $parent${inner:+, with an inner wrapper}"
		printf 'sealed for %s' $parent >"$T/data"
		check "data are wrapped $say" wrap $parent seal "$inner" "$T/data"
		check 'the TPM imports them' import $parent "$inner"
		check_is 'and unseals them' "$(tpm2_unseal -c "$T/out.ctx")" "sealed for $parent"
		tpm2_flushcontext -t
		check "an HMAC key is wrapped $say" wrap $parent sha256 "$inner" "$T/hmac.key"
		check 'the TPM imports it' import $parent "$inner"
		check_is 'and computes the HMAC that software does' \
			"$(printf message | tpm2_hmac -c "$T/out.ctx" -g sha256 --hex)" \
			"$(printf message | openssl dgst -sha256 -hmac "$(cat "$T/hmac.key")" -r | cut -d' ' -f1)"
		tpm2_flushcontext -t
	done
done
wrap ecc seal '' "$T/data"
tpm2_createprimary -Q -C n -G ecc -c "$T/other.ctx" && tpm2_flushcontext -t
check_fails 1 'integrity' 'another storage key does not import it' import other ''
done_testing
