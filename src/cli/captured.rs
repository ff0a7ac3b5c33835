//! A request that was captured: in parts, or as it stood on the wire.

use super::Failure;
use super::message::{read, tell};
use super::raw_request::RawRequest;
use super::request::{Address, Request, RequestArguments};
use crate::base::time::UnixTime;
use std::path::{Path, PathBuf};

/// Options that describe a captured request.
#[derive(Debug, clap::Args)]
pub struct CapturedArguments {
    /// The whole request as it stood on the wire: request line, fields, an empty line, and the body to the end; `-` is
    /// standard input. With it, `--url` says only scheme and host.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["headers", "body", "method"])]
    raw: Option<PathBuf>,
    #[command(flatten)]
    parts: RequestArguments,
}

impl CapturedArguments {
    /// Refuses a second `-` among these files and `others`.
    ///
    /// # Errors
    /// Exit code 2.
    pub fn one_stdin<'p>(&'p self, others: impl IntoIterator<Item = &'p PathBuf>) -> Result<(), Failure> {
        self.parts.one_stdin(others.into_iter().chain(&self.raw))
    }

    /// The time that counts as now.
    pub fn now(&self) -> UnixTime {
        self.parts.now()
    }

    /// The host and scheme of `--url`.
    ///
    /// # Errors
    /// An address that is none (2).
    pub fn origin(&self) -> Result<Option<String>, Failure> {
        self.parts.origin()
    }

    /// Reads the files. `path` stands in where nothing else says what was asked for.
    ///
    /// # Errors
    /// No file at all, or one that is not of its form (2), or that cannot be read (4).
    pub fn request(&self, path: Option<&str>) -> Result<Request, Failure> {
        match &self.raw {
            Some(file) if self.parts.has_path()? => Err(Failure::usage(format!(
                "with --raw {}, --url says only scheme and host: https://host",
                file.display()
            ))),
            Some(file) => raw(file),
            None if self.parts.headers.is_none() => Err(Failure::usage(
                "--headers FILE is missing: the fields of the request; or --raw FILE: the whole request"
                    .to_owned(),
            )),
            None => self.parts.request(path),
        }
    }
}

fn raw(file: &Path) -> Result<Request, Failure> {
    let flawed = |flaw: &dyn std::fmt::Display| Failure::usage(format!("{} {flaw}", file.display()));
    let RawRequest { method, target, headers, body, remark } =
        RawRequest::parse(&read(file)?).map_err(|flaw| flawed(&flaw))?;
    let address = Address::parse(&target).map_err(|sentence| flawed(&format!("line 1: {sentence}")))?;
    if let Some(remark) = remark {
        tell(&format!("bonafide: {}: {remark}\n", file.display()));
    }
    Ok(Request { method, address, headers, body: Some(body) })
}
