# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For the walks in the folders here to source: a software TPM and a CA in a directory that is
# gone afterwards, and what was built, in PATH. ./quickstart builds it; TPMIOT_BUILDDIR says where
# it is otherwise. Whatever fails ends the walk.
set -eu

EXAMPLES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SRC=$(dirname "$EXAMPLES")
BUILD=${TPMIOT_BUILDDIR:-$SRC/sandbox/build}
[ -x "$BUILD/enroll/tpmiot-enroll" ] || {
	echo "nothing is built in $BUILD: run ./quickstart first, or set TPMIOT_BUILDDIR" >&2
	exit 1
}
DIR=$(mktemp -d "${TMPDIR:-/tmp}/tpmiot-walk.XXXXXX")
CADIR=$DIR/ca
PIDS=()

# shellcheck source=../test/softtpm.sh
. "$SRC/test/softtpm.sh"

end() {
	local status=$? i
	trap - EXIT
	for ((i = ${#PIDS[@]} - 1; i >= 0; i--)); do # the last one first
		kill "${PIDS[i]}" 2>/dev/null || true
		wait "${PIDS[i]}" 2>/dev/null || true
	done
	[ "$status" -eq 0 ] || {
		tail -n 5 "$DIR"/*.log || true
		echo "FAILED: the step above (exit $status)"
	}
	rm -rf "$DIR"
	exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM HUP

export PATH=$BUILD/enroll:$BUILD/ca:$PATH
# (The tests say which module other programs can load when this build is one with sanitizers.)
export OPENSSL_MODULES=${TPMIOT_PLAIN_MODULES:-$BUILD/provider/.libs} OPENSSL_CONF=$EXAMPLES/openssl.cnf
export TPMIOT_STATE_DIR=$DIR/device TSS2_LOG=all+NONE

# ---- What a walk says -------------------------------------------------------------

title() { printf '\n== %s\n' "$*"; }

# run COMMAND…: shows it, and runs it
run() {
	show "$@"
	"$@" </dev/null
}

# A command as it is shown: with DIR for the directory, and the beginning of what is long.
show() {
	local word line='$'
	for word; do
		[ "${#word}" -lt 60 ] || [[ $word == *' '* ]] || [[ $word == */* ]] || word=${word:0:20}…
		line+=" ${word//"$DIR"/DIR}"
	done
	printf '%s\n' "$line"
}

# refused REGEX COMMAND…: has to fail, and to say why
refused() {
	local regex=$1 said
	shift
	show "$@"
	if said=$("$@" 2>&1 </dev/null); then
		printf '%s\nthis should have been refused\n' "$said"
		return 1
	fi
	grep -iE -- "$regex" <<<"$said" || {
		printf '%s\nrefused, but not for /%s/\n' "$said" "$regex"
		return 1
	}
}

# background NAME COMMAND…: its output in $DIR/NAME.log
background() {
	local name=$1
	shift
	"$@" >"$DIR/$name.log" 2>&1 </dev/null &
	PIDS+=($!)
}

# until_seen REGEX FILE
until_seen() {
	local i
	for ((i = 0; i < 300; i++)); do
		! grep -qsE -- "$1" "$2" || return 0
		sleep 0.1
	done
	echo "no /$1/ in $2"
	return 1
}

# ---- The machines ------------------------------------------------------------------

# start_tpm [NAME]: a software TPM with a manufacturer's EK certificate; the programs talk to it
# from now on.
start_tpm() {
	local name=${1:-tpm} i
	[ -d "$DIR/mfr" ] || softtpm_mfr "$DIR/mfr"
	OPENSSL_CONF=/dev/null softtpm_make "$DIR/$name" "$DIR/mfr" >"$DIR/$name-setup.log" 2>&1
	free_port 2
	OPENSSL_CONF=/dev/null background "$name" softtpm_run "$DIR/$name" "$PORT"
	export TPMIOT_TCTI=swtpm:port=$PORT
	for ((i = 0; i < 300; i++)); do
		! port_answers $((PORT + 1)) || return 0
		sleep 0.1
	done
	return 1
}

# A resource manager in front of it, for programs that use the TPM at the same time; a device has
# /dev/tpmrm0 for that.
start_resource_manager() {
	softtpm_dbus_config "$DIR/dbus" >"$DIR/dbus.conf"
	background dbus dbus-daemon --config-file="$DIR/dbus.conf" --nofork --nopidfile --print-address
	until_seen '^unix:' "$DIR/dbus.log"
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$DIR/dbus
	background abrmd tpm2-abrmd --session --allow-root --tcti="$TPMIOT_TCTI"
	export TPMIOT_TCTI=tabrmd:bus_type=session
	local i
	for ((i = 0; i < 100; i++)); do
		TPM2TOOLS_TCTI=$TPMIOT_TCTI tpm2_getcap -Q properties-fixed 2>/dev/null && return
		sleep 0.1
	done
	return 1
}

ca() { tpmiot-ca --dir="$CADIR" "$@"; }

# start_ca [KEY=VALUE…]: a CA with these in its configuration, at $CA_URL
start_ca() {
	local set sets=()
	for set; do sets+=(--set "$set"); done
	ca ${sets[@]+"${sets[@]}"} init --name='Example CA' >"$DIR/ca-init.log"
	free_port
	CA_URL=https://localhost:$PORT
	background ca tpmiot-ca --dir="$CADIR" serve "--listen=127.0.0.1:$PORT"
	until_seen '^listening on https://' "$DIR/ca.log"
}

# enroll [OPTION…]: at that CA
enroll() { tpmiot-enroll -q enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" "$@"; }

# allow ID: puts this device's EK on the CA's allow-list under that id
allow() {
	tpmiot-enroll -q ek --public-out="$DIR/ek.pem" >"$DIR/ek.log"
	ca allow add --ek="$DIR/ek.pem" --device-id="$1" >"$DIR/allow.log"
}

# A server's key and certificate, of a CA that is none of ours: $DIR/server.key, .crt
make_server() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost \
	    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
	    -keyout "$DIR/server.key" -out "$DIR/server.crt" 2>"$DIR/server-req.log"
}
