//! Exit statuses, as sysexits.h names them.

/// The store, a port or the state directory is not to be had (`EX_UNAVAILABLE`).
pub const UNAVAILABLE: u8 = 69;
/// The configuration does not validate (`EX_CONFIG`).
pub const CONFIG: u8 = 78;
