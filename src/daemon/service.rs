//! What the service manager is told (sd_notify(3)); nothing where none has started the daemon.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState::{self, ExtendTimeoutUsec, Ready, Reloading, Status, Stopping, Watchdog};
use tokio_util::sync::CancellationToken;

use super::serve::every;
use crate::chat::Chat;

/// Signs of life in the time that the watchdog allows for one.
const BEATS: u32 = 3;

/// How much longer than the drain the end may take.
const LAST_STEPS: Duration = Duration::from_secs(5);

pub fn ready() {
    tell(&[Ready, Status("ready")]);
}

/// The end of [`ready`] until [`reloaded`].
pub fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[Reloading, now]);
    }
}

/// Ready again, whether or not the new configuration was taken.
pub fn reloaded(taken: bool) {
    let status = if taken { "ready" } else { "ready; the last reload was refused: see the log" };
    tell(&[Ready, Status(status)]);
}

pub fn stopping(drain_timeout: Duration) {
    let longest = u32::try_from((drain_timeout + LAST_STEPS).as_micros()).unwrap_or(u32::MAX);
    tell(&[Stopping, Status("draining"), ExtendTimeoutUsec(longest)]);
}

/// Says again and again that the daemon is alive, each time after something went all the way: through the store's
/// writer and every lane of the bus. A timer alone would go on while nobody gets a message.
pub fn watch(chat: &Arc<Chat>, end: &CancellationToken) {
    let Some(limit) = sd_notify::watchdog_enabled() else { return };
    let chat = Arc::clone(chat);
    every(limit / BEATS, end, move || {
        let chat = Arc::clone(&chat);
        async move {
            if chat.is_alive().await {
                tell(&[Watchdog]);
            }
        }
    });
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager cannot be told");
    }
}
