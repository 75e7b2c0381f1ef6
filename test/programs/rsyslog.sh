# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# rsyslog_conf NAME KEY LINE…
rsyslog_conf() {
	mkdir -p "$T/$1"
	cat >"$T/$1.conf" <<-CONF
	global(workDirectory="$T/$1" defaultNetstreamDriver="ossl"
	    defaultNetstreamDriverCAFile="$T/ca.crt" defaultNetstreamDriverCertFile="$T/$2.crt"
	    defaultNetstreamDriverKeyFile="$T/$2.key")
	CONF
	printf '%s\n' "${@:3}" >>"$T/$1.conf"
}

# rsyslog_start NAME CONF
rsyslog_start() {
	rm -f "$T/$1/pid"
	OPENSSL_CONF=$2 start "$1" rsyslogd -n -f "$T/$1.conf" -i "$T/$1/pid"
}

# start_receiver CONF KEY WHO-MAY-SEND
start_receiver() {
	free_port
	rsyslog_conf receiver "$2" 'module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"' \
	    "    streamDriver.authMode=\"x509/name\" permittedPeer=[\"$3\"])" \
	    "input(type=\"imtcp\" address=\"127.0.0.1\" port=\"$PORT\")" \
	    "action(type=\"omfile\" file=\"$T/receiver/saw\")"
	: >"$T/receiver/saw"
	rsyslog_start receiver "$1"
	wait_for receiver port_answers "$PORT"
}

rsyslog_receiver() {
	# In the certificate of the visitor, "soft key", this is his other name.
	start_receiver "$1" "$2" localhost &&
	    server_visited "$2" "$3" "$PORT" receiver && grep -q 'GET / HTTP' "$T/receiver/saw"
}

# Syslog over TCP loses what is on its way when a connection ends.
rsyslog_passes() {
	logger -u "$T/sender/socket" "$1"
	grep -q "$1" "$T/receiver/saw"
}

# To one that has a software key, speaks one version only, and lets in nobody else.
rsyslog_sender() {
	local status=0
	start_receiver "$(only_tls "$3")" soft "$2 key"
	rsyslog_conf sender "$2" "module(load=\"imuxsock\" sysSock.name=\"$T/sender/socket\")" \
	    "action(type=\"omfwd\" target=\"localhost\" port=\"$PORT\" protocol=\"tcp\"" \
	    '    streamDriver="ossl" streamDriverMode="1" streamDriverAuthMode="x509/name"' \
	    '    streamDriverPermittedPeers="localhost")'
	rsyslog_start sender "$1"
	wait_for sender test -S "$T/sender/socket" &&
	    wait_for receiver rsyslog_passes "a message by $2" || status=1
	stop sender
	stop receiver
	[ $status -eq 0 ] || show "$T/receiver.log"
	[ $status -eq 0 ] || show "$T/sender.log"
	return $status
}

program rsyslogd rsyslog rsyslog-openssl && {
	over_tls 'receiver of logs' rsyslog_receiver
	over_tls 'sender of logs' rsyslog_sender
}
