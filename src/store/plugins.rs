//! What plugins keep, and which of them operators have switched on or off.

use std::collections::BTreeMap;

use rusqlite::params;

use super::error::Error;
use super::{Query, Tx};

/// A plugin's key, its value as JSON text, and when it expires.
pub struct PluginEntry {
    pub plugin: String,
    pub key: String,
    pub json: String,
    pub expires: Option<i64>,
}

impl Query<'_> {
    pub fn plugin_entries(&self) -> Result<Vec<PluginEntry>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT plugin, key, value, expires_at FROM plugin_kv")?;
        let found = statement.query_map([], |row| {
            Ok(PluginEntry { plugin: row.get(0)?, key: row.get(1)?, json: row.get(2)?, expires: row.get(3)? })
        })?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    pub fn plugin_switches(&self) -> Result<BTreeMap<String, bool>, Error> {
        let mut statement = self.connection.prepare_cached("SELECT plugin, enabled FROM plugin_switches")?;
        let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }
}

impl Tx<'_> {
    /// Keeps a value, or forgets the key where there is none.
    pub fn keep_for_plugin(
        &mut self,
        plugin: &str,
        key: &str,
        value: Option<(&str, Option<i64>)>,
    ) -> Result<(), Error> {
        match value {
            Some((json, expires)) => self
                .connection
                .prepare_cached(
                    "INSERT INTO plugin_kv (plugin, key, value, expires_at) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at",
                )?
                .execute(params![plugin, key, json, expires])?,
            None => self
                .connection
                .prepare_cached("DELETE FROM plugin_kv WHERE plugin = ?1 AND key = ?2")?
                .execute(params![plugin, key])?,
        };
        Ok(())
    }

    pub fn switch_plugin(&mut self, plugin: &str, enabled: bool) -> Result<(), Error> {
        self.connection
            .prepare_cached(
                "INSERT INTO plugin_switches (plugin, enabled) VALUES (?1, ?2) \
                 ON CONFLICT (plugin) DO UPDATE SET enabled = excluded.enabled",
            )?
            .execute(params![plugin, enabled])?;
        Ok(())
    }
}
