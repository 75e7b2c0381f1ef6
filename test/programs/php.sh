# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016  # PHP's variables
php_server() {
	free_port
	OPENSSL_CONF=$1 start php php -r '
		[, $dir, $key, $port] = $argv;
		$server = stream_socket_server("tls://127.0.0.1:$port", $code, $why,
		    STREAM_SERVER_BIND | STREAM_SERVER_LISTEN, stream_context_create(["ssl" => [
		    "local_cert" => "$dir/$key.crt", "local_pk" => "$dir/$key.key",
		    "cafile" => "$dir/ca.crt", "verify_peer" => true,
		    "verify_peer_name" => false]]));
		while (true)
			if ($client = @stream_socket_accept($server, -1))
				fwrite($client, "hello\n");' -- "$T" "$2" "$PORT"
	server_visited "$2" "$3" "$PORT" php
}

php_get() {
	php -r '
		[, $dir, $key, $port, $page] = $argv;
		echo file_get_contents("https://localhost:$port$page", false,
		    stream_context_create(["ssl" => ["local_cert" => "$dir/$key.crt",
		    "local_pk" => "$dir/$key.key", "cafile" => "$dir/ca.crt"]]));' -- "$T" "$@" |
	    grep hello
}
php_client() { client_at_web php_get "$@"; }

program 'PHP, streams' php8.2-cli && {
	over_tls server php_server
	over_tls client php_client
}
