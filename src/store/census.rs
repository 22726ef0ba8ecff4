//! How much there is.

use super::Query;
use super::error::Error;

#[derive(Clone, Copy, Debug, Default)]
pub struct Census {
    pub schema: u32,
    pub users: u64,
    pub conversations: u64,
}

impl Query<'_> {
    pub fn census(&self) -> Result<Census, Error> {
        let number = |sql: &str| self.connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, u64>(0));
        Ok(Census {
            schema: number("PRAGMA user_version")? as u32,
            users: number("SELECT COUNT(*) FROM users")?,
            // What is left of deleted ones has a name that begins with a control character.
            conversations: number("SELECT COUNT(*) FROM conversations WHERE cid >= char(1)")?,
        })
    }
}
