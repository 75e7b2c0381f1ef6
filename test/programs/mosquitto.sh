# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# broker CONF KEY
broker() {
	free_port
	cat >"$T/mosquitto.conf" <<-CONF
	user mosquitto
	listener $PORT 127.0.0.1
	cafile $T/ca.crt
	certfile $T/$2.crt
	keyfile $T/$2.key
	require_certificate true
	use_identity_as_username true
	log_type all
	CONF
	OPENSSL_CONF=$1 start mosquitto mosquitto -c "$T/mosquitto.conf"
	wait_for mosquitto port_answers "$PORT"
}

mqtt_tls() { printf '%s\n' -p "$PORT" --cafile "$T/ca.crt" --key "$T/$1.key" --cert "$T/$1.crt"; }

# publish CONF KEY, subscribe CONF KEY: one message
publish() {
	# shellcheck disable=SC2046  # options
	OPENSSL_CONF=$1 mosquitto_pub -h localhost $(mqtt_tls "$2") -t test -q 1 -r -m "from $2"
}
subscribe() {
	# shellcheck disable=SC2046  # options
	OPENSSL_CONF=$1 mosquitto_sub -h localhost $(mqtt_tls "$2") -t test -C 1 -W 20
}

mosquitto_server() {
	local status=0
	broker "$1" "$2" && publish "$(only_tls "$3")" soft && visit "$2" "$3" "$PORT" || status=1
	stop mosquitto
	return $status
}

mosquitto_clients() {
	local status=0
	broker "$(only_tls "$3")" soft && publish "$1" "$2" &&
	    subscribe "$1" "$2" | grep -qx "from $2" || status=1
	stop mosquitto
	[ "$(grep -c "u'$2 key'" "$T/mosquitto.log")" -ge 2 ] && return $status
}

program mosquitto mosquitto mosquitto-clients && over_tls broker mosquitto_server
program 'mosquitto_pub, mosquitto_sub' mosquitto-clients && over_tls client mosquitto_clients
