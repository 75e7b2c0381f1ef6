# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# openvpn_start NAME CONF KEY OPTION…: without a network interface
openvpn_start() {
	local name=$1 conf=$2 key=$3
	shift 3
	OPENSSL_CONF=$conf start "$name" openvpn --dev null --ifconfig-noexec --route-noexec \
	    --verb 4 --ca "$T/ca.crt" --cert "$T/$key.crt" --key "$T/$key.key" "$@"
}

# openvpn_pair SERVER-CONF SERVER-KEY CLIENT-CONF CLIENT-KEY TLS-VERSION KEY WHO-SAW
openvpn_pair() {
	local status=0
	free_port
	openvpn_start vpn-server "$1" "$2" --proto tcp-server --local 127.0.0.1 --port "$PORT" \
	    --tls-server --dh none
	wait_for_line vpn-server 'Listening for incoming' || return 1
	openvpn_start vpn-client "$3" "$4" --proto tcp-client --remote localhost "$PORT" --tls-client
	wait_for_line "$7" "Control Channel: TLSv$5," &&
	    grep -q "VERIFY OK: depth=0, CN=$6 key" "$T/$7.log" || status=1
	stop vpn-client
	stop vpn-server
	[ $status -eq 0 ] || show "$T/$7.log"
	return $status
}

openvpn_server() {
	openvpn_pair "$1" "$2" "$(only_tls "$3")" soft "$3" "$2" vpn-client
}
openvpn_client() {
	openvpn_pair "$(only_tls "$3")" soft "$1" "$2" "$3" "$2" vpn-server
}

program openvpn openvpn && {
	over_tls server openvpn_server
	over_tls client openvpn_client
}
