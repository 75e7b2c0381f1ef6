#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# For test scripts to source: TAP output, a directory of their own, software TPMs
# with a manufacturer of their own, the CA. Everything a script starts or writes is
# gone when it ends; TPMIOT_KEEP=1 keeps the directory. A script looks like this:
#
#	. "$(dirname "$0")/../integration/lib.sh"
#	start_swtpm
#	check 'the key signs' openssl dgst -provider tpmiot -sign handle:0x81000010 file
#	check_fails 2 'unknown option' 'a typo is named' tpmiot-enroll --nonsense
#	done_testing
#
# TPMIOT_BUILDDIR is the build tree (default: the source tree), TPMIOT_SANITIZED=1 says
# that it was built with --enable-sanitizers, TPMIOT_SANITIZED=thread with =thread.
# shellcheck disable=SC2034  # variables are for the scripts
set -u

SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=${TPMIOT_BUILDDIR:-$SRC}
BUILD=$(cd "$BUILD" && pwd)
ENROLL=$BUILD/enroll/tpmiot-enroll
CA=$BUILD/ca/tpmiot-ca
TPMCOUNT=$BUILD/test/integration/tpmcount

[ -x "$TPMCOUNT" ] || {
	echo "Bail out! nothing is built in $BUILD: run 'make check' there, or set TPMIOT_BUILDDIR"
	exit 1
}
T=$(mktemp -d "${TMPDIR:-/tmp}/tpmiot-test.XXXXXX")
MFR=$T/mfr # the manufacturer whose EK certificates start_swtpm makes

# shellcheck source=../softtpm.sh
. "$SRC/test/softtpm.sh"

# The programs under test, by their names.
tpmiot-enroll() { "$ENROLL" "$@"; }
tpmiot-ca() { "$CA" "$@"; }

# ---- TAP --------------------------------------------------------------------

TAP_N=0
TAP_FAILED=0
TAP_DONE=

note() { printf '# %s\n' "$*"; }

# The end of a log, as a comment.
show() { tail -n "${2:-30}" "$1" 2>/dev/null | sed 's/^/#   /'; }

ok() {
	TAP_N=$((TAP_N + 1))
	printf 'ok %d - %s\n' "$TAP_N" "$*"
}

not_ok() {
	TAP_N=$((TAP_N + 1))
	TAP_FAILED=$((TAP_FAILED + 1))
	printf 'not ok %d - %s\n' "$TAP_N" "$*"
}

# skip WHY NAME: one test that can't run here.
skip() {
	TAP_N=$((TAP_N + 1))
	printf 'ok %d - %s # SKIP %s\n' "$TAP_N" "$2" "$1"
}

# skip_all WHY: the whole script can't run here.
skip_all() {
	TAP_DONE=1
	printf '1..0 # SKIP %s\n' "$*"
	exit 0
}

done_testing() {
	TAP_DONE=1
	printf '1..%d\n' "$TAP_N"
	exit $((TAP_FAILED > 0))
}

die() {
	TAP_DONE=1
	printf 'Bail out! %s\n' "$*"
	exit 1
}

# check NAME COMMAND…: passes if the command does. Its output is in $T/out.
check() {
	local name=$1 status=0
	shift
	"$@" >"$T/out" 2>&1 </dev/null || status=$?
	if [ "$status" -eq 0 ]; then
		ok "$name"
	else
		not_ok "$name"
		note "exit $status of: $*"
		show "$T/out"
	fi
}

# check_fails STATUS REGEX NAME COMMAND…: passes if the command fails with this status (or
# any, with "*") and says something that matches.
check_fails() {
	local want=$1 regex=$2 name=$3 status=0
	shift 3
	"$@" >"$T/out" 2>&1 </dev/null || status=$?
	if { [ "$want" = '*' ] && [ "$status" -ne 0 ] && [ "$status" -lt 128 ]; } ||
	    [ "$status" = "$want" ] && grep -qiE -- "$regex" "$T/out"; then
		ok "$name"
	else
		not_ok "$name"
		note "exit $status, wanted $want and /$regex/, of: $*"
		show "$T/out"
	fi
}

# check_is NAME GOT WANTED
check_is() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1"
		note "got '$2', wanted '$3'"
	fi
}

# check_grep REGEX FILE NAME
check_grep() {
	if grep -qE -- "$1" "$2"; then
		ok "$3"
	else
		not_ok "$3"
		note "no /$1/ in $2:"
		show "$2"
	fi
}

# ---- Processes --------------------------------------------------------------

declare -A PIDS=() # by the name it was started under

# start NAME COMMAND…: in the background, its output in $T/NAME.log
start() {
	local name=$1
	shift
	stop "$name"
	: >"$T/$name.log" # here: wait_for_line must not read what was there before
	"$@" >"$T/$name.log" 2>&1 </dev/null &
	PIDS[$name]=$!
}

alive() { kill -0 "${PIDS[$1]:-0}" 2>/dev/null && [ -n "${PIDS[$1]:-}" ]; }

# stop NAME [SIGNAL]: returns its exit status
stop() {
	local pid=${PIDS[$1]:-} status=0
	[ -n "$pid" ] || return 0
	unset "PIDS[$1]"
	kill "-${2:-TERM}" "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}

# wait_for NAME COMMAND…: until it succeeds; fails when the process NAME is gone. The
# limit is there so that nothing hangs, not to measure anything.
wait_for() {
	local name=$1 i
	shift
	for ((i = 0; i < 600; i++)); do
		"$@" 2>/dev/null && return 0
		alive "$name" || break
		sleep 0.1
	done
	"$@" 2>/dev/null && return 0
	note "$name did not get ready: $*"
	show "$T/$name.log"
	return 1
}

# wait_for_line NAME REGEX: in the output of the process NAME
wait_for_line() { wait_for "$1" grep -qE -- "$2" "$T/$1.log"; }

cleanup() {
	local status=$? name
	trap - EXIT
	for name in "${!PIDS[@]}"; do
		stop "$name"
	done
	if [ -n "${TPMIOT_KEEP:-}" ]; then
		note "kept: $T"
	else
		rm -rf "$T"
	fi
	if [ -z "$TAP_DONE" ]; then
		echo "Bail out! the script ended early (status $status)"
		status=1
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# ---- OpenSSL ----------------------------------------------------------------

export OPENSSL_MODULES=$BUILD/provider/.libs
# A configuration that activates nothing: what a test wants, it says.
export OPENSSL_CONF=$T/openssl.cnf
cat >"$OPENSSL_CONF" <<'CNF'
[req]
distinguished_name = dn
[dn]
CNF
export TPMIOT_STATE_DIR=$T/state
export TSS2_LOG=all+NONE
unset TPMIOT_TCTI

# A module with sanitizers needs its runtime in the program that loads it. Programs get
# it by scripts that stand first in PATH, so that env and exec find them as well.
with_module() { "$@"; }

# wrap PROGRAM ASSIGNMENT: from now on PROGRAM runs with this in its environment
wrap() {
	local real
	real=$(command -v "$1") || return 0
	mkdir -p "$T/bin"
	printf '#!/bin/sh\nexec env -u LD_PRELOAD "%s" %s "$@"\n' "$2" "$real" >"$T/bin/$1"
	chmod +x "$T/bin/$1"
}

if [ -n "${TPMIOT_SANITIZED:-}" ]; then
	case $TPMIOT_SANITIZED in
	thread) SANITIZER_LIBS=$(gcc -print-file-name=libtsan.so) ;;
	*) SANITIZER_LIBS=$(gcc -print-file-name=libasan.so):$(gcc -print-file-name=libubsan.so) ;;
	esac
	export SANITIZER_LIBS
	export ASAN_OPTIONS=detect_leaks=0:exitcode=99
	export UBSAN_OPTIONS=print_stacktrace=1
	export TSAN_OPTIONS=exitcode=99:suppressions=$SRC/test/tsan.supp
	with_module() { LD_PRELOAD=$SANITIZER_LIBS "$@"; }
	for program in openssl nginx mosquitto mosquitto_pub mosquitto_sub; do
		wrap $program "LD_PRELOAD=$SANITIZER_LIBS"
	done
	# Debian's curl hangs in setlocale() under a preloaded ASan, with or without us: it
	# gets the module of a build without sanitizers.
	wrap curl "OPENSSL_MODULES=${TPMIOT_PLAIN_MODULES:?the module of a plain build}"
	PATH=$T/bin:$PATH
fi

# count_tpm FILE COMMAND…: runs it, and writes the TPM commands that it sent into FILE
count_tpm() {
	local file=$1 status=0
	shift
	rm -f "$T/count.pcap"
	TPMIOT_TCTI=pcap:$TPMIOT_TCTI TCTI_PCAP_FILE=$T/count.pcap "$@" || status=$?
	: >>"$T/count.pcap"
	"$TPMCOUNT" "$T/count.pcap" >"$file"
	return "$status"
}

# ---- Software TPMs ----------------------------------------------------------

mfr_root() { printf '%s\n' "$MFR/swtpm-localca-rootca-cert.pem"; }
mfr_issuer() { printf '%s\n' "$MFR/issuercert.pem"; }

# make_tpm NAME: its state, by the manufacturer MFR
make_tpm() {
	[ -d "$MFR" ] || softtpm_mfr "$MFR"
	softtpm_make "$T/$1" "$MFR" >"$T/$1.setup.log" 2>&1 || {
		show "$T/$1.setup.log"
		die 'swtpm_setup failed'
	}
}

# Gives a running TPM an EK P-256 (L-2) with a certificate, as its only one.
add_ek_p256() {
	local dir=$1 point
	tpm2_createek -Q -c 0x81010002 -G ecc -f pem -u "$dir/ek.pem" &&
	    tpm2_flushcontext -Q -t &&
	    point=$(openssl pkey -pubin -in "$dir/ek.pem" -noout -text |
		sed -n '/^pub:/,/^ASN1/{/^ /p}' | tr -d ' :\n') &&
	    swtpm_localca --type ek --tpm2 --ek "x=${point:2:64},y=${point:66:64},id=secp256r1" \
		--dir "$dir" --vmid p256 --tpm-spec-family 2.0 --tpm-spec-level 0 \
		--tpm-spec-revision 164 --tpm-manufacturer id:00001014 --tpm-model swtpm \
		--tpm-version id:20191023 --configfile "$MFR/localca.conf" \
		--optsfile "$MFR/localca.options" &&
	    tpm2_nvdefine -Q 0x01c0000a -C p -s "$(stat -c %s "$dir/ek.cert")" \
		-a 'ppwrite|ppread|ownerread|authread|no_da|platformcreate|policywrite' &&
	    tpm2_nvwrite -Q 0x01c0000a -C p -i "$dir/ek.cert"
}

# tpm_forget HANDLE…: removes persistent objects and NV indices made by swtpm_setup
tpm_forget() {
	local handle
	for handle in "$@"; do
		case $handle in
		0x81*) tpm2_evictcontrol -Q -C o -c "$handle" ;;
		*) tpm2_nvundefine -Q -C p "$handle" ;;
		esac || return 1
	done
}

# What a TPM holds, by kind:
#	persistent   EKs and storage root key persistent, both EKs certified
#	bare         no persistent object; certificates in NV
#	ecc          EK P-384 (H-3) only, persistent, with storage root key
#	ecc-bare     the same without any persistent object
#	ecc-p256     EK P-256 (L-2) only, persistent, with storage root key
#	nocert       EKs without certificate, no persistent object
tpm_become() {
	local rsa='0x81010001 0x01c00002' ecc='0x81010016 0x01c00016'
	# shellcheck disable=SC2086  # lists of handles
	case $2 in
	persistent) ;;
	bare) tpm_forget 0x81000001 0x81010001 0x81010016 ;;
	ecc) tpm_forget $rsa ;;
	ecc-bare) tpm_forget $rsa 0x81010016 0x81000001 ;;
	ecc-p256) tpm_forget $rsa $ecc && add_ek_p256 "$T/$1" ;;
	nocert) tpm_forget $rsa $ecc 0x81000001 ;;
	*) die "no such kind of TPM: $2" ;;
	esac
}

# use_tpm NAME: the one that the programs talk to from now on
use_tpm() {
	export TPMIOT_TCTI
	TPMIOT_TCTI=swtpm:port=$(cat "$T/$1/port")
	export TPM2TOOLS_TCTI=$TPMIOT_TCTI
}

# start_swtpm [NAME [KIND]]: makes TPM NAME (default tpm) of this kind (default persistent)
# unless it is there from before, starts and uses it.
start_swtpm() {
	local name=${1:-tpm} kind=${2:-persistent} new=
	! alive "$name" || {
		use_tpm "$name"
		return
	}
	[ -e "$T/$name/tpm2-00.permall" ] || {
		new=1
		make_tpm "$name"
	}
	[ -e "$T/$name/port" ] || {
		free_port 2
		echo "$PORT" >"$T/$name/port"
	}
	PORT=$(cat "$T/$name/port")
	start "$name" softtpm_run "$T/$name" "$PORT"
	wait_for "$name" port_answers $((PORT + 1)) || die 'swtpm does not start'
	use_tpm "$name"
	[ -z "$new" ] || tpm_become "$name" "$kind" >"$T/$name.setup.log" 2>&1 || {
		show "$T/$name.setup.log"
		die "could not make the TPM $kind"
	}
}

stop_swtpm() { stop "${1:-tpm}" "${2:-TERM}"; }

# A power cycle: transient objects and sessions are gone.
reset_swtpm() {
	stop_swtpm "${1:-tpm}"
	start_swtpm "${1:-tpm}"
}

# start_abrmd: a resource manager, on a D-Bus of its own that lets in every user, between us
# and the TPM in use
start_abrmd() {
	softtpm_dbus_config "$T/dbus" >"$T/dbus.conf"
	start dbus dbus-daemon --config-file="$T/dbus.conf" --nofork --nopidfile --print-address
	wait_for_line dbus '^unix:' || die 'dbus-daemon does not start'
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$T/dbus
	start abrmd tpm2-abrmd --session --allow-root --tcti="$TPMIOT_TCTI"
	export TPMIOT_TCTI=tabrmd:bus_type=session
	export TPM2TOOLS_TCTI=$TPMIOT_TCTI
	wait_for abrmd tpm2_getcap -Q properties-fixed || die 'tpm2-abrmd does not answer'
}

# What is left in the TPM: handles of one kind, on one line
tpm_handles() { tpm2_getcap "handles-$1" | tr -d '\n -'; }

# killed_at N COMMAND…: kill -9 of it when the TPM has carried out its N-th command
killed_at() {
	local n=$1
	shift
	TPMIOT_TCTI=$BUILD/test/tcti/.libs/libtss2-tcti-fault.so:n=$n,fault=kill,$TPMIOT_TCTI "$@" >/dev/null 2>&1
	[ $? -eq 137 ]
}

# ---- The CA -----------------------------------------------------------------

CADIR=$T/ca

# make_ca [OPTION…]: a new CA that trusts the manufacturer
make_ca() {
	tpmiot-ca --dir="$CADIR" init --name='Test CA' "$@" >"$T/ca.init.log" 2>&1 || {
		show "$T/ca.init.log"
		die 'tpmiot-ca init failed'
	}
}

# trust_mfr: makes the CA trust MFR's EK certificates
trust_mfr() {
	local cert
	for cert in "$(mfr_root)" "$(mfr_issuer)"; do
		tpmiot-ca --dir="$CADIR" trust add "$cert" >"$T/ca.trust.log" 2>&1 || {
			show "$T/ca.trust.log"
			die 'tpmiot-ca trust add failed'
		}
	done
}

# start_ca [OPTION…] (before "serve"; e.g. --set enrolment=open): starts it at CA_URL
start_ca() {
	[ -n "${CA_PORT:-}" ] || {
		free_port
		CA_PORT=$PORT
	}
	CA_URL=https://localhost:$CA_PORT
	start ca "$CA" --dir="$CADIR" "$@" serve "--listen=127.0.0.1:$CA_PORT"
	wait_for_line ca '^listening on https://' || die 'tpmiot-ca does not start'
}

stop_ca() { stop ca "${1:-TERM}"; }

# join_token FILE [OPTION…]: writes a join token
join_token() {
	local file=$1
	shift
	tpmiot-ca --dir="$CADIR" join add "$@" >"$file"
}

# enroll [OPTION…]: the usual way
enroll() { tpmiot-enroll enroll --server="$CA_URL" --ca-file="$CADIR/ca.crt" "$@"; }
