# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
python_server() {
	free_port
	OPENSSL_CONF=$1 start python /usr/bin/python3 "$HERE/python_peer.py" server "$T" "$2" "$PORT"
	server_visited "$2" "$3" "$PORT" python
}

python_get() { /usr/bin/python3 "$HERE/python_peer.py" client "$T" "$@"; }
python_client() { client_at_web python_get "$@"; }

program 'Python, module ssl' python3 && {
	over_tls server python_server
	over_tls client python_client
}
