//! The limit of open files, which every connection counts against: raised as far as the system lets it, and held against
//! what the configuration promises.

/// What is left to the store, the log, a reload, and the answers to clients that are turned away.
const RESERVED: usize = 128;

/// Raises the soft limit to the hard one; what is in force then.
pub fn raise() -> usize {
    match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit of open files can be neither raised nor read");
            usize::MAX
        }
    }
}

/// How many connections may be open where `limit` files may.
pub fn for_connections(limit: usize) -> usize {
    limit.saturating_sub(RESERVED).max(limit / 2)
}

/// Tells the log where `connections`, all that the configuration allows, are more than the limit does.
pub fn warn(limit: usize, connections: u32) {
    let needed = connections as usize + RESERVED;
    if connections != 0 && limit < needed {
        tracing::warn!(
            files.limit = limit,
            files.needed = needed,
            "the limit of open files is too low for limits.connections: raise it (LimitNOFILE=, ulimit -Hn), or lower that"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_is_not_reserved() {
        assert_eq!(for_connections(1_024), 896);
        assert_eq!(for_connections(100), 50, "where there is little, they get half of it");
        assert_eq!(for_connections(usize::MAX), usize::MAX - RESERVED);
    }
}
