# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2016  # Perl's variables
perl_server() {
	free_port
	OPENSSL_CONF=$1 start perl perl -MIO::Socket::SSL -e '
		my ($dir, $key, $port) = @ARGV;
		my $server = IO::Socket::SSL->new(Listen => 5, LocalAddr => "127.0.0.1",
		    LocalPort => $port, ReuseAddr => 1, SSL_cert_file => "$dir/$key.crt",
		    SSL_key_file => "$dir/$key.key", SSL_ca_file => "$dir/ca.crt",
		    SSL_verify_mode => SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
		    or die $SSL_ERROR;
		while (1) {
			my $client = $server->accept or next;
			print $client "hello\n";
			close $client;
		}' "$T" "$2" "$PORT"
	server_visited "$2" "$3" "$PORT" perl
}

perl_get() {
	perl -MIO::Socket::SSL -e '
		my ($dir, $key, $port, $page) = @ARGV;
		my $server = IO::Socket::SSL->new(PeerAddr => "localhost:$port",
		    SSL_cert_file => "$dir/$key.crt", SSL_key_file => "$dir/$key.key",
		    SSL_ca_file => "$dir/ca.crt") or die $SSL_ERROR;
		print $server "GET $page HTTP/1.0\r\n\r\n";
		print <$server>;' "$T" "$@"
}
perl_client() { client_at_web perl_get "$@"; }

program 'Perl, IO::Socket::SSL' libio-socket-ssl-perl && {
	over_tls server perl_server
	over_tls client perl_client
}
