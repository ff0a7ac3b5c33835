//! `bonafide demo`: an application, the real proxy in front of it, a key server, senders and their forgers, all in
//! this process. It needs no file and no network.

mod application;
mod client;
mod credentials;
mod curl;
mod forge;
mod key_pair;
mod key_server;
mod policy;
mod row;
mod senders;
mod server;
mod table;
mod token;
mod trials;

use super::Failure;
use super::message::print;
use crate::base::names::exit;
use crate::base::time::Clock;
use crate::config::{Configuration, LogFormat};
use crate::policy::Policy;
use crate::server::{Running, Start, install_log, self_signed};
use crate::verify::Draft;
use anstream::ColorChoice;
use application::Application;
use client::Client;
use credentials::Credentials;
use forge::{Signer, Signers};
use policy::Addresses;
use row::Row;
use senders::{SENDERS, Sender};
use server::Server;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use trials::{Act, Trial};

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
    let cast = Cast::gather()?;
    let addresses = Addresses {
        proxy: arguments.listen,
        application: cast.application.address(),
        key_server: cast.key_server.address(),
    };
    let text = policy::text(addresses, arguments.verbose);
    show(&introduction(&text))?;
    let configuration = policy::load(&text, &cast.senders)?;
    let forged = policy::load(&text, &cast.forger)?.policy;
    let stage = Stage::set(arguments, cast, configuration, forged)?;
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

/// Everybody but the proxy.
struct Cast {
    application: Application,
    /// Lives as long as the demo.
    key_server: Server,
    /// What the senders know.
    senders: Credentials,
    /// What somebody knows who knows nothing of them.
    forger: Credentials,
}

impl Cast {
    fn gather() -> Result<Cast, Failure> {
        let (senders, forger) = (Credentials::make_up()?, Credentials::make_up()?);
        let key_server = key_server::start(&senders).map_err(cannot_start)?;
        Ok(Cast { application: Application::start().map_err(cannot_start)?, key_server, senders, forger })
    }
}

/// Everybody in place.
struct Stage {
    cast: Cast,
    running: Running,
    client: Client,
    clock: Arc<Clock>,
    /// The policy with the secrets of the forger.
    forged: Policy,
}

impl Stage {
    fn set(
        arguments: &DemoArguments,
        cast: Cast,
        configuration: Configuration,
        forged: Policy,
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
        Ok(Stage { cast, running, client, clock, forged })
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
        let signers = Signers {
            genuine: Signer { policy: &live.policy, credentials: &self.cast.senders },
            forger: Signer { policy: &self.forged, credentials: &self.cast.forger },
        };
        let mut rows = Vec::new();
        for sender in SENDERS {
            self.try_all(&signers, sender, &mut rows).await?;
        }
        let stray = self.cast.application.take();
        show(&table::table(&rows, &stray))?;
        if !once {
            self.invite(&signers)?;
            std::future::pending::<()>().await;
        }
        Ok(row::exit_code(&rows, &stray))
    }

    /// All that is sent in the name of one sender. What is repeated or forged is the delivery before it.
    async fn try_all(
        &self,
        signers: &Signers<'_>,
        sender: &'static Sender,
        rows: &mut Vec<Row>,
    ) -> Result<(), Failure> {
        let deliver = |occasion| signers.deliver(sender, occasion, self.clock.now()).map_err(cannot_start);
        let mut delivered = deliver(0)?;
        for (occasion, trial) in sender.trials.iter().enumerate() {
            let sent = match trial.act {
                Act::Deliver | Act::Fail => {
                    delivered = deliver(occasion)?;
                    delivered.clone()
                }
                Act::Retry | Act::Repeat => delivered.clone(),
                Act::Forge(change) => {
                    signers.forge(sender, &delivered, change, self.clock.now()).map_err(cannot_start)?
                }
            };
            rows.push(self.send(sender, trial, sent).await);
        }
        Ok(())
    }

    async fn send(&self, sender: &'static Sender, trial: &'static Trial, sent: Draft) -> Row {
        if trial.act == Act::Fail {
            self.cast.application.fail_once();
        }
        let answer = self.client.send(&sent).await;
        if let Err(error) = &answer {
            tracing::warn!(%error, "no answer");
        }
        Row { sender, trial, sent, status: answer.ok(), seen: self.cast.application.take() }
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
