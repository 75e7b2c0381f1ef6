#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx under load, reloaded again and again, and its workers killed: a key in the TPM loses
# no handshake that a key in a file would not lose. Both are served by the same workers, at
# two ports, under the same load. TPMIOT_LONG=1: for longer.
# shellcheck source=../integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=keys.sh
. "$SRC/test/provider/keys.sh"
CLIENTS=3
ROUNDS=${TPMIOT_LONG:+20}
ROUNDS=${ROUNDS:-4}

command -v nginx >/dev/null || skip_all 'there is no nginx'

# site NAME PORT KEY
site() {
	cat <<-CONF
	server {
		listen 127.0.0.1:$2 ssl;
		ssl_certificate $T/$1.crt;
		ssl_certificate_key $3;
		location / { return 200 "$1\n"; }
	}
	CONF
}

# serve NAME OPTION…: a key with a certificate
serve() {
	local name=$1
	shift
	genpkey "$T/$name.key" "$@" &&
	    openssl req -x509 -new -provider tpmiot -provider default -key "$T/$name.key" -subj /CN=localhost \
		-out "$T/$name.crt" 2>"$T/req.log"
}

nginx_up() {
	{
		cat <<-CONF
		daemon off;
		user $(id -un);
		worker_processes 4;
		pid $T/nginx.pid;
		error_log $T/nginx-error.log;
		env TPMIOT_TCTI;
		env TSS2_LOG;
		env DBUS_SESSION_BUS_ADDRESS;
		env OPENSSL_CONF;
		events { worker_connections 64; }
		http {
		access_log off;
		client_body_temp_path $T/tmp;
		proxy_temp_path $T/tmp;
		fastcgi_temp_path $T/tmp;
		uwsgi_temp_path $T/tmp;
		scgi_temp_path $T/tmp;
		CONF
		site file "$FILE_PORT" "$T/file.key"
		site ec "$TPM_PORT" "$T/ec.key"
		echo '}'
	} >"$T/nginx.conf"
	OPENSSL_CONF=$T/shipped.cnf start nginx nginx -p "$T" -e "$T/nginx-error.log" -c "$T/nginx.conf"
	wait_for nginx port_answers "$TPM_PORT"
}

workers() { pgrep -P "${PIDS[nginx]}"; }

reload() { kill -HUP "${PIDS[nginx]}"; }

# The worker that has been there longest
kill_worker() { kill -KILL "$(workers | head -n 1)"; }

# under_load EVENT: EVENT every second while clients ask at both ports; sets GOOD, LOST and
# SLOWEST, with the ports as indices
under_load() {
	local i port good lost slowest rest
	start load "$BUILD/test/provider/handshakes" $((ROUNDS + 1)) "$CLIENTS" "$FILE_PORT" "$TPM_PORT"
	for ((i = 0; i < ROUNDS; i++)); do
		sleep 1
		"$1"
	done
	wait "${PIDS[load]}"
	unset 'PIDS[load]'
	while read -r port _ good _ lost _ slowest rest; do
		GOOD[$port]=$good LOST[$port]=$lost SLOWEST[$port]=$slowest
	done < <(grep ' good ' "$T/load.log")
	note "file: $(grep "^$FILE_PORT good" "$T/load.log")"
	note "TPM:  $(grep "^$TPM_PORT good" "$T/load.log")"
}
declare -A GOOD LOST SLOWEST

# in_bounds WHAT N BOUND
in_bounds() {
	if [ "$2" -le "$3" ]; then
		ok "$1"
	else
		not_ok "$1: $2, at most $3"
		show "$T/load.log"
		show "$T/nginx-error.log"
	fi
}

hold() {
	nginx_up || die 'nginx does not start'
	under_load reload
	in_bounds "$1, reloaded: the file key loses none" "${LOST[$FILE_PORT]}" 0
	in_bounds "$1, reloaded: nor does the TPM's" "${LOST[$TPM_PORT]}" 0
	check "$1, reloaded: handshakes were made with it" [ "${GOOD[$TPM_PORT]}" -gt "$ROUNDS" ]
	under_load kill_worker
	# Each client has one connection: that one can be with the worker that is killed.
	in_bounds "$1, workers killed: no more is lost than they had in hand" "${LOST[$TPM_PORT]}" \
	    $((ROUNDS * CLIENTS))
	note "the file key lost ${LOST[$FILE_PORT]}"
	in_bounds "$1, workers killed: nobody waits for the dead" "${SLOWEST[$TPM_PORT]}" 20000
	check "$1, workers killed: handshakes were made with it" [ "${GOOD[$TPM_PORT]}" -gt "$ROUNDS" ]
	check_is "$1: the log has no error of a key's" \
	    "$(grep -ciE 'tpmiot|TPM2_|SSL_do_handshake' "$T/nginx-error.log")" 0
	stop nginx QUIT
	: >"$T/nginx-error.log"
}

chmod 711 "$T"
mkdir -p "$T/tmp"
shipped_config "$T/shipped.cnf" default tpmiot
free_port
FILE_PORT=$PORT
free_port
TPM_PORT=$PORT
start_swtpm
serve ec -algorithm EC -pkeyopt group:P-256 || die 'no key'
openssl req -x509 -newkey ec -pkeyopt group:P-256 -noenc -keyout "$T/file.key" -subj /CN=localhost \
    -out "$T/file.crt" 2>"$T/req.log" || die 'no key'

hold 'three slots without a resource manager'
# What killed workers left we would flush where there is no room; tpm2-abrmd never does.
tpm2_flushcontext -Q -t || die 'the TPM is not emptied'
start_abrmd
hold 'tpm2-abrmd'
done_testing
