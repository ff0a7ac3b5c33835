//! `bonafide completions SHELL`.

use super::Failure;
use super::message::print;
use crate::base::names::exit;
use clap::CommandFactory;
use clap_complete::Shell;

/// Options of `bonafide completions`.
#[derive(Debug, clap::Args)]
pub struct CompletionsArguments {
    /// The shell to print completions for.
    shell: Shell,
}

/// Prints a completion script for the commands of `C`.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions<C: CommandFactory>(arguments: &CompletionsArguments) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut C::command(), "bonafide", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(exit::OK)
}
