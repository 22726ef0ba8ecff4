//! Events of the application's own, which the protocol does not know.

use serde_json::Value;

use super::error::Error;
use super::units::ByteSize;

/// The largest payload, in JSON.
const MAX_DATA: ByteSize = ByteSize::kib(64);
const MAX_NAME_BYTES: usize = 128;

/// What clients call their own events by.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// # Errors
/// `INVALID`, `TOO_LARGE`.
pub fn check(event: &str, data: &Value) -> Result<(), Error> {
    if event.is_empty() || event.len() > MAX_NAME_BYTES || RESERVED.contains(&event) {
        let shown: String = event.chars().filter(|c| !c.is_control()).take(64).collect();
        return Err(Error::invalid("event", format_args!("a name of an event, which \"{shown}\" cannot be")));
    }
    if data.to_string().len() as u64 > MAX_DATA.0 {
        return Err(Error::too_large("data", MAX_DATA));
    }
    Ok(())
}
