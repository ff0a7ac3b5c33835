//! What genuine senders compute, written apart from the product's own code.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// HMAC-SHA256 of the concatenated parts.
pub fn hmac_sha256(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any key length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA1 of the body, hex.
pub fn hmac_sha1_hex(secret: &[u8], body: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("any key length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

/// HMAC-SHA1 of the concatenated parts.
pub fn hmac_sha1(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("any key length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// HMAC-SHA512 of the concatenated parts.
pub fn hmac_sha512(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha512>::new_from_slice(secret).expect("any key length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// MD5, hex.
pub fn md5_hex(text: &[u8]) -> String {
    hex::encode(Md5::digest(text))
}

/// SHA-256, hex.
pub fn sha256_hex(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    hex::encode(digest.finalize())
}

/// `X-Hub-Signature-256` of GitHub and Fluid.
pub fn github(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac_sha256(secret.as_bytes(), &[body])))
}

/// The `v1` value of `Stripe-Signature`.
pub fn stripe_value(secret: &str, time: &str, body: &[u8]) -> String {
    hex::encode(hmac_sha256(secret.as_bytes(), &[time.as_bytes(), b".", body]))
}

/// `Stripe-Signature`.
pub fn stripe(secret: &str, time: &str, body: &[u8]) -> String {
    format!("t={time},v1={}", stripe_value(secret, time, body))
}

/// `X-Slack-Signature`.
pub fn slack(secret: &str, time: &str, body: &[u8]) -> String {
    format!("v0={}", hex::encode(hmac_sha256(secret.as_bytes(), &[b"v0:", time.as_bytes(), b":", body])))
}

/// `webhook-signature` of Standard Webhooks; `key` is the decoded secret.
pub fn standard(key: &[u8], id: &str, time: &str, body: &[u8]) -> String {
    let mac = hmac_sha256(key, &[id.as_bytes(), b".", time.as_bytes(), b".", body]);
    format!("v1,{}", STANDARD.encode(mac))
}

/// `Authorization` of HTTP Basic.
pub fn basic(pair: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

/// Now, moved by `offset` seconds, as decimal Unix seconds.
pub fn unix_time(offset: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64;
    (now + offset).to_string()
}

/// Year, month, day, hour, minute and second of UTC.
fn calendar(offset: i64) -> [i64; 6] {
    let now: i64 = unix_time(offset).parse().expect("a number");
    let (days, second) = (now.div_euclid(86_400), now.rem_euclid(86_400));
    // From 0000-03-01, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    [year, month, date, second / 3600, second / 60 % 60, second % 60]
}

/// Now, moved by `offset` seconds, as HTTP writes it.
pub fn http_date(offset: i64) -> String {
    let seconds = unix_time(offset).parse().expect("a number");
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Now, moved by `offset` seconds, as RFC 3339 writes it.
pub fn rfc3339(offset: i64) -> String {
    let [year, month, date, hour, minute, second] = calendar(offset);
    format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[test]
fn the_published_example_holds() {
    assert_eq!(
        github("It's a Secret to Everybody", b"Hello, World!"),
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    );
}
