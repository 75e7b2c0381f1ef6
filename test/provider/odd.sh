# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts to source behind lib.sh and keys.sh: keys for the program odd, which signs under
# odd conditions, in the software TPM in use. They are named in ODD_KEYS.
# shellcheck disable=SC2034  # for the scripts
ODD=$BUILD/test/provider/odd
FAULT=$BUILD/test/tcti/.libs/libtss2-tcti-fault.so

odd() { with_module "$ODD" "$@"; }

odd_keys() {
	if ! genpkey "$T/ec.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x81000001 ||
	    ! genpkey "$T/rsa.pem" -algorithm RSA -pkeyopt bits:2048 ||
	    ! genpkey "$T/p384.pem" -algorithm EC -pkeyopt group:P-384 ||
	    ! tpm_key 0x81000010 ecc; then
		die 'no keys'
	fi
	ODD_KEYS=("$T/ec.pem" "$T/rsa.pem" "$T/p384.pem" handle:0x81000010)
}

# start_lines KEY…: "odd lines", to be told by go() when to sign
start_lines() {
	mkfifo "$T/lines.$((LINES_N += 1))"
	start lines bash -c 'exec "$@" <'"$T/lines.$LINES_N" - env ${SANITIZER_LIBS:+"LD_PRELOAD=$SANITIZER_LIBS"} \
	    "$ODD" lines "$@"
	exec 8>"$T/lines.$LINES_N"
	GONE=0
}
LINES_N=0

# go NAME REGEX [N]: one round of signatures; each of its N (default 1) lines has to match
go() {
	local n=${3:-1} want
	want=$((GONE + n))
	echo >&8
	answered() { [ "$(grep -cE '^(ok|failed) after' "$T/lines.log")" -ge "$want" ]; }
	wait_for lines answered || {
		not_ok "$1: no answer"
		return
	}
	GONE=$want
	grep -E '^(ok|failed) after' "$T/lines.log" | tail -n "$n" >"$T/round"
	if [ "$(grep -cE "$2" "$T/round")" -eq "$n" ]; then
		ok "$1"
	else
		not_ok "$1"
		show "$T/lines.log"
	fi
}
