//! What can be changed in the store. The changes stand in the file of what they change.

use std::ops::Deref;

use rusqlite::Connection;

use super::conversations::Seat;
use super::error::Error;
use super::query::Query;
use super::seats::Seats;
use crate::domain::event::Event;
use crate::domain::id::{ConversationId, UserId};

/// The work of one write: it sees its own changes, and gathers the events to publish once they are committed.
pub struct Tx<'a> {
    pub(super) query: Query<'a>,
    events: &'a mut Vec<Event>,
    pub(super) seats: &'a mut Seats,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, events: &'a mut Vec<Event>, seats: &'a mut Seats) -> Self {
        Tx { query: Query::new(connection), events, seats }
    }

    /// What [`Query::seat`] says, mostly without asking the database.
    pub fn seat_again(&mut self, conversation: &ConversationId, user: &UserId) -> Result<Option<Seat>, Error> {
        if let Some(seat) = self.seats.get(self.query.connection, conversation, user) {
            return Ok(Some(seat));
        }
        let seat = self.query.seat(conversation, user)?;
        if let Some(seat) = &seat {
            self.seats.put(self.query.connection, user, seat);
        }
        Ok(seat)
    }

    /// Publishes `event` after the commit, behind those that were published before.
    pub fn publish(&mut self, event: Event) {
        self.events.push(event);
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = Query<'a>;

    fn deref(&self) -> &Query<'a> {
        &self.query
    }
}
