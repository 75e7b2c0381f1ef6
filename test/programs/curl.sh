# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
curl_get() {
	curl -sS --cacert "$T/ca.crt" --key "$T/$1.key" --cert "$T/$1.crt" "https://localhost:$2$3"
}
curl_client() { client_at_web curl_get "$@"; }

program curl curl && over_tls client curl_client
