#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A JWS by a key in a file, with header and payload as they are said: right ones and forged ones.
forge_jwt.py KEY-FILE ALG HEADER-JSON PAYLOAD; "now" and "now+N" in either are times. ALG is how
it is signed, whatever the header says: RS256, PS256, ES256, ES384, HS256 with the file as the
secret, none, DER (ES256, with the signature as OpenSSL has it)."""

import base64
import hashlib
import hmac
import re
import sys
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def times(text):
    def now(match):
        return str(int(time.time()) + int(match.group(1) or "0"))

    return re.sub(r"\bnow([+-]\d+)?", now, text).encode()


def sign(path, alg, data):
    if alg == "none":
        return b""
    content = open(path, "rb").read()
    if alg == "HS256":
        return hmac.new(content, data, hashlib.sha256).digest()
    key = serialization.load_pem_private_key(content, None)
    if alg == "RS256":
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if alg == "PS256":
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
        return key.sign(data, pss, hashes.SHA256())
    if alg == "PS256-long":
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)
        return key.sign(data, pss, hashes.SHA256())
    digest = hashes.SHA384() if alg == "ES384" else hashes.SHA256()
    der = key.sign(data, ec.ECDSA(digest))
    if alg == "DER":
        return der
    size = (key.curve.key_size + 7) // 8
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def main():
    path, alg, header, payload = sys.argv[1:]
    data = b64(times(header)) + b"." + b64(times(payload))
    sys.stdout.write((data + b"." + b64(sign(path, alg, data))).decode() + "\n")


main()
