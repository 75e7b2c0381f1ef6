#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A key that signs often gets a session, once, in place of the verification (tpm/assure.h):
# what that costs, what comes of it when things go, and that nothing is left of it.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"

# often WANTED NAME N KEY: the kinds of commands of N signatures, and how many of each
often() {
	count_tpm "$T/count" with_module "$ODD" leave "$3" "$4" >"$T/out" 2>&1 || show "$T/out"
	check_is "$2" "$(sort "$T/count" | uniq -c | awk '{ print $1, $2 }' | paste -sd' ')" "$1"
}

# check_empty WHEN
check_empty() {
	check_is "$1: nothing is left in the TPM" \
	    "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''
}

start_swtpm
odd_keys
genpkey "$T/owner.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x40000001 || die 'no key'
genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret || die 'no key'
check_empty 'before'

often '1 FlushContext 1 Load 64 Sign' '64 signatures with an EC key: no session' 64 "$T/ec.pem"
often '2 FlushContext 1 Load 1 ReadPublic 400 Sign 1 StartAuthSession' \
    '400: two commands more, once' 400 "$T/ec.pem"
check_empty 'a program that frees nothing'
often '1 FlushContext 1 Load 100 Sign' 'RSA signatures are verified, however many' 100 "$T/rsa.pem"
often '1 ReadPublic 64 Sign' 'a persistent key: no session' 64 handle:0x81000010
often '1 FlushContext 2 ReadPublic 400 Sign 1 StartAuthSession' \
    'a session, for more signatures' 400 handle:0x81000010
check_empty 'after that'

# hot NAME: a program has the session
hot() {
	start_lines "$T/ec.pem"
	for ((i = 1; i < 130; i++)); do echo >&8; done
	go "$1: 130 signatures" '^ok' 130
	check_is "$1: it has a session" "$(tpm2_getcap handles-loaded-session | wc -l)" "${2:-1}"
}

hot 'flushed session'
tpm2_flushcontext -Q -l
go 'its session was flushed: a signature' '^ok'
tpm2_flushcontext -Q -t
go 'its key was flushed: a signature' '^ok'
stop lines KILL
tpm2_flushcontext -Q -t
tpm2_flushcontext -Q -l

hot 'another key'
handle=$(tpm2_getcap handles-transient)
tpm2_flushcontext -Q -t
tpm2_create -Q -C 0x81000001 -G ecc -u "$T/o.pub" -r "$T/o.priv" -c "$T/o.ctx" || die 'no other key'
check_is 'another key takes the handle' "$(tpm2_getcap handles-transient)" "$handle"
go 'what is signed then is by the right one' '^ok'
stop lines KILL
tpm2_flushcontext -Q -t
tpm2_flushcontext -Q -l

hot 'power cycle'
reset_swtpm
go 'the TPM was reset: a signature' '^ok'
stop lines KILL

for n in 1 2 3; do
	hot "killed, $n" $n
	stop lines KILL
	tpm2_flushcontext -Q -t
done
hot 'no room: signatures without' 3
stop lines KILL
tpm2_flushcontext -Q -t
export KEYUSER_PASS=secret
check 'a session that is needed finds room all the same' with_module "$ODD" leave 2 "$T/auth.pem"
check_is 'and gives it back' "$(tpm2_getcap handles-loaded-session | wc -l)" 3
tpm2_flushcontext -Q -l

tpm2_evictcontrol -Q -C o -c 0x81000001
often '1 CreatePrimary 2 FlushContext 1 Load 1 ReadPublic 200 Sign' \
    'no storage root key: looked for once, and none is made' 200 "$T/owner.pem"
check_empty 'after that'
done_testing
