//! Puts the finished parts together, and checks what concerns several of them.

use super::providers::Providers;
use super::source::Built;
use super::upstreams::Upstreams;
use super::{replay, server, source};
use crate::config::document::Document;
use crate::config::load::Options;
use crate::config::problem::{Problem, Severity};
use crate::config::raw::RawSource;
use crate::config::secrets::Environment;
use crate::config::settings::Configuration;
use crate::config::span::{Files, Located, Span};
use crate::policy::{Overlap, Policy, Route, Routes, Source};
use std::collections::HashMap;
use std::path::PathBuf;

/// What became of a document.
#[derive(Debug)]
pub struct Finished {
    /// Present where it could be built; errors in `problems` refuse it all the same.
    pub configuration: Option<Configuration>,
    /// The sources with what their providers say.
    pub sources: Vec<Located<RawSource>>,
    /// All files, those of used providers included.
    pub files: Files,
    /// Everything that was found.
    pub problems: Vec<Problem>,
    /// Secret files that were read.
    pub watched: Vec<PathBuf>,
}

/// What every step has at hand.
pub(super) struct Context<'e> {
    pub(super) files: Files,
    pub(super) problems: Vec<Problem>,
    pub(super) environment: &'e Environment,
    pub(super) read_secrets: bool,
    pub(super) watched: Vec<PathBuf>,
}

/// How many problems there are at some moment.
pub(super) type Mark = usize;

impl Context<'_> {
    pub(super) fn error(&mut self, code: &'static str, at: Span, message: impl Into<String>) {
        self.problems.push(Problem::error(code, at, message));
    }

    pub(super) fn push(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn mark(&self) -> Mark {
        self.problems.len()
    }

    /// Whether an error came after a mark.
    pub(super) fn failed_since(&self, mark: Mark) -> bool {
        self.problems.iter().skip(mark).any(|problem| problem.severity == Severity::Error)
    }

    /// Whether a place is in the file of a built-in provider, which the operator did not write.
    pub(super) fn is_built_in(&self, at: Span) -> bool {
        self.files.file(at.file).is_some_and(|file| file.path.to_string_lossy().starts_with("<provider "))
    }

    pub(super) fn path(&self, path: &Located<String>) -> Located<PathBuf> {
        path.clone().map(|text| self.files.resolve(path.at.file, &text))
    }
}

/// Checks a document and builds what it says.
pub fn finish(document: Document, options: &Options, environment: &Environment) -> Finished {
    let Document { files, problems, main, providers, sources: raw_sources, .. } = document;
    let mut context =
        Context { files, problems, environment, read_secrets: options.secrets, watched: Vec::new() };
    let frame = server::frame(&mut context, &main.value);
    let mut providers = Providers::new(&mut context, providers);
    if raw_sources.is_empty() && !main.value.flawed {
        let problem =
            Problem::error("missing_key", main.at, "there is no `[[source]]`: nothing would be let through");
        context.push(problem.help("add a `[[source]]` with `name`, `path`, `provider` and `secret`"));
    }
    let replay_entries = replay::entries(&mut context, main.value.replay.as_ref());
    let mut upstreams = Upstreams::new(&mut context, &frame, &main.value);
    let mut built = Vec::new();
    let (mut sources, mut names) = (Vec::new(), Vec::new());
    for raw in raw_sources {
        let merged = providers.merge(&mut context, raw);
        built.extend(source::build(&mut context, &frame, &mut upstreams, &merged));
        names.extend(merged.value.name.clone());
        if options.written {
            sources.push(merged);
        }
    }
    unique_names(&mut context, &names);
    source::warn_shared_paths(&mut context, &built);
    let routes = routes(&mut context, &built);
    let sources_built = built.into_iter().map(|built| built.source).collect();
    let configuration = frame.configuration(routes, upstreams, sources_built, replay_entries);
    let Context { files, problems, watched, .. } = context;
    Finished { configuration, sources, files, problems, watched }
}

impl server::Frame {
    fn configuration(
        self,
        routes: Option<Routes>,
        upstreams: Upstreams,
        sources: Vec<Source>,
        replay_entries: usize,
    ) -> Option<Configuration> {
        let policy = Policy {
            sources,
            routes: routes?,
            upstreams: upstreams.addresses,
            trusted_proxies: self.trusted_proxies,
            limits: self.limits,
            timeouts: self.timeouts,
            replay_entries,
        };
        let upstream_authorities = vec![upstreams.authorities; policy.upstreams.len()];
        Some(Configuration {
            server: self.server?,
            policy,
            upstream_authorities,
            admin: self.admin,
            log: self.log,
        })
    }
}

fn unique_names(context: &mut Context<'_>, names: &[Located<String>]) {
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for name in names {
        if let Some(first) = seen.insert(&name.value, name.at) {
            let problem = Problem::error("duplicate_name", name.at, "another source has this name");
            context.push(problem.other(first, "the other one"));
        }
    }
}

fn routes(context: &mut Context<'_>, built: &[Built]) -> Option<Routes> {
    let routes: Vec<Route> = built.iter().map(|built| built.route.clone()).collect();
    match Routes::build(&routes) {
        Ok(routes) => Some(routes),
        Err(overlaps) => {
            for Overlap { first, second } in overlaps {
                let (Some(first), Some(second)) = (built.get(first), built.get(second)) else { continue };
                let message =
                    format!("this path matches the same requests as the one of `{}`", first.source.name);
                let problem = Problem::error("duplicate_route", second.path_at, message);
                context.push(problem.other(first.path_at, "the other one"));
            }
            None
        }
    }
}
