//! The tables of the policy file. Each comment here is the key's description in the JSON Schema.

use super::declare::{raw_table, raw_words};
use super::value::{
    Exact, Flag, Handshakes, Hidden, List, Map, Moment, Number, OneOrMany, Period, Position, PublicKeyText,
    PublicKeys, Secrets, Size, Switch, Text,
};

raw_table! {
    /// The policy file of Bonafide.
    pub section RawDocument as "the policy file" {
        /// More files with sources and providers, relative to this one; `*` stands for any name: `sources.d/*.toml`.
        include: List<Text>,
        /// Where and how Bonafide listens.
        server: RawServer = required,
        /// The application behind it, for every source that names no other.
        upstream: RawUpstream,
        /// The operator's port: health, readiness and metrics.
        admin: RawAdmin,
        /// What is logged, and how.
        log: RawLog,
        /// What has been delivered is remembered here.
        replay: RawReplayStore,
        /// Your own providers, by the name under which sources use them.
        provider: Map<RawProvider>,
        /// The senders.
        source: List<RawSource>,
    }
}

raw_table! {
    /// A file that `include` brings in: sources and providers only.
    pub section RawIncluded as "an included file" {
        /// Your own providers, by the name under which sources use them.
        provider: Map<RawProvider>,
        /// The senders.
        source: List<RawSource>,
    }
}

raw_table! {
    /// Where and how Bonafide listens.
    pub section RawServer as "[server]" {
        /// Addresses to listen on: `0.0.0.0:8443`, `[::]:8443`.
        listen: OneOrMany<Text> = required,
        /// The address under which senders reach Bonafide, for schemes that sign it: `https://hooks.example.com`.
        public_url: Text,
        /// Addresses or networks of load balancers in front; only their X-Forwarded-* and request ids count.
        trusted_proxies: List<Text>,
        /// TLS is terminated in front: listen without it, for loopback and `trusted_proxies` only.
        plaintext: Flag,
        /// Worker threads; as many as there are processor cores unless given.
        workers: Number,
        /// The certificate to show.
        tls: RawTls,
        /// Bounds of what a stranger can send.
        limits: RawLimits,
        /// How long each phase of a request may take.
        timeouts: RawTimeouts,
    }
}

raw_table! {
    /// The certificate to show.
    pub section RawTls as "[server.tls]" {
        /// PEM file with the certificate and its chain.
        certificate: Text = required,
        /// PEM file with the private key.
        private_key: Text = required,
        /// Further certificates, chosen by the server name that the client asks for.
        more: List<RawCertificate>,
    }
}

raw_table! {
    /// A further certificate.
    pub inline RawCertificate as "{ certificate = \"chain.pem\", private_key = \"key.pem\" }" {
        /// PEM file with the certificate and its chain; the names are those of the certificate.
        certificate: Text = required,
        /// PEM file with the private key.
        private_key: Text = required,
    }
}

raw_table! {
    /// Bounds of what a stranger can send.
    pub section RawLimits as "[server.limits]" {
        /// Longest path and query.
        target: Size,
        /// Largest request head.
        head: Size,
        /// Most header fields.
        header_count: Number,
        /// Largest body where the source sets no `max_body`.
        body: Size,
        /// Bodies held in memory by all requests together.
        held_bytes: Size,
        /// Open connections of all listeners.
        connections: Number,
        /// Concurrent streams of one HTTP/2 connection.
        http2_streams: Number,
        /// Idle upstream connections kept open by each worker.
        upstream_idle: Number,
    }
}

raw_table! {
    /// How long each phase of a request may take.
    pub section RawTimeouts as "[server.timeouts]" {
        /// The TLS handshake.
        handshake: Period,
        /// A complete request head; also how long an idle connection is kept.
        head: Period,
        /// Longest pause between two pieces of a body.
        body_idle: Period,
        /// A whole body.
        body: Period,
        /// Slowest body, bytes a second.
        body_min_rate: Size,
        /// A client that takes no byte of its answer for this long is disconnected.
        write: Period,
        /// Connecting to the upstream, TLS included.
        connect: Period,
        /// From the request sent to the head of the upstream's response.
        response: Period,
        /// Longest pause inside the upstream's response.
        response_idle: Period,
        /// How long an idle upstream connection is kept.
        upstream_idle: Period,
        /// On SIGTERM: how long requests in flight may take to finish.
        drain: Period,
    }
}

raw_table! {
    /// The application behind Bonafide.
    pub section RawUpstream as "[upstream]" {
        /// `http://host:port`, `https://host` or `unix:/run/app.sock`.
        url: Text = required,
        /// PEM file with the authorities that may have signed the certificate of an https upstream; the system's unless given.
        ca: Text,
    }
}

raw_table! {
    /// The operator's port.
    pub section RawAdmin as "[admin]" {
        /// Address of the port: `127.0.0.1:9090`. Any other than loopback needs `token`.
        listen: Text = required,
        /// What a client of the port must send as `Authorization: Bearer`.
        token: RawSecret,
        /// How many refused requests are kept in memory for `/refused`; none unless given, at most 1000.
        capture: Number,
        /// How much of the body of each is kept.
        capture_body: Size,
    }
}

raw_words! {
    /// The form of log lines.
    pub enum RawLogFormat {
        /// Text on a terminal, JSON otherwise.
        Auto = "auto",
        /// One JSON object a line.
        Json = "json",
        /// For people.
        Text = "text",
    }
}

raw_table! {
    /// What is logged, and how.
    pub section RawLog as "[log]" {
        /// The form of the lines; `auto` is text on a terminal and JSON otherwise.
        format: RawLogFormat,
        /// Whether every request gets a line.
        requests: Flag,
    }
}

raw_words! {
    /// Where deliveries are remembered.
    pub enum RawStore {
        /// In this process; a restart forgets.
        Memory = "memory",
    }
}

raw_table! {
    /// What has been delivered is remembered here.
    pub section RawReplayStore as "[replay]" {
        /// `memory`.
        store: RawStore,
        /// Most deliveries that are remembered; when they are all live, more get 503.
        max_entries: Number,
    }
}

raw_table! {
    /// How a sender signs: a provider of your own.
    pub section RawProvider as "[provider.NAME]" {
        /// The sender's name.
        name: Text,
        /// Where the sender documents its scheme.
        docs: Text,
        /// The methods that the sender uses; POST unless given.
        methods: List<Text>,
        /// What operators should know of the sender.
        notes: Text,
        /// Whether what was delivered is remembered.
        replay: Switch<RawReplay>,
        /// What the sender asks beside its events.
        handshake: List<RawHandshake>,
        /// `matters`: the sender reads the reply, so a copy of a delivery gets the first one's again.
        reply: RawReply,
        /// What the sender is told instead of one of our own answers, by its status; refusals stay refusals.
        answers: Map<RawAnswer>,
        /// A signature over the message.
        signature: RawSignature,
        /// A JSON Web Token.
        jwt: RawJwt,
        /// A Secure Webhook Token.
        swt: RawSwt,
        /// An HTTP message signature (RFC 9421).
        http_signature: RawHttpSignature,
        /// A token that the sender sends as it is.
        token: RawToken,
        /// HTTP Basic credentials.
        basic: RawBasic,
    }
}

raw_words! {
    /// What happens to a request without valid proof.
    pub enum RawMode {
        /// It is refused.
        Enforce = "enforce",
        /// It is forwarded and marked: a waiver.
        Report = "report",
    }
}

raw_words! {
    /// The scheme that proves nothing.
    pub enum RawScheme {
        /// Everything is forwarded unverified: a waiver.
        None = "none",
    }
}

raw_table! {
    /// A sender, and what it must prove.
    pub section RawSource as "[[source]]" {
        /// Its name in logs, metrics and headers: letters, digits, `-`, `_` and `.`.
        name: Text = required,
        /// The path: exact, with one-segment captures `{tenant}`, or with a trailing `/*`.
        path: Text = required,
        /// Only requests for this host name.
        host: Text,
        /// The methods that it takes; POST unless given.
        methods: List<Text>,
        /// How the sender signs: the name of a built-in provider or of `[provider.NAME]`.
        provider: Text,
        /// `none` forwards everything unverified.
        scheme: RawScheme,
        /// The secret shared with the sender.
        secret: RawSecret,
        /// Several secrets while one replaces another, any of which proves; or a table in which a field of the request chooses.
        secrets: Secrets,
        /// The public key of a sender that signs with a private one: its text (PEM, JWK, hex or base64), or where that is kept.
        public_key: PublicKeyText,
        /// Several public keys, as `secrets`.
        public_keys: PublicKeys,
        /// Values that are not secret and stand in the signed message as `{param:NAME}`.
        params: Map<Text>,
        /// The application for this source.
        upstream: Text,
        /// The path at the upstream, instead of the one that was asked for.
        upstream_path: Text,
        /// Largest body.
        max_body: Size,
        /// `report` forwards what is not proved, and marks it.
        mode: RawMode,
        /// Addresses or networks from which the sender may come.
        allow_from: List<Text>,
        /// Header fields that the upstream does not get; the token or Basic credentials unless given.
        strip: List<Text>,
        /// Header fields that the upstream gets in addition.
        set_headers: Map<Text>,
        /// The address under which this sender reaches Bonafide, instead of the one of `[server]`.
        public_url: Text,
        /// `off`, or what the sender asks beside its events, instead of what its provider says.
        handshake: Handshakes,
        /// `off`, `on`, or how what was delivered is remembered; on where a time or an id is proved, unless given.
        replay: Switch<RawReplay>,
        /// `matters`: the sender reads the reply, so a copy of a delivery gets the first one's again.
        reply: RawReply,
        /// What the sender is told instead of one of our own answers, by its status; refusals stay refusals.
        answers: Map<RawAnswer>,
        /// A signature over the message; with `provider`, overrides of its keys.
        signature: RawSignature,
        /// A JSON Web Token; with `provider`, overrides of its keys.
        jwt: RawJwt,
        /// A Secure Webhook Token; with `provider`, overrides of its keys.
        swt: RawSwt,
        /// An HTTP message signature (RFC 9421); with `provider`, overrides of its keys.
        http_signature: RawHttpSignature,
        /// A token that the sender sends as it is.
        token: RawToken,
        /// HTTP Basic credentials; the secret is the password.
        basic: RawBasic,
    }
}

raw_table! {
    /// A secret: where it is kept. Exactly one of `env`, `file`, `credential` and `literal`.
    pub inline RawSecret as "{ env = \"NAME\" }" {
        /// Name of an environment variable.
        env: Text,
        /// Path of a file; one newline at its end is dropped.
        file: Text,
        /// Name of a systemd credential.
        credential: Text,
        /// The secret itself; better keep it elsewhere.
        literal: Hidden,
        /// Not used at or after this date.
        until: Moment,
        /// Its name in logs and in the Bonafide-Key header.
        name: Text,
    }
}

raw_table! {
    /// Secrets among which a field of the request chooses. Either `file` or `keys`.
    pub inline RawChoice as "{ by = \"tenant\", file = \"/run/secrets/{value}\" }" {
        /// The field of the scheme, or the capture of the path, that chooses.
        by: Text = required,
        /// Files whose names hold the value: `/run/secrets/{value}`.
        file: Text,
        /// The secret of each value.
        keys: Map<RawSecret>,
    }
}

raw_table! {
    /// Public keys among which a field of the request chooses. Either `file` or `keys`.
    pub inline RawPublicChoice as "{ by = \"serial\", file = \"/etc/bonafide/keys/{value}.pem\" }" {
        /// The field of the scheme, or the capture of the path, that chooses.
        by: Text = required,
        /// Files whose names hold the value: `/etc/bonafide/keys/{value}.pem`.
        file: Text,
        /// The key of each value.
        keys: Map<PublicKeyText>,
    }
}

raw_table! {
    /// A signature over the message.
    pub section RawSignature as "[signature]" {
        /// The algorithm: `hmac-sha256` and others.
        algorithm: Text,
        /// The text that is signed, as a template: `{t}.{body}`; an array where any of several may be signed.
        message: OneOrMany<Text>,
        /// What the signature covers where that is not the whole body: `part` or `origin`.
        covers: Text,
        /// JSON pointer to an array whose elements are each signed.
        each: Text,
        /// The digest of the message that is signed instead of it: `sha256`, `sha384`, `sha512`.
        prehash: Text,
        /// Where the public keys of the sender are, if not in `public_key`.
        keys: RawKeys,
        /// The forms of the address that `{url}` stands for: `as_given`, `without_port`, `with_port`, `without_query`.
        url: OneOrMany<Text>,
        /// Two requests may have one signed text, because the sender joins values with nothing between them.
        ambiguous: Flag,
        /// How the key is made from the secret.
        key: RawKey,
        /// The fields that are read from the request, by name.
        fields: Map<RawField>,
        /// Other kinds of requests, tried in order before the table itself.
        variant: List<RawVariant>,
    }
}

raw_table! {
    /// Another kind of request of a sender.
    pub section RawVariant as "[[signature.variant]]" {
        /// The conditions under which it counts; all must hold.
        when: List<RawCondition> = required,
        /// Another algorithm.
        algorithm: Text,
        /// Another signed text.
        message: OneOrMany<Text>,
        /// Another coverage.
        covers: Text,
        /// Another array.
        each: Text,
        /// Further fields, and others of the same name.
        fields: Map<RawField>,
    }
}

raw_table! {
    /// What must hold of a request: a place, and a test of what stands there.
    pub inline RawCondition as "{ header = \"X-Version\", is = \"2\" }" {
        /// The request method.
        method: Text,
        /// Header field, or alternatives.
        header: OneOrMany<Text>,
        /// Query parameter.
        query: Text,
        /// Segment of the path that the source's `path` captures.
        path: Text,
        /// JSON pointer into the body.
        json: Text,
        /// Field of the form in the body.
        form: Text,
        /// Configuration of the source.
        param: Text,
        /// The whole body.
        body: Flag,
        /// What stands there, or one of these; `{param:NAME}` may be part of it.
        is: OneOrMany<Text>,
        /// How it begins.
        starts_with: Text,
        /// Of which characters it is: `digits`, `hex`, `alphanumeric`, `token`, `visible` or `printable`.
        chars: Text,
        /// Fewest characters; 1 unless given.
        min: Number,
        /// Most characters.
        max: Number,
        /// It is empty.
        empty: Flag,
        /// It is not there.
        absent: Flag,
    }
}

raw_table! {
    /// What a sender asks beside its events, and what it is told.
    pub section RawHandshake as "[[handshake]]" {
        /// Its name in logs.
        name: Text,
        /// The conditions under which a request is this handshake; all must hold.
        when: List<RawCondition> = required,
        /// Whether the request must be proved as any other first.
        signed: Flag = required,
        /// The answer.
        reply: RawHandshakeReply = required,
        /// Names of `params` without which there is no such handshake.
        needs: List<Text>,
    }
}

raw_table! {
    /// The answer to a handshake.
    pub inline RawHandshakeReply as "{ type = \"text/plain\", body = \"{query:challenge}\" }" {
        /// The status; 200 unless given.
        status: Number,
        /// The media type; `text/plain` unless given.
        media_type as "type": Text,
        /// The body, a template.
        body: Text,
        /// Header fields, templates.
        headers: Map<Text>,
        /// Most bytes of the body; 1024 unless given.
        max: Number,
    }
}

raw_table! {
    /// How the key is made from the secret.
    pub inline RawKey as "{ encoding = \"base64\" }" {
        /// `utf8`, `base64`, `base64url`, `base64_any` or `hex`.
        encoding: Text,
        /// A prefix of the secret that is not part of the key: `whsec_`; the first of several that fits.
        prefix: OneOrMany<Text>,
        /// The key is this digest of the bytes: `md5`, `sha1` or `sha256`.
        hash: Text,
        /// `nfkd`: the text is brought into this form of Unicode first.
        normalize: Text,
        /// Shortest key in bytes.
        min_bytes: Number,
        /// Longest key in bytes.
        max_bytes: Number,
        /// Fewest bits of an RSA key; 2048 unless given.
        min_bits: Number,
    }
}

raw_table! {
    /// A field of the request: where it stands and what it means.
    pub inline RawField as "{ header = \"X-Signature\", role = \"signature\" }" {
        /// Header field, or alternatives: those that are present must agree.
        header: OneOrMany<Text>,
        /// Header fields that are numbered from 1: `X-Signature-{n}`.
        family: Text,
        /// Query parameter.
        query: Text,
        /// Segment of the path that the source's `path` captures.
        path: Text,
        /// JSON pointer into the body.
        json: Text,
        /// JSON pointer into the element of `each`.
        item: Text,
        /// Field of the form in the body.
        form: Text,
        /// Configuration of the source: a name of `params`.
        param: Text,
        /// Separator around lists, where there are several.
        group: Text,
        /// Separator of a list inside the place.
        list: Text,
        /// The element of the list that begins with this key and `=`.
        key: Text,
        /// The element of the list of this number, from 0; `1..` for all from there on.
        position: Position,
        /// A text that stands before the value and is not part of it; it may hold `{param:NAME}`.
        prefix: Text,
        /// A text that stands behind the value and is not part of it, such as a quotation mark.
        suffix: Text,
        /// The value is text in `base64`, `base64url` or `hex`.
        decode: Text,
        /// JSON pointer into the document that the value is.
        inside: Text,
        /// What it means: `signature`, `timestamp` or `id`.
        role: Text,
        /// How a signature is written: `hex`, `base64`, `base64url`, `base64url_padded` or `base64_hex`.
        encoding: Text,
        /// Unit of a timestamp: `s`, `ms`, `us`, `rfc3339` or `http_date`; required.
        unit: Text,
        /// How far a timestamp may be from now.
        tolerance: Period,
        /// How often it may occur.
        many: Number,
        /// Each of several headers may hold a signature.
        any: Flag,
        /// Read although the signature does not cover it.
        unsigned: Flag,
        /// May be absent, and then stands for nothing.
        optional: Flag,
        /// What it must say, or one of these; `{param:NAME}` may be part of it.
        is: OneOrMany<Text>,
        /// The template that it must be equal to: `{body|sha256|hex}`.
        equals: Text,
        /// How many characters it has.
        length: Number,
    }
}

raw_table! {
    /// A token that the sender sends as it is.
    pub section RawToken as "[token]" {
        /// The header field that holds it, or alternatives.
        header: OneOrMany<Text>,
        /// The query parameter that holds it.
        query: Text,
        /// JSON pointer to it in the body.
        json: Text,
        /// The field of the form in the body that holds it.
        form: Text,
        /// A text before the token: `Bearer `.
        prefix: Text,
    }
}

raw_table! {
    /// HTTP Basic credentials.
    pub section RawBasic as "[basic]" {
        /// The user name.
        username: Text,
    }
}

raw_words! {
    /// What a delivery is known by.
    pub enum RawReplayBy {
        /// The event id that is proved, else all that is proved.
        Event = "event",
        /// The event id even where it is not proved: who sends a request again can change it.
        UnsignedId = "unsigned_id",
        /// All that is proved, whatever its id.
        Message = "message",
    }
}

raw_words! {
    /// How a delivery that was delivered before is answered.
    pub enum RawDuplicate {
        /// 200, without forwarding it.
        Accept = "accept",
        /// 409.
        Reject = "reject",
    }
}

raw_words! {
    /// Whether the sender reads the reply to a delivery.
    pub enum RawReply {
        /// It reads the status alone.
        Ignored = "ignored",
        /// It reads the body, too.
        Matters = "matters",
    }
}

raw_table! {
    /// What a sender is told instead of one of our answers.
    pub inline RawAnswer as "{ status = 403 }" {
        /// The status that is sent; ours unless given.
        status: Number,
        /// Media type of `body`; plain text unless given.
        media_type as "type": Text,
        /// The body that is sent, at most 1 KiB; ours unless given.
        body: Text,
    }
}

raw_table! {
    /// How what was delivered is remembered.
    pub inline RawReplay as "{ window = \"10m\" }" {
        /// What a delivery is known by; `event` unless given.
        by: RawReplayBy,
        /// How it is answered when it comes again; `accept` unless given.
        duplicate: RawDuplicate,
        /// How long it is remembered at least; as long as it could be accepted unless given.
        window: Period,
        /// How long a copy waits for the outcome of the one that is on its way; 10 s unless given.
        wait: Period,
    }
}

raw_table! {
    /// A JSON Web Token.
    pub section RawJwt as "[jwt]" {
        /// The header field that holds the token; Authorization unless given.
        header: Text,
        /// A text before the token; `Bearer ` in Authorization, none elsewhere, unless given.
        prefix: Text,
        /// The whole body is the token.
        body: Flag,
        /// JSON pointer to the token in the body.
        json: Text,
        /// The algorithms that may have signed it: `RS256`, `ES256`, `EdDSA`, `HS256` and others.
        algorithms: List<Text>,
        /// Where the public keys are.
        keys: RawKeys,
        /// How the key of the HS algorithms is made from the secret.
        key: RawKey,
        /// What `typ` may say, letter by letter; not looked at unless given.
        typ: OneOrMany<Text>,
        /// The form of `kid`: `visible`, `plain` or `uuid`.
        kid: Text,
        /// What `iss` must say; several are alternatives.
        issuer: OneOrMany<Text>,
        /// What `aud` must be or hold; several are alternatives.
        audience: OneOrMany<Text>,
        /// `iss`, `aud` and `exp`, where the sender leaves them out.
        without: List<Text>,
        /// Claims that must be there.
        require: List<Text>,
        /// Claims and the value that each must have, or the values; others are proved and get 403.
        claims: Map<Exact>,
        /// How far the sender's clock may be off; 60 s unless given.
        leeway: Period,
        /// How old `iat` may be.
        max_age: Period,
        /// How far `exp` may lie behind `iat`.
        max_lifetime: Period,
        /// The claim that holds a digest of the body.
        body_hash: RawBodyHash,
        /// The claim that holds a digest of the address.
        address_hash: RawAddressHash,
    }
}

raw_table! {
    /// The claim that holds a digest of the address.
    pub inline RawAddressHash as "{ claim = \"url_hash\", of = \"url\" }" {
        /// Its name, or the names that lead to it.
        claim: Text,
        /// `url`: `public_url` with path and query; `canonical`: method, path and sorted query.
        of: Text,
        /// `sha256`, `sha384` or `sha512`.
        hash: Text,
        /// `hex`, `base64` or `base64url`.
        encoding: Text,
    }
}

raw_table! {
    /// A Secure Webhook Token.
    pub section RawSwt as "[swt]" {
        /// The algorithms that may have signed it; HS256, HS384 and HS512 unless given.
        algorithms: List<Text>,
        /// Where the public keys are, for RS256 and ES256.
        keys: RawKeys,
        /// How the key of the HS algorithms is made from the secret.
        key: RawKey,
        /// The form of `kid`: `visible`, `plain` or `uuid`.
        kid: Text,
        /// What `iss` must say; several are alternatives.
        issuer: OneOrMany<Text>,
        /// What `aud` must be or hold, where the sender writes it; several are alternatives.
        audience: OneOrMany<Text>,
        /// Claims and the value that each must have, or the values; others are proved and get 403.
        claims: Map<Exact>,
        /// How far the sender's clock may be off; 60 s unless given.
        leeway: Period,
        /// How far `exp` may lie behind `iat`; 15 min unless given.
        max_lifetime: Period,
        /// The first generation: `typ` is JWT, and `webhook.data` holds the data or its digest.
        legacy: Flag,
    }
}

raw_table! {
    /// An HTTP message signature (RFC 9421).
    pub section RawHttpSignature as "[http_signature]" {
        /// The label of the signature that counts.
        label: Text,
        /// The `tag` of the signature that counts; with neither, exactly one signature must be there.
        tag: Text,
        /// The algorithms that may have signed: `ed25519`, `ecdsa-p256-sha256`, `hmac-sha256` and others.
        algorithms: List<Text>,
        /// Where the public keys are.
        keys: RawKeys,
        /// How the key of `hmac-sha256` is made from the secret.
        key: RawKey,
        /// What must be covered: `@method`, `content-type`, `@query-param;name="id"`; method and address unless given.
        components: List<Text>,
        /// What must be covered where the request has it: header fields, `@query`.
        when_present: List<Text>,
        /// What may be covered beside that; anything but `repr-digest` unless given.
        allow: List<Text>,
        /// What may not be covered.
        forbid: List<Text>,
        /// Whether Content-Digest must be covered: `body` (where there is one), `required`, `either` or `forbidden`.
        digest: Text,
        /// Parameters that must be there beside `created`: `expires`, `nonce`, `keyid`, `alg`, `tag`.
        parameters: List<Text>,
        /// `created`, where the sender leaves it out and nothing says how old a request is.
        without: List<Text>,
        /// How far the sender's clock may be off; 60 s unless given.
        leeway: Period,
        /// How old `created` may be; 5 min unless given.
        max_age: Period,
        /// How far `expires` may lie behind `created`.
        max_lifetime: Period,
        /// Fewest characters of a `nonce`; 1 unless given.
        nonce_min: Number,
        /// Most characters of a `nonce`; 256 unless given.
        nonce_max: Number,
        /// The form of `keyid`: `visible`, `plain` or `uuid`.
        kid: Text,
        /// Members that the JWK must have, and the value of each, or the values.
        key_members: Map<Exact>,
        /// Names of keys that no longer count.
        revoked: List<Text>,
        /// Signatures and digests may be written in base64url.
        base64url: Flag,
        /// Escapes in the path are brought into normal form before they are compared.
        normalize: Flag,
        /// The types of structured fields that are covered with `sf` or `key`: `dictionary`, `list` or `item`.
        structured: Map<Text>,
    }
}

raw_table! {
    /// The claim that holds a digest of the body.
    pub inline RawBodyHash as "{ claim = \"request_body_sha256\", hash = \"sha256\", encoding = \"hex\" }" {
        /// Its name, or the names that lead to it: `/webhook/hash`.
        claim: Text,
        /// `sha256`, `sha384` or `sha512`.
        hash: Text,
        /// `hex`, `base64`, `base64url`, `tagged` for `sha-256:HEX`, or `text` where the claim is the body itself.
        encoding: Text,
        /// Whether a request without body has it: `require`, `forbid` or `allow`.
        empty: Text,
    }
}

raw_table! {
    /// Where public keys are. Exactly one of `jwks`, `discovery`, `url`, `certificate`, `x5c`, `file` and `text`.
    pub inline RawKeys as "{ jwks = \"https://auth.example.com/.well-known/jwks.json\" }" {
        /// URL of a JWK Set, or of a PEM text.
        jwks: Text,
        /// The issuer whose OpenID Connect document names the URL of its JWK Set.
        discovery: Text,
        /// URL that answers with one key, with `{kid}` in it or in `json`.
        url: Text,
        /// For signatures: the URLs of certificates that the sender may name, with `*` for what differs in one label or segment.
        certificate: OneOrMany<Text>,
        /// For tokens that bring their certificates (`x5c`): PEM file with the authority that they must lead to.
        x5c: Text,
        /// Object identifiers of extensions that those certificates must have, the first one's first.
        marks: List<Text>,
        /// Names, one of which such a certificate must have; `*` stands for one label.
        names: OneOrMany<Text>,
        /// `full`: such a certificate must lead to an authority; `tls`: who answers at the URL is believed.
        chain: Text,
        /// PEM file with the authorities of such certificates; the system's unless given.
        authorities: Text,
        /// File with public keys: PEM, a JWK or a JWK Set.
        file: Text,
        /// Public keys as they would stand in a file.
        text: Text,
        /// Header fields for `url`; they may hold `{kid}`, `{secret}` and `{param:NAME}`.
        headers: Map<Text>,
        /// Members of a JSON object that is sent to `url` by POST; they may hold `{kid}`, `{secret}` and `{param:NAME}`.
        json: Map<Text>,
        /// What `{secret}` stands for.
        secret: RawSecret,
        /// JSON pointer to the key, or its text, in the answer of `url` or `jwks`.
        at: Text,
        /// Statuses with which `url` says that there is no such key; 404 and 410 unless given.
        unknown: List<Number>,
        /// Private networks in which the key server may be.
        networks: List<Text>,
        /// PEM file with the authorities that may have signed the certificate of the key server.
        ca: Text,
        /// How often a key set is asked for again; 1 h unless given.
        refresh: Period,
        /// How long nothing is asked for unknown keys after one was not found; 30 s unless given.
        cooldown: Period,
        /// How long one fetch may take; 3 s unless given.
        timeout: Period,
    }
}
