"""Signs and verifies with the Python libraries of senders, each as its sender documents it.

Standard input is one JSON value, standard output a JSON array with one result for each job:

    {"jobs": [{"do": "sign", provider, secret, params, method, url, headers, body, time}]}  -> {"headers", "body"}
    {"jobs": [{"do": "verify", provider, secret, params, method, url, headers, body}]}      -> {"accepted"}

Bodies are base64, names of headers lower-case, `time` in Unix seconds. A job to sign gets back only what is added or
replaced. Whatever a library answers beside yes and no ends the run with its traceback.
"""

import base64
import json
import sys
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import Adyen.util as adyen
import plivo.utils
import plivo.utils.signature_v3 as plivo_v3
import resend
import stream_chat.webhook
import vonage_jwt
from box_sdk_gen import WebhooksManager
from castle.configuration import Configuration
from castle.errors import WebhookVerificationError
from castle.webhooks.verify import WebhooksVerify
from dropbox_sign import EventCallbackHelper, EventCallbackRequest
from hubspot.exceptions import InvalidSignatureTimestampError
from hubspot.utils.signature import Signature as HubSpot
from pycronofy import Client as Cronofy
from readme_metrics.VerifyWebhook import VerificationError, VerifyWebhook
from sinch import SinchClient
from square.utils.webhooks_helper import verify_signature as verify_square
from twilio.request_validator import RequestValidator, get_signature_algorithm

SINCH = SinchClient(project_id="nobody", key_id="nobody", key_secret="nobody")
NONCE = "05429567804466091622"


def refuses(kind, verifier, *arguments, **named):
    """Runs a verifier that raises its own kind of error for "no"."""
    try:
        return verifier(*arguments, **named) is not False
    except kind:
        return False


def form(message):
    """The fields as most frameworks give them: a text, or a list where there are several."""
    fields = parse_qs(message.body, keep_blank_values=True)
    return {name: values if len(values) > 1 else values[0] for name, values in fields.items()}


def sign_adyen_standard(message):
    document = json.loads(message.body)
    item = document["notificationItems"][0]["NotificationRequestItem"]
    signature = adyen.generate_notification_sig(item, message.secret).decode()
    item["additionalData"] = {"hmacSignature": signature}
    return {"body": json.dumps(document)}


def hubspot(message, version):
    return {
        "client_secret": message.secret,
        "request_body": message.body,
        "signature_version": version,
        "http_uri": message.url,
        "http_method": message.method,
    }


def sign_hubspot(version):
    def sign(message):
        time = str(message.time * 1000)
        signature = HubSpot.get_signature(timestamp=time, **hubspot(message, version))
        if version == "v3":
            return {"headers": {"x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": time}}
        return {"headers": {"x-hubspot-signature-version": version, "x-hubspot-signature": signature}}

    return sign


def verify_hubspot(version):
    name = "x-hubspot-signature-v3" if version == "v3" else "x-hubspot-signature"

    def verify(message):
        signature, time = message.headers[name], message.headers.get("x-hubspot-request-timestamp")
        kind = InvalidSignatureTimestampError
        return refuses(kind, HubSpot.is_valid, signature, timestamp=time, **hubspot(message, version))

    return verify


def sign_plivo(message):
    url = plivo_v3.construct_post_url(message.url, form(message)).decode()
    signature = plivo_v3.get_signature_v3(message.secret.encode(), url, NONCE.encode()).decode()
    return {"headers": {"x-plivo-signature-v3": signature, "x-plivo-signature-v3-nonce": NONCE}}


def twilio(message):
    """What its helper wants: the text of a JSON body, the fields of a form."""
    return message.body if "bodySHA256=" in message.url else form(message)


def sign_twilio(message):
    """The address holds the hash already."""
    fields = None if "bodySHA256=" in message.url else form(message)
    algorithm = get_signature_algorithm(message.headers.get("x-twilio-webhooks-signature-settings"))
    signature = RequestValidator(message.secret).compute_signature(message.url, fields, algorithm)
    return {"headers": {"x-twilio-signature": signature}}


SIGN = {
    "adyen-platform": lambda m: {
        "headers": {"hmacsignature": adyen.generate_payload_sig(m.body.encode(), m.secret).decode()}
    },
    "adyen-standard": sign_adyen_standard,
    "hubspot-v1": sign_hubspot("v1"),
    "hubspot-v2": sign_hubspot("v2"),
    "hubspot-v3": sign_hubspot("v3"),
    "plivo": sign_plivo,
    "twilio": sign_twilio,
}


def verify_castle(message):
    configuration = Configuration()
    configuration.api_secret = message.secret
    headers = {"X-Castle-Signature": message.headers["x-castle-signature"]}
    webhook = SimpleNamespace(headers=headers, data=message.body.encode())
    return refuses(WebhookVerificationError, WebhooksVerify.call, webhook, configuration)


def verify_dropbox_sign(message):
    event = EventCallbackRequest.init(json.loads(form(message)["json"]))
    return EventCallbackHelper.is_valid(message.secret, event)


def verify_resend(message):
    headers = {name: message.headers[f"svix-{name}"] for name in ("id", "timestamp", "signature")}
    options = {"payload": message.body, "headers": headers, "webhook_secret": message.secret}
    return refuses(ValueError, resend.Webhooks.verify, options)


def verify_sinch(message):
    events = SINCH.conversation.sinch_events(message.secret)
    return events.validate_authentication_header(message.headers, message.body)


def verify_sinch_voice(message):
    return SINCH.voice.v2.sinch_events.validate_authentication_header(
        method=message.method,
        path=urlsplit(message.url).path,
        headers=message.headers,
        body=message.body,
        service_id=message.params["app_key"],
        service_secret=message.secret,
    )


def verify_twilio(message):
    algorithm = get_signature_algorithm(message.headers.get("x-twilio-webhooks-signature-settings"))
    signature = message.headers["x-twilio-signature"]
    return RequestValidator(message.secret).validate(message.url, twilio(message), signature, algorithm)


VERIFY = {
    "adyen-platform": lambda m: adyen.is_valid_hmac_payload(m.headers["hmacsignature"], m.secret, m.body.encode()),
    "adyen-standard": lambda m: adyen.is_valid_hmac_notification(json.loads(m.body), m.secret),
    "box": lambda m: WebhooksManager.validate_message(m.body, m.headers, m.secret),
    "castle": verify_castle,
    "cronofy": lambda m: Cronofy("id", m.secret).hmac_valid(m.headers["cronofy-hmac-sha256"], m.body),
    "dropbox-sign": verify_dropbox_sign,
    "hubspot-v1": verify_hubspot("v1"),
    "hubspot-v2": verify_hubspot("v2"),
    "hubspot-v3": verify_hubspot("v3"),
    "plivo": lambda m: plivo.utils.validate_v3_signature(
        m.method, m.url, m.headers["x-plivo-signature-v3-nonce"], m.secret, m.headers["x-plivo-signature-v3"], form(m)
    ),
    "plivo-v2": lambda m: plivo.utils.validate_signature(
        m.url, m.headers["x-plivo-signature-v2-nonce"], m.headers["x-plivo-signature-v2"], m.secret
    ),
    "readme": lambda m: refuses(
        VerificationError, VerifyWebhook, json.loads(m.body), m.headers["readme-signature"], m.secret
    ),
    "resend": verify_resend,
    "sinch": verify_sinch,
    "sinch-voice": verify_sinch_voice,
    "square": lambda m: verify_square(
        request_body=m.body,
        signature_header=m.headers["x-square-hmacsha256-signature"],
        signature_key=m.secret,
        notification_url=m.url,
    ),
    "stream-chat": lambda m: stream_chat.webhook.verify_signature(m.body, m.headers["x-signature"], m.secret),
    "twilio": verify_twilio,
    "vonage": lambda m: refuses(
        vonage_jwt.VonageVerifyJwtError,
        vonage_jwt.verify_signature,
        m.headers["authorization"].removeprefix("Bearer "),
        m.secret,
    ),
}


def done(job):
    message = SimpleNamespace(**job)
    message.body = base64.b64decode(message.body).decode()
    if message.do == "verify":
        return {"accepted": VERIFY[message.provider](message)}
    signed = SIGN[message.provider](message)
    body = signed.get("body", message.body)
    return {"headers": signed.get("headers", {}), "body": base64.b64encode(body.encode()).decode()}


json.dump([done(job) for job in json.load(sys.stdin)["jobs"]], sys.stdout)
