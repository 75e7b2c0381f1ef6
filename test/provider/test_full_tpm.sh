#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A TPM without a resource manager and with three slots: more keys than slots, slots that
# others hold, and what programs leave behind that were killed. TPMIOT_LONG=1: 1,000 keys.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"

start_swtpm
odd_keys
many=${TPMIOT_LONG:+1000}
many=${many:-40}

check "$many keys open in one process, all sign" odd many "$many" 0x81000001
check "the same under a storage key that has to be made" odd many 10 0x40000001
check_is 'nothing is left of it' "$(tpm_handles transient)" ''

# ---- Somebody else holds every slot ------------------------------------------

# hold N: N objects that are none of ours
hold() {
	local i
	for ((i = 0; i < $1; i++)); do
		tpm2_createprimary -Q -C n -G rsa2048 -c "$T/other.$i" || return 1
	done
}

check 'another program takes all slots' hold 3
others=$(tpm_handles transient)
start_lines "$T/ec.pem"
# The figure is a bound for the time, far from what it takes.
go 'then it is an error, and soon' '^failed after [0-9]{1,2} s'
check_grep 'no free slot for an object' "$T/lines.log" 'which says what the matter is, and what to do'
check_is 'what the other program holds is still there' "$(tpm_handles transient)" "$others"
check 'it lets go' tpm2_flushcontext -Q -t
go 'and the same process signs' '^ok'
stop lines KILL

check 'two slots held by another program' hold 2
check_fails '*' 'no free slot' 'are too many for a key and its parent' odd many 1 0x81000001
tpm2_flushcontext -Q -t
check 'one slot held by another program' hold 1
check 'is no matter' odd many 5 0x81000001
tpm2_flushcontext -Q -t

# ---- Leftovers ------------------------------------------------------------------

# killed KEY: kill -9 of a program that has signed
killed() {
	start_lines "$1"
	go "a program signs with ${1##*/}" '^ok'
	stop lines KILL
}

export KEYUSER_PASS=secret
check 'a key with a password' genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 \
    -pkeyopt user-auth:secret
killed "$T/ec.pem"
killed "$T/rsa.pem"
check_is 'killed programs leave their objects in the TPM' \
    "$(tpm_handles transient | grep -o 0x | wc -l)" 2
check 'the next program with one of these keys finds room' odd fork 1 2 "$T/rsa.pem"
check 'and one that has to make its parent' odd many 1 0x40000001
killed "$T/ec.pem"
killed "$T/ec.pem"
killed "$T/ec.pem"
check 'and so it does after more of the same' odd fork 1 1 "$T/ec.pem"
tpm2_flushcontext -Q -t

for i in 1 2 3 4; do
	killed "$T/auth.pem"
done
check 'sessions of killed programs are no matter either' odd fork 1 1 "$T/auth.pem"
done_testing
