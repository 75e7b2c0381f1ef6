# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Four workers, that are not root. What they serve says which of them it was.
nginx_server_config() {
	nginx_http nginx 4
	cat <<-CONF
	server {
		listen 127.0.0.1:$PORT ssl reuseport;
		ssl_certificate $T/$1.crt;
		ssl_certificate_key $T/$1.key;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_client_certificate $T/ca.crt;
		ssl_verify_client on;
		location / { return 200 "worker \$pid\n"; }
	}
	}
	CONF
}

# nginx_start CONF
nginx_start() {
	mkdir -p "$T/nginx.tmp"
	OPENSSL_CONF=$1 start nginx nginx -p "$T" -e "$T/nginx.log" -c "$T/nginx.conf"
	wait_for nginx port_answers "$PORT"
}

# Until each of the workers has signed
workers_visited() {
	local i
	: >"$T/workers"
	for ((i = 0; i < 60; i++)); do
		visit "$1" "$2" "$PORT" -ign_eof >"$T/nginx.visit" || return 1
		grep '^worker' "$T/visit.out" >>"$T/workers"
		[ "$(sort -u "$T/workers" | wc -l)" -lt 4 ] || return 0
	done
	echo 'not every worker was reached'
	return 1
}

nginx_server() {
	local status=0
	free_port
	nginx_server_config "$2" >"$T/nginx.conf"
	nginx_start "$1" && workers_visited "$2" "$3" || status=1
	[ $status -eq 0 ] || show "$T/nginx.log"
	stop nginx QUIT
	return $status
}

nginx_proxy_config() {
	nginx_http nginx 4
	cat <<-CONF
	server {
		listen 127.0.0.1:$PORT;
		location / {
			proxy_pass https://localhost:$2;
			proxy_ssl_certificate $T/$1.crt;
			proxy_ssl_certificate_key $T/$1.key;
			proxy_ssl_protocols TLSv1.2 TLSv1.3;
			proxy_ssl_trusted_certificate $T/ca.crt;
			proxy_ssl_verify on;
			proxy_ssl_name localhost;
		}
	}
	}
	CONF
}

nginx_get() {
	local status=0
	free_port
	nginx_proxy_config "$1" "$2" >"$T/nginx.conf"
	nginx_start "$OPENSSL_CONF" && curl -sSf "http://localhost:$PORT$3" || status=1
	stop nginx QUIT
	return $status
}
nginx_client() { client_at_web nginx_get "$@"; }

program nginx nginx curl && {
	over_tls 'server, 4 workers' nginx_server
	over_tls 'client (proxy_ssl)' nginx_client
}
