# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
ncat_server() {
	free_port
	OPENSSL_CONF=$1 start ncat ncat --listen --keep-open --ssl --ssl-cert "$T/$2.crt" \
	    --ssl-key "$T/$2.key" --sh-exec 'echo hello' 127.0.0.1 "$PORT"
	server_visited "$2" "$3" "$PORT" ncat
}

ncat_get() {
	printf 'GET %s HTTP/1.0\r\n\r\n' "$3" | ncat --ssl-verify --ssl-trustfile "$T/ca.crt" \
	    --ssl-cert "$T/$1.crt" --ssl-key "$T/$1.key" localhost "$2" | grep hello
}
ncat_client() { client_at_web ncat_get "$@"; }

program ncat ncat && {
	over_tls server ncat_server
	over_tls client ncat_client
}
