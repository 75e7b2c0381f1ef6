#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys loaded before a fork work in every child and in the parent, whatever ends first and
# however. (tpm2-tss reaches swtpm by one connection for each command, so several processes
# share a TPM without a resource manager here.) TPMIOT_LONG=1: more children, more often.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"
n=${TPMIOT_LONG:+100}

start_swtpm
odd_keys
# Another object under its handle looks like a wrong password.
export KEYUSER_PASS=secret
genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret || die 'no key'
ODD_KEYS+=("$T/auth.pem")

everyone() {
	check "$1: parent and children" odd fork 4 "${n:-4}" "${@:2}"
	check "$1: children that survive their parent" odd orphan 4 "${n:-4}" "${@:2}"
	check "$1: children killed in the middle of something" odd kill 4 "${n:-10}" "${@:2}"
}

everyone 'no resource manager, three slots' "${ODD_KEYS[@]}"
check 'what killed children left does not stand in the way' \
    openssl dgst -provider tpmiot -sha256 -sign "$T/rsa.pem" -out "$T/sig" "$T/ec.pem"

# A TPM that one process at a time can open. The name of the lock is what tells.
bare=$TPMIOT_TCTI
mkdir -p "$T/dev"
export TPMIOT_TCTI=$FAULT:lock=$T/dev/tpm0,$bare
everyone 'like /dev/tpm0' "${ODD_KEYS[@]}"
check_is 'like /dev/tpm0: no object left by those that ended well' \
    "$(odd fork 2 2 "$T/ec.pem" >/dev/null 2>&1; tpm_handles transient | tr -d ' ')" "$(tpm_handles transient)"
export TPMIOT_TCTI=$bare

# GLib's D-Bus does not outlive a fork: children go by tpm2_send.
start_abrmd
files=("$T/ec.pem" "$T/rsa.pem" "$T/p384.pem" "$T/auth.pem")
check 'tpm2-abrmd: keys loaded before the fork' odd early 4 "${n:-4}" "${files[@]}"
everyone tpm2-abrmd "${files[@]}" handle:0x81000010
# tpm2-tss's default search asks the system bus.
unset TPMIOT_TCTI
export DBUS_SYSTEM_BUS_ADDRESS=$DBUS_SESSION_BUS_ADDRESS
check 'tpm2-abrmd found by default: parent and children' odd fork 2 2 "${files[@]}"
done_testing
