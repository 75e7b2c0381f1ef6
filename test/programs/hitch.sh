# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
hitch_server() {
	start_web # something to connect to
	free_port
	OPENSSL_CONF=$1 start hitch hitch --user=nobody --tls-protos='TLSv1.2 TLSv1.3' \
	    --frontend="[127.0.0.1]:$PORT" --backend="[127.0.0.1]:${WEB[1.2]}" "$T/$2.pem"
	server_visited "$2" "$3" "$PORT" hitch
}

program hitch hitch && over_tls 'server, 1 worker' hitch_server
