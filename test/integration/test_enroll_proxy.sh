#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The proxy variables: https_proxy is used, for mTLS too, and no_proxy keeps it out.
# shellcheck source=test/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"

cat >"$T/proxy.py" <<'PY'
import select, socket, socketserver, sys
class Connect(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline().decode()
        while self.rfile.readline().strip():
            pass
        print(line.strip(), flush=True)
        host, port = line.split()[1].rsplit(":", 1)
        with socket.create_connection((host, int(port))) as there:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pair = {self.connection: there, there: self.connection}
            while True:
                for s in select.select(list(pair), [], [])[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    pair[s].sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
with Server(("127.0.0.1", int(sys.argv[1])), Connect) as server:
    print("ready", flush=True)
    server.serve_forever()
PY

tunnels() { grep -c "^CONNECT localhost:$CA_PORT " "$T/proxy.log"; }

start_swtpm
make_ca
trust_mfr
start_ca --set enrolment=open --set rate_limit=off
free_port
start proxy python3 "$T/proxy.py" "$PORT"
wait_for_line proxy ready || die 'the proxy does not start'
unset no_proxy NO_PROXY http_proxy all_proxy ALL_PROXY HTTPS_PROXY
export https_proxy=http://127.0.0.1:$PORT

check 'enrol through a proxy' enroll
check_is 'by one connection' "$(tunnels)" 1
check 'renew through it, over mTLS' tpmiot-enroll renew --before=36500d
check_is 'by another one' "$(tunnels)" 2
no_proxy=localhost check 'no_proxy' tpmiot-enroll renew --before=36500d
check_is 'goes past it' "$(tunnels)" 2
stop proxy
check_fails 4 'not reachable.*' 'a proxy that is down' tpmiot-enroll renew --timeout=0s --before=36500d
https_proxy='' check 'no proxy' tpmiot-enroll renew --before=36500d
done_testing
