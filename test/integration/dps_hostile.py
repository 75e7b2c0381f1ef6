#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A provisioning service that does one thing wrong: it passes requests on to a real CA, and
changes what comes back as the file MODE says at the time.

	dps_hostile.py CERT KEY CA-CERT CA-PORT MODE-FILE    prints "port N" when it listens
"""
import base64, http.client, http.server, json, ssl, struct, sys

CERT, KEY, CA_CERT, CA_PORT, MODE = sys.argv[1:6]
PARTS = 6


def split(key):
    parts, at = [], 0
    for _ in range(PARTS):
        (size,) = struct.unpack_from(">H", key, at)
        parts.append(key[at + 2:at + 2 + size])
        at += 2 + size
    return parts


def join(parts):
    return b"".join(struct.pack(">H", len(p)) + p for p in parts)


def spoil(text, how):
    """One authenticationKey, made wrong."""
    key = base64.b64decode(text)
    parts = split(key)
    what, _, arg = how.partition(":")
    if what == "truncated":      # one part, its size as it is
        parts[int(arg)] = parts[int(arg)][:-1]
    elif what == "extended":
        parts[int(arg)] += b"\0"
    elif what == "empty":
        parts[int(arg)] = b""
    elif what == "huge":
        parts[int(arg)] = parts[int(arg)] * 40
    elif what == "flipped":      # one bit in the middle
        p = bytearray(parts[int(arg)])
        p[len(p) // 2] ^= 1
        parts[int(arg)] = bytes(p)
    elif what == "order":
        a, b = (int(x) for x in arg.split(","))
        parts[a], parts[b] = parts[b], parts[a]
    elif what == "attributes":   # an attribute more or less
        p = bytearray(parts[4])
        (now,) = struct.unpack_from(">I", p, 4)
        struct.pack_into(">I", p, 4, now ^ int(arg, 0))
        parts[4] = bytes(p)
    elif what == "behind":
        return base64.b64encode(key + b"\0").decode()
    elif what == "cut":
        return base64.b64encode(key[:int(arg)]).decode()
    elif what == "base64":
        return "!" + text
    elif what == "other":        # made for another TPM
        return open(arg).read().strip()
    return base64.b64encode(join(parts)).decode()


class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def ask(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if open(MODE).read().startswith("once") and self.headers.get("Authorization") and body:
            # as Microsoft's client for Rust
            body = json.dumps({"registrationId": self.path.split("/")[3]}).encode()
        context = ssl.create_default_context(cafile=CA_CERT)
        ca = http.client.HTTPSConnection("localhost", int(CA_PORT), context=context)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if self.headers.get("Authorization"):
            headers["Authorization"] = self.headers["Authorization"]
        ca.request(self.command, self.path, body, headers)
        reply = ca.getresponse()
        return reply.status, json.loads(reply.read())

    def answer(self, status, body, headers=()):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def serve(self):
        step, _, how = open(MODE).read().strip().partition(" ")
        if how == "endless" and self.command == "GET":
            return self.answer(202, {"operationId": "4.x.1", "status": "assigning"},
                               [("Retry-After", "1")])
        if step == "slow" and self.command == "GET":
            open(MODE, "w").write("none")
            return self.answer(202, {"operationId": self.path.split("/")[-1].split("?")[0],
                                     "status": "assigning"}, [("Retry-After", "1")])
        status, doc = self.ask()
        here = {401: "challenge", 202: "assigning", 200: "assigned"}.get(status)
        if step == "save" and here == "challenge":
            open(how, "w").write(doc["authenticationKey"])
        if step != here:
            return self.answer(status, doc, [("Retry-After", "1")] if status == 202 else [])
        what, _, arg = how.partition(" ")
        if what == "key":
            holder = doc if here == "challenge" else doc["registrationState"]["tpm"]
            holder["authenticationKey"] = spoil(holder["authenticationKey"], arg)
        elif what == "set":      # a member, by its path, to JSON
            path, _, value = arg.partition(" ")
            at, names = doc, path.split(".")
            for name in names[:-1]:
                at = at[name]
            at[names[-1]] = json.loads(value)
        elif what == "drop":
            at, names = doc, arg.split(".")
            for name in names[:-1]:
                at = at[name]
            del at[names[-1]]
        elif what == "status":
            status = int(arg)
        elif what == "redirect":
            return self.answer(302, doc, [("Location", "https://localhost:%s%s" % (CA_PORT, self.path))])
        elif what == "raw":
            return self.answer(status, arg.encode())
        elif what == "big":
            return self.answer(status, b'{"x":"' + b"a" * 300000 + b'"}')
        self.answer(status, doc)

    do_PUT = do_GET = serve


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERT, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("port", server.server_address[1], flush=True)
server.serve_forever()
