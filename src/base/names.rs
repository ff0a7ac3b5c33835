//! Names that others rely on: reason codes, verdicts, log fields, metric names and our header names.
//!
//! All of them are interfaces. This file may only grow; a name that is taken is never reused.

/// Who has to act on a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The client: it sent something that must not pass.
    Caller,
    /// Bonafide or its operator: capacity, configuration, keys.
    Ours,
    /// The application behind it.
    Upstream,
}

impl Blame {
    /// As written to the log.
    pub fn code(self) -> &'static str {
        match self {
            Blame::Caller => "caller",
            Blame::Ours => "ours",
            Blame::Upstream => "upstream",
        }
    }
}

macro_rules! reasons {
    ($($variant:ident, $code:literal, $status:literal, $blame:ident, $meaning:literal;)*) => {
        /// Why a request ended the way it did: one variant per check.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $(#[doc = $meaning] $variant,)*
        }

        impl Reason {
            /// Every reason, in the order of the request's way.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The stable code for logs and metrics, snake_case.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$variant => $code,)* }
            }

            /// The status that the client gets; 200 stands for "the upstream's own", 499 for "nobody left to answer".
            pub fn status(self) -> u16 {
                match self { $(Reason::$variant => $status,)* }
            }

            /// Who has to act.
            pub fn blame(self) -> Blame {
                match self { $(Reason::$variant => Blame::$blame,)* }
            }

            /// One sentence for the operator.
            pub fn meaning(self) -> &'static str {
                match self { $(Reason::$variant => $meaning,)* }
            }
        }
    };
}

reasons! {
    Verified, "verified", 200, Caller, "The sender was proved and the request was forwarded.";
    Waived, "waived", 200, Ours, "Forwarded without proof because the policy file says so.";

    HttpMalformed, "http_malformed", 400, Caller, "Not HTTP, or HTTP that can be read in two ways.";
    HostMissing, "host_missing", 400, Caller, "No Host field and no authority.";
    HostRepeated, "host_repeated", 400, Caller, "More than one Host field.";
    HostMalformed, "host_malformed", 400, Caller, "The host is not a name or address with an optional port.";
    HostMismatch, "host_mismatch", 400, Caller, "Host disagrees with the request target or with :authority.";
    ContentLengthMalformed, "content_length_malformed", 400, Caller, "Content-Length is not one number in plain digits.";
    FramingConflict, "framing_conflict", 400, Caller, "Content-Length and Transfer-Encoding together.";
    TransferEncodingUnsupported, "transfer_encoding_unsupported", 400, Caller, "Transfer-Encoding is not exactly one `chunked`.";
    TargetMalformed, "target_malformed", 400, Caller, "The request target is not a path, or holds a bad escape or byte.";
    TargetNotNormal, "target_not_normal", 400, Caller, "The path is not in normal form (`//`, `/.`, `/..`, encoded dot, slash or control).";
    HeaderLookalike, "header_lookalike", 400, Caller, "A field name that some servers read as a framing or hop-by-hop field, or as one that is verified.";
    HeaderMalformed, "header_malformed", 400, Caller, "A field value that must be plain text is not.";
    ConnectionNominates, "connection_nominates", 400, Caller, "Connection names a field that is needed to frame or verify the request.";
    UpgradeRefused, "upgrade_refused", 400, Caller, "Upgrade to another protocol.";
    BodyBroken, "body_broken", 400, Caller, "The body ended early or its framing is broken.";

    NoRoute, "no_route", 404, Caller, "No source has this path and host.";
    MethodNotAllowed, "method_not_allowed", 405, Caller, "The source does not take this method.";
    HeadTimeout, "head_timeout", 408, Caller, "The head did not arrive in time.";
    BodyTimeout, "body_timeout", 408, Caller, "The body did not arrive in time.";
    BodyTooSlow, "body_too_slow", 408, Caller, "The body arrived below the minimum rate.";
    BodyTooLarge, "body_too_large", 413, Caller, "The body is larger than the source allows.";
    TargetTooLong, "target_too_long", 414, Caller, "The request target is longer than the limit.";
    SniMismatch, "sni_mismatch", 421, Caller, "The TLS server name and the host differ.";
    HeadersTooLarge, "headers_too_large", 431, Caller, "The head has too many fields or too many bytes.";

    AddressNotAllowed, "address_not_allowed", 403, Caller, "The client address is not in `allow_from`.";

    FieldMissing, "field_missing", 401, Caller, "A field that the scheme signs or needs is absent.";
    FieldRepeated, "field_repeated", 401, Caller, "A field that must occur once occurs more than once.";
    FieldMalformed, "field_malformed", 401, Caller, "A field of the scheme is not of the form it must have.";
    FieldMismatch, "field_mismatch", 401, Caller, "A field of the scheme does not say what the policy demands, or differs from what it must be equal to.";
    KindUnknown, "kind_unknown", 401, Caller, "The request is of no kind that the scheme describes: no variant applies.";
    SecretUnknown, "secret_unknown", 401, Caller, "The field that chooses the secret names nobody who has one.";
    HandshakeText, "handshake_text", 401, Caller, "The signed text is one that a handshake of the source would sign for anyone.";
    SignatureMissing, "signature_missing", 401, Caller, "There is no signature.";
    SignatureMalformed, "signature_malformed", 401, Caller, "The signature is not of the right form, encoding or length.";
    SignatureMismatch, "signature_mismatch", 401, Caller, "The signature is well-formed and wrong: other body, other secret, or other fields.";
    TooManySignatures, "too_many_signatures", 401, Caller, "More signatures than the scheme allows.";
    TimestampMalformed, "timestamp_malformed", 401, Caller, "The timestamp is not a time of its unit.";
    TimestampTooOld, "timestamp_too_old", 401, Caller, "The timestamp is older than the tolerance.";
    TimestampInFuture, "timestamp_in_future", 401, Caller, "The timestamp lies ahead by more than the tolerance.";
    NoLiveSecret, "no_live_secret", 503, Ours, "Every secret of the source has passed its `until`.";
    CredentialMissing, "credential_missing", 401, Caller, "There is no token or Basic credential.";
    CredentialMalformed, "credential_malformed", 401, Caller, "The credential is not of the right form.";
    CredentialMismatch, "credential_mismatch", 401, Caller, "The token, user name or password is wrong.";
    TokenMalformed, "token_malformed", 401, Caller, "The JSON Web Token is not of the form it must have.";
    AlgorithmNotAllowed, "algorithm_not_allowed", 401, Caller, "The token or signature names an algorithm that the policy does not list.";
    TokenTypeMismatch, "token_type_mismatch", 401, Caller, "The token's `typ` is not the one that the policy demands.";
    KidMissing, "kid_missing", 401, Caller, "The token or signature does not say which key signed it.";
    KidMalformed, "kid_malformed", 401, Caller, "`kid` or `keyid` is not of the form it must have; nothing was fetched.";
    KeyUnknown, "key_unknown", 401, Caller, "The issuer has no key of this `kid`: asked after the request came, or shortly before.";
    CertificateRefused, "certificate_refused", 401, Caller, "The certificates in the token do not lead to the pinned authority, are not valid now, or lack what marks them.";
    KeyMismatch, "key_mismatch", 401, Caller, "The key of this `kid` is for another algorithm.";
    ClaimMissing, "claim_missing", 401, Caller, "The token lacks a claim that it must have.";
    ClaimMalformed, "claim_malformed", 401, Caller, "A claim of the token is not of the type or form it must have.";
    IssuerMismatch, "issuer_mismatch", 401, Caller, "The token's `iss` is not the one that the policy names.";
    AudienceMismatch, "audience_mismatch", 401, Caller, "The token is for somebody else: its `aud` is not the one that the policy names.";
    TokenExpired, "token_expired", 401, Caller, "The token has expired.";
    TokenNotYetValid, "token_not_yet_valid", 401, Caller, "The token is not valid yet, or was issued in the future.";
    TokenTooOld, "token_too_old", 401, Caller, "The token was issued longer ago than `max_age`.";
    LifetimeTooLong, "lifetime_too_long", 401, Caller, "The token lives longer than `max_lifetime`.";
    BodyHashMismatch, "body_hash_mismatch", 401, Caller, "The body is not the one that the token or the signed digest was made for.";
    BodyHashUnexpected, "body_hash_unexpected", 401, Caller, "The token holds a digest of the body, and there is no body.";
    ClaimNotAllowed, "claim_not_allowed", 403, Caller, "The sender is proved, and a claim says that it may not send here.";
    SignatureAmbiguous, "signature_ambiguous", 401, Caller, "Several signatures could be meant, and the policy does not say which one counts.";
    TagMismatch, "tag_mismatch", 401, Caller, "No signature has the `tag` that the policy names.";
    ParameterMissing, "parameter_missing", 401, Caller, "The signature lacks a parameter that it must have.";
    ParameterMalformed, "parameter_malformed", 401, Caller, "A parameter of the signature is not of its form, or not known.";
    ComponentMissing, "component_missing", 401, Caller, "The signature does not cover what it must cover: a header, the address, the digest of the body.";
    ComponentNotAllowed, "component_not_allowed", 401, Caller, "The signature covers what no request has, or what the policy does not allow.";
    SignatureExpired, "signature_expired", 401, Caller, "The signature has expired.";
    DigestUnusable, "digest_unusable", 401, Caller, "Content-Digest is malformed, or holds no digest that is known.";
    KeyPurpose, "key_purpose", 401, Caller, "The key that signed is for something else, by its own word.";
    KeyRevoked, "key_revoked", 401, Caller, "The key that signed is one that the policy revokes.";
    KeysUnavailable, "keys_unavailable", 503, Ours, "The key server could not be asked: neither genuine nor forged.";
    KeysCoolingDown, "keys_cooling_down", 503, Ours, "The key server was asked for an unknown key a moment ago and is left alone for a while.";

    HandshakeRefused, "handshake_refused", 401, Caller, "A handshake that asks for more than its answer may hold.";
    Handshake, "handshake", 200, Caller, "A handshake of the sender was answered; nothing is forwarded.";
    Duplicate, "duplicate", 200, Caller, "Delivered before: acknowledged again, not forwarded.";
    DuplicateRejected, "duplicate_rejected", 409, Caller, "Delivered before; the source answers that with 409.";
    EventConflict, "event_conflict", 409, Caller, "The event id was used before, with another body.";
    DeliveryInFlight, "delivery_in_flight", 503, Ours, "The same delivery is on its way to the application, and its outcome was waited for in vain.";
    ReplayStoreFull, "replay_store_full", 503, Ours, "There is no room to remember one more delivery.";

    UpstreamUnreachable, "upstream_unreachable", 502, Upstream, "No connection to the upstream.";
    UpstreamBroken, "upstream_broken", 502, Upstream, "The upstream closed or answered with broken HTTP.";
    UpstreamConnectTimeout, "upstream_connect_timeout", 504, Upstream, "Connecting to the upstream took too long.";
    UpstreamTimeout, "upstream_timeout", 504, Upstream, "The upstream did not answer in time.";
    OverCapacity, "over_capacity", 503, Ours, "The budget for held request bodies is spent, or the connection has too many requests in flight.";
    ClientGone, "client_gone", 499, Caller, "The client went away before it could be answered.";
    Internal, "internal", 500, Ours, "A fault in Bonafide; please report it.";
}

/// What the log and the metrics say of a request as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Proved and handed to the upstream (whose own failure may be the reason code).
    Verified,
    /// Handed to the upstream without proof, as the policy says.
    Waived,
    /// Not proved, or not even well-formed; the upstream saw nothing.
    Refused,
    /// Could not be decided (client gone, out of capacity, no live secret, no key); the upstream saw nothing.
    Undecided,
    /// Proved, and not forwarded because the upstream has taken the same delivery before.
    Duplicate,
    /// Answered by Bonafide itself, as the sender's handshake demands; the upstream saw nothing.
    Answered,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Verdict; 6] = [
        Verdict::Verified,
        Verdict::Waived,
        Verdict::Refused,
        Verdict::Undecided,
        Verdict::Duplicate,
        Verdict::Answered,
    ];

    /// As written to log and metrics.
    pub fn code(self) -> &'static str {
        match self {
            Verdict::Verified => "verified",
            Verdict::Waived => "waived",
            Verdict::Refused => "refused",
            Verdict::Undecided => "undecided",
            Verdict::Duplicate => "duplicate",
            Verdict::Answered => "answered",
        }
    }
}

/// Field names of a request's log line; units are in the name.
pub mod field {
    pub const TIMESTAMP: &str = "timestamp";
    pub const LEVEL: &str = "level";
    pub const MESSAGE: &str = "message";
    pub const REQUEST_ID: &str = "request_id";
    pub const SOURCE: &str = "source";
    pub const VERDICT: &str = "verdict";
    pub const REASON: &str = "reason";
    pub const DETAIL: &str = "detail";
    pub const HINT: &str = "hint";
    pub const BLAME: &str = "blame";
    pub const STATUS: &str = "status";
    pub const UPSTREAM_STATUS: &str = "upstream_status";
    pub const CLIENT: &str = "client";
    pub const PEER: &str = "peer";
    pub const METHOD: &str = "method";
    pub const HOST: &str = "host";
    pub const PATH: &str = "path";
    pub const PROTOCOL: &str = "protocol";
    pub const KEY: &str = "key";
    pub const EVENT_ID: &str = "event_id";
    pub const BYTES_IN: &str = "bytes_in";
    pub const BYTES_OUT: &str = "bytes_out";
    pub const DURATION_MS: &str = "duration_ms";
    pub const BODY_MS: &str = "body_ms";
    pub const UPSTREAM_MS: &str = "upstream_ms";
}

/// Metric names.
pub mod metric {
    pub const REQUESTS: &str = "bonafide_requests_total";
    pub const CONNECTIONS: &str = "bonafide_connections";
    pub const CONNECTIONS_REFUSED: &str = "bonafide_connections_refused_total";
    pub const HELD_BYTES: &str = "bonafide_held_bytes";
    pub const LOG_LINES_DROPPED: &str = "bonafide_log_lines_dropped_total";
    pub const WAIVERS: &str = "bonafide_waivers";
    pub const KEY_LOOKUPS: &str = "bonafide_key_lookups_total";
    pub const KEY_FETCHES: &str = "bonafide_key_fetches_total";
    pub const KEYS: &str = "bonafide_keys";
    pub const KEY_AGE: &str = "bonafide_key_age_seconds";
    pub const REPLAY_ENTRIES: &str = "bonafide_replay_entries";
    pub const REPLAY_REPLY_BYTES: &str = "bonafide_replay_reply_bytes";
    pub const REPLAY_OUTCOMES: &str = "bonafide_replay_outcomes_total";
    pub const RELOAD_SUCCESSFUL: &str = "bonafide_config_last_reload_successful";
    pub const BUILD_INFO: &str = "bonafide_build_info";
}

/// Header names that Bonafide itself sends to the upstream or the client.
pub mod header {
    use http::HeaderName;

    /// Everything below this prefix, in any spelling with `_` or `-`, is removed from what a client sends.
    pub const OUR_PREFIX: &str = "bonafide-";
    pub const SOURCE: HeaderName = HeaderName::from_static("bonafide-source");
    pub const SCHEME: HeaderName = HeaderName::from_static("bonafide-scheme");
    pub const KEY: HeaderName = HeaderName::from_static("bonafide-key");
    pub const EVENT_ID: HeaderName = HeaderName::from_static("bonafide-event-id");
    pub const TIMESTAMP: HeaderName = HeaderName::from_static("bonafide-timestamp");
    pub const VERDICT: HeaderName = HeaderName::from_static("bonafide-verdict");
    pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
    pub const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
    pub const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
}

/// Exit codes of the program.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// A negative verdict: not genuine, not as it should be.
    pub const NEGATIVE: u8 = 1;
    /// The command line was not understood.
    pub const USAGE: u8 = 2;
    /// The policy file has mistakes.
    pub const CONFIG: u8 = 3;
    /// Could not start: address in use, file not readable.
    pub const START: u8 = 4;
    /// A peer or the network failed.
    pub const PEER: u8 = 5;
    /// A second signal while draining.
    pub const INTERRUPTED: u8 = 130;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_snake_case() {
        let codes: HashSet<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        assert_eq!(codes.len(), Reason::ALL.len());
        for code in codes {
            assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        }
    }
}
