#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TPMIOT KEY REFERENCE: a persistent key for programs that take only files.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=test/provider/keys.sh
. "$(dirname "$0")/keys.sh"
# shellcheck source=test/provider/keyfile.sh
. "$(dirname "$0")/keyfile.sh"

start_swtpm
echo hello >"$T/message"
tpm_key 0x81000010 ecc256:null:null || die 'no persistent EC key'
tpm_key 0x81000011 rsa2048:null:null || die 'no persistent RSA key'

reference() { openssl pkey -provider tpmiot -in "$1" -out "$2"; }

for key in 10 11; do
	check "a reference to 0x810000$key" reference "tpmiot:handle=0x810000$key" "$T/$key.key"
	check 'signs' signs "$T/$key.key"
	check 'signs beside the default provider' signs "$T/$key.key" -provider default
	check_is 'at the cost of the handle' "$(count_sign "$T/$key.key")" 'ReadPublic Sign'
	pubkey "handle:0x810000$key" "$T/handle.pub"
	check 'has its public half' cmp "$T/handle.pub" "$T/signs.pub"
	count_tpm "$T/count" openssl pkey -provider tpmiot -in "$T/$key.key" -pubout >"$T/out" 2>&1
	check_is 'which takes no TPM command' "$(wc -l <"$T/count")" 0
	openssl pkey -provider tpmiot -in "$T/$key.key" -outform DER -out "$T/$key.der"
	check 'DER signs' signs "$T/$key.der"
	check 'DER signs beside the default provider' signs "$T/$key.der" -provider default
	openssl pkey -provider tpmiot -in "$T/$key.der" -out "$T/again.key"
	check 'and back to PEM it is the same' cmp "$T/$key.key" "$T/again.key"
	openssl req -x509 -new -provider tpmiot -provider default -key "$T/$key.key" -subj /CN=x -out "$T/$key.crt"
	cat "$T/$key.crt" "$T/$key.key" >"$T/$key.pem"
	check 'behind a certificate in one file' signs "$T/$key.pem"
	check 'the same beside the default provider' signs "$T/$key.pem" -provider default
	check 'as an object: of the store' signs "object:$T/$key.key"
done

cat "$T/10.crt" "$T/11.crt" >"$T/clients.pem"

# ---- A program that takes only files -----------------------------------------------

cat >"$T/providers.cnf" <<'CNF'
openssl_conf = init
[init]
providers = providers
[providers]
default = active
tpmiot = active
[active]
activate = 1
CNF
openssl req -x509 -newkey rsa:2048 -noenc -keyout "$T/server.key" -subj /CN=localhost \
	-out "$T/server.crt" 2>"$T/server.log"
free_port
start s_server openssl s_server -accept "$PORT" -www -cert "$T/server.crt" -key "$T/server.key" \
	-Verify 1 -verify_return_error -CAfile "$T/clients.pem"
wait_for_line s_server '^ACCEPT' || die 's_server does not start'
for key in 10 11; do
	check "curl: certificate and reference $key in one file" \
		env OPENSSL_CONF="$T/providers.cnf" curl -sS --cacert "$T/server.crt" \
		--cert "$T/$key.pem" -o "$T/out.html" "https://localhost:$PORT/"
done
check_fails '*' 'certificate' 'which that server asks for' curl -sS --cacert "$T/server.crt" \
	-o "$T/out.html" "https://localhost:$PORT/"

# ---- Passwords ------------------------------------------------------------------------

under 0x81000001 secret -G ecc256 -p sesame &&
    tpm2_load -Q -C 0x81000001 -u "$T/secret.pub" -r "$T/secret.priv" -c "$T/ctx" &&
    tpm2_evictcontrol -Q -C o -c "$T/ctx" 0x81000012 && tpm2_flushcontext -Q -t
check 'a reference to a key with a password' \
	reference 'tpmiot:handle=0x81000012;auth=sesame' "$T/12.key"
check_is 'the password is not in it' "$(openssl base64 -d <"$T/12.key" | grep -c sesame)" 0
check 'it is asked for' signs "$T/12.key" -passin pass:sesame
check_fails '*' 'authorisation value' 'and compared' signs "$T/12.key" -passin pass:simsalabim

# ---- What is not there, or is another one -----------------------------------------------

tpm2_evictcontrol -Q -C o -c 0x81000010
check_fails '*' 'no key at 0x81000010, where the key reference says' 'a key that is gone' \
	signs "$T/10.key"
tpm_key 0x81000010 ecc256:null:null || die 'no other persistent EC key'
check_fails '*' 'not the one that the key reference was made for' 'another key in its place' \
	signs "$T/10.key"
# GetCapability: whether something that was lost is to be flushed
check_is 'does not sign' "$(count_sign "$T/10.key")" 'ReadPublic GetCapability'
check_is 'nothing is left in the TPM' "$(tpm_handles transient)$(tpm_handles loaded-session)" ''
done_testing
