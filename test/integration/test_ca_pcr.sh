#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# PCR policies, whole: a reference device is learned with one command, devices with other firmware are
# refused, and after an update let in by what the refusal left in the audit log.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
measure() { tpm2_pcrextend "$1:sha256=$(printf '%s' "$2" | sha256sum | cut -d' ' -f1)"; }
# field MEMBER JSON-FILE: of the last record
field() { python3 -c 'import json,sys; v = json.load(open(sys.argv[2])); v = v[-1] if isinstance(v, list) else v; print(v[sys.argv[1]])' "$1" "$2"; }
# refusal: the number of the last entry in the audit log
refusal() { ca audit --last=1 --json >"$T/last" && field id "$T/last"; }
fresh() { rm -rf "$TPMIOT_STATE_DIR"; }

make_ca
start_swtpm
trust_mfr
printf 'enrolment = open\nrate_limit = off\npcrs = sha256:0,7,10\npcr_policies = gateway-fw\n' \
	>>"$CADIR/tpmiot-ca.conf"
check 'the configuration is good' ca check
start_ca

measure 7 'version 1'
check_fails 3 'pcrs-refused' 'without any allowed values the device is refused' enroll
check_grep 'pcr allow --audit' "$T/out" 'and told what an operator can do'
check 'pcr allow from the audit log: the reference device' \
	ca pcr allow --audit="$(refusal)" --note='version 1' gateway-fw
check 'now it enrols' enroll
id=$(cut -d= -f2 < <(openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -subject -nameopt multiline | grep commonName) | tr -d ' ')
ca device show "$id" --json >"$T/show"
ca pcr list --json >"$T/list"
check_is 'device show has the values that are allowed' "$(field pcrs "$T/show")" "$(field pcrs "$T/list")"
check_is 'as tpm2_pcrread has them' "$(field pcrs "$T/show")" \
	"sha256:$(tpm2_pcrread sha256:0,7,10 | sed -nE 's/^ *([0-9]+) *: 0x(.*)$/\1=\L\2/p' | paste -sd,)"
check_fails 1 'already' 'values are allowed once' ca pcr allow --device="$id" gateway-fw

measure 10 'version 2'
check_fails 3 'pcrs-refused' 'other firmware does not enrol' \
	env TPMIOT_STATE_DIR="$T/second" "$ENROLL" enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt"
check_fails 3 'pcrs-refused' 'and renews nothing' "$ENROLL" renew --before=4000d
check 'the update is allowed with one command' \
	ca pcr allow --audit="$(refusal)" --note='version 2' gateway-fw
check 'then it renews' "$ENROLL" renew --before=4000d
check_is 'both versions are allowed' "$(ca pcr list --json | grep -c '"policy": "gateway-fw"')" 2

tpm2_pcrread sha256:0,7,10 >"$T/pcrread"
check 'pcr allow from what tpm2_pcrread prints' ca pcr allow --file="$T/pcrread" spare
check 'pcr allow from a device' ca pcr allow --device="$id" spare-2
first=$(ca pcr list --json | python3 -c 'import json,sys; print([r["id"] for r in json.load(sys.stdin) if r["note"] == "version 2"][0])')
check 'pcr remove' ca pcr remove "$first"
check_fails 3 'pcrs-refused' 'what is taken back is refused again' "$ENROLL" renew --before=4000d

check_fails 2 'whose values' 'pcr allow wants one source' ca pcr allow gateway-fw
check_fails 2 'no name' 'and a name for the policy' ca pcr allow --device="$id" 'a b'
check_fails 1 'no device is called' 'a device that is not there' ca pcr allow --device=nobody x
check_fails 1 'no PCR values under' 'an entry without values' ca pcr allow --audit=1 x
printf 'sha256:\n  0 : 0x00\n' >"$T/bad"
check_fails 1 'line 2' 'a file that tpm2_pcrread did not print' ca pcr allow --file="$T/bad" x
check_fails 1 'number' 'pcr remove of what is not there' ca pcr remove 99

# What the quote costs: TPM2_PCR_Read and TPM2_Quote.
ca pcr allow --file="$T/pcrread" gateway-fw >/dev/null
count_tpm "$T/with" "$ENROLL" renew --before=4000d
check_is 'one TPM2_Quote and one TPM2_PCR_Read' \
	"$(grep -cE '^(Quote|PCR_Read)' "$T/with")" 2
check_is 'nothing is left in the TPM' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''
done_testing
