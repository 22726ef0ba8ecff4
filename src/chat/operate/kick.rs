//! Devices are disconnected; they may come back at once.

use crate::chat::Chat;
use crate::domain::error::{Code, Error};
use crate::domain::event::Event;
use crate::domain::id::{ConnectionId, UserId};

/// Which devices of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    All,
    Device(String),
    Connection(ConnectionId),
}

impl Chat {
    /// Disconnects devices of `user`, who read why; how many there are.
    pub async fn kick(&self, user: &UserId, whom: Whom, reason: Option<&str>) -> usize {
        let devices = self.roster.connections_of(user);
        let kicked = devices.iter().filter(|device| whom.means(device.id, device.device.as_deref())).count();
        if kicked > 0 {
            let message = reason.map_or_else(String::new, |reason| format!(": {reason}"));
            let error = Error::new(Code::Forbidden, format!("you were disconnected by an operator{message}"));
            self.dismiss(user, whom, error).await;
        }
        kicked
    }

    pub(super) async fn dismiss(&self, user: &UserId, whom: Whom, error: Error) {
        let (device, connection) = match whom {
            Whom::All => (None, None),
            Whom::Device(device) => (Some(device), None),
            Whom::Connection(connection) => (None, Some(connection)),
        };
        self.bus.publish(Event::Dismissed { user: user.clone(), device, connection, error }).await;
    }
}

impl Whom {
    fn means(&self, id: ConnectionId, device: Option<&str>) -> bool {
        match self {
            Whom::All => true,
            Whom::Device(name) => device == Some(name),
            Whom::Connection(connection) => *connection == id,
        }
    }
}
