# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For test_counts.sh and ../bench to source, after lib.sh: how many TPM commands the usual
# things take, and how many they may. Each line of the output is: COUNT BUDGET WHAT; the
# names of the commands are in $T/count.N.

# counted BUDGET WHAT COMMAND…: one line
counted() {
	local budget=$1 what=$2 file
	COUNTED=$((COUNTED + 1))
	file=$T/count.$COUNTED
	shift 2
	if count_tpm "$file" "$@" >"$T/count.log" 2>&1 </dev/null; then
		printf '%d %d %s\n' "$(wc -l <"$file")" "$budget" "$what"
	else
		printf 'failed %d %s\n' "$budget" "$what"
	fi
}

# A signing key made by tpm2-tools, persistent: persistent_key HANDLE KIND
persistent_key() {
	tpm2_create -Q -C 0x81000001 -G "$2" -c "$T/p.ctx" -u "$T/p.pub" -r "$T/p.priv" \
	    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda' &&
	    tpm2_evictcontrol -Q -C o -c "$T/p.ctx" "$1" && tpm2_flushcontext -t
}

# served_handshakes N PORT PROVIDER PROVIDER: a TLS server with the key in the TPM ends after N of them
served_handshakes() {
	local i
	start s_server openssl s_server -www -provider "$3" -provider "$4" -accept "$2" \
	    -naccept "$1" -key "$TPMIOT_STATE_DIR/device.key" -cert "$TPMIOT_STATE_DIR/device.crt"
	wait_for_line s_server '^ACCEPT' || return 1
	for ((i = 0; i < $1; i++)); do
		printf 'GET / HTTP/1.0\r\n\r\n' |
		    openssl s_client -quiet -no_ign_eof -connect "localhost:$2" || return 1
	done
	wait "${PIDS[s_server]}"
}

# The difference between one and six of them is five signatures: further_handshakes PROVIDER PROVIDER
further_handshakes() {
	local one six what="five further TLS 1.3 handshakes, $1 first"
	free_port 2 # s_server can't bind again where it has just been
	one=$(counted 0 '' served_handshakes 1 "$PORT" "$@")
	six=$(counted 0 '' served_handshakes 6 $((PORT + 1)) "$@")
	one=${one%% *} six=${six%% *}
	if [ "$one" = failed ] || [ "$six" = failed ]; then
		echo "failed 5 $what"
	else
		echo "$((six - one)) 5 $what (exactly)"
	fi
}

# Needs start_swtpm persistent, and the CA open; leaves the device enrolled.
count_all() {
	COUNTED=0
	counted 26 'tpmiot-enroll enroll, persistent EK and storage root key' enroll
	counted 0 'loading the provider' openssl list -providers -provider tpmiot
	persistent_key 0x81000010 rsa2048 && persistent_key 0x81000011 ecc256
	counted 2 'openssl req, persistent RSA key' \
	    openssl req -new -provider tpmiot -key handle:0x81000010 -subj /CN=x
	counted 2 'openssl req, persistent EC key' \
	    openssl req -new -provider tpmiot -key handle:0x81000011 -subj /CN=x
	counted 4 'openssl req, EC key file, persistent parent' \
	    openssl req -new -provider tpmiot -key "$TPMIOT_STATE_DIR/device.key" -subj /CN=x
	openssl genpkey -provider tpmiot -algorithm RSA -out "$T/rsa.key" 2>"$T/count.log"
	counted 4 'openssl req, RSA key file, persistent parent' \
	    openssl req -new -provider tpmiot -key "$T/rsa.key" -subj /CN=x
	counted 2 'openssl genpkey EC, persistent parent' \
	    openssl genpkey -provider tpmiot -algorithm EC -pkeyopt group:P-256 -out "$T/ec.key"
	openssl genpkey -provider tpmiot -algorithm EC -pkeyopt group:P-256 -pkeyopt parent:0x40000001 \
	    -out "$T/owner.key" 2>"$T/count.log"
	counted 6 'openssl req, EC key file, no persistent parent' \
	    openssl req -new -provider tpmiot -key "$T/owner.key" -subj /CN=x
	further_handshakes tpmiot default
	further_handshakes default tpmiot
}
