# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
lighttpd_server() {
	free_port
	cat >"$T/lighttpd.conf" <<-CONF
	server.modules = ("mod_openssl")
	server.port = $PORT
	server.bind = "127.0.0.1"
	server.username = "www-data"
	server.max-worker = 2
	server.document-root = "$T/htdocs"
	ssl.engine = "enable"
	ssl.pemfile = "$T/$2.crt"
	ssl.privkey = "$T/$2.key"
	ssl.ca-file = "$T/ca.crt"
	ssl.verifyclient.activate = "enable"
	ssl.verifyclient.enforce = "enable"
	ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2")
	CONF
	OPENSSL_CONF=$1 start lighttpd lighttpd -D -f "$T/lighttpd.conf"
	server_visited "$2" "$3" "$PORT" lighttpd
}

program lighttpd lighttpd lighttpd-mod-openssl && {
	mkdir -p "$T/htdocs"
	over_tls 'server, 2 workers' lighttpd_server
}
