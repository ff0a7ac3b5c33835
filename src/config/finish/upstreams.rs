//! The applications behind the sources.

use super::Context;
use super::addresses::upstream;
use super::server::Frame;
use crate::config::problem::Problem;
use crate::config::raw::{RawDocument, RawSource};
use crate::config::span::Located;
use crate::policy::UpstreamAddress;
use std::path::PathBuf;

/// The upstreams so far; sources that name the same address share one.
pub struct Upstreams {
    pub addresses: Vec<UpstreamAddress>,
    /// `[upstream] ca`.
    pub authorities: Option<Located<PathBuf>>,
    common: Option<usize>,
    common_written: bool,
}

impl Upstreams {
    /// Starts with `[upstream]`.
    pub fn new(context: &mut Context<'_>, frame: &Frame, main: &RawDocument) -> Upstreams {
        let raw = main.upstream.as_ref();
        let authorities = raw.and_then(|raw| raw.value.ca.as_ref()).map(|ca| context.path(ca));
        let common_written = raw.is_some();
        let mut upstreams = Upstreams { addresses: Vec::new(), authorities, common: None, common_written };
        let url = raw.and_then(|raw| raw.value.url.as_ref());
        upstreams.common = url.and_then(|url| upstreams.add(context, frame, url));
        upstreams
    }

    fn add(&mut self, context: &mut Context<'_>, frame: &Frame, url: &Located<String>) -> Option<usize> {
        let address = upstream(context, url, &frame.own)?;
        let known = self.addresses.iter().position(|known| *known == address);
        Some(known.unwrap_or_else(|| {
            self.addresses.push(address);
            self.addresses.len() - 1
        }))
    }

    /// The upstream of a source: its own, or the common one.
    pub fn of(
        &mut self,
        context: &mut Context<'_>,
        frame: &Frame,
        raw: &Located<RawSource>,
    ) -> Option<usize> {
        if let Some(url) = &raw.value.upstream {
            return self.add(context, frame, url);
        }
        if !self.common_written && !raw.value.flawed {
            let problem =
                Problem::error("missing_upstream", raw.at, "nothing to forward to: there is no `[upstream]`");
            context.push(
                problem.help("add `[upstream]` with `url = \"http://127.0.0.1:3000\"`, or `upstream` here"),
            );
        }
        self.common
    }
}
