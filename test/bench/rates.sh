# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For bench.sh to source: signatures and handshakes a second, each beside what it is held
# against. All take turns, round by round, so that what else the machine does hits them alike;
# medians count, and the ratio is the median of the rounds' ratios.

# Many short rounds of signatures: on a busy machine the median says more then.
ROUNDS=${TPMIOT_BENCH_ROUNDS:-15}
SECONDS_EACH=${TPMIOT_BENCH_SECONDS:-0.5}
HANDSHAKE_ROUNDS=$(((ROUNDS + 1) / 2))
HANDSHAKE_SECONDS=2 # the fewest that s_time measures well: it counts in whole ones
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

# commands_for N KEY-FILE: TPM commands up to a process's N-th signature, what it gives back at
# its end left out
commands_for() {
	count_tpm "$T/signs" "$BUILD/test/bench/sign_loop" tpmiot "$2" times "$1" \
	    >>"$T/bench.log" 2>&1
	grep -cv '^FlushContext' "$T/signs"
}

# first_signatures KEY-FILE: the one that has the key loaded, one of those after it, and the
# one that has a session started (tpm/assure.h)
first_signatures() {
	local i
	rates_begin
	for ((i = 0; i < ROUNDS; i++)); do
		"$BUILD/test/bench/sign_loop" tpmiot "$1" times 65 >"$T/times" || show "$T/times" 3
		sed -n 1p "$T/times" >>"$T/rate.first"
		sed -n 2,64p "$T/times" | median >>"$T/rate.further"
		sed -n 65p "$T/times" >>"$T/rate.65"
	done
	row 'first signature of a process, P-256 key file' "$(rate_of first)" ms
	row '  TPM commands' "$(commands_for 1 "$1")" '' 2
	row 'further signature' "$(rate_of further)" ms
	row '  TPM commands' $(($(commands_for 64 "$1") - $(commands_for 63 "$1"))) '' 1
	row 'the 65th, which has a session started once' "$(rate_of 65)" ms
	row '  TPM commands' $(($(commands_for 65 "$1") - $(commands_for 64 "$1"))) '' 3
}

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

# Where tpm2-openssl works, so that both are measured alike: behind tpm2-abrmd, because it needs
# more objects than a bare TPM has room for; with the property query that its documentation has;
# and over TLS 1.3, because in 1.2 libssl takes neither its EC keys ("no shared cipher") nor its
# key exchange ("wrong curve").

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
	error_log $T/nginx.log info;
	env TPMIOT_TCTI;
	env TPM2OPENSSL_TCTI;
	env DBUS_SESSION_BUS_ADDRESS;
	env OPENSSL_MODULES;
	env TSS2_LOG;
	worker_processes 1;
	events { }
	http {
	log_format verified '\$ssl_protocol \$ssl_client_verify';
	access_log $T/nginx.saw verified;
	client_body_temp_path $T; proxy_temp_path $T; fastcgi_temp_path $T;
	uwsgi_temp_path $T; scgi_temp_path $T;
	ssl_session_cache off; ssl_session_tickets off;
	server {
		listen 127.0.0.1:$PORT ssl;
		ssl_certificate $T/server.crt;
		ssl_certificate_key $1;
		ssl_protocols TLSv1.3;
		ssl_client_certificate $T/bench-ca.crt;
		ssl_verify_client on;
		location / { return 200; }
	}
	}
	CONF
}

# mtls COMMAND OPTION…: of openssl, as the client
mtls() {
	openssl "$@" -connect "localhost:$PORT" -tls1_3 -CAfile "$T/bench-ca.crt" \
	    -cert "$T/client.crt" -key "$T/client.key"
}

# handshakes PROVIDER KEY-FILE: mTLS handshakes a second of an nginx that is started for it.
# What counts is that it saw the client verified, for the client is done before; and not the
# first one, in which the key is loaded.
handshakes() {
	local begin end
	free_port
	bench_nginx_config "$2" >"$T/nginx.conf"
	provider_config "$1" "$T/bench.cnf"
	: >"$T/nginx.saw"
	OPENSSL_CONF=$T/bench.cnf start nginx in_place "$1" nginx -p "$T" -e "$T/nginx.log" \
	    -c "$T/nginx.conf"
	wait_for nginx port_answers "$PORT" || return 1
	printf 'GET / HTTP/1.0\r\n\r\n' | mtls s_client -quiet -no_ign_eof >&2
	: >"$T/nginx.saw"
	begin=$EPOCHREALTIME
	mtls s_time -new -www / -time $HANDSHAKE_SECONDS >&2
	end=$EPOCHREALTIME
	stop nginx QUIT
	awk -v begin="$begin" -v end="$end" '/^TLSv1.3 SUCCESS$/ { n++ }
		END { printf "%.1f\n", n / (end - begin) }' "$T/nginx.saw"
}

# handshake_rates KEY-FILE WHAT
handshake_rates() {
	local i
	rates_begin
	{
		openssl req -new -provider default -provider tpmiot -key "$1" -subj /CN=localhost |
		    openssl x509 -req -CA "$T/bench-ca.crt" -CAkey "$T/bench-ca.key" \
			-out "$T/server.crt"
	} 2>>"$T/bench.log"
	for ((i = 0; i < HANDSHAKE_ROUNDS; i++)); do
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
	heading "A second (software TPM, medians of $ROUNDS or $HANDSHAKE_ROUNDS rounds)"
	bench_certificates >>"$T/bench.log" 2>&1 || show "$T/bench.log"
	for alg in RSA EC; do
		# The default provider, too: openssl warns where there is no random generator.
		openssl genpkey -provider tpmiot -provider default -quiet -algorithm $alg \
		    -out "$T/bench-$alg.key"
	done
	first_signatures "$T/bench-EC.key"
	sign_rates "$T/bench-RSA.key" rsa 'signatures, RSA 2048'
	sign_rates "$T/bench-EC.key" ec 'signatures, P-256'
	start_abrmd
	handshake_rates "$T/bench-RSA.key" 'mTLS 1.3 through nginx, RSA 2048'
	handshake_rates "$T/bench-EC.key" 'mTLS 1.3 through nginx, P-256'
}
