//! Texts that may come from standard input.

use std::io::Read;

use super::error::Error;

/// The argument, or where it is `-` what stands on standard input, less the line end.
pub fn read(argument: &str) -> Result<String, Error> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|error| Error::failed(format!("standard input cannot be read: {error}")))?;
    Ok(text.trim_end_matches('\n').to_owned())
}
