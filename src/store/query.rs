//! What can be asked of the store. The questions stand in the file of what they ask for.

use rusqlite::Connection;

/// A view of the database: on a reader's thread the last commit, on the writer's also the work at hand.
pub struct Query<'a> {
    pub(super) connection: &'a Connection,
}

impl<'a> Query<'a> {
    pub(super) fn new(connection: &'a Connection) -> Self {
        Query { connection }
    }
}
