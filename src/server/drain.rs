//! Stopping: one signal to all connections.

use tokio::sync::watch;

/// Tells everybody that the end has come.
#[derive(Debug)]
pub struct Stop(watch::Sender<bool>);

/// Hears of the end.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

/// A signal that was not yet given, and how to hear it.
pub fn stop() -> (Stop, Stopping) {
    let (sender, receiver) = watch::channel(false);
    (Stop(sender), Stopping(receiver))
}

impl Stop {
    /// Gives the signal.
    pub fn give(&self) {
        self.0.send_replace(true);
    }
}

impl Stopping {
    /// Waits for the signal; also ends when nobody is left to give it.
    pub async fn wait(&mut self) {
        let _ = self.0.wait_for(|given| *given).await;
    }

    /// Whether the signal was given.
    pub fn given(&self) -> bool {
        *self.0.borrow()
    }
}
