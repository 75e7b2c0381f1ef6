#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sealed data: unsealed as they were, and never in the clear on the bus.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keyfile.sh
. "$(dirname "$0")/keyfile.sh"

start_swtpm
DATA='what is sealed shall not be seen'
unseal() { "$BUILD/test/provider/unseal" "$@"; }

# seal NAME OPTION…
seal() {
	local name=$1
	shift
	printf '%s' "$DATA" | under 0x81000001 "$name" -i - "$@"
}

# unsealed WHAT FILE [PASSWORD]: it comes back, and neither it nor the password is on the bus
unsealed() {
	local what=$1
	shift
	rm -f "$T/bus.pcap"
	check_is "$what" "$(TPMIOT_TCTI=pcap:$TPMIOT_TCTI TCTI_PCAP_FILE=$T/bus.pcap unseal "$@")" "$DATA"
	check_is "$what: it crosses the bus encrypted" \
		"$(grep -cE "$DATA|${2:-$DATA}" "$T/bus.pcap")" 0
}

seal plain && keyfile plain type=5
unsealed 'sealed data' "$T/plain.key"
tpm2_load -Q -C 0x81000001 -u "$T/plain.pub" -r "$T/plain.priv" -c "$T/plain.ctx"
TPM2TOOLS_TCTI=pcap:$TPM2TOOLS_TCTI TCTI_PCAP_FILE=$T/clear.pcap tpm2_unseal -c "$T/plain.ctx" >"$T/out"
check_is 'which it does not with tpm2_unseal, so that the test sees it' \
	"$(grep -c "$DATA" "$T/clear.pcap")" 1
tpm2_flushcontext -Q -t
seal password -p sesame && keyfile password type=5 empty=FALSE
unsealed 'with a password' "$T/password.key" sesame
check_fails 1 'authorisation value' 'and with a wrong one' unseal "$T/password.key" simsalabim

trial "$T/pcr.policy" 'policypcr -l sha256:16'
tpm2_pcrread -Q sha256:16 -o "$T/pcrs"
PCR=$CC_PCR:$(tpm2b "$(openssl dgst -sha256 -binary "$T/pcrs" | hex)")00000001000b03000001
seal pcr -L "$T/pcr.policy" -a 'fixedtpm|fixedparent|noda' && keyfile pcr type=5 policy="$PCR"
unsealed 'with a policy' "$T/pcr.key"
seal own -p sesame -L "$T/pcr.policy" -a 'fixedtpm|fixedparent|noda'
keyfile own type=5 policy="$PCR"
unsealed 'with a policy that does not ask for the password' "$T/own.key"
trial "$T/both.policy" 'policypcr -l sha256:16' policyauthvalue
seal both -p sesame -L "$T/both.policy" -a 'fixedtpm|fixedparent|noda'
keyfile both type=5 empty=FALSE policy="$PCR $CC_AUTHVALUE:"
unsealed 'with a policy and a password' "$T/both.key" sesame
tpm2_pcrextend -Q 16:sha256=0000000000000000000000000000000000000000000000000000000000000001
check_fails 1 'PCRs sha256:16' 'a policy that does not hold' unseal "$T/pcr.key"

# No storage root key at its place, and an owner whose password nobody knows here.
tpm2_createprimary -Q -C o -c "$T/other.ctx" && tpm2_evictcontrol -Q -C o -c "$T/other.ctx" 0x81000002
tpm2_flushcontext -Q -t
printf '%s' "$DATA" | under 0x81000002 other -i - -p sesame
keyfile other type=5 empty=FALSE parent=0x81000002
tpm2_evictcontrol -Q -C o -c 0x81000001 && tpm2_changeauth -Q -c owner owner-password
unsealed 'with another parent and without the owner' "$T/other.key" sesame
tpm2_changeauth -Q -c owner -p owner-password
tpm2_createprimary -Q -C o -G ecc -c "$T/srk.ctx" && tpm2_evictcontrol -Q -C o -c "$T/srk.ctx" 0x81000001
tpm2_flushcontext -Q -t

# A key is none.
under 0x81000001 key -G ecc256 && keyfile key
check_fails 1 'not sealed data' 'a key is not unsealed' unseal "$T/key.key"
check_is 'nothing is left in the TPM' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''
done_testing
