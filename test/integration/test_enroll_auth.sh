#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A TPM whose owner and endorsement hierarchies have passwords: they are given by file,
# environment or prompt, and never cross the bus as they are.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

OWNER=owners-password ENDORSEMENT=endorsements-password
printf '%s\n' "$OWNER" >"$T/owner"
printf '%s\n' "$ENDORSEMENT" >"$T/endorsement"
chmod 600 "$T/owner" "$T/endorsement"
FILES=("--owner-auth-file=$T/owner" "--endorsement-auth-file=$T/endorsement")

fresh() { export TPMIOT_STATE_DIR=$T/state-$1; }
tpm_is_clean() { [ -z "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ]; }
by_environment() { TPMIOT_OWNER_AUTH=$OWNER TPMIOT_ENDORSEMENT_AUTH=$ENDORSEMENT enroll "$@"; }

make_ca
for kind in bare ecc-bare persistent; do
	start_swtpm "$kind" "$kind"
	[ -n "${CA_URL:-}" ] || { trust_mfr; start_ca --set enrolment=open --set rate_limit=off; }
	tpm2_changeauth -Q -c owner "$OWNER"
	tpm2_changeauth -Q -c endorsement "$ENDORSEMENT"

	fresh "$kind"
	check_fails 5 'password; give it with --owner-auth-file' "$kind: no password" enroll
	check_fails 5 'password; give it with --owner-auth-file' "$kind: wrong passwords" \
	    enroll --owner-auth-file="$T/endorsement" --endorsement-auth-file="$T/owner"
	check "$kind: passwords in files" enroll "${FILES[@]}"
	check "$kind: and nothing is left in the TPM" tpm_is_clean
	fresh "$kind-2"
	check "$kind: passwords in the environment" by_environment --key=ec-p384
	check "$kind: ek" tpmiot-enroll ek "--endorsement-auth-file=$T/endorsement"
done

# The bus is recorded: the passwords are not in it.
start_swtpm bare
fresh bus
check 'recorded' count_tpm "$T/counts" enroll "${FILES[@]}"
check_grep CreatePrimary "$T/counts" 'the storage root key was made'
check_fails 1 '^0' 'no password crossed the bus' grep -caE "$OWNER|$ENDORSEMENT" "$T/count.pcap"

# A terminal: asked for what is set, and only for that.
fresh prompt
tpm2_changeauth -Q -c owner -p "$OWNER"
cat >"$T/prompt.py" <<'PY'
import os, pty, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
said = b""
answered = False
while True:
    try:
        data = os.read(fd, 1000)
    except OSError:
        break
    if not data:
        break
    said += data
    if not answered and said.endswith(b": ") and b"Password" in said:
        time.sleep(0.3)
        os.write(fd, sys.argv[1].encode() + b"\n")
        answered = True
sys.stdout.buffer.write(said)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY
check 'a prompt' python3 "$T/prompt.py" "$ENDORSEMENT" "$ENROLL" enroll --server="$CA_URL" \
    --ca-file="$CADIR/ca.crt"
check_grep 'Password of the TPM.s endorsement' "$T/out" 'asks for the endorsement hierarchy'
check_is 'and not for the owner' "$(grep -c 'owner hierarchy' "$T/out")" 0
check_is 'without showing the answer' "$(grep -c "$ENDORSEMENT" "$T/out")" 0

chmod 644 "$T/endorsement"
fresh open
check 'a file that everybody can read' enroll "--endorsement-auth-file=$T/endorsement"
check_grep 'warning: everybody' "$T/out" 'is warned of'
head -c 100 /dev/zero | tr '\0' x >"$T/long"
fresh long
check_fails 2 'at most 64 bytes' 'a password that no TPM takes' \
    enroll "--endorsement-auth-file=$T/long"
done_testing
