# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For bench.sh to source: signatures and handshakes a second, each beside what it is held
# against. All take turns, round by round, so that what else the machine does hits them alike;
# medians count, and the ratio is the median of the rounds' ratios.

ROUNDS=${TPMIOT_BENCH_ROUNDS:-7}
SECONDS_EACH=${TPMIOT_BENCH_SECONDS:-1}
TPM2_MODULES=$(openssl version -m | sed -n 's/^MODULESDIR: "\(.*\)"/\1/p')

have_tpm2() { [ -e "$TPM2_MODULES/tpm2.so" ]; }

# in_place PROVIDER COMMAND…: becomes it, where the provider (tpm2: tpm2-openssl) is found
in_place() {
	[ "$1" != tpm2 ] || export OPENSSL_MODULES=$TPM2_MODULES TPM2OPENSSL_TCTI=$TPMIOT_TCTI
	shift
	exec "$@"
}

median() { sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }

# ratio FILE BASE-FILE
ratio() {
	paste "$1" "$2" | awk 'NF == 2 && $2 > 0 { print $1 / $2 }' | median |
	    awk '{ printf "%.2f", $1 }'
}

# rate NAME COMMAND…: one round; what it prints is added to the others of this name
rate() {
	local name=$1
	shift
	"$@" >>"$T/rate.$name" 2>>"$T/bench.log" || show "$T/bench.log" 3
}

rates_begin() { rm -f "$T"/rate.*; }
rate_of() { median <"$T/rate.$1"; }

# sign_rates KEY-FILE rsa|ec WHAT
sign_rates() {
	local i loop=$BUILD/test/bench/sign_loop esys=$BUILD/test/bench/esys_loop
	rates_begin
	for ((i = 0; i < ROUNDS; i++)); do
		[ ! -x "$esys" ] || rate esys "$esys" "$2" "$SECONDS_EACH"
		rate one "$loop" tpmiot "$1" "$SECONDS_EACH"
		rate eight "$loop" tpmiot "$1" "$SECONDS_EACH" 8
		! have_tpm2 || (rate tpm2 in_place tpm2 "$loop" tpm2 "$1" "$SECONDS_EACH")
	done
	[ ! -x "$esys" ] || row "$3: ESYS alone" "$(rate_of esys)" /s
	row "$3: tpmiot" "$(rate_of one)" /s
	[ ! -x "$esys" ] || row "  of ESYS alone" "$(ratio "$T/rate.one" "$T/rate.esys")" '' '>= 0.97'
	row "  8 threads, of one" "$(ratio "$T/rate.eight" "$T/rate.one")" '' '>= 1'
	! have_tpm2 || row "  tpm2-openssl, of ESYS alone" \
	    "$(ratio "$T/rate.tpm2" "$T/rate.esys")" ''
}

# ---- Handshakes through nginx ---------------------------------------------------

# provider_config PROVIDER FILE: the default one first; tpm2-openssl wants to be preferred
provider_config() {
	sed "s/^tpmiot = /$1 = /" "$SRC/examples/openssl.cnf" >"$2"
	[ "$1" != tpm2 ] || cat >>"$2" <<-'CNF'
	[openssl_init]
	alg_section = properties
	[properties]
	default_properties = ?provider=tpm2,tpm2.digest!=yes,tpm2.cipher!=yes
	CNF
}

bench_nginx_config() {
	cat <<-CONF
	daemon off;
	pid $T/nginx.pid;
	error_log $T/nginx.log;
	env TPMIOT_TCTI;
	env TPM2OPENSSL_TCTI;
	env OPENSSL_MODULES;
	env TSS2_LOG;
	worker_processes 1;
	events { }
	http {
	access_log off;
	client_body_temp_path $T; proxy_temp_path $T; fastcgi_temp_path $T;
	uwsgi_temp_path $T; scgi_temp_path $T;
	ssl_session_cache off; ssl_session_tickets off;
	server {
		listen 127.0.0.1:$PORT ssl;
		ssl_certificate $T/server.crt;
		ssl_certificate_key $1;
		ssl_protocols TLSv1.2 TLSv1.3;
		ssl_client_certificate $T/bench-ca.crt;
		ssl_verify_client on;
	}
	}
	CONF
}

# handshakes PROVIDER KEY-FILE: mTLS handshakes a second of an nginx that is started for it. TLS 1.2:
# in 1.3 the client is done before the server has verified it, and would count what fails.
handshakes() {
	local begin count
	free_port
	bench_nginx_config "$2" >"$T/nginx.conf"
	provider_config "$1" "$T/bench.cnf"
	OPENSSL_CONF=$T/bench.cnf start nginx in_place "$1" nginx -p "$T" -e "$T/nginx.log" \
	    -c "$T/nginx.conf"
	wait_for nginx port_answers "$PORT" || return 1
	begin=$EPOCHREALTIME
	count=$(openssl s_time -new -time $((SECONDS_EACH + 1)) -connect "localhost:$PORT" -tls1_2 \
	    -CAfile "$T/bench-ca.crt" -cert "$T/client.crt" -key "$T/client.key" |
	    sed -n 's/^\([0-9]*\) connections in .*real seconds.*/\1/p')
	awk "BEGIN { printf \"%.1f\n\", ${count:-0} / ($EPOCHREALTIME - $begin) }"
	stop nginx QUIT
}

# handshake_rates KEY-FILE WHAT
handshake_rates() {
	local i
	rates_begin
	openssl req -new -provider default -provider tpmiot -key "$1" -subj /CN=localhost |
	    openssl x509 -req -CA "$T/bench-ca.crt" -CAkey "$T/bench-ca.key" -out "$T/server.crt" \
		2>>"$T/bench.log"
	for ((i = 0; i < ROUNDS; i++)); do
		rate tpmiot handshakes tpmiot "$1"
		! have_tpm2 || rate tpm2 handshakes tpm2 "$1"
	done
	row "$2: tpmiot" "$(rate_of tpmiot)" /s
	have_tpm2 || return 0
	row "$2: tpm2-openssl" "$(rate_of tpm2)" /s
	row '  tpmiot, of tpm2-openssl' "$(ratio "$T/rate.tpmiot" "$T/rate.tpm2")" '' '> 1'
}

# What the handshakes need besides the key
bench_certificates() {
	openssl req -x509 -newkey ec -pkeyopt group:P-256 -noenc -keyout "$T/bench-ca.key" \
	    -out "$T/bench-ca.crt" -subj /CN=CA &&
	    openssl req -newkey ec -pkeyopt group:P-256 -noenc -keyout "$T/client.key" \
		-subj /CN=client -out "$T/client.csr" &&
	    openssl x509 -req -in "$T/client.csr" -CA "$T/bench-ca.crt" \
		-CAkey "$T/bench-ca.key" -out "$T/client.crt"
}

all_rates() {
	local alg
	heading "A second (software TPM, medians of $ROUNDS rounds)"
	bench_certificates >>"$T/bench.log" 2>&1 || show "$T/bench.log"
	for alg in RSA EC; do
		openssl genpkey -provider tpmiot -quiet -algorithm $alg -out "$T/bench-$alg.key"
	done
	sign_rates "$T/bench-RSA.key" rsa 'signatures, RSA 2048'
	sign_rates "$T/bench-EC.key" ec 'signatures, P-256'
	handshake_rates "$T/bench-RSA.key" 'mTLS 1.2 handshakes through nginx, RSA 2048'
	handshake_rates "$T/bench-EC.key" 'mTLS 1.2 handshakes through nginx, P-256'
}
