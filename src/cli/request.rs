//! The request that `verify` and `sign` are about: its options, files and address.

use super::Failure;
use super::headers_file::HeadersFile;
use super::message::{is_stdin, read};
use crate::base::time::{Clock, UnixTime};
use crate::http::{Authority, Target};
use crate::verify::Draft;
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use std::path::{Path, PathBuf};

/// Options that describe a request.
#[derive(Debug, clap::Args)]
pub struct RequestArguments {
    /// The header fields: `Name: value` lines, optionally after a request line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub headers: Option<PathBuf>,
    /// The body, byte for byte; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// The method [default: that of the request line, or POST].
    #[arg(long)]
    method: Option<Method>,
    /// The address that the sender calls, or its path and query [default: that of the request line, the
    /// path of the source, or /].
    #[arg(long)]
    url: Option<String>,
    /// The time that counts as now, in seconds since 1970 [default: the clock].
    #[arg(long, value_name = "UNIX", value_parser = clap::value_parser!(i64).range(0..))]
    at: Option<i64>,
}

/// A request as the options describe it.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub address: Address,
    /// The fields of the headers file.
    pub headers: HeaderMap,
    /// The body; nothing where no file was named.
    pub body: Option<Bytes>,
}

/// A full URL, or only its path and query.
#[derive(Clone, Debug)]
pub struct Address {
    /// Scheme and authority as given: `https://hooks.example.com`.
    pub origin: Option<String>,
    /// The host of a full URL.
    pub host: Option<Authority>,
    /// Path and query.
    pub target: Target,
}

impl RequestArguments {
    /// Standard input can be read once: refuses a second `-` among these files and `others`.
    ///
    /// # Errors
    /// Exit code 2.
    pub fn one_stdin<'p>(&'p self, others: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Failure> {
        let files = others.into_iter().chain(&self.headers).chain(&self.body);
        if files.filter(|path| is_stdin(path)).count() > 1 {
            return Err(Failure::usage("only one file can be standard input".to_owned()));
        }
        Ok(())
    }

    /// `--at`, or the clock.
    pub fn now(&self) -> UnixTime {
        self.at.map_or_else(|| Clock::system().now(), UnixTime)
    }

    /// Reads the files. `path` stands in where nothing else says what was asked for.
    ///
    /// # Errors
    /// A file that cannot be read (4), or that is not of its form (2).
    pub fn request(&self, path: Option<&str>) -> Result<Request, Failure> {
        let file = self.headers.as_deref().map(headers_file).transpose()?.unwrap_or_default();
        let body = self.body.as_deref().map(read).transpose()?.map(Bytes::from);
        let (method, target) = file.request_line.unzip();
        let method = self.method.clone().or(method).unwrap_or(Method::POST);
        let url = self.url.as_deref().or(target.as_deref()).or(path).unwrap_or("/");
        let address = Address::parse(url).map_err(Failure::usage)?;
        Ok(Request { method, address, headers: file.headers, body })
    }

    /// The host and scheme of `--url`, for schemes that sign them.
    ///
    /// # Errors
    /// An address that is none (2).
    pub fn origin(&self) -> Result<Option<String>, Failure> {
        let address = self.url.as_deref().map(Address::parse).transpose().map_err(Failure::usage)?;
        Ok(address.and_then(|address| address.origin))
    }

    /// Whether `--url` says more than scheme and host.
    ///
    /// # Errors
    /// An address that is none (2).
    pub fn has_path(&self) -> Result<bool, Failure> {
        let address = self.url.as_deref().map(Address::parse).transpose().map_err(Failure::usage)?;
        Ok(address.is_some_and(|address| address.origin.is_none() || address.target.as_str() != "/"))
    }
}

fn headers_file(path: &Path) -> Result<HeadersFile, Failure> {
    HeadersFile::parse(&read(path)?).map_err(|flaw| Failure::usage(format!("{} {flaw}", path.display())))
}

impl Request {
    /// The host: of the URL, of the only `Host` field, or a stand-in.
    ///
    /// # Errors
    /// A `Host` field that is no host (2).
    pub fn host(&self) -> Result<Authority, Failure> {
        if let Some(host) = &self.address.host {
            return Ok(host.clone());
        }
        let host = self.headers.get(header::HOST).map_or(&b"localhost"[..], |host| host.as_bytes());
        Authority::parse(host).map_err(|_| Failure::usage("the Host header is no host".to_owned()))
    }
}

impl Address {
    /// Parses `https://host/path?query` or `/path?query`.
    ///
    /// # Errors
    /// A sentence for anything else.
    pub fn parse(text: &str) -> Result<Address, String> {
        let (origin, host, rest) = match scheme_length(text) {
            None => (None, None, text),
            Some(length) => {
                let after = text.get(length..).unwrap_or_default();
                let end = length + after.find(['/', '?', '#']).unwrap_or(after.len());
                let (origin, rest) = text.split_at(end);
                let host = origin.get(length..).unwrap_or_default();
                let host = Authority::parse(host.as_bytes()).map_err(|_| "the URL has no proper host")?;
                (Some(origin.to_owned()), Some(host), rest)
            }
        };
        let rooted =
            if rest.starts_with('/') || origin.is_none() { rest.to_owned() } else { format!("/{rest}") };
        let target = Target::parse(&rooted, usize::MAX).map_err(|error| {
            format!("the path is not one that would be let in: {}", error.reason().code())
        })?;
        Ok(Address { origin, host, target })
    }
}

impl Address {
    /// The URL of a draft that goes there.
    pub fn url(&self, draft: &Draft) -> String {
        format!("{}{}", self.origin.as_deref().unwrap_or_default(), draft.target)
    }
}

fn scheme_length(text: &str) -> Option<usize> {
    let is = |scheme: &&str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    ["https://", "http://"].iter().find(|scheme| is(scheme)).map(|scheme| scheme.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_urls_and_paths_are_read() {
        for (text, origin, target) in [
            ("/", None, "/"),
            ("/hooks/a?b=c", None, "/hooks/a?b=c"),
            ("https://h.example", Some("https://h.example"), "/"),
            ("https://h.example?x=1", Some("https://h.example"), "/?x=1"),
            ("HTTP://h.example:8080/a?u=https://x/", Some("HTTP://h.example:8080"), "/a?u=https://x/"),
            ("https://[::1]:8443/a", Some("https://[::1]:8443"), "/a"),
        ] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.origin.as_deref(), address.target.as_str()), (origin, target), "{text}");
            assert_eq!(address.host.is_some(), origin.is_some());
        }
    }

    #[test]
    fn other_texts_are_no_address() {
        for text in
            ["", "hooks", "ftp://h/", "https://", "https:///a", "https://u:p@h/", "/a/../b", "https://h/#x"]
        {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }
}
