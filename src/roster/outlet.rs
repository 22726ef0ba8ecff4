//! The way out to one device; `wire` implements it over the connection's own I/O.

use super::packet::Packet;

/// Where packets for one connection go. No method blocks or waits.
pub trait Outlet: Send + Sync + 'static {
    /// Hands one packet over, behind all that was handed over before.
    ///
    /// # Errors
    /// [`Refused::Full`] where the packet would exceed the connection's buffer (it was not taken);
    /// [`Refused::Closed`] where the connection has ended.
    fn send(&self, packet: &Packet) -> Result<(), Refused>;

    /// The same, for what should not wait until others have got theirs.
    ///
    /// # Errors
    /// Those of [`Outlet::send`].
    fn send_now(&self, packet: &Packet) -> Result<(), Refused> {
        self.send(packet)
    }

    /// Whether at least half of the connection's buffer is free again.
    fn has_room(&self) -> bool;

    /// Whether everything that was handed over has left this process.
    fn is_flushed(&self) -> bool;

    /// Whether the session has ended, by whatever side.
    fn is_closed(&self) -> bool;

    /// Ends the session for good: the client is told and does not come back by itself.
    fn disconnect(&self);

    /// Cuts the transport: the client takes it for a network failure and reconnects.
    fn cut(&self);
}

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    Full,
    Closed,
}
