# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts to source behind lib.sh, keys.sh, odd.sh and keyfile.sh: the software TPM's keys of
# every kind that scenario.c uses, and what is done with them.

scenario_keys() {
	odd_keys
	tpm_key 0x81000012 ecc256:ecdsa-sha256:null "$RESTRICTED" || die 'no restricted key'
	export KEYUSER_PASS=secret
	genpkey "$T/auth.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt user-auth:secret ||
	    die 'no key'
	genpkey "$T/rsa-auth.pem" -algorithm RSA -pkeyopt user-auth:secret || die 'no key'
	genpkey "$T/made.pem" -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x40000001 ||
	    die 'no key'
	importable outside || die 'no importable key'
	{
		trial "$T/policy" policyauthvalue && policy_key policy "$T/policy" -p secret &&
		    keyfile policy empty=FALSE policy="$CC_AUTHVALUE:"
	} || die 'no key with a policy'
	{
		# Without noda, the TPM would take garbled nonces for wrong passwords, and lock itself.
		printf 'what is sealed' | under 0x81000001 sealed -i - -p secret \
			-a 'fixedtpm|fixedparent|userwithauth|noda' &&
		    keyfile sealed type=5 empty=FALSE
	} || die 'no sealed data'
}

# shellcheck disable=SC2034  # for the scripts
SCENARIOS=("sign=$T/ec.pem" "sign=$T/rsa.pem" "pss=$T/rsa.pem" sign=handle:0x81000012
	"sign=$T/auth.pem" "sign=$T/made.pem" "sign=$T/policy.key" "sign=$T/outside.key"
	"oaep=$T/rsa.pem" "oaep=$T/rsa-auth.pem" "pkcs1=$T/rsa.pem"
	"derive=$T/ec.pem" "derive=$T/auth.pem" "derive=$T/made.pem"
	"unseal=$T/sealed.key" generate=0x81000001 generate=0x40000001)
