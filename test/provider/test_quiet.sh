#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Standard error: empty in ordinary runs, and our own lines alone where something is refused
# as expected. tpm2-tss logs as it does by default.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
unset TSS2_LOG
mkdir -p "$TPMIOT_STATE_DIR"
echo 'to be signed' >"$T/message"
genpkey "$T/ec.key" -algorithm EC
genpkey "$T/rsa.key" -algorithm RSA
genpkey "$TPMIOT_STATE_DIR/pw.key" -algorithm EC -pkeyopt user-auth:open-sesame
tpm_key 0x81000020 ecc256:ecdsa-sha256:null "$RESTRICTED" || die 'no attestation key'

# quiet NAME COMMAND…: succeeds, and says nothing on standard error
quiet() {
	local name=$1
	shift
	"$@" >"$T/stdout" 2>"$T/stderr" </dev/null || echo "exit $?" >>"$T/stderr"
	check_is "$name: nothing on standard error" "$(cat "$T/stderr")" ''
}

# refused REGEX NAME COMMAND…: fails with a line of ours that matches, and with none of tpm2-tss
refused() {
	local regex=$1 name=$2
	shift 2
	if "$@" >"$T/stdout" 2>"$T/stderr" </dev/null; then
		not_ok "$name: it was not refused"
		return
	fi
	check_grep ":tpmiot:.*$regex" "$T/stderr" "$name: refused by a line of ours"
	check_is "$name: and tpm2-tss says nothing" \
		"$(grep -E '^(WARNING|ERROR|TRACE|DEBUG):|tss2-|ErrorCode|/src/' "$T/stderr")" ''
}

sign() { openssl dgst -provider tpmiot -sha256 -out "$T/sig" "$@" "$T/message"; }

# ---- Ordinary runs --------------------------------------------------------------------

quiet 'a key file signs' sign -sign "$T/ec.key"
quiet 'RSA' sign -sign "$T/rsa.key"
quiet 'PSS' sign -sigopt rsa_padding_mode:pss -sign "$T/rsa.key"
quiet 'a persistent key' sign -sign handle:0x81000020
quiet 'a password' sign -sign 'tpmiot:pw;auth=open-sesame'
quiet 'a public half' openssl pkey -provider tpmiot -in "$T/ec.key" -pubout
quiet 'a request' openssl req -new -provider tpmiot -key "$T/ec.key" -subj /CN=x
quiet 'a certificate in NV' openssl x509 -provider tpmiot -provider default \
	-in tpmiot:nv=0x01c00002 -noout -subject
quiet 'making a key' openssl genpkey -quiet -provider tpmiot -provider default -algorithm EC

# ---- What is refused ------------------------------------------------------------------

refused 'no key at 0x81000099' 'a handle that holds nothing' sign -sign handle:0x81000099
refused 'wrong authorisation value' 'a wrong password' sign -sign 'tpmiot:pw;auth=wrong'
refused 'signs SHA256 only' 'a digest' openssl dgst -provider tpmiot -sha384 \
	-sign handle:0x81000020 -out "$T/sig" "$T/message"
refused 'no NV index' 'an index that is not there' openssl x509 -provider tpmiot \
	-provider default -in tpmiot:nv=0x01c00009 -noout
refused 'no parent at 0x81000077' 'a parent that is not there' openssl genpkey \
	-provider tpmiot -algorithm EC -pkeyopt parent:0x81000077

# ---- Lockout --------------------------------------------------------------------------

tpm2_create -Q -C 0x81000001 -G ecc256 -p open-sesame -u "$T/pub" -r "$T/priv" \
	-a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign' &&
    tpm2_load -Q -C 0x81000001 -u "$T/pub" -r "$T/priv" -c "$T/ctx" &&
    tpm2_evictcontrol -Q -C o -c "$T/ctx" 0x81000030 &&
    tpm2_flushcontext -t || die 'no key with a password'
tpm2_dictionarylockout -Q -s -n 1 -t 3600 -l 3600 || die 'no lockout can be set up'
lockouts() { tpm2_getcap properties-variable | sed -n 's/TPM2_PT_LOCKOUT_COUNTER: //p'; }
before=$(lockouts)
refused 'wrong authorisation value|lockout' 'a guess that counts' sign -sign 'handle:0x81000030;auth=wrong'
check_is 'it counts once' "$(($(lockouts) - before))" 1
refused 'lockout' 'a TPM in lockout' sign -sign 'handle:0x81000030;auth=open-sesame'
quiet 'a key with noDA works in lockout' sign -sign 'tpmiot:pw;auth=open-sesame'

# ---- No persistent parent ---------------------------------------------------------------

# Without the storage root key at 0x81000001 the parent is looked for, and then made.
tpm2_evictcontrol -Q -C o -c 0x81000001
quiet 'a key without a persistent parent' openssl genpkey -quiet -provider tpmiot \
	-provider default -algorithm EC -out "$T/owner.key"
quiet 'signs' sign -sign "$T/owner.key"

# ---- No TPM ---------------------------------------------------------------------------

# The one thing that tpm2-tss logs, and that no program can tell it not to.
TSS2_LOG=all+NONE TPMIOT_TCTI=swtpm:port=1 refused 'no TPM at TCTI swtpm:port=1' \
	'a TPM that is not there, with TSS2_LOG=all+NONE' sign -sign "$T/ec.key"

done_testing
