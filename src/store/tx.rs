//! What can be changed in the store. The changes stand in the file of what they change.

use std::ops::Deref;

use rusqlite::Connection;

use super::query::Query;
use crate::domain::event::Event;

/// The work of one write: it sees its own changes, and gathers the events to publish once they are committed.
pub struct Tx<'a> {
    query: Query<'a>,
    events: &'a mut Vec<Event>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, events: &'a mut Vec<Event>) -> Self {
        Tx { query: Query::new(connection), events }
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
