#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make programs: runs stock programs with keys in a software TPM behind tpm2-abrmd, and says
# what the other side saw. Each program runs with the shipped openssl.cnf in both orders of
# the providers, no property query, with an RSA and an EC key, over TLS 1.2 and 1.3.
#
#	run.sh [--readme=FILE] [PROGRAM…]
#
# PROGRAM is the name of a file beside this one; default: all. --readme puts the table of
# results between the markers in FILE. Missing packages are installed with apt-get.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$SRC/test/provider/keys.sh"
# shellcheck source=test/programs/peers.sh
. "$SRC/test/programs/peers.sh"

README=
case ${1:-} in
--readme=*)
	README=${1#*=}
	shift
	;;
esac
HERE=$SRC/test/programs
[ $# -gt 0 ] || set -- openssl curl mosquitto nginx stunnel haproxy apache lighttpd hitch socat ncat \
    python perl php openvpn redis postgresql rsyslog wpa libjwt

# ---- Results -----------------------------------------------------------------

ROWS=$T/rows # PROGRAM, VERSION, ROLE, KEY, VARIANT and "ok" or "no", with tabs between

# program NAME PACKAGE [PACKAGE…]: what comes next is about it; the first has its version
program() {
	PROGRAM=$1
	shift
	"$SRC/test/install-packages" "$@" >"$T/install.log" 2>&1 || {
		show "$T/install.log"
		VERSION='not installed'
		return 1
	}
	VERSION=$(dpkg-query -W -f '${Version}' "$1")
}

# cell ROLE KEY VARIANT ORDER COMMAND…: one test, and its place in the table
cell() {
	local role=$1 key=$2 variant=$3 conf=$4 failed=$TAP_FAILED outcome=ok
	shift 4
	check "$PROGRAM, $role: $key, $variant, $conf" "$@"
	[ "$TAP_FAILED" -eq "$failed" ] || outcome=no
	printf '%s\t' "$PROGRAM" "$VERSION" "$role" "$key" "$variant" >>"$ROWS"
	printf '%s\n' "$outcome" >>"$ROWS"
}

# over_tls ROLE FUNCTION: calls FUNCTION CONF KEY TLS-VERSION for all of them; CONF is the
# configuration for the program, all that knows of the TPM
over_tls() {
	local conf key tls
	for conf in default-first tpmiot-first; do
		for key in RSA EC; do
			for tls in 1.2 1.3; do
				cell "$1" "$key" "TLS $tls" "$conf" "$2" "$T/$conf.cnf" "$key" "$tls"
			done
		done
	done
}

# signs ROLE FUNCTION: the same for what is no TLS: FUNCTION CONF KEY
signs() {
	local conf key
	for conf in default-first tpmiot-first; do
		for key in RSA EC; do
			cell "$1" "$key" yes "$conf" "$2" "$T/$conf.cnf" "$key"
		done
	done
}

# remark TEXT: for below the table
remark() { printf '%s\t%s\n' "$PROGRAM" "$1" >>"$T/remarks"; }

# does_not ROLE WHY COMMAND…: a use that is known to fail. One that does not fail any more
# belongs in the table.
does_not() {
	local role=$1 why=$2
	shift 2
	if "$@" >"$T/out" 2>&1 </dev/null; then
		not_ok "$PROGRAM, $role: fails no more: $why"
	else
		ok "$PROGRAM, $role: does not work: $why"
		remark "not as $role: $why"
	fi
}

# ---- Keys, configurations, the TPM ---------------------------------------------

chmod 711 "$T" # servers give up root, and must still find their files
start_swtpm
start_abrmd
{
	openssl req -x509 -newkey ec -pkeyopt group:P-256 -noenc -keyout "$T/ca.key" \
		-out "$T/ca.crt" -subj /CN=CA
	genpkey "$T/RSA.key" -algorithm RSA
	genpkey "$T/EC.key" -algorithm EC
	genpkey "$T/EC384.key" -algorithm EC -pkeyopt group:P-384
	genpkey "$T/PSS.key" -algorithm RSA-PSS
	openssl genpkey -algorithm EC -pkeyopt group:P-256 -out "$T/soft.key"
	for key in RSA EC soft; do
		certify $key "$key key"
		cat "$T/$key.crt" "$T/$key.key" >"$T/$key.pem"
	done
	for key in RSA EC EC384 PSS; do
		pubkey "$T/$key.key" "$T/$key.pub"
	done
	chmod 644 "$T"/*.key "$T"/*.pem
} >"$T/setup.log" 2>&1 || {
	show "$T/setup.log"
	die 'no keys and certificates'
}
shipped_config "$T/default-first.cnf" default tpmiot
shipped_config "$T/tpmiot-first.cnf" tpmiot default

for file; do
	# shellcheck source=/dev/null
	. "$HERE/$file.sh"
done
stop_peers

# ---- The table -----------------------------------------------------------------

{
	"$HERE/table.awk" "$ROWS"
	[ ! -s "$T/remarks" ] || awk -F'\t' 'BEGIN { print "" } { print "- " $1 ": " $2 }' "$T/remarks"
} >"$T/table"
sed 's/^/# /' "$T/table"
if [ -n "$README" ] && [ "$TAP_FAILED" -eq 0 ]; then
	awk -v table="$T/table" '
		/^<!-- programs: end/ { inside = 0 }
		!inside { print }
		/^<!-- programs: begin/ {
			inside = 1
			print ""
			while ((getline line <table) > 0)
				print line
			print ""
		}' "$README" >"$T/readme" && cat "$T/readme" >"$README"
fi
done_testing
