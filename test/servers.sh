# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts to source (the tests, ../quickstart): stock nginx and mosquitto in a directory
# of their own, configured by the files in ../examples with only paths and ports replaced.

# server_identity DIR CA-CERT: key and certificate of the servers, and the CA whose devices
# they admit
server_identity() {
	mkdir -p "$1/tls" "$1/tmp"
	[ -s "$1/tls/server.crt" ] ||
	    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
		-subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
		-keyout "$1/tls/server.key" -out "$1/tls/server.crt" || return 1
	cp "$2" "$1/tls/device-ca.crt"
}

# nginx_config DIR SITE-FILE PORT: a whole configuration around the site file
nginx_config() {
	cat <<-CONF
	daemon off;
	pid $1/nginx.pid;
	error_log $1/nginx-error.log;
	env TPMIOT_TCTI;
	env TPMIOT_STATE_DIR;
	env TSS2_LOG;
	events { worker_connections 64; }
	http {
	access_log off;
	client_body_temp_path $1/tmp;
	proxy_temp_path $1/tmp;
	fastcgi_temp_path $1/tmp;
	uwsgi_temp_path $1/tmp;
	scgi_temp_path $1/tmp;
	$(sed -e "s|/etc/nginx/tls|$1/tls|; s|/var/log/nginx|$1|; s|listen 8443|listen 127.0.0.1:$3|" \
	    -e "s|/var/lib/tpmiot/|${TPMIOT_STATE_DIR:-/var/lib/tpmiot}/|" "$2")
	}
	CONF
}

# nginx_run DIR CONFIG (-e: before it has read its configuration it would log elsewhere)
nginx_run() {
	exec nginx -p "$1" -e "$1/nginx-error.log" -c "$2"
}

# mosquitto_config DIR BROKER-FILE PORT
mosquitto_config() {
	cat <<-CONF
	user $(id -un)
	log_dest file $1/mosquitto.log
	log_type all
	$(sed -e "s|/etc/mosquitto/certs/|$1/tls/|; s|/etc/mosquitto/ca_certificates/|$1/tls/|" \
	    -e "s|^listener 8883|listener $3 127.0.0.1|" "$2")
	CONF
}
