# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# EAP-TLS: hostapd as RADIUS server, and wpa_supplicant's own test program for its part.
# radius_start CONF KEY TLS-VERSION
radius_start() {
	free_port
	cat >"$T/hostapd.conf" <<-CONF
	driver=none
	radius_server_clients=$T/radius.clients
	radius_server_auth_port=$PORT
	eap_server=1
	eap_user_file=$T/radius.users
	ca_cert=$T/ca.crt
	server_cert=$T/$2.crt
	private_key=$T/$2.key
	tls_flags=[ENABLE-TLSv1.3]
	CONF
	echo '127.0.0.1 secret' >"$T/radius.clients"
	echo '* TLS' >"$T/radius.users"
	OPENSSL_CONF=$1 start hostapd hostapd -dd "$T/hostapd.conf"
	wait_for_line hostapd 'AP-ENABLED|RADIUS server'
}

# eapol CONF KEY
eapol() {
	cat >"$T/wpa.conf" <<-CONF
	network={
		key_mgmt=WPA-EAP
		eap=TLS
		identity="device"
		ca_cert="$T/ca.crt"
		client_cert="$T/$2.crt"
		private_key="$T/$2.key"
		domain_match="localhost"
		phase1="tls_disable_tlsv1_3=0"
	}
	CONF
	OPENSSL_CONF=$1 timeout 10 eapol_test -c "$T/wpa.conf" -a 127.0.0.1 -p "$PORT" -s secret \
	    >"$T/eapol.log" 2>&1 || {
		tail -n 30 "$T/eapol.log"
		return 1
	}
}

# eap_tls SERVER-CONF SERVER-KEY CLIENT-CONF CLIENT-KEY KEY LOG: LOG is the other side's
eap_tls() {
	local status=0
	radius_start "$1" "$2" && eapol "$3" "$4" && grep "CN=$5 key" "$T/$6.log" >"$T/x" || status=1
	stop hostapd
	[ $status -eq 0 ] || show "$T/hostapd.log"
	return $status
}

hostapd_server() { eap_tls "$1" "$2" "$(only_tls "$3")" soft "$2" eapol; }
wpa_client() { eap_tls "$(only_tls "$3")" soft "$1" "$2" "$2" hostapd; }

program hostapd hostapd eapoltest && over_tls 'EAP-TLS server' hostapd_server
program wpa_supplicant eapoltest hostapd &&
    does_not 'EAP-TLS client' 'it gives a TSS2 PRIVATE KEY to the engine tpm2, not to a provider' \
	wpa_client "$T/default-first.cnf" EC 1.2
