# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Certificate and key are in one file. The client library of tpm2-abrmd starts a thread of
# its own, which haproxy's workers may not do unless insecure-fork-wanted says so.
haproxy_conf() {
	cat <<-CONF
	global
		user haproxy
		insecure-fork-wanted
		nbthread 4
	defaults
		mode http
		timeout connect 10s
		timeout client 10s
		timeout server 10s
	CONF
}

haproxy_server() {
	free_port
	{
		haproxy_conf
		cat <<-CONF
		frontend test
			bind 127.0.0.1:$PORT ssl crt $T/$2.pem ca-file $T/ca.crt verify required
			http-request return status 200 content-type text/plain string hello
		CONF
	} >"$T/haproxy.conf"
	OPENSSL_CONF=$1 start haproxy haproxy -db -f "$T/haproxy.conf"
	server_visited "$2" "$3" "$PORT" haproxy
}

haproxy_get() {
	local status=0
	free_port
	{
		haproxy_conf
		cat <<-CONF
		listen test
			bind 127.0.0.1:$PORT
			server web 127.0.0.1:$2 ssl crt $T/$1.pem ca-file $T/ca.crt verify required verifyhost localhost
		CONF
	} >"$T/haproxy.conf"
	start haproxy haproxy -db -f "$T/haproxy.conf"
	wait_for haproxy port_answers "$PORT" && curl -sSf "http://127.0.0.1:$PORT$3" || status=1
	stop haproxy
	return $status
}
haproxy_client() { client_at_web haproxy_get "$@"; }

program haproxy haproxy && {
	over_tls server haproxy_server
	over_tls client haproxy_client
	remark 'behind tpm2-abrmd with insecure-fork-wanted, because that one starts a thread'
}
