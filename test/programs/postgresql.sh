# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# The server has a process of its own for each client, forked after it has read the key.
postgres() { runuser -u postgres -- "$@"; }

# A database, once, and keys as either side insists on: nobody else's to read.
postgres_init() {
	local key
	[ ! -d "$T/pg" ] || return 0
	mkdir "$T/pg" "$T/pg.keys" && chown postgres "$T/pg" || return 1
	postgres "$PG_BIN/initdb" -D "$T/pg" --auth=trust >"$T/pg.init.log" 2>&1 || return 1
	echo 'hostssl all all 127.0.0.1/32 trust clientcert=verify-ca' >"$T/pg/pg_hba.conf"
	for key in RSA EC soft; do
		install -o postgres -m 600 "$T/$key.key" "$T/pg/$key.key"
		install -m 600 "$T/$key.key" "$T/pg.keys/$key.key"
	done
}

# postgres_start CONF KEY
postgres_start() {
	postgres_init || return 1
	free_port
	OPENSSL_CONF=$1 start pg runuser -u postgres -- "$PG_BIN/postgres" -D "$T/pg" -p "$PORT" \
	    -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c ssl=on \
	    -c "ssl_ca_file=$T/ca.crt" -c "ssl_cert_file=$T/$2.crt" -c "ssl_key_file=$T/pg/$2.key"
	wait_for pg port_answers "$PORT"
}


postgres_server() {
	local status=0
	postgres_start "$1" "$2" && visit "$2" "$3" "$PORT" -starttls postgres || status=1
	[ $status -eq 0 ] || show "$T/pg.log"
	stop pg
	return $status
}

# The server says what it saw, which here has a software key and speaks one version only.
postgres_client() {
	local status=0
	postgres_start "$(only_tls "$3")" soft &&
	    OPENSSL_CONF=$1 psql -XAt -c 'SELECT version, client_dn FROM pg_stat_ssl
		WHERE pid = pg_backend_pid()' "host=localhost hostaddr=127.0.0.1 port=$PORT user=postgres
		sslmode=verify-full sslrootcert=$T/ca.crt sslcert=$T/$2.crt
		sslkey=$T/pg.keys/$2.key" >"$T/pg.saw" || status=1
	grep -qxF "TLSv$3|/CN=$2 key" "$T/pg.saw" || status=1
	[ $status -eq 0 ] || show "$T/pg.log"
	stop pg
	return $status
}

program postgresql postgresql-15 postgresql-client-15 && {
	PG_BIN=/usr/lib/postgresql/15/bin
	over_tls server postgres_server
}
program psql postgresql-client-15 postgresql-15 && over_tls client postgres_client
