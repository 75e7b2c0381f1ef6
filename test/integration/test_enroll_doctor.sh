#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tpmiot-enroll doctor: a sound device, and one fault after the other: each is found, by a
# line that says what to do, and is gone when that was done.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

# For the doctor only: other programs are not made for a module with sanitizers.
CONF=$SRC/examples/openssl.cnf
doctor() { OPENSSL_CONF=$CONF with_module "$ENROLL" doctor "$@"; }

# verdict CHECK: what the last doctor --json in $T/out said of it
verdict() {
	python3 - "$T/out" "$1" <<-'PY'
	import json, sys
	checks = json.JSONDecoder().raw_decode(open(sys.argv[1]).read())[0]["checks"]
	print(",".join(c["verdict"] for c in checks if c["check"] == sys.argv[2]))
	PY
}

# finds CHECK VERDICT NAME [OPTION…]: and what it says to do is in --json as well
finds() {
	doctor --json "${@:4}" >"$T/out" 2>"$T/err"
	check_is "$3" "$(verdict "$1")" "$2"
}

free_port
check_fails 1 'FAIL  tpm .*no TPM.*check that it is there' 'no TPM' \
    doctor --tcti="swtpm:port=$PORT"

check_grep '^ .*-> name the one there is with --tcti=' "$T/out" 'and what to do'
check_fails 1 'FAIL  tpm .*no such kind is installed' 'an unknown TCTI' doctor --tcti=frob
check_fails 1 'FAIL  tpm .*not understood' 'an option that no TCTI knows' doctor --tcti=swtpm:prt=1

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off

check 'before enrolment: nothing is wrong' doctor
check_grep '^WARN  ca .*not enrolled yet' "$T/out" 'before enrolment: no CA is known'
check 'the CA can be named' doctor --server="$CA_URL" --ca-file="$CADIR/ca.crt"
check_grep '^OK    ca ' "$T/out" 'and answers'

check 'enrol' enroll
check 'enrolled: everything is fine' doctor
check_is 'and each line says so' "$(grep -vc '^OK  ' "$T/out")" 0
for name in tpm lockout room ek state certificate openssl clock ca; do
	check_grep "^OK    $name " "$T/out" "$name is looked at"
done
finds ca ok 'the CA is remembered with its certificate'
check_is 'quiet: not a word' "$(doctor -q 2>&1)" ''

# ---- The state directory ---------------------------------------------------------

chmod o+r "$TPMIOT_STATE_DIR/device.key"
finds rights fault 'a key that everybody can read'
check_fails 1 'chmod 6[04]0' 'and what to do' doctor
chmod o-r "$TPMIOT_STATE_DIR/device.key"
chmod g+r "$TPMIOT_STATE_DIR/ak.key"
finds rights fault 'an AK that a group can read'
chmod g-r "$TPMIOT_STATE_DIR/ak.key"
chmod g+w "$TPMIOT_STATE_DIR"
finds state fault 'a directory that others can write'
chmod g-w "$TPMIOT_STATE_DIR"
echo '{}' >"$TPMIOT_STATE_DIR/.journal"
finds journal warning 'an interrupted run'
rm "$TPMIOT_STATE_DIR/.journal"
cp -p "$TPMIOT_STATE_DIR/device.key" "$T/device.key"
echo broken >"$TPMIOT_STATE_DIR/device.key"
finds key fault 'a damaged key'
check_grep '"next": "bring the file back' "$T/out" 'and what to do'
cp -p "$T/device.key" "$TPMIOT_STATE_DIR/device.key"
mv "$TPMIOT_STATE_DIR/device.crt" "$T/device.crt"
finds certificate warning 'no certificate'
cp "$CADIR/ca.crt" "$TPMIOT_STATE_DIR/device.crt"
finds certificate fault 'a certificate for another key'
mv "$T/device.crt" "$TPMIOT_STATE_DIR/device.crt"
(umask 0; cp "$TPMIOT_STATE_DIR/ak.key" "$TPMIOT_STATE_DIR/x.secret"; chmod 644 "$TPMIOT_STATE_DIR/x.secret")
finds rights fault 'a secret that everybody can read'
chown :12345 "$TPMIOT_STATE_DIR/x.secret" && chmod 640 "$TPMIOT_STATE_DIR/x.secret"
finds rights warning 'one for a group that is not the TPM device'"'"'s'
rm "$TPMIOT_STATE_DIR/x.secret"
finds rights '' 'all is well again'

# ---- OpenSSL ---------------------------------------------------------------------

CONF=/dev/null finds openssl warning 'an openssl.cnf without the provider'
OPENSSL_MODULES=$T finds openssl fault 'no module'
sed 's/^default = .*//' "$SRC/examples/openssl.cnf" >"$T/alone.cnf"
CONF=$T/alone.cnf finds openssl fault 'the provider without the default one'

# ---- The CA ----------------------------------------------------------------------

stop_ca
finds ca fault 'a CA that is down'
check_grep '"next": "see that the CA runs' "$T/out" 'and what to do'

# A CA whose clock is some seconds off ours
cat >"$T/clock.py" <<'PY'
import email.utils, http.server, ssl, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    def date_time_string(self, timestamp=None):
        return email.utils.formatdate(time.time() + int(sys.argv[3]), usegmt=True)
    def do_GET(self):
        body = b'{"type": "urn:tpmiot:problem:method-not-allowed", "title": "POST it"}'
        self.send_response(405)
        self.send_header("Content-Type", "application/problem+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer)
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(sys.argv[2] + "/tls.crt", sys.argv[2] + "/tls.key")
server.socket = ctx.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
PY
for off in 0:ok 1800:warning -86400:fault; do
	start clock python3 "$T/clock.py" "$CA_PORT" "$CADIR" "${off%:*}"
	wait_for_line clock ready
	finds clock "${off#*:}" "a CA's clock ${off%:*} s off"
	stop clock
done
start_ca --set enrolment=open
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/other.key" -out "$T/other.crt" \
    -subj /CN=other -days 1 2>"$T/openssl.log"
finds ca fault 'a CA that is not trusted' --ca-file="$T/other.crt"
check_fails 1 'FAIL  ca .*not trusted' 'and it is said' doctor --ca-file="$T/other.crt"
wait_for_line ca 'no TLS'
check_grep '127.0.0.1 port [0-9]+: no TLS: .*does not trust tls_cert' "$T/ca.log" 'the CA logs who does not trust it'
check_is 'each time with its address' "$(grep -c '[?] port [?]' "$T/ca.log")" 0
echo broken >"$TPMIOT_STATE_DIR/server.json"
finds ca fault 'a damaged server.json'
check_grep '"next": "run tpmiot-enroll enroll' "$T/out" 'and what to do'
check 'enrol anew' enroll --name=second
finds ca ok 'repairs it'

# ---- The TPM ---------------------------------------------------------------------

for _ in 1 2 3; do tpm2_createprimary -Q -C n; done
finds room fault 'a TPM that others have filled'
tpm2_flushcontext -t
tpm2_dictionarylockout -Q -s -n 1 -t 1000 -l 1000
tpm2_create -Q -C 0x81000001 -p right -u "$T/da.pub" -r "$T/da.priv" -c "$T/da.ctx"
tpm2_flushcontext -t
echo x >"$T/da.msg"
tpm2_sign -Q -c "$T/da.ctx" -p wrong -o "$T/da.sig" "$T/da.msg" 2>"$T/da.log"
tpm2_flushcontext -t
finds lockout fault 'a TPM in lockout'
tpm2_dictionarylockout -Q -c
finds lockout ok 'and out of it'
tpm2_changeauth -Q -c endorsement secret
finds passwords warning 'a password of the endorsement hierarchy'
tpm2_changeauth -Q -c endorsement -p secret
tpm2_nvdefine -Q 0x01c00100 -C o -s 16 -a 'ownerread|ownerwrite|authread'
finds ek ok,warning 'a link of the chain that was never written'
export TPMIOT_STATE_DIR=$T/state-chain
check 'which the CA can do without' enroll
check_grep 'warning: .*0x01c00100, of the EK certificate.s chain, cannot be read' "$T/out" 'and it is said'
tpm2_nvdefine -Q 0x01c0000a -C o -s 16 -a 'ownerread|ownerwrite|authread'
check 'a certificate that was never written' tpmiot-enroll ek --ek=L-2
check_grep 'warning: .*0x01c0000a, with the EK.s certificate' "$T/out" 'is no certificate'
tpm2_nvundefine -Q -C o 0x01c0000a
tpm2_nvundefine -Q -C o 0x01c00100
start_swtpm nocert nocert
finds ek warning 'a TPM without EK certificates'

# ---- Every published index ---------------------------------------------------------

openssl x509 -in "$CADIR/ca.crt" -outform DER -out "$T/any.der"
nv() {
	tpm2_nvdefine -Q "$1" -C o -s "$(stat -c %s "$T/any.der")" -a 'ownerread|ownerwrite|authread'
	tpm2_nvwrite -Q "$1" -C o -i "$T/any.der"
}
found=
for index in 02 0a 12 14 16 18 1c 1e; do
	nv "0x01c000$index"
	tpmiot-enroll ek --cert-out="$T/found.pem" >"$T/out" 2>&1
	openssl x509 -in "$T/found.pem" -outform DER 2>&1 | cmp -s - "$T/any.der" &&
		found+=$(sed -n 's/^EK template: *//p' "$T/out")' '
	rm -f "$T/found.pem"
	tpm2_nvundefine -Q -C o "0x01c000$index"
done
check_is 'the EK certificate is found in each index of the profile' "$found" 'L-1 L-2 H-1 H-2 H-3 H-4 H-6 H-7 '
nv 0x01c0001a
check 'a certificate for an SM2 EK only' tpmiot-enroll ek --ek=L-2
check_grep 'warning: .*0x01c0001a is for an SM2 EK' "$T/out" 'is said, and that it cannot be used'
done_testing
