"""Signs, sends and verifies with the Python libraries of others.

Standard input is one JSON value, standard output a JSON array with one result for each job:

    {"do": "send", "ca": PATH, "jobs": [{provider, client, secret, url, body, sent, time}]}   -> {"status", "version"}
    {"do": "verify", "jobs": [{provider, secret, headers: {name: value}, body}]}              -> {"accepted"}

Bodies are base64: `body` is what is signed, `sent` what goes over the wire. `time` is in Unix seconds.
Whatever a library answers beside yes and no ends the run with its traceback.
"""

import base64
import hashlib
import hmac
import json
import ssl
import sys
from datetime import datetime, timezone

import httpx
import requests
import standardwebhooks.webhooks
import svix.webhooks
from slack_sdk.signature import SignatureVerifier
from stripe import SignatureVerificationError, WebhookSignature

MESSAGE_ID = "msg_2mP8vXq1"


def sign_shopify(secret, body, time):
    """As Shopify's page for Python has it; its library has no helper for webhooks."""
    digest = hmac.new(secret.encode(), body.encode(), hashlib.sha256).digest()
    return {"X-Shopify-Hmac-SHA256": base64.b64encode(digest).decode()}


def sign_slack(secret, body, time):
    signature = SignatureVerifier(secret).generate_signature(timestamp=str(time), body=body)
    return {"X-Slack-Request-Timestamp": str(time), "X-Slack-Signature": signature}


def sign_stripe(secret, body, time):
    return {"Stripe-Signature": WebhookSignature.generate_signature_header(body, secret, time)}


def sign_standard(library, prefix):
    def sign(secret, body, time):
        moment = datetime.fromtimestamp(time, tz=timezone.utc)
        signature = library.Webhook(secret).sign(MESSAGE_ID, moment, body)
        return {f"{prefix}-id": MESSAGE_ID, f"{prefix}-timestamp": str(time), f"{prefix}-signature": signature}

    return sign


SIGN = {
    "shopify": sign_shopify,
    "slack": sign_slack,
    "standard-webhooks": sign_standard(standardwebhooks.webhooks, "webhook"),
    "stripe": sign_stripe,
    "svix": sign_standard(svix.webhooks, "svix"),
}


def verify_slack(secret, body, headers):
    return SignatureVerifier(secret).is_valid_request(body, headers)


def verify_stripe(secret, body, headers):
    try:
        return WebhookSignature.verify_header(body, headers["stripe-signature"], secret, tolerance=300)
    except SignatureVerificationError:
        return False


def verify_standard(library):
    def verify(secret, body, headers):
        try:
            library.Webhook(secret).verify(body, headers)
        except standardwebhooks.webhooks.WebhookVerificationError:
            return False
        return True

    return verify


VERIFY = {
    "slack": verify_slack,
    "standard-webhooks": verify_standard(standardwebhooks.webhooks),
    "stripe": verify_stripe,
    "svix": verify_standard(svix.webhooks),
}


def pieces(body):
    """The body in three without a length, which goes out chunked (HTTP/1) or in several DATA frames (HTTP/2)."""
    size = max(1, -(-len(body) // 3))
    return (body[at : at + size] for at in range(0, len(body), size))


class Clients:
    """One of each kind, so that connections are used again."""

    def __init__(self, ca):
        self.requests = requests.Session()
        self.requests.trust_env = False
        self.requests.verify = ca
        context = ssl.create_default_context(cafile=ca)
        kept = {"verify": context, "trust_env": False, "timeout": 20}
        self.http1 = httpx.Client(**kept)
        # With its own context: ALPN is set on it.
        kept["verify"] = ssl.create_default_context(cafile=ca)
        self.http2 = httpx.Client(http1=False, http2=True, **kept)

    def send(self, client, url, headers, body):
        kind, _, chunked = client.partition("+")
        data = pieces(body) if chunked else body
        if kind == "requests":
            answer = self.requests.post(url, data=data, headers=headers, timeout=20)
            return {"status": answer.status_code, "version": f"HTTP/{answer.raw.version / 10}"}
        answer = getattr(self, kind).post(url, content=data, headers=headers)
        return {"status": answer.status_code, "version": answer.http_version}


def send(job, clients):
    body = base64.b64decode(job["body"]).decode()
    headers = SIGN[job["provider"]](job["secret"], body, job["time"])
    headers["Content-Type"] = "application/json"
    return clients.send(job["client"], job["url"], headers, base64.b64decode(job["sent"]))


def verify(job):
    body = base64.b64decode(job["body"])
    return {"accepted": VERIFY[job["provider"]](job["secret"], body, job["headers"])}


def main():
    order = json.load(sys.stdin)
    if order["do"] == "send":
        clients = Clients(order["ca"])
        results = [send(job, clients) for job in order["jobs"]]
    else:
        results = [verify(job) for job in order["jobs"]]
    json.dump(results, sys.stdout)


main()
