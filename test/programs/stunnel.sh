# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# stunnel_conf KEY SECTION-LINE…
stunnel_conf() {
	local key=$1
	shift
	printf '%s\n' 'foreground = yes' 'pid =' 'syslog = no' '[test]' "cert = $T/$key.crt" \
	    "key = $T/$key.key" "CAfile = $T/ca.crt" 'verifyChain = yes' \
	    'sslVersionMin = TLSv1.2' "$@" >"$T/stunnel.conf"
}

stunnel_server() {
	start_web # something to connect to
	free_port
	stunnel_conf "$2" "accept = 127.0.0.1:$PORT" "connect = 127.0.0.1:${WEB[1.2]}"
	OPENSSL_CONF=$1 start stunnel stunnel4 "$T/stunnel.conf"
	server_visited "$2" "$3" "$PORT" stunnel
}

stunnel_get() {
	local status=0
	free_port
	stunnel_conf "$1" 'client = yes' "accept = 127.0.0.1:$PORT" "connect = 127.0.0.1:$2" \
	    'checkHost = localhost'
	start stunnel stunnel4 "$T/stunnel.conf"
	wait_for stunnel port_answers "$PORT" && curl -sSf "http://127.0.0.1:$PORT$3" || status=1
	stop stunnel
	[ $status -eq 0 ] || show "$T/stunnel.log"
	return $status
}
stunnel_client() { client_at_web stunnel_get "$@"; }

program stunnel stunnel4 && {
	over_tls server stunnel_server
	over_tls client stunnel_client
}
