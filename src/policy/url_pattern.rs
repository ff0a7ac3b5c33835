//! The URLs that a policy pins: fixed text with `*` for what may differ.

use std::fmt;
use url::Url;

/// Longest text that one `*` stands for, bytes.
const MAX_PART: usize = 128;

/// An `https` URL with `*` in its host or path: `https://sns.*.amazonaws.com/SimpleNotificationService-*.pem`. In the
/// host `*` is letters, digits and `-` of one label; in the path, of one segment, also `.`, `_` and `~`. The text is
/// compared byte by byte, so that nothing depends on how a URL is read.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlPattern {
    text: String,
    host: Vec<String>,
    path: Vec<String>,
}

impl UrlPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// Why it pins nothing, in a sentence.
    pub fn parse(text: &str) -> Result<UrlPattern, &'static str> {
        let behind = text.strip_prefix("https://").ok_or("a certificate is fetched over https only")?;
        let (host, path) = behind.split_at(behind.find('/').ok_or("the URL has no path")?);
        if host.trim_start_matches(['*', '.']).split('.').count() < 2 && !host.starts_with("localhost") {
            return Err("`*` cannot stand for a whole domain");
        }
        if text.contains(['?', '#', '@', '%', '\\']) || path.contains("..") || path.contains("//") {
            return Err("the URL has neither query nor escapes");
        }
        let pattern = UrlPattern {
            text: text.to_owned(),
            host: host.split('*').map(str::to_owned).collect(),
            path: path.split('*').map(str::to_owned).collect(),
        };
        let sample = Url::parse(&pattern.sample()).map_err(|_| "this is not a URL")?;
        if sample.as_str() != pattern.sample() {
            return Err("write the URL in its normal form: lower case, without port 443");
        }
        Ok(pattern)
    }

    /// Whether a URL is one of those. Port 443 may be written out.
    pub fn matches(&self, url: &str) -> bool {
        let Some(behind) = url.strip_prefix("https://") else { return false };
        let Some((host, path)) = behind.find('/').and_then(|at| behind.split_at_checked(at)) else {
            return false;
        };
        let host = host.strip_suffix(":443").unwrap_or(host);
        let label = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let segment = |byte: u8| label(byte) || matches!(byte, b'.' | b'_' | b'~');
        fits(&self.host, host, &label) && fits(&self.path, path, &segment)
    }

    /// One of its URLs.
    pub fn sample(&self) -> String {
        self.text.replace('*', "a")
    }

    /// The text as it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for UrlPattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

/// Whether the text is the parts with something between them, at least one character each time and not only dots.
fn fits(parts: &[String], text: &str, allowed: &dyn Fn(u8) -> bool) -> bool {
    let Some((first, rest)) = parts.split_first() else { return text.is_empty() };
    let Some(text) = text.strip_prefix(first.as_str()) else { return false };
    if rest.is_empty() {
        return text.is_empty();
    }
    let most = text.bytes().take_while(|byte| allowed(*byte)).count().min(MAX_PART);
    (1..=most).any(|length| {
        let Some((between, behind)) = text.split_at_checked(length) else { return false };
        between.bytes().any(|byte| byte != b'.') && fits(rest, behind, allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_and_what_only_looks_like_it() {
        let pattern =
            UrlPattern::parse("https://sns.*.amazonaws.com/SimpleNotificationService-*.pem").unwrap();
        for good in [
            "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-9c6465fa.pem",
            "https://sns.eu-central-1.amazonaws.com:443/SimpleNotificationService-9c6465fa.pem",
        ] {
            assert!(pattern.matches(good), "{good}");
        }
        for bad in [
            "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
            "https://evil.example/sns.eu.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.evil.example/.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.a.b.amazonaws.com/SimpleNotificationService-1.pem",
            "https://user@sns.eu.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.eu.amazonaws.com:444/SimpleNotificationService-1.pem",
            "https://sns.eu.amazonaws.com/SimpleNotificationService-.pem",
            "https://sns.eu.amazonaws.com/SimpleNotificationService-../x.pem",
            "https://sns.eu.amazonaws.com/SimpleNotificationService-..pem",
            "https://sns.eu.amazonaws.com/SimpleNotificationService-a%2fb.pem",
            "https://sns.eu.amazonaws.com/SimpleNotificationService-1.pem?x",
            "https://sns.eu.amazonaws.com/SimpleNotificationService-1.pem#x",
            "https://sns.eu.amazonaws.com\\.evil.example/SimpleNotificationService-1.pem",
            "HTTPS://sns.eu.amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns..amazonaws.com/SimpleNotificationService-1.pem",
            "https://sns.\u{ff45}u.amazonaws.com/SimpleNotificationService-1.pem",
            "",
        ] {
            assert!(!pattern.matches(bad), "{bad}");
        }
        let long = format!(
            "https://sns.eu.amazonaws.com/SimpleNotificationService-{}.pem",
            "a".repeat(MAX_PART + 1)
        );
        assert!(!pattern.matches(&long));
    }

    #[test]
    fn a_pattern_must_pin_something() {
        for bad in [
            "http://example.com/a",
            "https://example.com",
            "https://*/a",
            "https://*.com/a",
            "https://example.com/a?b",
            "https://user@example.com/a",
            "https://EXAMPLE.com/a",
            "https://example.com:443/a",
            "https://example.com/a/../b",
        ] {
            assert!(UrlPattern::parse(bad).is_err(), "{bad}");
        }
        for good in ["https://example.com/*", "https://*.example.com/a-*.pem", "https://localhost:8443/c/*"] {
            let pattern = UrlPattern::parse(good).unwrap();
            assert!(pattern.matches(&pattern.sample()), "{good}");
        }
    }
}
