#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program goes on signing with the keys that it loaded when the TPM is reset under it,
# when TPM or resource manager go away and come back, and when the TPM hangs.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"

start_swtpm
odd_keys
export KEYUSER_PASS=secret
genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret || die 'no key'
ODD_KEYS+=("$T/auth.pem")
n=${#ODD_KEYS[@]}

# signing NAME: before and after something
signing() { go "$1" '^ok' "$n"; }

start_lines "${ODD_KEYS[@]}"
signing 'signatures'
reset_swtpm
signing 'after a power cycle'
stop_swtpm
go 'without a TPM, an error' '^failed' "$n"
check_grep 'TPM' "$T/lines.log" 'which says so'
start_swtpm
signing 'when it is back'
swtpm_ioctl -i --tcp "127.0.0.1:$(($(cat "$T/tpm/port") + 1))"
signing 'after a reset that nobody followed up with TPM2_Startup'
check 'other programs flush what is loaded' bash -c 'tpm2_flushcontext -Q -t && tpm2_flushcontext -Q -l'
signing 'after that'
stop lines KILL
tpm2_flushcontext -Q -t
tpm2_flushcontext -Q -l

bare=$TPMIOT_TCTI
start_abrmd
start_lines "${ODD_KEYS[@]}"
signing 'through tpm2-abrmd'
stop abrmd
go 'without it, an error' '^failed' "$n"
start abrmd tpm2-abrmd --session --allow-root --tcti="$bare"
wait_for abrmd tpm2_getcap -Q properties-fixed || die 'tpm2-abrmd does not answer'
signing 'after tpm2-abrmd was restarted'
stop lines KILL
stop abrmd

# One command that is never answered.
export TPMIOT_TCTI=$FAULT:n=2,fault=sleep,$bare TPMIOT_TIMEOUT=1
start_lines "$T/ec.pem"
go 'a TPM that hangs: an error in the end' '^failed after [1-9]'
check_grep 'did not answer in time' "$T/lines.log" 'which says so'
go 'when it answers again, a signature' '^ok'
stop lines KILL
done_testing
