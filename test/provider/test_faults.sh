#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Faults tried by machine: see sweep.c. TPMIOT_LONG=1 (make check-faults): every one of them.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=odd.sh
. "$SRC/test/provider/odd.sh"
# shellcheck source=keyfile.sh
. "$SRC/test/provider/keyfile.sh"
SWEEP=$BUILD/test/provider/sweep
stride=${TPMIOT_LONG:+1}
stride=${stride:-11}
# Leaks that libcrypto does not see.
[ -z "${TPMIOT_SANITIZED:-}" ] || export ASAN_OPTIONS=detect_leaks=1:exitcode=99

start_swtpm
odd_keys
tpm_key 0x81000012 ecc256:ecdsa-sha256:null "$RESTRICTED" || die 'no restricted key'
export KEYUSER_PASS=secret
genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret || die 'no key'
genpkey "$T/rsa-auth.pem" -algorithm RSA -pkeyopt user-auth:secret || die 'no key'
genpkey "$T/made.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x40000001 || die 'no key'
importable outside || die 'no importable key'
trial "$T/policy" policyauthvalue && policy_key policy "$T/policy" -p secret &&
    keyfile policy empty=FALSE policy="$CC_AUTHVALUE:" || die 'no key with a policy'
printf 'what is sealed' | under 0x81000001 sealed -i - -p secret && keyfile sealed type=5 empty=FALSE ||
    die 'no sealed data'

export TPMIOT_TCTI=$FAULT:$TPMIOT_TCTI
for scenario in "sign=$T/ec.pem" "sign=$T/rsa.pem" "pss=$T/rsa.pem" sign=handle:0x81000012 \
    "sign=$T/auth.pem" "sign=$T/made.pem" "sign=$T/policy.key" "sign=$T/outside.key" \
    "oaep=$T/rsa.pem" "oaep=$T/rsa-auth.pem" "pkcs1=$T/rsa.pem" \
    "derive=$T/ec.pem" "derive=$T/auth.pem" "derive=$T/made.pem" \
    "unseal=$T/sealed.key" generate=0x81000001 generate=0x40000001; do
	check "faults: ${scenario/$T\//}" with_module "$SWEEP" "$FAULT" "$stride" "$scenario"
	grep -E '^# .*(commands|faults)' "$T/out"
done
done_testing
