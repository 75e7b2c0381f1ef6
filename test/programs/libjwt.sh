# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# libjwt of Debian, and a newer one, which has no package: TPMIOT_LIBJWT is the prefix where
# it is installed. From 1.17 on it asks OpenSSL 3 for a curve as OpenSSL 3 wants to be asked.

# jwt SIGNER CONF KEY ALGORITHM
jwt() { OPENSSL_CONF=$2 "$T/$1" "$4" "$T/$3.key" "$T/$3.pub"; }

# jwt_signs SIGNER KEY-TYPE KEY ALGORITHM…: in both orders of the providers
jwt_signs() {
	local signer=$1 type=$2 key=$3 conf alg
	shift 3
	for conf in default-first tpmiot-first; do
		for alg; do
			cell 'signer of tokens' "$type" "$alg" "$conf" jwt "$signer" \
			    "$T/$conf.cnf" "$key" "$alg"
		done
	done
}

program libjwt libjwt0 libjwt-dev gcc && {
	gcc -o "$T/jwt_sign" "$HERE/jwt_sign.c" -ljwt || die 'jwt_sign.c does not compile'
	jwt_signs jwt_sign RSA RSA RS256 RS384 RS512
	does_not "signer with PS256 in ${VERSION%%-*}" 'this version does not know it' \
	    jwt jwt_sign "$T/default-first.cnf" RSA PS256
	for alg in ES256:EC ES384:EC384; do
		does_not "signer with ${alg%:*} in ${VERSION%%-*}" \
		    'it asks OpenSSL for an EC_KEY, which exports the private key' \
		    jwt jwt_sign "$T/default-first.cnf" "${alg#*:}" "${alg%:*}"
	done
	if [ -n "${TPMIOT_LIBJWT-}" ]; then
		VERSION="$(sed -n 's/^Version: //p' "$TPMIOT_LIBJWT/lib/pkgconfig/libjwt.pc"), no package"
		gcc -o "$T/jwt_sign_new" -I"$TPMIOT_LIBJWT/include" "$HERE/jwt_sign.c" \
		    -L"$TPMIOT_LIBJWT/lib" -Wl,-rpath,"$TPMIOT_LIBJWT/lib" -ljwt ||
		    die 'jwt_sign.c does not compile with the newer libjwt'
		jwt_signs jwt_sign_new RSA RSA RS256 RS384 RS512
		jwt_signs jwt_sign_new RSA PSS PS256
		remark 'PS256 wants a key of type RSA-PSS (genpkey -algorithm RSA-PSS)'
		jwt_signs jwt_sign_new EC EC ES256
		jwt_signs jwt_sign_new EC EC384 ES384
	else
		skip 'libjwt from 1.17 on' 'TPMIOT_LIBJWT does not say where one is installed'
	fi
}
