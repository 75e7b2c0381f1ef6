#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Per-device secrets, whole: attached on the CA, wrapped for the device's TPM, used there; changed and
# removed by renewals, given up by a reset. Never in the clear at rest, on the TPM's bus or in the store.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

ca() { tpmiot-ca --dir="$CADIR" "$@"; }
renew() { "$ENROLL" renew --before=4000d; }
secret() { "$ENROLL" secret "$@"; }
secrets() { secret list | tr -s ' ' | sort | paste -sd,; }
add() {
	local file=$1
	shift
	ca secret add "$@" <"$file"
}

printf 'wifi: correct horse battery staple' >"$T/wifi"
printf 'an HMAC key that stays in the TPM' >"$T/hmac"
head -c 6000 /dev/urandom | base64 -w0 >"$T/large" # 8,000 bytes
head -c 64 "$T/large" >"$T/large.head"
printf 'the group has this one' >"$T/group"
printf 'a message' >"$T/message"

make_ca
start_swtpm
trust_mfr
printf 'enrolment = open\nrate_limit = off\n[group pumps]\n' >>"$CADIR/tpmiot-ca.conf"
start_ca
"$ENROLL" ek --json >"$T/ek.json"
ek=$(grep -oE '"spki_sha256": *"[0-9a-f]{64}"' "$T/ek.json" | grep -oE '[0-9a-f]{64}')
[ -n "$ek" ] || ek=$(grep -oE '[0-9a-f]{64}' "$T/ek.json" | head -1)
ca allow add --ek="$ek" --device-id=pump-1 --group=pumps

check 'secret add, before the device enrols' add "$T/wifi" --device=pump-1 wifi
check 'by its EK, from a file' ca secret add --ek="$ek" --file="$T/large" large
check 'an HMAC key for a group' add "$T/hmac" --group=pumps --kind=hmac signing
check 'a secret of the group' add "$T/group" --group=pumps note
check 'one that the device has itself' add "$T/group" --group=pumps wifi
ca secret list >"$T/list"
check_is 'secret list has five' "$(tail -n +2 "$T/list" | wc -l)" 5
check_fails 1 '^0' 'no value stands in the store' \
	grep -caF -f "$T/wifi" "$CADIR/store.db" "$CADIR/store.db-wal" --no-filename -m1 /dev/null
check_is 'the key of the store is a file of its own, for nobody else' \
	"$(stat -c '%a %s' "$CADIR/secrets.key")" '600 32'

export TCTI_PCAP_FILE=$T/enrol.pcap
plain=$TPMIOT_TCTI
TPMIOT_TCTI=pcap:$plain check 'enrol' enroll
TPMIOT_TCTI=$plain
check_is 'the device has them, the group''s where it has none of that name' "$(secrets)" \
	'large data,note data,signing hmac,wifi data'
check_is 'a value' "$(secret show wifi)" "$(cat "$T/wifi")"
secret show large >"$T/shown"
check 'one of 8,000 bytes' cmp "$T/shown" "$T/large"
check_is 'the HMAC is what software computes' "$(secret use signing <"$T/message")" \
	"$(openssl dgst -sha256 -hmac "$(cat "$T/hmac")" -r "$T/message" | cut -d' ' -f1)"
check_fails 1 'never gives out' 'the HMAC key is not shown' secret show signing
# shellcheck disable=SC2016  # for that shell
check_is 'secret use --exec' "$(secret use wifi --exec sh -c 'printf "%s" "$TPMIOT_SECRET"')" "$(cat "$T/wifi")"
check_is 'without the passwords of the TPM' "$(TPMIOT_OWNER_AUTH='' TPMIOT_ENDORSEMENT_AUTH=x TPMIOT_KEY_AUTH=x secret use wifi --exec env | grep -c _AUTH)" 0
check_fails 2 'secret show has no option --exec' 'show runs nothing' secret show wifi --exec true
check_fails 2 'secret list has no option --exec' 'nor does list' secret list --exec true
json() { "$ENROLL" --json secret "$@" | python3 -c 'import json,sys; o=json.load(sys.stdin); print(*(o[k] for k in sys.argv[1:]))' "${FIELDS[@]}"; }
FIELDS=(exit value)
check_is 'in JSON' "$(json show wifi)" "0 $(cat "$T/wifi")"
FIELDS=(exit hmac)
check_is 'and an HMAC' "$(json use signing <"$T/message")" "0 $(secret use signing <"$T/message")"
cp "$TPMIOT_STATE_DIR/wifi.secret" "$T/wifi.secret"
echo damaged >"$TPMIOT_STATE_DIR/wifi.secret"
check_fails 1 "renew --before=36500d' brings it anew" 'a damaged one' secret show wifi
cp "$T/wifi.secret" "$TPMIOT_STATE_DIR/wifi.secret"
check_fails 2 'exec' 'data are used by a program' secret use wifi
TPMIOT_TCTI=pcap:$plain TCTI_PCAP_FILE=$T/show.pcap secret show wifi >/dev/null
"$TPMCOUNT" "$T/show.pcap" >"$T/show.count"
unsealed=$(grep -n Unseal "$T/show.count" | head -n 1 | cut -d: -f1)
for n in 1 2; do
	check "a run is killed between TPM2_Load and TPM2_FlushContext, $n" killed_at "$unsealed" "$ENROLL" secret show wifi
done
check_is 'which fills the TPM: it needs a slot for the parent' "$(tpm2_getcap handles-transient | wc -l)" 2
check_is 'what they left gives way' "$(secret show wifi)" "$(cat "$T/wifi")"
tpm2_flushcontext -Q -t
tpm2_flushcontext -Q -l
check_is 'no value crossed the bus in the clear' \
	"$(cat "$T/enrol.pcap" "$T/show.pcap" | grep -caF -e "$(cat "$T/wifi")" -e "$(cat "$T/large.head")" -e "$(cat "$T/hmac")")" 0
check_is 'nor stands in the state directory' \
	"$(grep -rlF -e "$(cat "$T/wifi")" -e "$(cat "$T/large.head")" -e "$(cat "$T/hmac")" "$TPMIOT_STATE_DIR" | wc -l)" 0
check 'tpm2-tools load it' grep -q 'TSS2 PRIVATE KEY' "$TPMIOT_STATE_DIR/wifi.secret"
check_is 'the audit log says what was given' \
	"$(ca audit --last=0 | grep -c 'secrets: large, note, signing, wifi')" 1

printf 'another one' >"$T/wifi"
add "$T/wifi" --device=pump-1 wifi
ca secret remove "$(awk '$2 == "note" { print $1 }' "$T/list")"
check 'renew' renew
check_is 'a changed secret comes' "$(secret show wifi)" 'another one'
check_is 'and a removed one goes' "$(secrets)" 'large data,signing hmac,wifi data'

check_fails 2 'whose secret' 'secret add wants to know whose' add "$T/wifi" x
check_fails 2 'no name' 'and a good name' add "$T/wifi" --device=pump-1 ../x
check_fails 2 'bytes' 'an empty value' ca secret add --device=pump-1 x
head -c 8193 /dev/zero >"$T/much"
check_fails '*' '8192|larger' 'more than 8 KiB' ca secret add --device=pump-1 --file="$T/much" x
check_fails 1 'no device is called' 'a device that nobody knows' add "$T/wifi" --device=nobody x
check_fails 2 'there is no group' 'a group that is not in the configuration' add "$T/wifi" --group=none x
check_fails 1 'has no secret' 'secret show of what is not there' secret show nothing
check_fails 2 'which secret' 'secret show of nothing' secret show

# One CA for one directory: another one's certificate would take the first key's CA and secrets away.
check_fails 2 "the key device in .*one state directory is for one CA.*--state-dir" 'another CA for another key' \
	"$ENROLL" enroll --name=second --server=https://localhost:1 --ca-file="$CADIR/ca.crt"
check_is 'which changed nothing' "$(secrets) $(grep -c "$CA_URL" "$TPMIOT_STATE_DIR/server.json")" 'large data,signing hmac,wifi data 1'
check 'another key of this CA, however its URL is written' \
	"$ENROLL" enroll --name=second --server="${CA_URL/localhost/LOCALHOST}/" --ca-file="$CADIR/ca.crt"

check 'reset' "$ENROLL" reset -y
check_is 'gives up the secrets' "$(find "$TPMIOT_STATE_DIR" -name '*.secret' | wc -l)" 0
check_is 'nothing is left in the TPM' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''

# A TPM without persistent objects: three slots, and the storage key is made each time.
start_swtpm bare bare
ca secret remove "$(ca secret list --json | python3 -c 'import json,sys; print([s["id"] for s in json.load(sys.stdin) if s["group"]][0])')"
"$ENROLL" ek --json >"$T/ek.json"
add "$T/wifi" --ek="$(grep -oE '[0-9a-f]{64}' "$T/ek.json" | head -1)" wifi
export TPMIOT_STATE_DIR=$T/state-bare
check 'a TPM without persistent objects enrols' enroll
check_is 'and has its secret' "$(secret show wifi)" 'another one'
check_is 'nothing is left in it' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''
done_testing
