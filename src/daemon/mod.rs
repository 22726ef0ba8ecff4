//! Reads the configuration, builds every room in order, and ends it all in order.

mod logging;

use std::process::ExitCode;

/// The entry point of the `chatd` binary.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
