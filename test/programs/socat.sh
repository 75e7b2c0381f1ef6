# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
socat_server() {
	free_port
	OPENSSL_CONF=$1 start socat socat \
	    "OPENSSL-LISTEN:$PORT,bind=127.0.0.1,reuseaddr,fork,cert=$T/$2.crt,key=$T/$2.key,cafile=$T/ca.crt" \
	    EXEC:'echo hello'
	server_visited "$2" "$3" "$PORT" socat
}

socat_get() {
	printf 'GET %s HTTP/1.0\r\n\r\n' "$3" | socat -t 5 - \
	    "OPENSSL:localhost:$2,cert=$T/$1.crt,key=$T/$1.key,cafile=$T/ca.crt" | grep hello
}
socat_client() { client_at_web socat_get "$@"; }

program socat socat && {
	over_tls server socat_server
	over_tls client socat_client
}
