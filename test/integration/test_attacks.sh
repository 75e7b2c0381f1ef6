#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Hostile and broken enrolments against a running CA (test/attack): for each its status, its
# problem type, its reason in the audit log, and a store that did not change.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

ATTACK=$BUILD/test/attack/attack
PORTS=()

# serve_with NAME CLOCK-OFFSET OPTION…: one more server on the same store
serve_with() {
	local name=$1 offset=$2 preload=$BUILD/test/attack/.libs/libclock.so
	shift 2
	free_port
	PORTS+=("$PORT")
	[ "$offset" -ne 0 ] || preload=
	start "$name" env TEST_CLOCK_OFFSET="$offset" \
	    LD_PRELOAD="${preload:+${SANITIZER_LIBS:+$SANITIZER_LIBS:}$preload}" \
	    "$CA" --dir="$CADIR" --set rate_limit=off "$@" serve "--listen=127.0.0.1:$PORT"
	wait_for_line "$name" '^listening on https://' || die "tpmiot-ca does not start: $name"
}

[ -x "$ATTACK" ] || skip_all 'test/attack is not built'
mkdir "$T/crls"
cat >"$T/hook" <<HOOK
#!/bin/bash
cat >/dev/null
. "$T/behaviour"
HOOK
chmod 755 "$T/hook"
"$ATTACK" maker "$T" || die 'attack maker'
make_ca
tpmiot-ca --dir="$CADIR" trust add "$T/maker.pem" >"$T/out" || die 'trust add'
serve_with open 0 --set enrolment=open
serve_with token 0 --set enrolment=token
serve_with listed 0 --set enrolment=listed
serve_with later 3600 --set enrolment=open
serve_with earlier -3600 --set enrolment=open
serve_with pcrs 0 --set enrolment=open --set pcrs=sha256:0,7 --set pcr_policies=fw
serve_with hook 0 --set enrolment=open --set hook="$T/hook" --set hook_timeout=3
serve_with crl 0 --set enrolment=open --set ek_crls="$T/crls"
serve_with crl-lax 0 --set enrolment=open --set ek_crls="$T/crls" --set ek_crl_missing=accept
"$ATTACK" run "$T" "$CA" "$CADIR" "${PORTS[@]}" 2>"$T/attack.err" >"$T/attack.out" || { note "exit $?"; show "$T/attack.err"; }
cat "$T/attack.out"
grep -q "^1\.\." "$T/attack.out" || echo "Bail out! the attacks ended early"
for server in open token listed later earlier pcrs hook crl crl-lax; do
	alive $server || {
		echo "not ok - the server $server is gone"
		show "$T/$server.log"
	}
	stop $server || note "$server ended with $?"
	! grep -qE 'ERROR: AddressSanitizer|runtime error' "$T/$server.log" || {
		echo "not ok - the sanitizer spoke in the server $server"
		show "$T/$server.log"
	}
done
TAP_DONE=1
