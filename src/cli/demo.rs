//! `bonafide demo`: an application, the real proxy in front of it, senders and their forgers, all in this
//! process. It needs no file and no network.

mod application;
mod client;
mod curl;
mod forge;
mod policy;
mod row;
mod senders;
mod table;

use super::Failure;
use super::message::print;
use crate::base::names::exit;
use crate::base::time::Clock;
use crate::config::{Configuration, LogFormat};
use crate::policy::Policy;
use crate::server::{Running, Start, install_log, self_signed};
use anstream::ColorChoice;
use application::Application;
use client::Client;
use forge::Signers;
use row::Row;
use senders::{Forgery, SENDERS, Sender};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Options of `bonafide demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArguments {
    /// End after the table: 0 if every request went as it must, else 1.
    #[arg(long)]
    once: bool,
    /// Where the proxy listens; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Show the request log of the proxy, with the reason of every refusal.
    #[arg(long, short)]
    verbose: bool,
}

/// Plays the senders and their forgers, shows what became of every request, and stays for more.
///
/// # Errors
/// An address that cannot be bound; a system that refuses.
pub fn demo(arguments: &DemoArguments) -> Result<u8, Failure> {
    let application = Application::start().map_err(cannot_start)?;
    let text = policy::text(arguments.listen, application.address(), arguments.verbose);
    show(&introduction(&text))?;
    let configuration = policy::load(&text)?;
    let forger = policy::load(&text)?.policy;
    let stage = Stage::set(arguments, application, configuration, forger)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(cannot_start)?;
    let code = runtime.block_on(stage.play(arguments.once))?;
    stage.running.stop();
    stage.running.join();
    Ok(code)
}

fn introduction(policy: &str) -> String {
    let lines: String = policy.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n").collect();
    format!("The policy of this demo; its secrets were made up a moment ago:\n\n{lines}\n")
}

/// Everybody in place.
struct Stage {
    application: Application,
    running: Running,
    client: Client,
    clock: Arc<Clock>,
    /// The policy as somebody knows it who has other secrets.
    forger: Policy,
}

impl Stage {
    fn set(
        arguments: &DemoArguments,
        application: Application,
        configuration: Configuration,
        forger: Policy,
    ) -> Result<Stage, Failure> {
        let level = if arguments.verbose { "info" } else { "warn" };
        let style = install_log(LogFormat::Text, Some(level)).map_err(cannot_start)?;
        let names = ["localhost".to_owned(), reachable(arguments.listen).ip().to_string()];
        let (certificate, pem) = self_signed(names.to_vec()).map_err(Failure::start)?;
        let clock = Arc::new(Clock::system());
        let start = Start { configuration, certificate: Some(certificate), clock: clock.clone(), style };
        let running = start.start().map_err(cannot_start)?;
        let address = running.addresses().first().copied().unwrap_or(arguments.listen);
        let client = Client::new(reachable(address), &pem).map_err(cannot_start)?;
        Ok(Stage { application, running, client, clock, forger })
    }

    /// Plays until the end, or until somebody has seen enough; the exit code.
    async fn play(&self, once: bool) -> Result<u8, Failure> {
        let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot_start)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(cannot_start)?;
        let interrupted = if once { exit::INTERRUPTED } else { exit::OK };
        tokio::select! {
            code = self.send_all(once) => code,
            _ = interrupt.recv() => Ok(interrupted),
            _ = terminate.recv() => Ok(interrupted),
        }
    }

    /// The table, and its exit code; unless this is all, it goes on for ever after.
    async fn send_all(&self, once: bool) -> Result<u8, Failure> {
        let live = self.running.live();
        let signers = Signers { genuine: &live.policy, forger: &self.forger };
        let mut rows = Vec::new();
        for sender in SENDERS {
            let forgeries = sender.forgeries.iter().map(Some);
            for forgery in std::iter::once(None).chain(forgeries) {
                rows.push(self.send(&signers, sender, forgery).await?);
            }
        }
        let stray = self.application.take();
        show(&table::table(&rows, &stray))?;
        if !once {
            self.invite(&signers)?;
            std::future::pending::<()>().await;
        }
        Ok(row::exit_code(&rows, &stray))
    }

    async fn send(
        &self,
        signers: &Signers<'_>,
        sender: &'static Sender,
        forgery: Option<&'static Forgery>,
    ) -> Result<Row, Failure> {
        let draft = signers.make(sender, forgery.map(|forgery| forgery.change), self.clock.now());
        let answer = self.client.send(&draft.map_err(cannot_start)?).await;
        if let Err(error) = &answer {
            tracing::warn!(%error, "no answer");
        }
        Ok(Row { sender, forgery, status: answer.ok(), seen: self.application.take() })
    }

    /// Shows how to send more.
    fn invite(&self, signers: &Signers<'_>) -> Result<(), Failure> {
        let address = self.client.address();
        let commands = curl::commands(address, signers, self.clock.now()).map_err(cannot_start)?;
        show(&format!(
            "\nThe proxy goes on at https://{address}. Try it from another terminal:\n{commands}\n\
             Ctrl-C ends the demo.\n"
        ))
    }
}

/// An address that listens everywhere is reached here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn cannot_start(error: impl ToString) -> Failure {
    Failure::start(error.to_string())
}

/// Prints, in colour only on a terminal.
fn show(text: &str) -> Result<(), Failure> {
    match anstream::AutoStream::choice(&std::io::stdout()) {
        ColorChoice::Never => print(&anstream::adapter::strip_str(text).to_string()),
        ColorChoice::Auto | ColorChoice::AlwaysAnsi | ColorChoice::Always => print(text),
    }
}
