#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TLS with the key of one side in the TPM: client and server, 1.2 and 1.3, RSA and EC, every
# elliptic group, both orders of the providers, no property query.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm

{
	openssl req -x509 -newkey ec -pkeyopt group:P-256 -noenc -keyout "$T/ca.key" \
		-out "$T/ca.crt" -subj /CN=CA -addext basicConstraints=critical,CA:TRUE
	genpkey "$T/EC.key" -algorithm EC
	genpkey "$T/RSA.key" -algorithm RSA
	openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/soft.key"
	genpkey "$T/PSS.key" -algorithm RSA-PSS
	certify PSS 'RSA-PSS in the TPM' && certify EC 'EC in the TPM' && certify RSA 'RSA in the TPM' && certify soft 'software'
} >"$T/setup.log" 2>&1 || {
	show "$T/setup.log"
	die 'no keys and certificates'
}
shipped_config "$T/default-first.cnf" default tpmiot
shipped_config "$T/tpmiot-first.cnf" tpmiot default
NONE=$OPENSSL_CONF

serves() { grep -q ^ACCEPT "$T/server.log"; }

# handshake SERVER-CONF SERVER-KEY CLIENT-CONF CLIENT-KEY OPTION…: mutual, each side verifies
# the other's certificate. The server ends by itself: what it loaded it then unloads.
handshake() {
	local sconf=$1 skey=$2 cconf=$3 ckey=$4 status=0
	shift 4
	free_port
	OPENSSL_CONF=$sconf start server openssl s_server -accept "$PORT" -naccept 1 -www \
		-key "$T/$skey.key" -cert "$T/$skey.crt" -CAfile "$T/ca.crt" -Verify 1 \
		-verify_return_error "$@"
	wait_for server serves || return 1
	printf 'GET / HTTP/1.0\r\n\r\n' | OPENSSL_CONF=$cconf openssl s_client -quiet \
		-connect "localhost:$PORT" -verify_hostname localhost -key "$T/$ckey.key" \
		-cert "$T/$ckey.crt" -CAfile "$T/ca.crt" -verify_return_error "$@" || status=$?
	if [ "$status" -ne 0 ]; then
		show "$T/server.log"
		stop server
		return "$status"
	fi
	wait "${PIDS[server]}" || status=$?
	unset 'PIDS[server]'
	return "$status"
}

for conf in default-first tpmiot-first; do
	for version in tls1_2 tls1_3; do
		for groups in X25519:P-256:P-384 P-256:P-384 P-384:P-256; do
			for key in EC RSA; do
				check "$conf, $version, $groups, server with $key" handshake \
					"$T/$conf.cnf" "$key" "$NONE" soft "-$version" -groups "$groups"
				check "$conf, $version, $groups, client with $key" handshake \
					"$NONE" soft "$T/$conf.cnf" "$key" "-$version" -groups "$groups"
			done
		done
	done
done
for version in tls1_2 tls1_3; do
	check "$version, server with RSA-PSS" handshake \
		"$T/tpmiot-first.cnf" PSS "$NONE" soft "-$version"
	check "$version, client with RSA-PSS" handshake \
		"$NONE" soft "$T/default-first.cnf" PSS "-$version"
	# The other side would rather have SHA-512: libssl has to see that this key can't.
	check "$version, RSA-PSS, against preferences" handshake "$T/default-first.cnf" PSS \
		"$NONE" soft "-$version" -sigalgs \
		rsa_pss_pss_sha512:rsa_pss_pss_sha256:rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256
done
check_is 'nothing is left in the TPM' "$(tpm2_getcap handles-transient)" ''

# ---- What a handshake costs ----------------------------------------------------

# count_server CONF N: TPM commands of a server with the EC key over N handshakes
count_server() {
	local i
	rm -f "$T/server.pcap"
	free_port
	OPENSSL_CONF=$T/$1.cnf TPMIOT_TCTI=pcap:$TPMIOT_TCTI TCTI_PCAP_FILE=$T/server.pcap \
		start server openssl s_server -accept "$PORT" -naccept "$2" -www -groups P-256 \
		-key "$T/EC.key" -cert "$T/EC.crt"
	wait_for server serves || return 1
	for ((i = 0; i < $2; i++)); do
		printf 'GET / HTTP/1.0\r\n\r\n' | openssl s_client -quiet -groups P-256 \
			-connect "localhost:$PORT" -CAfile "$T/ca.crt" -verify_return_error
	done >"$T/out" 2>&1
	wait "${PIDS[server]}"
	unset 'PIDS[server]'
	"$TPMCOUNT" "$T/server.pcap" | sort | uniq -c | awk '{ print $2 "=" $1 }' | paste -sd' '
}

for conf in default-first tpmiot-first; do
	check_is "$conf: each handshake costs one TPM2_Sign" "$(count_server "$conf" 4)" \
		'FlushContext=1 Load=1 Sign=4'
done

# ---- Ephemeral and other software keys stay out of the TPM ------------------------

check 'tpmiot first: genpkey makes a software key' env OPENSSL_CONF="$T/tpmiot-first.cnf" \
	openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/x.key"
check_grep '^-----BEGIN PRIVATE KEY-----' "$T/x.key" 'as its file says'
check 'tpmiot first: an encrypted one' env OPENSSL_CONF="$T/tpmiot-first.cnf" \
	openssl genpkey -algorithm RSA -aes256 -pass pass:secret -out "$T/x.key"
check_grep '^-----BEGIN ENCRYPTED PRIVATE KEY-----' "$T/x.key" 'is encrypted'
check 'and signs' env OPENSSL_CONF="$T/tpmiot-first.cnf" \
	openssl dgst -sha256 -passin pass:secret -sign "$T/x.key" -out "$T/sig" "$T/x.key"
check 'a parent asks for a TPM key' env OPENSSL_CONF="$T/default-first.cnf" openssl genpkey \
	-propquery provider=tpmiot -algorithm EC -pkeyopt parent:0x81000001 -out "$T/x.key"
check_grep '^-----BEGIN TSS2 PRIVATE KEY-----' "$T/x.key" 'and gets one'

done_testing
