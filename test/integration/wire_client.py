#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A client of the enrolment protocol that shares no code with tpmiot: doc/PROTOCOL.md,
tpm2-tools and Python's standard library. It does everything right once and then wrong in
one place at a time. test_e2e_wire.sh runs it: wire_client.py PORT CA-FILE; prints TAP."""

import base64
import http.client
import json
import os
import socket
import ssl
import struct
import subprocess
import sys
import tempfile

PORT, CA_FILE = int(sys.argv[1]), sys.argv[2]
EK_RSA, EK_RSA_CERT, EK_ECC_CERT = "0x81010001", "0x01c00002", "0x01c00016"
SRK = "0x81000001"
AK, OTHER_AK, PLAIN_AK = "0x81000020", "0x81000021", "0x81000022"
KEY, OTHER_KEY = "0x81000023", "0x81000024"
KEY_ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|sign|noda"
PROBLEM = "urn:tpmiot:problem:"

# ---- TAP ----

tests = failures = 0


def check(name, good, detail=""):
    global tests, failures
    tests += 1
    print("ok" if good else "not ok", tests, "-", name, flush=True)
    if not good:
        failures += 1
        print("#   got:", str(detail)[:600].replace("\n", "\n#   "))


# ---- The TPM ----

os.chdir(tempfile.mkdtemp(dir=os.environ["T"]))


def run(*command):
    done = subprocess.run(command, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return done.stdout


def content(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def keep(context, handle):
    run("tpm2_evictcontrol", "-Q", "-C", "o", "-c", context, handle)
    run("tpm2_flushcontext", "-t")


def make_signing_key(handle, attributes=KEY_ATTRIBUTES, scheme="ecc256"):
    run("tpm2_create", "-Q", "-C", SRK, "-G", scheme, "-g", "sha256", "-a", attributes,
        "-c", "key.ctx", "-u", "key.pub", "-r", "key.priv")
    keep("key.ctx", handle)


def public(handle):
    run("tpm2_readpublic", "-Q", "-c", handle, "-f", "tss", "-o", "public")
    return content("public")


def nv(index):
    run("tpm2_nvread", "-Q", index, "-o", "nv")
    return content("nv")


def activate(ak, challenge):
    write("credential", struct.pack(">II", 0xBADCC0DE, 1)
          + base64.b64decode(challenge["credential_blob"])
          + base64.b64decode(challenge["encrypted_secret"]))
    run("tpm2_startauthsession", "--policy-session", "-S", "session")
    run("tpm2_policysecret", "-Q", "-S", "session", "-c", "e")
    run("tpm2_activatecredential", "-Q", "-c", ak, "-C", EK_RSA, "-i", "credential",
        "-o", "secret", "-P", "session:session")
    run("tpm2_flushcontext", "session")
    return content("secret")


def certify(key, ak, nonce):
    """TPM2_Certify as bytes, for tpm2_certify takes no qualifying data."""
    password = struct.pack(">IHBH", 0x40000009, 0, 0, 0)
    body = struct.pack(">III", 0x148, int(key, 16), int(ak, 16))
    body += struct.pack(">I", 2 * len(password)) + 2 * password
    body += struct.pack(">H", len(nonce)) + nonce + struct.pack(">H", 0x0010)
    write("command", struct.pack(">HI", 0x8002, len(body) + 6) + body)
    run("tpm2_send", "-o", "response", "command")
    response = content("response")
    _, _, code, size = struct.unpack(">HIII", response[:14])
    assert code == 0, hex(code)
    parameters = response[14:14 + size]
    attest = 2 + struct.unpack(">H", parameters[:2])[0]
    return parameters[:attest], parameters[attest:]


def csr(handle):
    return run("openssl", "req", "-new", "-provider", "tpmiot", "-key", "handle:" + handle,
               "-subj", "/CN=ignored", "-outform", "DER")


# ---- HTTPS ----

TLS = ssl.create_default_context(cafile=CA_FILE)


def request(method, path, body=None, headers=None):
    """Status, problem type (without its prefix) or None, JSON or bytes of the reply."""
    connection = http.client.HTTPSConnection("localhost", PORT, context=TLS, timeout=60)
    connection.request(method, path, body, headers or {"Content-Type": "application/json"})
    reply = connection.getresponse()
    data = reply.read()
    kind = reply.headers.get("Content-Type", "").split(";")[0]
    request.headers = reply.headers
    connection.close()
    if kind == "application/problem+json":
        problem = json.loads(data)
        assert problem["status"] == reply.status and problem["title"], problem
        return reply.status, problem["type"].removeprefix(PROBLEM), problem
    return reply.status, None, json.loads(data) if kind == "application/json" else data


def b64(data):
    return base64.b64encode(data).decode()


def attest(ak=AK, **changes):
    body = {"ek": {"public": b64(public(EK_RSA)), "certificate": b64(nv(EK_RSA_CERT))},
            "ak": {"public": b64(public(ak))}}
    for name, value in changes.items():
        at = body
        *path, last = name.split("__")
        for part in path:
            at = at[part]
        at[last] = value
    return body


def first(**changes):
    return request("POST", "/v1/attestations", json.dumps(attest(**changes)))


def evidence(reply, key=KEY, ak=AK, certified=None, nonce=None, csr_of=None):
    """A good second request, but for what is said."""
    nonce = nonce or base64.b64decode(reply["nonce"])
    attested, signature = certify(certified or key, ak, nonce)
    return {"session": reply["session"], "secret": b64(activate(AK, reply["challenge"])),
            "key": {"public": b64(public(key)), "attest": b64(attested),
                    "signature": b64(signature)},
            "csr": b64(csr(csr_of or key))}


def second(body):
    return request("POST", "/v1/certificates", json.dumps(body))


def refused(name, answer, status, problem):
    check(f"{name}: {status} {problem}", answer[:2] == (status, problem), answer)


def issued():
    """How many certificates the CA has issued."""
    out = subprocess.run([os.environ["CA"], "--dir=" + os.environ["CADIR"], "--json", "cert",
                          "list"], check=True, capture_output=True).stdout
    listing = json.loads(out)
    return len(listing if isinstance(listing, list) else listing["certificates"])


# ---- The tests ----


def make_objects():
    for handle in AK, OTHER_AK:
        make_signing_key(handle, KEY_ATTRIBUTES + "|restricted", "ecc256:ecdsa-sha256:null")
    make_signing_key(PLAIN_AK, scheme="ecc256:ecdsa-sha256:null")
    for handle in KEY, OTHER_KEY:
        make_signing_key(handle)


def test_good():
    status, _, reply = first()
    check("first step: 200", status == 200, reply)
    check("the nonce has 32 bytes", len(base64.b64decode(reply["nonce"])) == 32, reply)
    body = evidence(reply)
    status, _, answer = second(body)
    check("second step: 200", status == 200, answer)
    subject = run("openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253", "-in",
                  pem(answer["certificate"]))
    check("the subject is the device id, and not what the CSR asked for",
          subject.decode().strip() == "subject=CN=" + answer["device_id"], subject)
    check("the certificate is for the key",
          run("openssl", "x509", "-noout", "-pubkey", "-in", pem(answer["certificate"]))
          == run("openssl", "pkey", "-provider", "tpmiot", "-in", "handle:" + KEY, "-pubout"))
    count = issued()
    status, _, again = second(body)
    check("the same request again: the same certificate",
          status == 200 and again["certificate"] == answer["certificate"], again)
    check("and no second one was issued", issued() == count, issued())
    refused("the same session for another key",
            second(dict(evidence(reply, key=OTHER_KEY), secret=body["secret"])),
            410, "session-spent")
    check("nothing was issued for it", issued() == count, issued())


def pem(text):
    write("cert.pem", text.encode())
    return "cert.pem"


def test_first_step_refusals():
    refused("an AK that is not restricted", first(ak=PLAIN_AK), 422, "ak-unsuitable")
    refused("an EK as AK", first(ak__public=b64(public(EK_RSA))), 422, "ak-unsuitable")
    refused("the EK certificate of another key",
            first(ek__certificate=b64(nv(EK_ECC_CERT))), 422, "ek-certificate-mismatch")
    refused("no EK certificate", request("POST", "/v1/attestations", json.dumps(
        {"ek": {"public": b64(public(EK_RSA))}, "ak": {"public": b64(public(AK))}})),
            403, "ek-certificate-required")
    certificate = bytearray(nv(EK_RSA_CERT))
    certificate[-1] ^= 1
    refused("an EK certificate with a wrong signature",
            first(ek__certificate=b64(certificate)), 403, "ek-certificate-untrusted")
    refused("an EK certificate cut short",
            first(ek__certificate=b64(nv(EK_RSA_CERT)[:-7])), 422, "ek-certificate-invalid")
    refused("a signing key as EK",
            first(ek__public=b64(public(KEY))), 422, "ek-unsupported")
    refused("an EK with a byte behind it",
            first(ek__public=b64(public(EK_RSA) + b"\0")), 422, "ek-unsupported")
    refused("a device id that is not this device's",
            first(device_id="somebody-else"), 403, "device-id-mismatch")


def test_second_step_refusals():
    count = issued()
    _, _, reply = first()
    good = evidence(reply, key=OTHER_KEY)
    secret = bytearray(base64.b64decode(good["secret"]))
    secret[0] ^= 1
    refused("a wrong secret", second(dict(good, secret=b64(secret))), 422, "secret-wrong")
    session = good["session"]
    middle = len(session) // 2
    changed = session[:middle] + ("A" if session[middle] != "A" else "B") + session[middle + 1:]
    refused("a changed session", second(dict(good, session=changed)), 422, "session-invalid")
    refused("a session cut short", second(dict(good, session=session[:-4])),
            422, "session-invalid")
    refused("a stale nonce", second(evidence(reply, key=OTHER_KEY, nonce=bytes(32))),
            422, "certify-invalid")
    refused("the certification of another key",
            second(evidence(reply, key=OTHER_KEY, certified=KEY)), 422, "certify-invalid")
    refused("a certification by another AK",
            second(evidence(reply, key=OTHER_KEY, ak=OTHER_AK)), 422, "certify-invalid")
    refused("a certification cut short", second(dict(good, key=dict(
        good["key"], attest=b64(base64.b64decode(good["key"]["attest"])[:-1])))),
            422, "certify-invalid")
    refused("a CSR for another key", second(evidence(reply, key=OTHER_KEY, csr_of=KEY)),
            422, "csr-key-mismatch")
    broken = bytearray(base64.b64decode(good["csr"]))
    broken[-1] ^= 1
    refused("a CSR with a wrong signature", second(dict(good, csr=b64(broken))),
            422, "csr-invalid")
    refused("a restricted key", second(evidence(reply, key=OTHER_AK, csr_of=OTHER_KEY)),
            422, "key-unsuitable")
    check("none of these issued anything", issued() == count, issued())
    status, _, answer = second(good)
    check("the right request still works: nothing was spent", status == 200, answer)


def test_malformed():
    good = json.dumps(attest()).encode()
    bad = [good[:n] for n in (0, 1, len(good) // 2, len(good) - 1)]
    bad += [good + b"x", good + good, good + b"\0", b"[]", b"null", b'"x"', b"\xff\xfe",
            b'{"ek":{"public":"' + b"\xc3\x28" + b'"}}', b'{"ek":1,"ak":2}', b"{}",
            good.replace(b'"ek"', b'"ek":{"public":"AAA="},"ek"', 1),
            b"[" * 5000, b'{"ek":' * 5000,
            json.dumps(attest(ek__public="not base64!")).encode(),
            json.dumps(attest(ek__public="AAA=\n")).encode(),
            json.dumps(attest(ek__chain=[1])).encode(),
            json.dumps(attest(ek__chain=["AAAA"] * 9)).encode(),
            json.dumps(attest(join_token="x" * 129)).encode(),
            json.dumps(attest(device_id="a/../b")).encode()]
    for body in bad:
        refused(f"malformed ({len(body)} bytes, {body[:24]!r})",
                request("POST", "/v1/attestations", body), 400, "malformed-request")
    refused("malformed second step", request("POST", "/v1/certificates", b"{"),
            400, "malformed-request")
    refused("64 KiB and more", request("POST", "/v1/attestations",
                                       json.dumps({"x": "y" * 70000})), 413, "too-large")
    refused("another content type", request("POST", "/v1/attestations", good,
                                            {"Content-Type": "text/plain"}),
            415, "unsupported-media-type")
    refused("GET", request("GET", "/v1/attestations"), 405, "method-not-allowed")
    check("Allow says POST", request.headers.get("Allow") == "POST", request.headers)
    refused("another path", request("POST", "/v2/attestations", good), 404, "not-found")
    check("keys that nobody knows are ignored",
          request("POST", "/v1/attestations", json.dumps(attest(unknown={"a": [1]})))[0] == 200)


def test_plain_http():
    with socket.create_connection(("localhost", PORT), timeout=60) as plain:
        plain.sendall(b"POST /v1/attestations HTTP/1.1\r\nHost: localhost\r\n\r\n")
        data = b""
        while chunk := plain.recv(4096):
            data += chunk
    check("plain HTTP gets a 400 that says why, and the end of the connection",
          data.startswith(b"HTTP/1.1 400") and b"https" in data.lower(), data)


make_objects()
test_good()
test_first_step_refusals()
test_second_step_refusals()
test_malformed()
test_plain_http()
print(f"1..{tests}")
sys.exit(failures > 0)
