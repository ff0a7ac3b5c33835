"""Makes, changes and judges tokens with the Python libraries of others: PyJWT, Authlib, joserfc.

Standard input is one JSON value, standard output another:

    {"do": "issue", "now", "issuer", "audience", "bodies"}
        -> [{library, algorithm, form, file, genuine: [{token, body}], forged: [{token, body, reason}]}]
    {"do": "change", "now", "issuer", "audience", "seed", "count"}
        -> {"sources": [{name, algorithms, form, file}], "tokens": [{source, token, changes, harmless}]}
    {"do": "judge", "issuer", "audience", "sources", "tokens": [{source, token, times}]}
        -> {library: [null where it accepts the token at one of these times, else its error]}

Bodies, and the tokens to change and to judge, are base64; times are in Unix seconds. `form` is what `file`
holds: `pem`, `jwk`, `jwks`, or `secret` in base64. Equal seeds make equal changes, but under other keys.

This file is called like PyJWT: run it with `python -I`, which keeps its directory out of the way.
"""

import base64
import hashlib
import hmac
import itertools
import json
import random
import secrets
import string
import sys
import time
from datetime import datetime

import jwt
import jwt.api_jwt
from authlib.jose import JsonWebKey, JsonWebToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jwk as joserfc_jwk
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt

LEEWAY = 60
# What kind of key an algorithm takes; of a secret, the bytes.
KEYS = {
    **dict.fromkeys(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], "RSA"),
    "ES256": "P-256",
    "ES384": "P-384",
    "EdDSA": "Ed25519",
    "HS256": 32,
    "HS384": 48,
    "HS512": 64,
}
# Arguments of both generators of keys, Authlib's and joserfc's.
MADE = {"RSA": ("RSA", 2048), "P-256": ("EC", "P-256"), "P-384": ("EC", "P-384"), "Ed25519": ("OKP", "Ed25519")}
MADE |= {length: ("oct", 8 * length) for length in (32, 48, 64)}


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


# Issuers.


class PyJwt:
    name = "pyjwt"

    def generate(self, kind):
        return generate(kind)

    def pem(self, key):
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def jwk(self, key, algorithm, kid):
        public = key if isinstance(key, bytes) else key.public_key()
        return jwt.get_algorithm_by_name(algorithm).to_jwk(public, as_dict=True) | {"kid": kid}

    def secret(self, key):
        return key

    def encode(self, header, claims, key):
        return jwt.encode(claims, key, header["alg"], headers=header)


class Joserfc:
    name = "joserfc"

    def generate(self, kind):
        return joserfc_jwk.generate_key(*MADE[kind])

    def pem(self, key):
        return key.as_pem(private=False).decode()

    def jwk(self, key, algorithm, kid):
        return key.as_dict(private=key.key_type == "oct", kid=kid)

    def secret(self, key):
        return key.raw_value

    def encode(self, header, claims, key):
        return joserfc_jwt.encode(header, claims, key, algorithms=[header["alg"]])


class Authlib:
    name = "authlib"

    def generate(self, kind):
        return JsonWebKey.generate_key(*MADE[kind], is_private=True)

    def pem(self, key):
        return key.as_pem(is_private=False).decode()

    def jwk(self, key, algorithm, kid):
        return key.as_dict(is_private=key.kty == "oct", kid=kid)

    def secret(self, key):
        return key.get_op_key("sign")

    def encode(self, header, claims, key):
        return JsonWebToken([header["alg"]]).encode(header, claims, key).decode()


def generate(kind):
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    if kind == "Ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if isinstance(kind, int):
        return secrets.token_bytes(kind)
    return ec.generate_private_key(ec.SECP256R1() if kind == "P-256" else ec.SECP384R1())


def issue(order):
    sets = []
    for library in (PyJwt(), Joserfc(), Authlib()):
        # of each kind one that is published and one that is not
        keys = {kind: (library.generate(kind), library.generate(kind)) for kind in MADE}
        for algorithm, kind in KEYS.items():
            for form in ("secret" if isinstance(kind, int) else "pem", "jwk", "jwks"):
                sets.append(issue_with(library, algorithm, keys, form, order))
    return sets


def export(library, algorithm, keys, form):
    """What the operator of a proxy is given."""
    kind = KEYS[algorithm]
    key = keys[kind][0]
    if form == "pem":
        return library.pem(key)
    if form == "secret":
        return base64.b64encode(library.secret(key)).decode()
    if form == "jwk":
        return json.dumps(library.jwk(key, algorithm, kid(library, kind)))
    # secrets and public keys are not published together
    alike = {KEYS[name]: name for name in KEYS if isinstance(KEYS[name], int) == isinstance(kind, int)}
    return json.dumps({"keys": [library.jwk(keys[of][0], name, kid(library, of)) for of, name in alike.items()]})


def kid(library, kind):
    return f"{library.name}-{kind}"


def issue_with(library, algorithm, keys, form, order):
    key, other = keys[KEYS[algorithm]]
    header = {"alg": algorithm} | ({} if form == "pem" else {"kid": kid(library, KEYS[algorithm])})
    issuer, audience, now = order["issuer"], order["audience"], order["now"]

    def token(body, key=key, **changed):
        claims = {
            "iss": issuer,
            "aud": audience,
            "exp": now + 300,
            "nbf": now - 1,
            "iat": now,
            "jti": secrets.token_hex(16),
            "scope": "webhook",
            "body_sha256": hashlib.sha256(body).hexdigest(),
        }
        return library.encode(header.copy(), claims | changed, key)

    def forge(reason, sent=None, **changed):
        return message(token(body, **changed), body if sent is None else sent) | {"reason": reason}

    bodies = [base64.b64decode(body) for body in order["bodies"]]
    body = bodies[0]
    audiences = itertools.cycle([audience, [audience], ["https://other.example", audience]])
    head, _, signature = token(body).split(".")
    payload = token(body).split(".")[1]
    return {
        "library": library.name,
        "algorithm": algorithm,
        "form": form,
        "file": export(library, algorithm, keys, form),
        "genuine": [message(token(body, aud=aud), body) for body, aud in zip(bodies, audiences, strict=False)],
        "forged": [
            forge("audience_mismatch", aud="https://other.example"),
            forge("audience_mismatch", aud=["https://other.example", audience + "/"]),
            forge("issuer_mismatch", iss="https://other.example"),
            forge("token_expired", exp=now - 90, iat=now - 300, nbf=now - 300),
            forge("token_not_yet_valid", nbf=now + 250),
            forge("signature_mismatch", key=other),
            forge("body_hash_mismatch", sent=body + b" "),
            message(f"{head}.{payload}.{signature}", body) | {"reason": "signature_mismatch"},
        ],
    }


def message(token, body):
    return {"token": token, "body": base64.b64encode(body).decode()}


# Changes.


class Source:
    """A sender of tokens to change, with its keys; `other` is one that the policy does not know."""

    def __init__(self, name, algorithm, key, kid=None):
        self.name, self.algorithm, self.kid = name, algorithm, kid
        self.key, self.other = key, generate(KEYS[algorithm])


def sign(data, algorithm, key, salt=None):
    bits = int(algorithm[-3:]) if algorithm != "EdDSA" else 0
    if algorithm.startswith("HS"):
        return hmac.new(key, data, f"sha{bits}").digest()
    if algorithm == "EdDSA":
        return key.sign(data)
    digest = {256: hashes.SHA256, 384: hashes.SHA384, 512: hashes.SHA512}[bits]()
    if algorithm.startswith("RS"):
        return key.sign(data, padding.PKCS1v15(), digest)
    if algorithm.startswith("PS"):
        salt = digest.digest_size if salt is None else salt
        return key.sign(data, padding.PSS(padding.MGF1(digest), salt), digest)
    size = (key.key_size + 7) // 8
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


class Draft:
    """A token in the making. Header and claims are lists of pairs of JSON texts: a name can stand twice."""

    def __init__(self, source, order, pool):
        self.source, self.now, self.pool = source, order["now"], pool
        self.issuer, self.audience = order["issuer"], order["audience"]
        self.algorithm, self.key, self.signature = source.algorithm, source.key, None
        header = {"alg": source.algorithm, "typ": "JWT"} | ({"kid": source.kid} if source.kid else {})
        claims = {
            "iss": self.issuer,
            "aud": self.audience,
            "exp": self.now + 3600,
            "nbf": self.now - 100,
            "iat": self.now - 100,
            "jti": "msg_2mP8vXq1",
            "sub": "sender",
        }
        as_texts = lambda members: [[json.dumps(name), json.dumps(value)] for name, value in members.items()]
        self.parts = [as_texts(header), as_texts(claims)]
        self.space, self.encode = lambda: "", base64url
        self.texts = self.token = None

    def set(self, part, name, value):
        """Sets a member; a `Raw` is written as it is, `ABSENT` taken out."""
        members = self.parts[part]
        members[:] = [member for member in members if json.loads(member[0]) != name]
        if value is not ABSENT:
            members.append([json.dumps(name), value.text if isinstance(value, Raw) else json.dumps(value)])

    def write(self):
        def joined(separator, texts):
            return (self.space() + separator + self.space()).join(texts)

        objects = [joined(",", [joined(":", member) for member in part]) for part in self.parts]
        self.texts = [joined("", ["", "{", text, "}", ""]).encode() for text in objects]

    def finish(self):
        signed = b".".join(self.encode(text) for text in self.texts)
        make = self.signature or (lambda data: sign(data, self.algorithm, self.key))
        self.token = signed + b"." + base64url(make(signed))


class Raw:
    """JSON that no serialiser writes."""

    def __init__(self, text):
        self.text = text


def each(name, *values):
    return [(name, value) for value in values]


def raw(name, *texts):
    return [(name, Raw(text)) for text in texts]


ABSENT = object()
SIMPLE = [None, True, False, 0, 1, -1, 1.5, "", "text", [], [None], {}, {"a": 1}]
LONG = "x" * 257

# Members of the header that change nothing, and others; both are signed as they are.
FINE_HEADER = [
    *each("typ", ABSENT, "jwt", "at+jwt", "application/jwt", ""),
    *each("kid", ABSENT, "x", "0", "a/../b", "~" * 256),
    *each("cty", "json", "application/json", ""),
    *[("jku", "https://other.example/keys"), ("x5u", "http://other.example/x"), ("x5c", []), ("x5c", ["MII="])],
    *[("x5t", "AAAA"), ("x5t#S256", "AAAA"), ("jwk", {}), ("jwk", {"kty": "oct", "k": "AAAA"})],
    *each("nonce", *SIMPLE),
    *[(name, "x") for name in ("ALG", "Alg", "alg ", "Crit", "B64", "iss", "aud", "url", "epk", "p2c", "", "é")],
    *[("__proto__", "x"), ("exp", 1)],
]
HEADER = [
    *each("typ", None, 1, True, ["JWT"], {"JWT": 1}),
    *each("kid", None, 1, ["x"], {}, "", " ", "a b", "\0", "\n", "é", LONG, "../x", "' OR 1=1 --"),
    *each("crit", [], ["alg"], ["exp"], ["b64"], ["x"], [""], [1], "alg", None, {}, 1),
    *each("b64", True, False, None, 0, "false"),
    *[("zip", "DEF"), ("zip", None), ("enc", "A128GCM"), ("enc", None)],
    *each("cty", "JWT", "jwt", "Jwt", None, 1, []),
    *each("jku", "x", "", "ftp://other.example", None, 1, []),
    *each("x5u", "x", None, 1),
    *each("x5c", "MII=", [1], None, {}),
    *[("x5t", 1), ("x5t#S256", None), ("jwk", None), ("jwk", "x"), ("jwk", [])],
    *each("alg", ABSENT, None, "", "none", "None", "NONE", 1, True, [], {}, LONG, *KEYS),
    *each("alg", "ES512", "ES256K", "RS1", "Ed25519", "dir", "A128KW", "PBES2-HS256+A128KW"),
]


def fine_claims(t):
    now, aud = t.now, t.audience
    return [
        *each("aud", [aud], [aud, "x"], ["", "x", aud], [aud, aud]),
        *each("exp", now + 100_000, now + 7200.0, now + 7200.5, Raw("4e9"), Raw("4.1E+9"), 2**53),
        *each("nbf", ABSENT, 0, now - 10, now - 10.5, Raw(f"{now - 40}.0"), now + 30),
        *each("iat", ABSENT, 0, now, now - 0.5, Raw(f"{now / 1e9}e9"), now + 30),
        *each("jti", ABSENT, "a", "ä", "x" * 256),
        *each("sub", ABSENT, "", "ä", "x" * 1000),
        *each("claim", *SIMPLE, list(range(300))),
        *raw("claim", "1e308", "123456789012345678901234567890", "-0", "1E-400", "[" * 20 + "]" * 20),
        *[(name, "x") for name in ("ISS", "Exp", "exp ", "", "__proto__", "constructor", "toString")],
    ]


def claims(t):
    now, iss, aud = t.now, t.issuer, t.audience
    near = lambda text: [text + "/", text[:-1], text.upper(), " " + text, text + "\0", text + "\n", "*"]
    return [
        *each("iss", ABSENT, *SIMPLE, *near(iss), [iss], {"iss": iss}),
        *each("aud", ABSENT, *SIMPLE, *near(aud), [None, aud], [aud, 1], [[aud]], {aud: aud}, [aud + "/"]),
        *[row for name in ("exp", "nbf", "iat") for row in times(name, now + 500)],
        *each("exp", ABSENT, now - 100),
        *each("jti", None, True, 1, 1.5, "", "a\0b", "\x7f", [], ["a"], {}, LONG),
        *each("sub", None, True, 1, 1.5, [], ["a"], {}),
        *raw("claim", '"\\ud800"', '"\\udc00\\ud800"', "1e400", "[" * 33 + "]" * 33, '{"a":1,"a":1}', "'x'", "01"),
        *raw("claim", "1.", ".5", "tru", "undefined", '"\t"', '"\\x41"', "[1,]", "//", ""),
    ]


def times(name, at):
    """A time that is good, or would be, written as it must not be; and others that no clock shows."""
    return [
        *each(name, *SIMPLE, -0.5, 1e300, str(at), [at], {"value": at}, 2**53 + 1, 2**63, 2**64, 10**400),
        *raw(name, "1e400", "-1e400", "NaN", "Infinity", "-Infinity", "-0", "1e-400", "9" * 5000),
        *raw(name, *(text.format(at) for text in ("+{}", "0{}", "-{}", "{}.", "{}n", "{}_0", "{}e0", "{}000"))),
    ]


def edge(name, offset):
    """Near the second from which a time matters; these tokens are judged soon after they were made."""

    def change(r, t):
        at = t.now + offset + r.randrange(-1, 4)
        t.set(1, name, r.choice([at, at + 0.5, at - 0.001, Raw(f"{at}.0"), Raw(f"{at}.999")]))
        if name == "exp":
            t.set(1, "iat", r.choice([ABSENT, at - 300]))
            t.set(1, "nbf", r.choice([ABSENT, at - 300]))

    return change


EDGES = [
    (0, f"edge of {name}", edge(name, offset), False)
    for name, leeway in (("exp", -LEEWAY), ("nbf", LEEWAY), ("iat", LEEWAY))
    for offset in (leeway, 0)
]


def spaces(r, t):
    t.space = lambda: "".join(r.choices(" \t\r\n", k=r.choice([0, 0, 0, 1, 3])))


def order_of_members(r, t):
    for part in t.parts:
        r.shuffle(part)


def escape(r, text):
    """A JSON string of ASCII without escapes, with some of its characters escaped."""
    return '"' + "".join(f"\\u{ord(c):04{r.choice('xX')}}" if r.random() < 0.3 else c for c in text[1:-1]) + '"'


def escapes(r, t):
    for part in t.parts:
        for member in part:
            for at in (0, 1):
                if member[at].startswith('"') and "\\" not in member[at]:
                    member[at] = escape(r, member[at])


def pick(r, t):
    return r.choice(r.choice(t.parts))


def twice(r, t):
    """A member that stands twice, with the same or another value, its name perhaps written differently."""
    part = r.choice(t.parts)
    name, value = r.choice(part)
    value = r.choice([value, value, "null", '"x"', "1", str(t.now + 9000)])
    name = r.choice([name, escape(r, name) if "\\" not in name else name])
    part.insert(r.randrange(len(part) + 1), [name, value])


def renamed(r, t):
    member = pick(r, t)
    name = json.loads(member[0])
    others = [name.upper(), name.title(), name + " ", " " + name, name + "\0", name[:-1], "x" + name, name * 2]
    member[0] = json.dumps(r.choice(others))


def exchanged(r, t):
    one, other = pick(r, t), pick(r, t)
    at = r.randrange(2)
    one[at], other[at] = other[at], one[at]


def moved(r, t):
    """A member of the header becomes a claim, or the other way round."""
    of = r.randrange(2)
    t.parts[1 - of].append(t.parts[of].pop(r.randrange(len(t.parts[of]))))


def taken_out(r, t):
    part = r.choice(t.parts)
    part.pop(r.randrange(len(part)))


def nested(r, t):
    """A value in an array or object, or a text in a text."""
    member = pick(r, t)
    value = member[1]
    forms = [f"[{value}]", f'{{"value":{value}}}', json.dumps(value), f"[[{value}]]", f"[{value},{value}]"]
    member[1] = r.choice(forms)


MEMBERS = [
    ("spaces", spaces, True),
    ("order", order_of_members, True),
    ("escapes", escapes, True),
    ("twice", twice, False),
    ("renamed", renamed, False),
    ("exchanged", exchanged, False),
    ("moved", moved, False),
    ("taken out", taken_out, False),
    ("nested", nested, False),
]
INTERESTING = [bytes([byte]) for byte in b'\0\x01\t\n\r "\\/,:{}[]0-+.eEn\x7f\x80\xbf\xc0\xed\xff']
INTERESTING += [b"\\u0000", b'""']


def bytes_of(r, data):
    """One to three small changes of bytes."""
    data = bytearray(data)
    for _ in range(r.choice([1, 1, 1, 2, 3])):
        at = r.randrange(len(data)) if data else 0
        kind = r.randrange(6)
        if kind == 0 and data:
            data[at] ^= 1 << r.randrange(8)
        elif kind == 1 and data:
            data[at] = r.randrange(256)
        elif kind == 2:
            data[at:at] = r.choice(INTERESTING)
        elif kind == 3:
            del data[at : at + r.choice([1, 1, 2, 8])]
        elif kind == 4:
            data[at:at] = data[at : at + r.choice([1, 2, 8])]
        elif data:
            data[at : at + 1] = r.choice(INTERESTING)
    return bytes(data)


def on_text(change):
    def changed(r, t):
        at = r.randrange(2)
        t.texts[at] = change(r, t.texts[at])

    return changed


ENCODINGS = ["utf-16", "utf-16-le", "utf-32-be", "utf-7"]
OUTSIDE = [b"x", b"{}", b"\0", b",", b"}", b"//", b"/**/", b"\xff", b"null", b"\x0b", b"\xc2\xa0", b"\xef\xbb\xbf"]
VALUES = [b"", b"{}", b"[]", b"null", b"1", b'""', b"true", b"{", b"}"]
NO_UTF_8 = [b"\xe4", b"\xed\xa0\x80", b"\xc0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
TEXTS = [
    ("bytes of JSON", on_text(bytes_of)),
    ("bytes of JSON", on_text(bytes_of)),
    ("bytes of JSON", on_text(bytes_of)),
    ("another encoding", on_text(lambda r, text: text.decode().encode(r.choice(ENCODINGS)))),
    ("something behind", on_text(lambda r, text: text + r.choice(OUTSIDE))),
    ("something before", on_text(lambda r, text: r.choice(OUTSIDE) + text)),
    ("comma at the end", on_text(lambda r, text: text[:-1] + b",}")),
    ("other quotes", on_text(lambda r, text: text.replace(b'"', b"'"))),
    ("in an array", on_text(lambda r, text: b"[" + text + b"]")),
    ("as a string", on_text(lambda r, text: json.dumps(text.decode()).encode())),
    ("base64 twice", on_text(lambda r, text: base64url(text))),
    ("no object", on_text(lambda r, text: r.choice(VALUES))),
    ("cut", on_text(lambda r, text: text[: r.randrange(len(text))])),
    ("broken UTF-8", on_text(lambda r, text: text[:-1] + b',"x":"' + r.choice(NO_UTF_8) + b'"}')),
    ("exchanged parts", lambda r, t: t.texts.reverse()),
]


def signing(change):
    """A signature that is made otherwise, where the algorithm has such a thing."""

    def changed(r, t):
        t.signature = lambda data: change(r, t, data)

    return changed


def encoding(change):
    """Base64url that is written otherwise, and signed as it is written."""

    def changed(r, t):
        # with a space where base64url has no unused bits
        written = lambda text: base64url(text if len(text) % 3 else text + b" ")
        t.encode = lambda text: change(r, written(text)) if r.random() < 0.7 else base64url(text)

    return changed


def honest(t, data):
    return sign(data, t.algorithm, t.key)


def as_named(r, t):
    """Another algorithm that the key could do, honestly named and used."""
    kinds = [32, 48, 64] if isinstance(t.key, bytes) else [KEYS[t.algorithm]]
    t.algorithm = r.choice([name for name, kind in KEYS.items() if kind in kinds])
    t.set(0, "alg", t.algorithm)


def secretly(r, t):
    """The public key as the secret of a MAC (CVE-2015-9235)."""
    if isinstance(t.key, bytes):
        return
    algorithm = r.choice(["HS256", "HS384", "HS512"])
    pem = PyJwt().pem(t.key).encode()
    der = t.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = json.dumps(PyJwt().jwk(t.key, t.algorithm, "x")).encode()
    secret = r.choice([pem, pem.strip(), pem.replace(b"\n", b""), der, jwk, b""])
    t.set(0, "alg", r.choice([algorithm, algorithm, t.algorithm]))
    t.signature = lambda data: sign(data, algorithm, secret)


def embedded(r, t):
    """A key that the token brings along."""
    t.key = t.source.other
    t.set(0, "jwk", PyJwt().jwk(t.key, t.algorithm, "x"))
    if r.random() < 0.5:
        t.set(0, "jku", "https://other.example/keys")
    if r.random() < 0.3:
        t.set(0, "kid", "x")


def unsigned(r, t):
    t.set(0, "alg", r.choice(["none", "None", "NONE", "nonE", "", t.algorithm]))
    t.signature = lambda data: b""


def unencoded(r, t):
    """RFC 7797: the signature is that of the payload as it is."""
    t.set(0, "b64", False)
    if r.random() < 0.7:
        t.set(0, "crit", ["b64"])
    t.signature = lambda data: honest(t, data.split(b".")[0] + b"." + t.texts[1])


def of_another_key(r, t):
    t.key = t.source.other


def kid_of_another(r, t):
    t.set(0, "kid", r.choice(["rsa", "p256", "ed", "RSA", "rsa ", "x"]))


def malleable(r, t, data):
    """What a reader who does not look closely may take for the signature."""
    signature = honest(t, data)
    if t.algorithm.startswith("ES"):
        return r.choice(like_ecdsa(signature, ORDERS[t.key.curve.name]))
    if t.algorithm == "EdDSA":
        return r.choice(like_ed25519(signature))
    if isinstance(t.key, bytes):
        half = signature[: len(signature) // 2]
        return r.choice([half, signature[:-1], signature + b"\0", bytes(len(signature)), signature.hex().encode()])
    more = int.from_bytes(signature, "big") + t.key.public_key().public_numbers().n
    others = [b"\0" + signature, signature[:-1], more.to_bytes(257, "big"), signature[::-1], bytes(256), b"\1"]
    return r.choice(others)


def like_ecdsa(signature, n):
    size = len(signature) // 2
    r, s = (int.from_bytes(half, "big") for half in (signature[:size], signature[size:]))
    write = lambda size, *numbers: b"".join((x % 256**size).to_bytes(size, "big") for x in numbers)
    pairs = [(0, 0), (r, 0), (0, s), (n, n), (1, 1), (s, r), (r + n, s), (r, s + n)]
    return [*(write(size, *pair) for pair in pairs), write(size + 1, r, s), der(r, s)]


def like_ed25519(signature):
    s = int.from_bytes(signature[32:], "little")
    order = 2**252 + 27742317777372353535851937790883648493
    moved = [(s + k * order) % 2**256 for k in (1, 2, 8)]
    others = [bytes(64), b"\1" + bytes(63), signature[:32] + bytes(32), signature[32:] + signature[:32]]
    return [*(signature[:32] + x.to_bytes(32, "little") for x in moved), *others]


def der(r, s):
    number = lambda x: b"\2" + bytes([len(data := x.to_bytes(x.bit_length() // 8 + 1, "big"))]) + data
    body = number(r) + number(s)
    return b"\x30" + bytes([len(body)]) + body


# Of the groups of P-256 and P-384.
ORDERS = {
    "secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "secp384r1": 2**384 - 0x389CB27E0BC8D220A7E5F24DB74F58851313E695333AD68D,
}


def negated(r, t, data):
    """ECDSA is the same with n - s; nobody demands the lower one in tokens."""
    signature = honest(t, data)
    if not t.algorithm.startswith("ES"):
        return signature
    size = len(signature) // 2
    s = ORDERS[t.key.curve.name] - int.from_bytes(signature[size:], "big")
    return signature[:size] + s.to_bytes(size, "big")


def other_digest(r, t, data):
    """Another digest, padding or salt than `alg` says."""
    if KEYS[t.algorithm] != "RSA":
        return honest(t, data + b" ")
    if t.algorithm.startswith("PS") and r.random() < 0.5:
        most = 256 - 2 - int(t.algorithm[-3:]) // 8
        return sign(data, t.algorithm, t.key, salt=r.choice([0, 20, most]))
    return sign(data, r.choice([name for name in KEYS if KEYS[name] == "RSA" and name != t.algorithm]), t.key)


ALPHABET = (string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_").encode()


def trailing_bits(r, part):
    """The same bytes for a reader that ignores the last bits."""
    spare = {2: 4, 3: 2}.get(len(part) % 4, 0)
    if not spare:
        return part + b"A"
    last = ALPHABET.find(part[-1:])
    return part[:-1] + ALPHABET[last ^ r.randrange(1, 2**spare) :][:1]


def other_alphabet(r, part):
    return part.replace(b"-", b"+").replace(b"_", b"/") if r.random() < 0.5 else base64.b64encode(part)


def padded(r, part):
    return part + b"=" * r.choice([-len(part) % 4, 1, 2, 3, 4])


def percent(r, part):
    return part.replace(b"-", b"%2D").replace(b"_", b"%5F") + b"%3D"


def spaced(r, part):
    at = r.randrange(len(part) + 1)
    return part[:at] + r.choice([b" ", b"\n", b"\r\n", b"\t", b"=", b"\0", b"%20"]) + part[at:]


SIGNATURES = [
    ("s negated", signing(negated), True),
    ("malleable signature", signing(malleable), False),
    ("malleable signature", signing(malleable), False),
    ("other digest", signing(other_digest), False),
    ("alg of the key", as_named, False),
    ("public key as secret", secretly, False),
    ("key in the header", embedded, False),
    ("unsigned", unsigned, False),
    ("unencoded", unencoded, False),
    ("another key", of_another_key, False),
    ("kid of another", kid_of_another, False),
    ("bytes of the signature", signing(lambda r, t, data: bytes_of(r, honest(t, data))), False),
    ("payload alone signed", signing(lambda r, t, data: honest(t, data.split(b".")[1])), False),
    ("texts signed", signing(lambda r, t, data: honest(t, b".".join(t.texts))), False),
    ("padded and signed", encoding(padded), False),
    ("trailing bits signed", encoding(trailing_bits), False),
    ("other alphabet signed", encoding(other_alphabet), False),
    ("spaced and signed", encoding(spaced), False),
    ("percent escapes signed", encoding(percent), False),
    ("more parts signed", encoding(lambda r, part: r.choice([part + b".", b"." + part, part + b"." + part])), False),
    ("bytes of a part signed", encoding(lambda r, part: bytes_of(r, part)), False),
]


def on_part(change):
    def changed(r, t):
        parts = t.token.split(b".")
        at = r.randrange(len(parts))
        parts[at] = change(r, parts[at])
        t.token = b".".join(parts)

    return changed


def of_another(r, t):
    """A part of another genuine token."""
    parts, other = t.token.split(b"."), r.choice(t.pool).split(b".")
    at = r.randrange(3)
    if at < len(parts):
        parts[at] = other[at]
    t.token = b".".join(parts)


def count_of_parts(r, t):
    parts = t.token.split(b".")
    at = r.randrange(len(parts))
    before, part, behind = parts[:at], parts[at : at + 1], parts[at + 1 :]
    middle = r.choice([[], [b""], [b""] + part, part + part, [b"", b""] + part])
    t.token = b".".join(r.choice([before + middle + behind, r.sample(parts, len(parts))]))


def as_json(r, t):
    """RFC 7515 section 7.2."""
    parts = [part.decode("latin-1") for part in (t.token.split(b".") + [b""] * 3)[:3]]
    flat = {"protected": parts[0], "payload": parts[1], "signature": parts[2]}
    whole = {"payload": parts[1], "signatures": [{"protected": parts[0], "signature": parts[2]}]}
    t.token = json.dumps(r.choice([flat, whole, parts, ".".join(parts)])).encode()


def framed(r, t):
    space = r.choice([b" ", b"\n", b"\r\n", b"\t", b"\0", b"\xe2\x80\x8b", b'"', b".", b",", b"Bearer "])
    t.token = r.choice([space + t.token, t.token + space, space + t.token + space])


TOKENS = [
    ("bytes of the token", lambda r, t: setattr(t, "token", bytes_of(r, t.token))),
    ("bytes of the token", lambda r, t: setattr(t, "token", bytes_of(r, t.token))),
    ("a bit of a part", on_part(lambda r, part: base64url(flipped(r, base64.urlsafe_b64decode(part + b"=="))))),
    ("a bit of a part", on_part(lambda r, part: base64url(flipped(r, base64.urlsafe_b64decode(part + b"=="))))),
    ("a letter of a part", on_part(lambda r, part: bytes_of_alphabet(r, part))),
    ("padded", on_part(padded)),
    ("trailing bits", on_part(trailing_bits)),
    ("other alphabet", on_part(other_alphabet)),
    ("space in a part", on_part(spaced)),
    ("case of a part", on_part(lambda r, part: part.swapcase())),
    ("percent escapes", on_part(percent)),
    ("of another token", of_another),
    ("count of parts", count_of_parts),
    ("JSON form", as_json),
    ("framed", framed),
    ("repeated", lambda r, t: setattr(t, "token", t.token + r.choice([b"", b",", b" ", b"\n", b"."]) + t.token)),
]


def flipped(r, data):
    data = bytearray(data)
    data[r.randrange(len(data))] ^= 1 << r.randrange(8)
    return bytes(data)


def bytes_of_alphabet(r, part):
    at = r.randrange(len(part))
    return part[:at] + bytes([r.choice(ALPHABET)]) + part[at + 1 :]


def label(name, value):
    text = "absent" if value is ABSENT else value.text if isinstance(value, Raw) else json.dumps(value)
    return f"{name} {text}"[:40]


def all_changes(example):
    """Every change: the stage at which it is made, its name, what it does, whether that is harmless."""
    rows = []
    for part, table, harmless in (
        (0, lambda t: FINE_HEADER, True),
        (0, lambda t: HEADER, False),
        (1, fine_claims, True),
        (1, claims, False),
    ):
        for at, (name, value) in enumerate(table(example)):
            # the tables hold times of their draft, so the value is looked up again
            apply = lambda r, t, part=part, table=table, at=at: t.set(part, *table(t)[at])
            rows.append((0, f"{('header', 'claim')[part]} {label(name, value)}", apply, harmless))
    rows += [(0, *row) for row in MEMBERS]
    rows += [(1, *row, False) for row in TEXTS]
    rows += [(2, *row) for row in SIGNATURES]
    rows += [(3, *row, False) for row in TOKENS]
    return rows


def choose(r, rows, number):
    """First each change alone, then any, from the stages alike; some together, some harmless ones only."""
    if number < len(rows):
        return [rows[number]]
    if r.random() < 0.2:
        return r.choices([row for row in rows if row[3]], k=r.randrange(1, 5))
    stages = r.choice([[0], [1], [2], [3], [0, 0], [0, 1], [0, 3], [0, 2], [0, 0, 0], []])
    return [r.choice([row for row in rows if row[0] == stage]) for stage in stages]


def change(order):
    r = random.Random(order["seed"])
    single = [Source(name.lower(), name, generate(kind)) for name, kind in KEYS.items()]
    kids = {"rsa": "RS256", "p256": "ES256", "ed": "EdDSA"}
    together = [Source("set", name, generate(KEYS[name]), kid) for kid, name in kids.items()]
    sources, pool = single + together, []
    pool += [base64.b64decode(made(r, Draft(source, order, pool), [])["token"]) for source in sources]
    rows = all_changes(Draft(sources[0], order, pool))
    edges = order["count"] // 10
    tokens = [
        made(r, Draft(sources[number % len(sources)], order, pool), choose(r, rows, number))
        for number in range(order["count"] - edges)
    ]
    r.shuffle(tokens)
    # made last and sent first
    for number in range(edges):
        draft = Draft(r.choice(sources), order | {"now": int(time.time())}, pool)
        tokens.insert(0, made(r, draft, [EDGES[number % len(EDGES)]]))
    return {"sources": [*map(describe, single), describe_set(together)], "tokens": tokens}


def describe(source):
    if isinstance(source.key, bytes):
        keys = {"form": "secret", "file": base64.b64encode(source.key).decode()}
    else:
        keys = {"form": "pem", "file": PyJwt().pem(source.key)}
    return {"name": source.name, "algorithms": [source.algorithm]} | keys


def describe_set(sources):
    jwks = [PyJwt().jwk(s.key, s.algorithm, s.kid) | {"alg": s.algorithm, "use": "sig"} for s in sources]
    algorithms = [source.algorithm for source in sources]
    return {"name": "set", "algorithms": algorithms, "form": "jwks", "file": json.dumps({"keys": jwks})}


def made(r, draft, chosen):
    """A token with these changes. It is harmless where each of them is, for this source."""
    # a set of keys goes by `kid`, and its policy names the type
    picky = ("header kid", "header typ") if draft.source.kid else ()
    for stage in range(4):
        if stage == 1:
            draft.write()
        if stage == 3:
            draft.finish()
        for apply in [row[2] for row in chosen if row[0] == stage]:
            try:
                apply(r, draft)
            except (ValueError, IndexError):
                pass  # an earlier change left nothing to change
    return {
        "source": draft.source.name,
        "token": base64.b64encode(draft.token).decode(),
        "changes": [row[1] for row in chosen],
        "harmless": all(row[3] and not row[1].startswith(picky) for row in chosen),
    }


# Judges.


class Judge:
    """A source as a library sees it, as strict as the policy."""

    def __init__(self, source, order):
        self.source, self.issuer, self.audience = source, order["issuer"], order["audience"]
        self.algorithms, file, form = source["algorithms"], source["file"], source["form"]
        read = {"secret": base64.b64decode, "jwks": json.loads, "pem": str}[form]
        self.prepare(form, read(file))

    def refusal(self, row):
        """The error for a token; none where it is accepted at one of its times."""
        for now in row["times"]:
            try:
                self.check(base64.b64decode(row["token"]), now)
                return None
            except Exception as error:  # whatever a stranger's token makes a library raise, it does not accept it
                refusal = f"{type(error).__name__}: {error}"
        return refusal


class PyJwtJudge(Judge):
    def prepare(self, form, keys):
        self.set = jwt.PyJWKSet.from_dict(keys) if form == "jwks" else None
        self.key = load_pem_public_key(keys.encode()) if form == "pem" else keys
        self.options = {"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True}

    def check(self, token, now):
        # it takes no time as an argument
        jwt.api_jwt.datetime = type("Frozen", (datetime,), {"now": lambda tz: datetime.fromtimestamp(now, tz)})
        jwt.decode(
            token,
            self.key if self.set is None else self.set[jwt.get_unverified_header(token)["kid"]],
            algorithms=self.algorithms,
            options=self.options,
            audience=self.audience,
            issuer=self.issuer,
            leeway=LEEWAY,
        )


class JoserfcJudge(Judge):
    def prepare(self, form, keys):
        # header parameters that nobody knows are ignored, as RFC 7515 section 4 demands, and may be long
        self.registry = joserfc_jws.JWSRegistry(algorithms=self.algorithms, strict_check_header=False)
        self.registry.max_header_length = self.registry.max_payload_length
        if form == "jwks":
            self.key = joserfc_jwk.KeySet.import_key_set(keys)
        else:
            self.key = joserfc_jwk.import_key(keys, "oct" if form == "secret" else None)

    def check(self, token, now):
        claims = joserfc_jwt.decode(token, self.key, registry=self.registry).claims
        joserfc_jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
        ).validate(claims)


class AuthlibJudge(Judge):
    def prepare(self, form, keys):
        self.library = JsonWebToken(self.algorithms)
        if form == "jwks":
            self.key = JsonWebKey.import_key_set(keys)
        else:
            self.key = JsonWebKey.import_key(keys, {"kty": "oct"} if form == "secret" else None)
        self.options = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.audience},
            "exp": {"essential": True},
        }

    def check(self, token, now):
        self.library.decode(token, self.key, claims_options=self.options).validate(now=now, leeway=LEEWAY)


def judge(order):
    verdicts = {}
    for name, kind in (("pyjwt", PyJwtJudge), ("joserfc", JoserfcJudge), ("authlib", AuthlibJudge)):
        judges = {source["name"]: kind(source, order) for source in order["sources"]}
        verdicts[name] = [judges[row["source"]].refusal(row) for row in order["tokens"]]
    return verdicts


order = json.load(sys.stdin)
json.dump({"issue": issue, "change": change, "judge": judge}[order["do"]](order), sys.stdout)
