# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# For scripts to source (the tests, ../quickstart): software TPMs whose manufacturer
# lives in a directory of ours, instead of swtpm's own in /etc and /var/lib; free ports.

# softtpm_mfr DIR: a manufacturer. Its root (swtpm-localca-rootca-cert.pem) and the
# intermediate that signs EK certificates (issuercert.pem) are made with its first TPM.
softtpm_mfr() {
	mkdir -p "$1"
	cat >"$1/localca.conf" <<-CONF
	statedir = $1
	signingkey = $1/signkey.pem
	issuercert = $1/issuercert.pem
	certserial = $1/certserial
	CONF
	cat >"$1/localca.options" <<-CONF
	--platform-manufacturer tpmiot
	--platform-version 1.0
	--platform-model test
	CONF
	cat >"$1/setup.conf" <<-CONF
	create_certs_tool = $(command -v swtpm_localca)
	create_certs_tool_config = $1/localca.conf
	create_certs_tool_options = $1/localca.options
	active_pcr_banks = sha256
	CONF
}

# softtpm_make DIR MFR: a TPM's state, with EKs RSA 2048 (L-1, 0x81010001) and P-384 (H-3,
# 0x81010016), their certificates in NV, and a storage root key at 0x81000001.
softtpm_make() {
	mkdir -p "$1"
	swtpm_setup --tpm2 --tpm-state "$1" --create-ek-cert --create-spk --config "$2/setup.conf"
}

# softtpm_run DIR PORT: runs it; PORT takes commands, PORT + 1 control. DIR is absolute:
# swtpm goes into failure mode otherwise when it changes its directory.
softtpm_run() {
	exec swtpm socket --tpm2 --tpmstate "dir=$1" --server "type=tcp,port=$2" \
	    --ctrl "type=tcp,port=$(($2 + 1))" --flags not-need-init,startup-clear
}

# softtpm_dbus_config SOCKET: of a D-Bus for tpm2-abrmd that lets in every user
softtpm_dbus_config() {
	cat <<-CONF
	<busconfig>
	<listen>unix:path=$1</listen>
	<policy context="default">
	<allow user="*"/>
	<allow own="*"/>
	<allow send_destination="*"/>
	<allow receive_sender="*"/>
	</policy>
	</busconfig>
	CONF
}

port_answers() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Twenty ports for each process id, below those that the kernel hands out.
PORT_NEXT=$((20000 + $$ % 600 * 20))

# free_port [N]: N ports in a row (default 1) that nobody listens on; the first in PORT
free_port() {
	local n=${1:-1} i
	while :; do
		PORT=$PORT_NEXT
		PORT_NEXT=$((PORT + n))
		for ((i = 0; i < n; i++)); do
			! port_answers $((PORT + i)) || continue 2
		done
		return 0
	done
}
