#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A CA that asks for PCR values gets them, with a quote by the AK over its nonce. What asks
# here stands between the device and tpmiot-ca; what the quote says is judged by tpm2-tools.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

cat >"$T/asks.py" <<'PY'
import base64, http.server, json, ssl, struct, sys, hashlib, urllib.request
port, ca, upstream, out, pcrs = sys.argv[1:6]
seen = {}
def save(name, data):
    open(out + "/" + name, "wb").write(data)
class Asks(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if "ek" in body:
            save("ak.pub", base64.b64decode(body["ak"]["public"]))
        quote = body.pop("quote", None)
        if quote:
            attest = base64.b64decode(quote["attest"])
            save("attest", attest[2:])
            save("signature", base64.b64decode(quote["signature"]))
            save("nonce", seen["nonce"])
            save("values", json.dumps({b: {n: base64.b64decode(v).hex() for n, v in p.items()}
                                       for b, p in quote["pcrs"].items()}).encode())
            concat = b"".join(base64.b64decode(quote["pcrs"][b][str(n)])
                              for b in json.loads(pcrs) for n in sorted(json.loads(pcrs)[b]))
            save("fits", b"yes" if attest.endswith(hashlib.sha256(concat).digest()) else b"no")
        request = urllib.request.Request(upstream + self.path, json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=ca + "/ca.crt")) as r:
            reply = json.load(r)
        if "challenge" in reply:
            seen["nonce"] = base64.b64decode(reply["nonce"])
            reply["pcrs"] = json.loads(pcrs)
        data = json.dumps(reply).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Asks)
ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
ctx.load_cert_chain(ca + "/tls.crt", ca + "/tls.key")
server.socket = ctx.wrap_socket(server.socket, server_side=True)
print("ready", flush=True)
server.serve_forever()
PY

# asking PCRS: a server that asks for them, at CA_URL
asking() {
	free_port
	start asks python3 "$T/asks.py" "$PORT" "$CADIR" "https://localhost:$CA_PORT" "$T/q" "$1"
	wait_for_line asks ready || die 'the server that asks does not start'
	CA_URL=https://localhost:$PORT
}

# value BANK NUMBER: as tpm2_pcrread has it
value() { tpm2_pcrread "$1:$2" -o "$T/pcr" >/dev/null && xxd -p "$T/pcr" 2>/dev/null | tr -d '\n' || od -An -tx1 -v "$T/pcr" | tr -d ' \n'; }
sent() { python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))[sys.argv[2]][sys.argv[3]])' "$T/q/values" "$1" "$2"; }

mkdir "$T/q"
make_ca
for kind in bare persistent; do
	start_swtpm $kind $kind
	[ -n "${CA_PORT:-}" ] || { trust_mfr; start_ca --set enrolment=open --set rate_limit=off; }
	tpm2_pcrextend "7:sha256=$(printf x | sha256sum | cut -d' ' -f1)"
	asking '{"sha256": [0, 1, 2, 3, 4, 5, 6, 7, 8, 14, 23]}'
	export TPMIOT_STATE_DIR=$T/state-$kind
	rm -f "$T/q"/*
	check "$kind: enrol with a quote" enroll -v
	check_grep 'PCR values' "$T/out" "$kind: it is said"
	check "$kind: signed by the AK, over the nonce" tpm2_checkquote -u "$T/q/ak.pub" \
	    -m "$T/q/attest" -s "$T/q/signature" -q "$(od -An -tx1 -v "$T/q/nonce" | tr -d ' \n')"
	check_is "$kind: the values fit the quote" "$(cat "$T/q/fits")" yes
	for n in 0 7 23; do
		check_is "$kind: register $n" "$(sent sha256 $n)" "$(value sha256 $n)"
	done
	check_is "$kind: nothing is left in the TPM" \
	    "$(tpm2_getcap handles-transient)$(tpm2_getcap handles-loaded-session)" ''
done
asking '{"sha256": [7], "sha384": [1, 2]}'
export TPMIOT_STATE_DIR=$T/state-two
tpm2_pcrread sha384:1 >"$T/bank" 2>&1
if grep -q 0x "$T/bank"; then
	check 'two banks' enroll
	check_is 'two banks: the values fit' "$(cat "$T/q/fits")" yes
	check_is 'two banks: the other one' "$(sent sha384 2)" "$(value sha384 2)"
else
	check_fails '*' 'does not have the registers' 'a bank that the TPM does not have' enroll
fi
asking '{"sha256": [24]}'
export TPMIOT_STATE_DIR=$T/state-bad
check_fails 4 'no usable .pcrs.' 'a register that no TPM has' enroll
done_testing
