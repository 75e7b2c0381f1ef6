#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# doc/OPERATIONS.md: every command of it is run as written, in its order, with software TPMs for the devices.
# What is not here is what stands in front of the programs on a real server: users, systemd, /etc. For these there
# are stand-ins, which do with the CA what the real ones do. Of the 1,000 devices on the list TPMIOT_OPERATIONS_UNITS
# are there (default 2; make check-operations: all).
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

UNITS=${TPMIOT_OPERATIONS_UNITS:-2}
GUIDE=$SRC/doc/OPERATIONS.md
W=$T/work # where the commands are run
mkdir -p "$W" "$T/stand-ins" "$T/etc"

free_port 2
cat >"$T/settings" <<SH
CA=$CADIR
SERVER=https://localhost:$PORT
HOST=localhost
SH
METRICS=127.0.0.1:$((PORT + 1))
CA_PORT=$PORT

# The server is started by a stand-in, so lib.sh does not know it.
stop_served() {
	local status=$?
	[ ! -s "$T/ca.pid" ] || kill "$(cat "$T/ca.pid")" 2>/dev/null
	return "$status"
}
trap 'stop_served; cleanup' EXIT

# ---- Stand-ins ----

stand_in() {
	{ printf '#!/bin/bash\n' && cat; } >"$T/stand-ins/$1"
	chmod +x "$T/stand-ins/$1"
}
stand_in runuser <<'SH'
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
SH
stand_in systemd-sysusers <<SH
grep -q '^u tpmiot-ca ' "$T/etc/sysusers.d/tpmiot-ca.conf"
SH
stand_in chown <<'SH'
[ "$1" = tpmiot-ca: ] || [ "$2" = tpmiot-ca: ]
SH
# Files for /etc go aside, and nobody gets a user that there is not.
stand_in install <<SH
args=()
for arg; do
	case \$skip\$arg in
	-o | -g) skip=1; continue ;;
	1*) skip=; continue ;;
	/etc/*) arg=$T\$arg; mkdir -p "\$(dirname "\$arg")" ;;
	esac
	args+=("\$arg")
done
exec /usr/bin/install "\${args[@]}"
SH
# As the unit says, with ports that are free here in place of its own.
stand_in systemctl <<SH
pid=$T/ca.pid
grep -q '^ExecStart=/usr/bin/tpmiot-ca --dir=/var/lib/tpmiot-ca serve\$' "$T/etc/systemd/system/tpmiot-ca.service" || exit 1
start() {
	"$CA" --dir="$CADIR" --set "metrics_listen=$METRICS" serve --listen="127.0.0.1:$CA_PORT" >>"$T/ca.log" 2>&1 </dev/null &
	echo \$! >"\$pid"
	for ((i = 0; i < 100; i++)); do
		(: <"/dev/tcp/127.0.0.1/$((CA_PORT + 1))") 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}
case \$1 in
enable | start) start ;;
reload)
	before=\$(grep -c '"reloaded"' "$T/ca.log")
	kill -HUP "\$(cat "\$pid")"
	for ((i = 0; i < 100; i++)); do
		[ "\$(grep -c '"reloaded"' "$T/ca.log")" -gt "\$before" ] && exit 0
		sleep 0.1
	done
	exit 1 ;;
stop)
	kill "\$(cat "\$pid")"
	while kill -0 "\$(cat "\$pid")" 2>/dev/null; do sleep 0.1; done ;;
*) exit 1 ;;
esac
SH
# The port of the guide's monitoring is the machine's only one.
stand_in curl <<SH
exec $(command -v curl) "\${@//127.0.0.1:9464/$METRICS}"
SH
ln -s "$CA" "$T/stand-ins/tpmiot-ca"
ln -s "$ENROLL" "$T/stand-ins/tpmiot-enroll"
stand_in tpmiot-factory <<SH
$(declare -f with_module)
export SANITIZER_LIBS=${SANITIZER_LIBS:-} OPENSSL_CONF=$SRC/examples/openssl.cnf TPMIOT_ENROLL=$ENROLL
${TPMIOT_SANITIZED:+export LD_PRELOAD=$SANITIZER_LIBS}
exec "$SRC/examples/tpmiot-factory" "\$@"
SH
ln -s "$SRC/examples" "$W/examples"

# ---- The devices ----

echo ek,device_id,serial_number >"$W/devices.csv"
for ((i = 1; i <= 1000; i++)); do
	name=$(printf 'SN%04d' "$i")
	if ((i <= UNITS)); then
		start_swtpm "$name"
		echo "$name $TPMIOT_TCTI $T/units/$name" >>"$W/units.txt"
		ek=$(tpmiot-enroll ek --json | sed -n 's/.*"spki_sha256": "\(.*\)".*/\1/p')
	else
		ek=$(printf 'unit %d' "$i" | sha256sum | cut -c1-64)
	fi
	echo "$ek,$name,$name" >>"$W/devices.csv"
done
start_swtpm field
FIELD_TCTI=$TPMIOT_TCTI
cp "$(mfr_root)" "$W/maker-root.pem"
cp "$(mfr_issuer)" "$W/maker-issuer.pem"
tpm2_nvread -Q -C o 0x01c00002 -o "$W/unit.der" 2>"$T/err" || tpm2_nvread -Q -C p 0x01c00002 -o "$W/unit.der"
openssl x509 -inform DER -in "$W/unit.der" -out "$W/unit.pem"
unset TPMIOT_TCTI

# ---- The guide ----

# Blocks of shell into $T/block.N, each with the words of its fence and its line in front.
awk -v out="$T/block" '
	/^```sh/ { n++; file = sprintf("%s.%03d", out, n); print substr($0, 7) > file; print NR > file; on = 1; next }
	/^```/ { on = 0 }
	on { print > file }' "$GUIDE"

# run FILE: the commands of one block, with the settings, as the guide means them
run() {
	local words unit env=()
	read -r words <"$1"
	case $words in
	'device SN'*)
		unit=${words#device }
		env=(TPMIOT_TCTI="$(awk -v n="$unit" '$1 == n { print $2 }' "$W/units.txt")" TPMIOT_STATE_DIR="$T/units/$unit") ;;
	device) env=(TPMIOT_TCTI="$FIELD_TCTI" TPMIOT_STATE_DIR="$T/units/field") ;;
	esac
	cp "$CADIR/ca.crt" "$W/ca.crt" 2>/dev/null
	{ cat "$T/settings" && tail -n +3 "$1"; } >"$T/commands"
	(cd "$W" && env PATH="$T/stand-ins:$PATH" "${env[@]}" bash -eu -o pipefail "$T/commands")
}

for block in "$T"/block.*; do
	first=$(sed -n 3p "$block")
	[ "$(head -n 1 "$block")" != settings ] || continue
	check "line $(sed -n 2p "$block"): $first" run "$block"
	case $first in
	*'allow list'* | head*) check_grep '^1000$' "$T/out" '1,000 EKs are on the list' ;;
	*/health*) check_grep '^ok$' "$T/out" 'the server is healthy' ;;
	tpmiot-factory*) check_is "$UNITS units are done" "$(awk -F, '$3 == "ok"' "$W/report/report.csv" | wc -l)" "$UNITS" ;;
	*'device list'*) check_grep "state=\"active\"\} $((UNITS + 1))$" "$T/out" 'the metrics count the devices' ;;
	*'crl --out'*) check_grep '^2$|^3$' "$T/out" 'the list has what was revoked' ;;
	*'dps list'*) check_grep '^SN0001 +SN0001 +north.hubs.example' "$T/out" 'the device is at its hub' ;;
	'tpmiot-enroll dps'*) check_grep '^Hub: +(north|south).hubs.example' "$T/out" 'it is registered' ;;
	'! tpmiot-enroll'*) check_grep 'device-blocked|certificate-revoked' "$T/out" 'and it is told why' ;;
	esac
done

check_is 'after the restore all devices are there' "$(tpmiot-ca --dir="$CADIR" device list --json | grep -c '"ek":')" $((UNITS + 1))
check 'and the server serves' curl -fsS "http://$METRICS/health"
check 'the unit files are such' bash -c "! systemd-analyze verify '$SRC/examples/tpmiot-ca.service' '$SRC/examples/tpmiot-ca.socket' 2>&1 | grep -v 'is not executable\|Command .man' | grep 'tpmiot-ca\.'"
done_testing
