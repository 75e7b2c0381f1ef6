#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key files with a policy: every command that the format has, alone and together, holding and
# not holding. The keys are made, and the policies computed, by tpm2-tools.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keyfile.sh
. "$(dirname "$0")/keyfile.sh"

start_swtpm
echo hello >"$T/message"

# ---- PCRs ----------------------------------------------------------------------

trial "$T/pcr.policy" 'policypcr -l sha256:7,16' && policy_key pcr "$T/pcr.policy" ||
    die 'no key with a PCR policy'
tpm2_pcrread -Q sha256:7,16 -o "$T/pcrs"
DIGEST=$(openssl dgst -sha256 -binary "$T/pcrs" | hex)
SELECTION=00000001000b03800001
keyfile pcr policy="$CC_PCR:$(tpm2b "$DIGEST")$SELECTION"
check 'PolicyPCR, as the draft has it' signs "$T/pcr.key"
check_is 'what it costs' "$(count_sign "$T/pcr.key")" \
	'Load StartAuthSession PolicyPCR Sign FlushContext'
keyfile pcr policy="$CC_PCR:$SELECTION$DIGEST"
check 'PolicyPCR, as openssl_tpm2_engine writes it' signs "$T/pcr.key"
check 'from DER' signs "$T/pcr.der"
openssl pkey -provider tpmiot -in "$T/pcr.key" -outform DER -out "$T/again.der"
check 'a policy is written as it was read' cmp "$T/pcr.der" "$T/again.der"
check 'a certificate request' openssl req -new -provider tpmiot -key "$T/pcr.key" -subj /CN=x

# ---- Passwords -----------------------------------------------------------------

trial "$T/auth.policy" policyauthvalue && policy_key auth "$T/auth.policy" -p secret ||
    die 'no key with a password policy'
for code in $CC_AUTHVALUE $CC_PASSWORD; do
	keyfile auth empty=FALSE policy="$code:"
	check "command $code with the password" signs "$T/auth.key" -passin pass:secret
	check_fails '*' 'authorisation value' "command $code with a wrong password" \
		signs "$T/auth.key" -passin pass:wrong
done
rm -f "$T/bus.pcap"
TPMIOT_TCTI=pcap:$TPMIOT_TCTI TCTI_PCAP_FILE=$T/bus.pcap openssl dgst -provider tpmiot -sha256 \
	-sign "$T/auth.key" -passin pass:secret -out "$T/signs.sig" "$T/message"
check_is 'the password does not cross the bus' "$(grep -c secret "$T/bus.pcap")" 0
keyfile auth policy="$CC_AUTHVALUE:"
check_fails '*' 'authorisation value' 'a file that says there is no password, where there is' \
	signs "$T/auth.key"
trial "$T/pcrauth.policy" 'policypcr -l sha256:7,16' policyauthvalue &&
    policy_key pcrauth "$T/pcrauth.policy" -p secret
keyfile pcrauth empty=FALSE policy="$CC_PCR:$(tpm2b "$DIGEST")$SELECTION $CC_AUTHVALUE:"
check 'PCRs and password' signs "$T/pcrauth.key" -passin pass:secret

# ---- Secrets of others ------------------------------------------------------------

trial "$T/secret.policy" 'policysecret -c owner' && policy_key secret "$T/secret.policy" ||
    die 'no key with a secret policy'
NAME=$(tpm2b 40000001)
keyfile secret policy="$CC_SECRET:00000000${NAME}0000"
check 'PolicySecret of a hierarchy without password' signs "$T/secret.key"
tpm2_changeauth -Q -c owner owner-password
keyfile secret empty=FALSE policy="$CC_SECRET:40000001${NAME}0000"
check 'PolicySecret of a hierarchy with its password' signs "$T/secret.key" -passin pass:owner-password
check_fails '*' 'password of 0x40000001' 'with a wrong one' \
	signs "$T/secret.key" -passin pass:wrong
rm -f "$T/bus.pcap"
TPMIOT_TCTI=pcap:$TPMIOT_TCTI TCTI_PCAP_FILE=$T/bus.pcap openssl dgst -provider tpmiot -sha256 \
	-sign "$T/secret.key" -passin pass:owner-password -out "$T/signs.sig" "$T/message"
check_is 'which does not cross the bus' "$(grep -c owner-password "$T/bus.pcap")" 0

# What is decrypted or agreed on is encrypted on the bus with the key's own authorisation value,
# whatever the policy asks for; here that is somebody else's password, or none.
DECRYPTS='fixedtpm|fixedparent|sensitivedataorigin|decrypt|noda'
openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/peer.pem"
openssl pkey -in "$T/peer.pem" -pubout -out "$T/peer.pub"
# agrees KEY [OPTION…]: on the same secret as OpenSSL's own provider does with the peer's key
agrees() {
	local key=$1
	shift
	openssl pkey -provider tpmiot -in "$key" -pubout -out "$T/agrees.pub" "$@" &&
	    openssl pkeyutl -provider tpmiot -derive -inkey "$key" -peerkey "$T/peer.pub" \
		-out "$T/ours" "$@" &&
	    openssl pkeyutl -derive -inkey "$T/peer.pem" -peerkey "$T/agrees.pub" -out "$T/theirs" &&
	    cmp "$T/ours" "$T/theirs"
}
# decrypts KEY [OPTION…]
decrypts() {
	local key=$1
	shift
	openssl pkey -provider tpmiot -in "$key" -pubout -out "$T/decrypts.pub" "$@" &&
	    openssl pkeyutl -encrypt -pubin -inkey "$T/decrypts.pub" -in "$T/message" -out "$T/secret" &&
	    openssl pkeyutl -provider tpmiot -decrypt -inkey "$key" -in "$T/secret" -out "$T/plain" \
		"$@" && cmp "$T/message" "$T/plain"
}
OWNER=$CC_SECRET:40000001${NAME}0000
PCRS=$CC_PCR:$(tpm2b "$DIGEST")$SELECTION
under 0x81000001 agree -G ecc256 -L "$T/secret.policy" -a "$DECRYPTS"
keyfile agree empty=FALSE policy="$OWNER"
check 'key agreement by PolicySecret' agrees "$T/agree.key" -passin pass:owner-password
under 0x81000001 agreepcr -G ecc256 -L "$T/pcr.policy" -a "$DECRYPTS" -p own
keyfile agreepcr policy="$PCRS"
check 'by PolicyPCR, of a key with a password of its own' agrees "$T/agreepcr.key"
under 0x81000001 agreeboth -G ecc256 -L "$T/pcrauth.policy" -a "$DECRYPTS" -p own
keyfile agreeboth empty=FALSE policy="$PCRS $CC_AUTHVALUE:"
check 'by PolicyPCR and that password' agrees "$T/agreeboth.key" -passin pass:own
under 0x81000001 decrypt -G rsa2048 -L "$T/secret.policy" -a "$DECRYPTS"
keyfile decrypt empty=FALSE policy="$OWNER"
check 'decryption by PolicySecret' decrypts "$T/decrypt.key" -passin pass:owner-password
tpm2_changeauth -Q -c owner -p owner-password
tpm2_nvdefine -Q 0x1500001 -s 1 -a 'authread|authwrite|no_da' -p nv-password
tpm2_startauthsession -Q -S "$T/s.ctx"
tpm2_policysecret -Q -S "$T/s.ctx" -c 0x1500001 -L "$T/nv.policy" nv-password >/dev/null
tpm2_flushcontext -Q "$T/s.ctx"
policy_key nv "$T/nv.policy"
NV_NAME=$(tpm2_nvreadpublic 0x1500001 | sed -n 's/^ *name: //p')
keyfile nv empty=FALSE policy="$CC_SECRET:01500001$(tpm2b "$NV_NAME")0000"
check 'PolicySecret of an NV index' signs "$T/nv.key" -passin pass:nv-password
keyfile nv empty=FALSE policy="$CC_SECRET:00000000$(tpm2b "$NV_NAME")0000"
check_fails '*' 'without a handle' 'the same without saying where it is' \
	signs "$T/nv.key" -passin pass:nv-password

# ---- Clock, locality, branches ------------------------------------------------------

trial "$T/timer.policy" 'policycountertimer --ult resets=1000' && policy_key timer "$T/timer.policy" ||
    die 'no key with a counter policy'
# resetCount at byte 16 of TPMS_TIME_INFO, unsigned less than 1000
keyfile timer policy="$CC_TIMER:$(tpm2b 000003e8)00100005"
check 'PolicyCounterTimer, as the draft has it' signs "$T/timer.key"
keyfile timer policy="$CC_TIMER:000003e800100005"
check 'PolicyCounterTimer, as openssl_tpm2_engine writes it' signs "$T/timer.key"
tpm2_startauthsession -Q -S "$T/s.ctx"
tpm2_policycountertimer -Q -S "$T/s.ctx" -L "$T/never.policy" --ugt resets=1000000
tpm2_flushcontext -Q "$T/s.ctx"
policy_key never "$T/never.policy"
keyfile never policy="$CC_TIMER:$(tpm2b 000f4240)00100003"
check_fails '*' 'clock or counters' 'a counter that has not come that far' signs "$T/never.key"

trial "$T/locality.policy" 'policylocality zero' && policy_key locality "$T/locality.policy"
keyfile locality policy="$CC_LOCALITY:01"
check 'PolicyLocality' signs "$T/locality.key"
trial "$T/three.policy" 'policylocality three' && policy_key three "$T/three.policy"
keyfile three policy="$CC_LOCALITY:08"
check_fails '*' 'locality' 'another locality' signs "$T/three.key"

trial "$T/or.policy" 'policypcr -l sha256:7,16' \
	"policyor -l sha256:$T/pcr.policy,$T/auth.policy" && policy_key or "$T/or.policy"
BRANCHES=00000002$(tpm2b "$(hex "$T/pcr.policy")")$(tpm2b "$(hex "$T/auth.policy")")
keyfile or policy="$CC_PCR:$(tpm2b "$DIGEST")$SELECTION $CC_OR:$BRANCHES"
check 'PolicyOR behind one of its branches' signs "$T/or.key"
keyfile or policy="$CC_LOCALITY:01 $CC_OR:$BRANCHES"
check_fails '*' 'none of its branches' 'PolicyOR behind something else' signs "$T/or.key"

# ---- Signed policies ---------------------------------------------------------------

openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/signer.pem"
openssl pkey -in "$T/signer.pem" -pubout -out "$T/signer.pub"
tpm2_loadexternal -Q -C o -G ecc -u "$T/signer.pub" -c "$T/signer.ctx" -n "$T/signer.name"
tpm2_readpublic -Q -c "$T/signer.ctx" -o "$T/signer.tpm2b"
tpm2_flushcontext -Q -t
REF=5a5a
printf 'ZZ' >"$T/ref"
tpm2_startauthsession -Q -S "$T/s.ctx"
tpm2_policyauthorize -Q -S "$T/s.ctx" -L "$T/signed.policy" -n "$T/signer.name" -i /dev/null -q "$REF"
tpm2_flushcontext -Q "$T/s.ctx"
policy_key signed "$T/signed.policy" || die 'no key with a signed policy'

# authorise POLICY: the PolicyAuthorize command with the signer's signature
authorise() {
	local der r s
	cat "$1" "$T/ref" | openssl dgst -sha256 -sign "$T/signer.pem" -out "$T/policy.sig" || return 1
	der=$(openssl asn1parse -inform DER -in "$T/policy.sig" | sed -n 's/.*INTEGER *://p')
	r=$(printf '%64s' "${der%%$'\n'*}" | tr ' ' 0) s=$(printf '%64s' "${der##*$'\n'}" | tr ' ' 0)
	# TPMT_SIGNATURE: ECDSA, SHA-256, r, s
	printf '%s:%s%s0018000b%s%s' "$CC_AUTHORIZE" "$(hex "$T/signer.tpm2b")" "$(tpm2b $REF)" \
	    "$(tpm2b "$r")" "$(tpm2b "$s")"
}
OPEN=$CC_AUTHORIZE:$(hex "$T/signer.tpm2b")$(tpm2b $REF)0010
HOLDS="now $CC_PCR:$(tpm2b "$DIGEST")$SELECTION $(authorise "$T/pcr.policy")"
trial "$T/old.policy" 'policylocality three'
FAILS="old $CC_TIMER:$(tpm2b 000f4240)00100003 $(authorise "$T/never.policy")"
keyfile signed policy="$OPEN" signed="$HOLDS"
check 'PolicyAuthorize with a signed policy' signs "$T/signed.key"
openssl pkey -provider tpmiot -in "$T/signed.key" -outform DER -out "$T/again.der"
check 'signed policies are written as they were read' cmp "$T/signed.der" "$T/again.der"
keyfile signed policy="$OPEN" signed="$FAILS" signed="$HOLDS"
check 'the second of two, where the first does not hold' signs "$T/signed.key"
keyfile signed policy="$OPEN" signed="$FAILS"
check_fails '*' 'signed policy old.*clock or counters' 'none that holds' signs "$T/signed.key"
keyfile signed policy="$OPEN" signed="bad $CC_LOCALITY:01 $(authorise "$T/pcr.policy")"
check_fails '*' 'not its signer' 'a signature over another policy' signs "$T/signed.key"
keyfile signed policy="$OPEN"
check_fails '*' 'no signed policy' 'none at all' signs "$T/signed.key"

# ---- Files that contradict themselves -------------------------------------------------

keyfile pcr policy="$CC_LOCALITY:01"
check_fails '*' 'does not lead to' 'a policy that is not the key'\''s' signs "$T/pcr.key"
keyfile pcr policy="0x187:"
check_fails '*' '0x187' 'a policy command that is not served is named' signs "$T/pcr.key"
keyfile pcr
check_fails '*' 'does not say the policy' 'a key that needs its policy, in a file without' \
	signs "$T/pcr.key"
check 'its public half works all the same' openssl pkey -provider tpmiot -in "$T/pcr.key" -pubout

# ---- PCRs that changed: the end, they do not change back ----------------------------------

keyfile pcr policy="$CC_PCR:$(tpm2b "$DIGEST")$SELECTION"
tpm2_pcrextend -Q 16:sha256=0000000000000000000000000000000000000000000000000000000000000001
check_fails '*' 'PCRs sha256:7,16 do not have' 'a PCR that changed: they are named' \
	signs "$T/pcr.key"
tpm2_pcrreset -Q 16
check 'and when it is as it was' signs "$T/pcr.key"
check_is 'no object is left in the TPM' "$(tpm_handles transient)" ''
check_is 'and no session' "$(tpm_handles loaded-session)" ''
done_testing
