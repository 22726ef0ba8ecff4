//! Signals: SIGHUP reloads, SIGTERM and SIGINT drain, and the second of those ends the process at once.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tokio::sync::mpsc;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Reload,
    Stop,
}

/// Exit status of a process that would not wait for its drain.
const IMPATIENT: i32 = 1;

/// Listens on a thread of its own, so that the second signal works even where everything else is stuck.
///
/// # Errors
/// Where the handlers cannot be installed.
pub fn listen() -> io::Result<mpsc::UnboundedReceiver<Wish>> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    let (wishes, receiver) = mpsc::unbounded_channel();
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut stopping = false;
        for signal in &mut signals {
            let wish = if signal == SIGHUP { Wish::Reload } else { Wish::Stop };
            if wish == Wish::Stop && std::mem::replace(&mut stopping, true) {
                tracing::warn!("a second signal: ending at once");
                std::process::exit(IMPATIENT);
            }
            if wishes.send(wish).is_err() {
                return;
            }
        }
    })?;
    Ok(receiver)
}
