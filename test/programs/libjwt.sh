# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# jwt CONF KEY ALGORITHM
jwt() { OPENSSL_CONF=$1 "$T/jwt_sign" "$3" "$T/$2.key" "$T/$2.pub"; }

program libjwt libjwt0 libjwt-dev gcc && {
	gcc -o "$T/jwt_sign" "$HERE/jwt_sign.c" -ljwt || die 'jwt_sign.c does not compile'
	for conf in default-first tpmiot-first; do
		for alg in RS256 RS384 RS512; do
			cell 'signer of tokens' RSA $alg $conf jwt "$T/$conf.cnf" RSA $alg
		done
	done
	does_not 'signer with PS256' 'this version does not know it' \
	    jwt "$T/default-first.cnf" RSA PS256
	for alg in ES256:EC ES384:EC384; do
		does_not "signer with ${alg%:*}" \
		    'it asks OpenSSL for an EC_KEY, which exports the private key' \
		    jwt "$T/default-first.cnf" "${alg#*:}" "${alg%:*}"
	done
}
