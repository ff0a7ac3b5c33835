"""Signs and verifies requests with the Python library of others for RFC 9421: http-message-signatures.

Standard input is one JSON value, standard output another:

    {"do": "sign", "rows": [{algorithm, key, keyid, url, body}]} -> [{headers}]
    {"do": "verify", "rows": [{algorithm, key, url, headers, body}]} -> [null, or its error]

A key is a private one in PEM, or a secret in base64; bodies are base64, headers pairs of name and value. Requests are POST.
"""

import base64
import json
import sys

import http_message_signatures as hms
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from http_message_signatures import algorithms

ALGORITHMS = {
    "rsa-pss-sha512": algorithms.RSA_PSS_SHA512,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
    "hmac-sha256": algorithms.HMAC_SHA256,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "ed25519": algorithms.ED25519,
}
COVERED = ("@method", "@authority", "@path", "@query", '"@query-param";name="b"', "content-type", '"x-list";bs')


class Request:
    method = "POST"

    def __init__(self, url, headers):
        self.url, self.headers = url, headers


class Keys(hms.HTTPSignatureKeyResolver):
    def __init__(self, text):
        pem = text.startswith("-----BEGIN")
        self.private = load_pem_private_key(text.encode(), None) if pem else base64.b64decode(text)
        self.public = self.private.public_key() if pem else self.private

    def resolve_private_key(self, key_id):
        return self.private

    def resolve_public_key(self, key_id):
        return self.public


def sign(row):
    request = Request(row["url"], {"Content-Type": "application/json", "X-List": "a, b"})
    signer = hms.HTTPMessageSigner(signature_algorithm=ALGORITHMS[row["algorithm"]], key_resolver=Keys(row["key"]))
    body = base64.b64decode(row["body"])
    signer.sign(request, key_id=row["keyid"], covered_component_ids=COVERED, label="other", body=body)
    return {"headers": list(request.headers.items())}


def verify(row):
    request = Request(row["url"], dict(row["headers"]))
    verifier = hms.HTTPMessageVerifier(signature_algorithm=ALGORITHMS[row["algorithm"]], key_resolver=Keys(row["key"]))
    try:
        results = verifier.verify(
            request, require_components=("@method", "@target-uri"), body=base64.b64decode(row["body"])
        )
        return None if len(results) == 1 else "not one signature"
    except Exception as error:
        return repr(error)


def main():
    order = json.load(sys.stdin)
    work = {"sign": sign, "verify": verify}[order["do"]]
    json.dump([work(row) for row in order["rows"]], sys.stdout)


main()
