//! `bonafide conformance`: sends the known messages of senders, and their forgeries, to a receiver of webhooks, ours or
//! another one, and holds its answers against what must become of each.

mod place;
mod receivers;
mod report;
mod setup;
mod suite;
mod twin;
mod vectors;

use super::Failure;
use super::format::Format;
use super::message::print;
use super::peer::{PeerArguments, Server};
use super::subject::unknown;
use crate::base::names::exit;
use crate::base::time::Clock;
use place::Place;
use report::{Outcome, Report};
use std::path::PathBuf;
use suite::{Planned, Skip, Suite};

/// Options of `bonafide conformance`.
#[derive(Debug, clap::Args)]
pub struct ConformanceArguments {
    /// Where the receivers are. `{provider}` in its path stands for the id of the provider, `{setup}` for the number of
    /// the setup, as `--list` shows them. The query is that of each row.
    #[arg(long, value_name = "URL", required_unless_present = "list")]
    target: Option<String>,
    /// Only the rows of this provider; several are possible.
    #[arg(long, value_name = "ID")]
    provider: Vec<String>,
    /// The directory with the rows: `tests/vectors` of the source of Bonafide.
    #[arg(long, value_name = "DIR", default_value = "tests/vectors")]
    vectors: PathBuf,
    /// The setup that the receivers have, where `--target` does not name it.
    #[arg(long, value_name = "N", default_value_t = 1)]
    setup: usize,
    /// Send every row as it stands in its file, for receivers whose clock can be set to the `now` of each. Otherwise what
    /// is out of date is signed anew, at the present time and for the address of `--target`.
    #[arg(long)]
    as_published: bool,
    /// Scheme and host that the receivers believe to be called by, for senders that sign them [default: those of
    /// `--target`].
    #[arg(long, value_name = "ORIGIN")]
    public_url: Option<String>,
    /// Print what the receivers have to know, and send nothing.
    #[arg(long, conflicts_with = "write_policy")]
    list: bool,
    /// Print a policy file with which Bonafide is these receivers, and send nothing.
    #[arg(long)]
    write_policy: bool,
    #[command(flatten)]
    peer: PeerArguments,
    /// The form of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Sends the rows and prints a table of what came back: 0 when each is answered as it must be, else 1. What is genuine
/// must get 2xx, everything else 4xx.
///
/// # Errors
/// Rows that cannot be read; a receiver from which nothing comes back (5).
pub fn conformance(arguments: &ConformanceArguments) -> Result<u8, Failure> {
    let place = Place::new(arguments.target.as_deref(), arguments.public_url.as_deref())?;
    let suites = suites(arguments, &place)?;
    if arguments.write_policy {
        print(&receivers::policy(&suites, &place)?)?;
        return Ok(exit::OK);
    }
    if arguments.list {
        print(&match arguments.format {
            Format::Human => receivers::list(&suites, &place),
            Format::Json => format!("{:#}\n", receivers::list_json(&suites, &place)),
        })?;
        return Ok(exit::OK);
    }
    if !place.names_provider() && suites.len() > 1 {
        let needed = "--provider ID is missing, or `{provider}` in --target: one address is one sender's";
        return Err(Failure::usage(needed.to_owned()));
    }
    let report = run(arguments, &suites, &place)?;
    print(&match arguments.format {
        Format::Human => report.text(),
        Format::Json => format!("{:#}\n", report.json(&place)),
    })?;
    Ok(if report.faults() == 0 && report.sent() > 0 { exit::OK } else { exit::NEGATIVE })
}

fn suites(arguments: &ConformanceArguments, place: &Place) -> Result<Vec<Suite>, Failure> {
    let mut files = vectors::read(&arguments.vectors)?;
    for id in &arguments.provider {
        if !files.iter().any(|file| file.provider == *id) {
            return Err(unknown("provider with rows", id, files.iter().map(|file| file.provider.as_str())));
        }
    }
    files.retain(|file| arguments.provider.is_empty() || arguments.provider.contains(&file.provider));
    files.into_iter().map(|file| Suite::new(file, place, arguments.as_published)).collect()
}

fn run(arguments: &ConformanceArguments, suites: &[Suite], place: &Place) -> Result<Report, Failure> {
    let server = arguments.peer.server(&place.origin, &place.host)?;
    let (clock, mut report) = (Clock::system(), Report::default());
    for suite in suites {
        for (index, row) in suite.rows.iter().enumerate() {
            let planned = suite.plan(row, clock.now());
            let reached = |planned: &Planned| place.names_setup() || planned.setup == arguments.setup;
            let planned =
                planned.and_then(|planned| reached(&planned).then_some(planned).ok_or(Skip::OtherSetup));
            let outcome = match &planned {
                Ok(planned) => match ask(&server, arguments, planned) {
                    Ok(status) => Outcome::of(status, row.message.expect.is_none()),
                    // Nobody is there.
                    Err(failure) if !report.heard() => return Err(failure),
                    Err(_) => Outcome::NoAnswer,
                },
                Err(skip) => Outcome::Skipped(*skip),
            };
            report.add(suite, (index, row), planned.as_ref().ok(), outcome);
        }
    }
    Ok(report)
}

fn ask(
    server: &Server,
    arguments: &ConformanceArguments,
    planned: &Planned,
) -> Result<http::StatusCode, Failure> {
    server.send(&planned.draft, arguments.peer.patience()).map(|answer| answer.status)
}
