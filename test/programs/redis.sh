# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# redis_start CONF KEY
redis_start() {
	free_port
	OPENSSL_CONF=$1 start redis redis-server --port 0 --tls-port "$PORT" --bind 127.0.0.1 \
	    --save '' --dir "$T" --tls-cert-file "$T/$2.crt" --tls-key-file "$T/$2.key" \
	    --tls-ca-cert-file "$T/ca.crt"
	wait_for redis port_answers "$PORT"
}

# redis_ask CONF KEY
redis_ask() {
	OPENSSL_CONF=$1 redis-cli -h localhost -p "$PORT" --tls --cacert "$T/ca.crt" \
	    --cert "$T/$2.crt" --key "$T/$2.key" PING | grep -x PONG
}

# redis_pair SERVER-CONF SERVER-KEY CLIENT-CONF CLIENT-KEY
redis_pair() {
	local status=0
	redis_start "$1" "$2" && redis_ask "$3" "$4" || status=1
	[ "$2" = soft ] || [ $status -ne 0 ] || visit "$2" "$5" "$PORT" || status=1
	stop redis
	[ $status -eq 0 ] || show "$T/redis.log"
	return $status
}

redis_server() { redis_pair "$1" "$2" "$(only_tls "$3")" soft "$3"; }
# Redis does not say who came, but lets in nobody without a certificate of this CA.
redis_client() { redis_pair "$(only_tls "$3")" soft "$1" "$2" "$3"; }

program redis-server redis-server redis-tools && over_tls server redis_server
program redis-cli redis-tools redis-server && over_tls client redis_client
