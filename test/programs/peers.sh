# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The other side of each program: it has a software key, does not know of the TPM, and speaks
# one version of TLS only, so that what it saw says which was used.

# only_tls VERSION: prints the configuration of a peer
only_tls() {
	local file=$T/only-$1.cnf
	[ -s "$file" ] || cat >"$file" <<-CNF
	openssl_conf = init
	[init]
	providers = providers
	ssl_conf = ssl
	[providers]
	default = default_sect
	[default_sect]
	activate = 1
	[ssl]
	system_default = defaults
	[defaults]
	MinProtocol = TLSv$1
	MaxProtocol = TLSv$1
	CNF
	echo "$file"
}

# ---- A web server for clients ---------------------------------------------------

declare -A WEB=() # the port of the server that speaks this version

nginx_http() {
	cat <<-CONF
	daemon off;
	pid $T/$1.pid;
	error_log $T/$1.log info;
	env TPMIOT_TCTI;
	env DBUS_SESSION_BUS_ADDRESS;
	env TSS2_LOG;
	worker_processes ${2:-1};
	events { worker_connections 128; }
	http {
	client_body_temp_path $T/$1.tmp; proxy_temp_path $T/$1.tmp; fastcgi_temp_path $T/$1.tmp;
	uwsgi_temp_path $T/$1.tmp; scgi_temp_path $T/$1.tmp;
	ssl_session_cache off; ssl_session_tickets off;
	CONF
}

web_config() {
	local tls
	nginx_http web
	cat <<-'CONF'
	log_format saw '$uri $ssl_protocol $ssl_client_verify $ssl_client_s_dn';
	CONF
	echo "access_log $T/web.saw saw;"
	for tls in 1.2 1.3; do
		cat <<-CONF
		server {
			listen 127.0.0.1:${WEB[$tls]} ssl;
			ssl_certificate $T/soft.crt;
			ssl_certificate_key $T/soft.key;
			ssl_protocols TLSv$tls;
			ssl_client_certificate $T/ca.crt;
			ssl_verify_client on;
			location / { default_type text/plain; return 200 "hello\n"; }
		}
		CONF
	done
	echo '}'
}

start_web() {
	local tls
	! alive web || return 0
	for tls in 1.2 1.3; do
		free_port
		# shellcheck disable=SC2153  # set by free_port
		WEB[$tls]=$PORT
	done
	web_config >"$T/web.conf"
	: >"$T/web.saw"
	start web nginx -p "$T" -e "$T/web.log" -c "$T/web.conf"
	wait_for web port_answers "$PORT" || die 'nginx does not start'
}

PAGES=0

# A page of its own for each test
new_page() {
	PAGES=$((PAGES + 1))
	PAGE=/page-$PAGES
}

# web_saw KEY TLS-VERSION: in the request for PAGE
web_saw() { wait_for web grep -qxF "$PAGE TLSv$2 SUCCESS CN=$1 key" "$T/web.saw"; }

# client_at_web FUNCTION CONF KEY TLS-VERSION: runs FUNCTION KEY PORT PAGE
client_at_web() {
	local get=$1 conf=$2 key=$3 tls=$4
	start_web
	new_page
	OPENSSL_CONF=$conf "$get" "$key" "${WEB[$tls]}" "$PAGE" && web_saw "$key" "$tls"
}

# ---- A client for servers -------------------------------------------------------

# visit KEY TLS-VERSION PORT [OPTION…]: with a software key, a server whose key is KEY
visit() {
	local key=$1 tls=$2 port=$3
	shift 3
	# The server may say something first, and some close only when we do.
	{ printf 'GET / HTTP/1.0\r\n\r\n'; sleep 0.2; } |
	    timeout 20 openssl s_client "-tls${tls/./_}" -connect "localhost:$port" -brief \
		-CAfile "$T/ca.crt" -verify_return_error -verify_hostname localhost \
		-cert "$T/soft.crt" -key "$T/soft.key" "$@" >"$T/visit.out" 2>"$T/visit"
	cat "$T/visit"
	grep -qx "Protocol version: TLSv$tls" "$T/visit" && grep -qx 'Verification: OK' "$T/visit" &&
	    grep -qx "Peer certificate: CN = $key key" "$T/visit"
}

# server_visited KEY TLS-VERSION PORT NAME: it is started as NAME, visited, and ends
server_visited() {
	local status=0
	wait_for "$4" port_answers "$3" && visit "$1" "$2" "$3" || status=1
	[ "$status" -eq 0 ] || show "$T/$4.log"
	stop "$4" || :
	return $status
}

stop_peers() { stop web QUIT || :; }
