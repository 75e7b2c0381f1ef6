#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Stock programs speak mTLS with the key in the TPM: what the servers saw counts. Device
# programs run with the shipped openssl.cnf and the key *file*, as they would in the field.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=../servers.sh
. "$SRC/test/servers.sh"

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open

S=$T/server
check 'servers have an identity' server_identity "$S" "$CADIR/ca.crt"
CRT=$S/tls/server.crt

for program in nginx mosquitto; do
	command -v $program >/dev/null || die "$program is not installed"
done
free_port
NGINX_PORT=$PORT
nginx_config "$S" "$SRC/examples/nginx-server.conf" "$NGINX_PORT" >"$S/nginx.conf"
start nginx nginx_run "$S" "$S/nginx.conf"
wait_for nginx port_answers "$NGINX_PORT" || die 'nginx does not start'
free_port
MQTT_PORT=$PORT
mosquitto_config "$S" "$SRC/examples/mosquitto-broker.conf" "$MQTT_PORT" >"$S/mosquitto.conf"
start mosquitto mosquitto -c "$S/mosquitto.conf"
wait_for mosquitto port_answers "$MQTT_PORT" || die 'mosquitto does not start'

# Only the device's programs know of the provider.
on_device() { OPENSSL_CONF=$SRC/examples/openssl.cnf "$@"; }

fetch() {
	on_device curl -sS --cacert "$CRT" --cert "$TPMIOT_STATE_DIR/$1.crt" \
	    --key "$TPMIOT_STATE_DIR/$1.key" "${@:3}" "https://localhost:$NGINX_PORT/$2"
}

publish() {
	on_device mosquitto_pub -h localhost -p "$MQTT_PORT" -q 1 -i "$2" --cafile "$CRT" \
	    --cert "$TPMIOT_STATE_DIR/$1.crt" --key "$TPMIOT_STATE_DIR/$1.key" -t test -m hello
}

subject() {
	openssl x509 -in "$TPMIOT_STATE_DIR/$1.crt" -noout -subject -nameopt RFC2253 | sed 's/^subject=//'
}

for key in ec-p256 ec-p384 rsa-2048; do
	check "$key: enrol" enroll --key=$key --name=$key
	for tls in 1.2 1.3; do
		check "$key: curl, TLS $tls" fetch $key "$key-$tls" --tlsv$tls --tls-max $tls
		# nginx writes its log when it has answered.
		wait_for nginx grep -q "/$key-$tls " "$S/devices.log"
		grep "/$key-$tls " "$S/devices.log" >"$T/saw"
		check_grep "verify=SUCCESS .*subject=\"$(subject $key)\"" "$T/saw" \
		    "$key: nginx saw the subject, TLS $tls"
	done
	check "$key: mosquitto_pub" publish $key "id-$key"
	check_grep "New client connected .* as id-$key .* u'$(subject $key)'" "$S/mosquitto.log" \
	    "$key: mosquitto saw the subject"
done

# The other way round: nginx on the device serves with the key in the TPM.
check 'nginx with a key in the TPM: enrol' enroll
D=$T/device-server
mkdir -p "$D/tmp"
free_port
nginx_config "$D" "$SRC/examples/nginx-device.conf" "$PORT" >"$D/nginx.conf"
OPENSSL_CONF=$SRC/examples/openssl.cnf start nginx-device nginx_run "$D" "$D/nginx.conf"
wait_for nginx-device port_answers "$PORT" || die 'nginx with a TPM key does not start'
# The certificate names the device, not a host: -k, and the key is compared instead.
pin=$(openssl x509 -in "$TPMIOT_STATE_DIR/device.crt" -noout -pubkey |
    openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary | base64)
for tls in 1.2 1.3; do
	check "nginx with a key in the TPM, TLS $tls" curl -sSk --tlsv$tls --tls-max $tls \
	    --pinnedpubkey "sha256//$pin" "https://localhost:$PORT/"
	check_grep 'signed in a TPM' "$T/out" "nginx with a key in the TPM answers, TLS $tls"
done
done_testing
