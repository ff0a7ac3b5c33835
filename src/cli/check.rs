//! `bonafide check`: what is wrong with a policy file, and what it means.

use super::Failure;
use super::failure::warn;
use super::files::unusable_files;
use super::format::Format;
use super::message::print;
use super::route_table::{rows, table};
use super::subject::unknown;
use crate::base::names::exit;
use crate::config::{Environment, Loaded, Options, Problems, json, load};
use std::path::PathBuf;

/// Options of `bonafide check`.
#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// The policy file.
    #[arg(long, short, env = "BONAFIDE_CONFIG", default_value = "bonafide.toml", value_name = "FILE")]
    config: PathBuf,
    /// The form of the report.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Read neither secrets nor certificates; they need not be on this machine.
    #[arg(long)]
    no_secrets: bool,
    /// Print one source with everything that its provider says, as TOML, and nothing else.
    #[arg(long, value_name = "SOURCE", conflicts_with = "format")]
    show: Option<String>,
}

/// Checks: 0 when the file can be used, 3 when not.
///
/// # Errors
/// Problems of the file, in the human form; a source to show that is not there (2).
pub fn check(arguments: &CheckArguments) -> Result<u8, Failure> {
    if let Some(source) = &arguments.show {
        return show(arguments, source);
    }
    let checked = examine(arguments);
    match arguments.format {
        Format::Human => {
            let (loaded, problems) = checked.map_err(Failure::config)?;
            warn(&problems);
            print(&report(&loaded, problems.len()))?;
            Ok(exit::OK)
        }
        Format::Json => {
            let (routes, problems) = match &checked {
                Ok((loaded, problems)) => (rows(loaded), problems),
                Err(problems) => (Vec::new(), problems),
            };
            let report = serde_json::json!({
                "ok": checked.is_ok(),
                "problems": json(problems),
                "routes": routes.iter().map(|row| row.json()).collect::<Vec<_>>(),
            });
            print(&format!("{report:#}\n"))?;
            Ok(if checked.is_ok() { exit::OK } else { exit::CONFIG })
        }
    }
}

/// Loads the file and tries everything that it names; with it, the warnings.
fn examine(arguments: &CheckArguments) -> Result<(Loaded, Problems), Problems> {
    let secrets = !arguments.no_secrets;
    let loaded = load(&arguments.config, &Options { secrets, written: true }, &Environment::process())?;
    let mut problems = loaded.problems.clone();
    if secrets {
        let found = unusable_files(&loaded.configuration);
        let all = problems.iter().cloned().chain(found).collect();
        problems = Problems::new(problems.files, all);
    }
    if problems.has_errors() { Err(problems) } else { Ok((loaded, problems)) }
}

fn report(loaded: &Loaded, warnings: usize) -> String {
    let rows = rows(loaded);
    let mut text = table(&rows);
    text.push('\n');
    for row in &rows {
        if let Some(words) = row.waiver_words() {
            text.push_str(&format!("WAIVER: source {} {words}\n", row.source));
        }
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    text.push_str(&format!("ok: {} source{}", rows.len(), plural(rows.len())));
    if warnings > 0 {
        text.push_str(&format!(", {warnings} warning{}", plural(warnings)));
    }
    text.push('\n');
    text
}

/// Needs no secret: the source is printed as it is written.
fn show(arguments: &CheckArguments, source: &str) -> Result<u8, Failure> {
    let options = Options { secrets: false, written: true };
    let loaded = load(&arguments.config, &options, &Environment::process()).map_err(Failure::config)?;
    let sources = &loaded.configuration.policy.sources;
    let text = loaded
        .show(source)
        .ok_or_else(|| unknown("source", source, sources.iter().map(|source| &*source.name)))?;
    print(&text)?;
    Ok(exit::OK)
}
