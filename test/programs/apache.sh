# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# apache_conf LINE…
apache_conf() {
	local module
	{
		echo "ServerRoot $T"
		for module in mpm_event ssl authz_core unixd proxy proxy_http; do
			[ ! -e /usr/lib/apache2/modules/mod_$module.so ] ||
			    echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
		done
		printf '%s\n' 'User www-data' 'Group www-data' "ErrorLog $T/apache.log" \
		    "PidFile $T/apache.pid" "DefaultRuntimeDir $T" "Listen 127.0.0.1:$PORT" \
		    'ServerName localhost' 'StartServers 2' "DocumentRoot $T/htdocs"
		printf '%s\n' "$@"
	} >"$T/apache.conf"
}

apache_server() {
	free_port
	apache_conf 'SSLEngine on' "SSLCertificateFile $T/$2.crt" \
	    "SSLCertificateKeyFile $T/$2.key" "SSLCACertificateFile $T/ca.crt" 'SSLVerifyClient require'
	OPENSSL_CONF=$1 start apache apache2 -f "$T/apache.conf" -DFOREGROUND
	server_visited "$2" "$3" "$PORT" apache
}

apache_get() {
	local status=0
	free_port
	apache_conf 'SSLProxyEngine on' "SSLProxyMachineCertificateFile $T/$1.pem" \
	    "SSLProxyCACertificateFile $T/ca.crt" "ProxyPass / https://localhost:$2/"
	start apache apache2 -f "$T/apache.conf" -DFOREGROUND
	wait_for apache port_answers "$PORT" && curl -sSf "http://127.0.0.1:$PORT$3" || status=1
	stop apache
	[ $status -eq 0 ] || show "$T/apache.log"
	return $status
}
apache_client() { client_at_web apache_get "$@"; }

program apache2 apache2 && {
	mkdir -p "$T/htdocs"
	over_tls server apache_server
	over_tls 'client (SSLProxy)' apache_client
}
