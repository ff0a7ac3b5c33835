//! The arguments of the program, and which command they ask for.

use super::{
    check, completions, conformance, demo, explain, healthcheck, init, keys, providers, run, schema, send,
    sign, signer, verify,
};
use clap::{Parser, Subcommand};

/// A verifying reverse proxy: only requests whose sender is proved reach the application behind it.
#[derive(Debug, Parser)]
#[command(name = "bonafide", version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy in the foreground until SIGTERM or SIGINT.
    Run(run::RunArguments),
    /// Write a policy file to begin with.
    Init(init::InitArguments),
    /// Check a policy file and show what it means; nothing is started.
    #[command(visible_alias = "validate")]
    Check(check::CheckArguments),
    /// Show the main job end to end, with an application, senders and forgers of its own.
    Demo(demo::DemoArguments),
    /// Sign a request as a genuine sender would.
    Sign(signer::SignerArguments),
    /// Sign a request and send it to a running proxy.
    Send(send::SendArguments),
    /// Send known messages, genuine and forged, to any receiver of webhooks.
    Conformance(conformance::ConformanceArguments),
    /// Say whether a captured request is genuine.
    Verify(verify::VerifyArguments),
    /// List, show or search the senders that are built in.
    Providers(providers::ProvidersArguments),
    /// Say why a captured request is refused, and what to do about it.
    Explain(explain::ExplainArguments),
    /// List, fetch again or forget the keys that a running proxy has fetched.
    Keys(keys::KeysArguments),
    /// Print the JSON Schema of the policy file.
    Schema,
    /// Print completions for a shell.
    Completions(completions::CompletionsArguments),
    /// Ask the admin port whether the proxy is ready.
    Healthcheck(healthcheck::HealthcheckArguments),
}

/// Runs the command that the process was started with; its exit code.
pub fn main() -> u8 {
    let arguments = Arguments::parse();
    crate::server::install_crypto();
    let outcome = match &arguments.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Init(arguments) => init::init(arguments),
        Command::Check(arguments) => check::check(arguments),
        Command::Demo(arguments) => demo::demo(arguments),
        Command::Sign(arguments) => sign::sign(arguments),
        Command::Send(arguments) => send::send(arguments),
        Command::Conformance(arguments) => conformance::conformance(arguments),
        Command::Verify(arguments) => verify::verify(arguments),
        Command::Providers(arguments) => providers::providers(arguments),
        Command::Explain(arguments) => explain::explain(arguments),
        Command::Keys(arguments) => keys::keys(arguments),
        Command::Schema => schema::schema(),
        Command::Completions(arguments) => completions::completions::<Arguments>(arguments),
        Command::Healthcheck(arguments) => healthcheck::healthcheck(arguments),
    };
    crate::server::settle_log();
    outcome.unwrap_or_else(|failure| {
        failure.print();
        failure.code()
    })
}
