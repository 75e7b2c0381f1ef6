#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stock programs with the shipped openssl.cnf and a key file, in both orders of the providers:
# as TLS servers (nginx, mosquitto), as clients (curl, mosquitto_pub), and OpenSSL's own tools.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"

start_swtpm
{
	openssl req -x509 -newkey ec -pkeyopt group:P-256 -noenc -keyout "$T/ca.key" \
		-out "$T/ca.crt" -subj /CN=CA
	genpkey "$T/EC.key" -algorithm EC
	genpkey "$T/RSA.key" -algorithm RSA
	openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/soft.key"
	for key in EC RSA soft; do
		certify "$key" "$key key"
	done
} >"$T/setup.log" 2>&1 || {
	show "$T/setup.log"
	die 'no keys and certificates'
}
shipped_config "$T/default-first.cnf" default tpmiot
shipped_config "$T/tpmiot-first.cnf" tpmiot default
NONE=$OPENSSL_CONF

# ---- Servers -------------------------------------------------------------------

# nginx_config KEY: one worker, as swtpm serves one process at a time
nginx_config() {
	cat <<-CONF
	daemon off;
	worker_processes 1;
	pid $T/nginx.pid;
	error_log $T/nginx.log info;
	env TPMIOT_TCTI;
	env TSS2_LOG;
	events { }
	http {
	log_format tls '\$ssl_protocol \$ssl_client_verify \$ssl_client_s_dn';
	access_log $T/nginx.access tls;
	client_body_temp_path $T; proxy_temp_path $T; fastcgi_temp_path $T;
	uwsgi_temp_path $T; scgi_temp_path $T;
	keepalive_timeout 0;
	server {
		listen 127.0.0.1:$PORT ssl;
		ssl_certificate $T/$1.crt;
		ssl_certificate_key $T/$1.key;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_client_certificate $T/ca.crt;
		ssl_verify_client optional;
		ssl_session_cache off;
		location / { default_type text/plain; return 200 "hello\n"; }
	}
	}
	CONF
}

# run CONF COMMAND…
run() {
	local conf=$1
	shift
	OPENSSL_CONF=$conf "$@"
}

# fetch CONF KEY VERSION: by curl
fetch() {
	run "$1" curl -sS --cacert "$T/ca.crt" --key "$T/$2.key" --cert "$T/$2.crt" \
		"--tlsv$3" --tls-max "$3" "https://localhost:$PORT/"
}

workers() { pgrep -P "${PIDS[nginx]}" | sort | paste -sd' '; }
# shellcheck disable=SC2317,SC2329  # by wait_for
new_worker() { [ -n "$(workers)" ] && [ "$(workers)" != "$old" ]; }

if command -v nginx >/dev/null; then
	for conf in default-first tpmiot-first; do
		for key in EC RSA; do
			free_port
			nginx_config $key >"$T/nginx.conf"
			OPENSSL_CONF=$T/$conf.cnf start nginx nginx -p "$T" -e "$T/nginx.log" \
				-c "$T/nginx.conf"
			wait_for nginx port_answers "$PORT" || die 'nginx does not start'
			for version in 1.2 1.3; do
				check "$conf: nginx with the $key key, TLS $version" \
					fetch "$NONE" soft $version
			done
			old=$(workers)
			kill -HUP "${PIDS[nginx]}"
			wait_for nginx new_worker
			check "$conf: nginx with the $key key, reloaded" fetch "$NONE" soft 1.3
			stop nginx QUIT
		done
	done

	# nginx with a software key: it sees who the device is
	free_port
	nginx_config soft >"$T/nginx.conf"
	start nginx nginx -p "$T" -e "$T/nginx.log" -c "$T/nginx.conf"
	wait_for nginx port_answers "$PORT" || die 'nginx does not start'
	for conf in default-first tpmiot-first; do
		for key in EC RSA; do
			for version in 1.2 1.3; do
				: >"$T/nginx.access"
				check "$conf: curl with the $key key, TLS $version" \
					fetch "$T/$conf.cnf" $key $version
				# nginx writes its log when it has answered.
				wait_for nginx test -s "$T/nginx.access"
				check_is "nginx saw it" "$(tail -n 1 "$T/nginx.access")" \
					"TLSv$version SUCCESS CN=$key key"
			done
		done
	done
	stop nginx QUIT
else
	skip 'nginx is not installed' 'nginx, and curl against it'
fi

# mosquitto_start KEY [CONF]
mosquitto_start() {
	free_port
	cat >"$T/mosquitto.conf" <<-CONF
	user $(id -un)
	listener $PORT 127.0.0.1
	cafile $T/ca.crt
	certfile $T/$1.crt
	keyfile $T/$1.key
	require_certificate true
	use_identity_as_username true
	log_type all
	CONF
	OPENSSL_CONF=${2:-$NONE} start mosquitto mosquitto -c "$T/mosquitto.conf"
	wait_for mosquitto port_answers "$PORT" || die 'mosquitto does not start'
}

# publish CONF KEY
publish() {
	run "$1" mosquitto_pub -h localhost -p "$PORT" -q 1 --cafile "$T/ca.crt" \
		--key "$T/$2.key" --cert "$T/$2.crt" -t test -m hello
}

if command -v mosquitto >/dev/null; then
	for conf in default-first tpmiot-first; do
		for key in EC RSA; do
			mosquitto_start $key "$T/$conf.cnf"
			check "$conf: mosquitto with the $key key" publish "$NONE" soft
			stop mosquitto
			mosquitto_start soft
			check "$conf: mosquitto_pub with the $key key" publish "$T/$conf.cnf" $key
			stop mosquitto
			check_grep "u'$key key'" "$T/mosquitto.log" 'mosquitto saw it'
		done
	done
else
	skip 'mosquitto is not installed' 'mosquitto and mosquitto_pub'
fi

# ---- OpenSSL's own tools ---------------------------------------------------------

echo hello >"$T/message"
for conf in default-first tpmiot-first; do
	for key in EC RSA; do
		check "$conf: openssl cms -sign, $key" run "$T/$conf.cnf" openssl cms -sign \
			-in "$T/message" -signer "$T/$key.crt" -inkey "$T/$key.key" -out "$T/cms"
		check 'verifies' openssl cms -verify -in "$T/cms" -CAfile "$T/ca.crt" -purpose any \
			-out "$T/x"
		check "$conf: openssl req -x509, $key" run "$T/$conf.cnf" openssl req -x509 -new \
			-key "$T/$key.key" -subj /CN=root -addext basicConstraints=critical,CA:TRUE \
			-out "$T/root.crt"
		check "$conf: openssl x509 -CAkey, $key" run "$T/$conf.cnf" openssl x509 -req \
			-in "$T/soft.csr" -CA "$T/root.crt" -CAkey "$T/$key.key" -out "$T/issued.crt"
		check 'verifies' openssl verify -CAfile "$T/root.crt" "$T/issued.crt"
	done
done

check_is 'nothing is left in the TPM' "$(tpm2_getcap handles-transient)" ''
done_testing
