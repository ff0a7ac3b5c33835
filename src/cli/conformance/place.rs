//! Where the receivers are: one address, or a pattern of addresses.

use crate::cli::Failure;
use crate::cli::request::Address;
use crate::http::Authority;

/// What stands for a provider's id.
const PROVIDER: &str = "{provider}";
/// What stands for the number of a setup.
const SETUP: &str = "{setup}";

/// Scheme, host and the pattern of the path.
#[derive(Debug)]
pub struct Place {
    /// Scheme and authority, as given.
    pub origin: String,
    /// The host.
    pub host: Authority,
    /// Scheme and authority that the receiver believes to be called by; senders may sign them.
    pub public_url: String,
    pattern: String,
}

impl Place {
    /// Reads a target; nothing listens at that of a list.
    ///
    /// # Errors
    /// A target that is none (2).
    pub fn new(target: Option<&str>, public_url: Option<&str>) -> Result<Place, Failure> {
        let target = target.unwrap_or("http://localhost/{provider}/{setup}");
        let example = target.replace(PROVIDER, "provider").replace(SETUP, "1");
        let wrong = |flaw: String| Failure::usage(format!("--target: {flaw}"));
        let address = Address::parse(&example).map_err(wrong)?;
        let (Some(origin), Some(host)) = (address.origin, address.host) else {
            return Err(wrong("scheme and host are missing: https://host/path".to_owned()));
        };
        let Some(pattern) = target.strip_prefix(&origin) else {
            return Err(wrong("the receivers are at one host".to_owned()));
        };
        if pattern.contains('?') {
            return Err(wrong("the query is that of each row".to_owned()));
        }
        if example.contains(['{', '}']) {
            return Err(wrong(format!("only {PROVIDER} and {SETUP} are filled in")));
        }
        let pattern = if pattern.is_empty() { "/" } else { pattern }.to_owned();
        let public_url = public_url.unwrap_or(&origin).trim_end_matches('/').to_owned();
        Ok(Place { origin, host, public_url, pattern })
    }

    /// Whether each provider has an address of its own.
    pub fn names_provider(&self) -> bool {
        self.pattern.contains(PROVIDER)
    }

    /// Whether each setup has.
    pub fn names_setup(&self) -> bool {
        self.pattern.contains(SETUP)
    }

    /// The path of a receiver.
    pub fn path(&self, provider: &str, number: usize) -> String {
        self.pattern.replace(PROVIDER, provider).replace(SETUP, &number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_a_pattern_of_paths() {
        let place = Place::new(Some("http://127.0.0.1:1/{provider}/{setup}"), None).unwrap();
        assert_eq!(
            (place.origin.as_str(), place.public_url.as_str()),
            ("http://127.0.0.1:1", "http://127.0.0.1:1")
        );
        assert_eq!(place.path("a-b", 3), "/a-b/3");
        assert!(place.names_provider() && place.names_setup());
        let place = Place::new(Some("https://h.example"), Some("https://public.example/")).unwrap();
        assert_eq!((place.path("a", 1).as_str(), place.public_url.as_str()), ("/", "https://public.example"));
        assert!(!place.names_provider() && !place.names_setup());
    }

    #[test]
    fn other_targets_are_refused() {
        for target in
            ["/a", "http://{provider}.example/", "http://h.example/?a=b", "http://h.example/{x}", "h"]
        {
            assert!(Place::new(Some(target), None).is_err(), "{target}");
        }
    }
}
