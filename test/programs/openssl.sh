# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# with CONF COMMAND…: the openssl command that has the key; what follows it verifies without
with() { OPENSSL_CONF=$1 openssl "${@:2}"; }

openssl_get() {
	printf 'GET %s HTTP/1.0\r\n\r\n' "$3" | openssl s_client -quiet -connect "localhost:$2" \
		-key "$T/$1.key" -cert "$T/$1.crt" -CAfile "$T/ca.crt" -verify_return_error
}
openssl_client() { client_at_web openssl_get "$@"; }

openssl_server() {
	free_port
	OPENSSL_CONF=$1 start s_server openssl s_server -accept "$PORT" -www -Verify 1 \
		-verify_return_error -CAfile "$T/ca.crt" -key "$T/$2.key" -cert "$T/$2.crt"
	server_visited "$2" "$3" "$PORT" s_server
}

openssl_cms() {
	with "$1" cms -sign -in "$T/message" -signer "$T/$2.crt" -inkey "$T/$2.key" -out "$T/cms" &&
	    openssl cms -verify -in "$T/cms" -CAfile "$T/ca.crt" -purpose any -out "$T/cms.out"
}

openssl_dgst() {
	with "$1" dgst -sha256 -sign "$T/$2.key" -out "$T/sig" "$T/message" &&
	    openssl dgst -sha256 -verify "$T/$2.pub" -signature "$T/sig" "$T/message"
}

openssl_pkeyutl() {
	openssl dgst -sha256 -binary -out "$T/digest" "$T/message" &&
	    with "$1" pkeyutl -sign -inkey "$T/$2.key" -in "$T/digest" -pkeyopt digest:sha256 \
		-out "$T/sig" &&
	    openssl pkeyutl -verify -pubin -inkey "$T/$2.pub" -in "$T/digest" -sigfile "$T/sig" \
		-pkeyopt digest:sha256
}

# root CONF KEY: a CA of its own, DIR/KEY.root
root() {
	with "$1" req -x509 -new -key "$T/$2.key" -subj "/CN=$2 CA" -out "$T/$2.root" \
		-addext basicConstraints=critical,CA:TRUE &&
	    openssl verify -CAfile "$T/$2.root" "$T/$2.root"
}

openssl_x509() {
	root "$1" "$2" &&
	    with "$1" x509 -req -in "$T/soft.csr" -CA "$T/$2.root" -CAkey "$T/$2.key" \
		-out "$T/issued" &&
	    openssl verify -CAfile "$T/$2.root" "$T/issued"
}

openssl_ca() {
	local dir=$T/openssl-ca
	root "$1" "$2" || return 1
	rm -rf "$dir"
	mkdir -p "$dir"
	: >"$dir/index"
	cp "$1" "$dir/cnf"
	cat >>"$dir/cnf" <<-CNF
	[ca]
	default_ca = this
	[this]
	database = $dir/index
	new_certs_dir = $dir
	rand_serial = yes
	default_md = sha256
	default_days = 30
	default_crl_days = 30
	policy = any
	certificate = $T/$2.root
	private_key = $T/$2.key
	[any]
	commonName = supplied
	CNF
	with "$dir/cnf" ca -batch -in "$T/soft.csr" -out "$dir/issued" -notext &&
	    openssl verify -CAfile "$T/$2.root" "$dir/issued" &&
	    with "$dir/cnf" ca -gencrl -out "$dir/crl" &&
	    openssl verify -crl_check -CRLfile "$dir/crl" -CAfile "$T/$2.root" "$dir/issued"
}

openssl_ts() {
	local dir=$T/openssl-ts
	mkdir -p "$dir"
	openssl x509 -req -in "$T/$2.csr" -CA "$T/ca.crt" -CAkey "$T/ca.key" -out "$dir/crt" \
		-extfile <(echo extendedKeyUsage=critical,timeStamping) || return 1
	cp "$1" "$dir/cnf"
	cat >>"$dir/cnf" <<-CNF
	[tsa]
	default_tsa = this
	[this]
	serial = $dir/serial
	crypto_device = builtin
	signer_cert = $dir/crt
	signer_key = $T/$2.key
	signer_digest = sha256
	default_policy = 1.2.3.4
	digests = sha256
	CNF
	openssl ts -query -data "$T/message" -sha256 -cert -out "$dir/query" &&
	    with "$dir/cnf" ts -reply -queryfile "$dir/query" -out "$dir/reply" &&
	    openssl ts -verify -data "$T/message" -in "$dir/reply" -CAfile "$T/ca.crt"
}

openssl_ocsp() {
	local dir=$T/openssl-ca
	openssl_ca "$1" "$2" &&
	    openssl ocsp -issuer "$T/$2.root" -cert "$dir/issued" -reqout "$dir/request" &&
	    with "$1" ocsp -index "$dir/index" -CA "$T/$2.root" -rsigner "$T/$2.root" \
		-rkey "$T/$2.key" -reqin "$dir/request" -respout "$dir/response" -ndays 1 &&
	    openssl ocsp -respin "$dir/response" -issuer "$T/$2.root" -cert "$dir/issued" \
		-CAfile "$T/$2.root" -no_nonce | grep 'issued: good'
}

program openssl openssl && {
	echo hello >"$T/message"
	over_tls s_client openssl_client
	over_tls s_server openssl_server
	signs 'req, x509' openssl_x509
	signs 'ca, crl' openssl_ca
	signs ocsp openssl_ocsp
	signs ts openssl_ts
	signs cms openssl_cms
	signs dgst openssl_dgst
	signs pkeyutl openssl_pkeyutl
}
