#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""python_peer.py client|server DIR KEY PORT [PAGE]: the module ssl, as Python's programs use it."""
import http.server
import ssl
import sys
import urllib.request

role, directory, key, port = sys.argv[1:5]
purpose = ssl.Purpose.SERVER_AUTH if role == "client" else ssl.Purpose.CLIENT_AUTH
context = ssl.create_default_context(purpose, cafile=f"{directory}/ca.crt")
context.load_cert_chain(f"{directory}/{key}.crt", f"{directory}/{key}.key")

if role == "client":
    url = f"https://localhost:{port}{sys.argv[5]}"
    print(urllib.request.urlopen(url, context=context).read().decode())
else:
    context.verify_mode = ssl.CERT_REQUIRED
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", int(port)), http.server.SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
