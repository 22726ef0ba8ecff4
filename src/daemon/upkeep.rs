//! `chatd store`: the database while no daemon runs.

use std::path::Path;
use std::process::ExitCode;

use super::args::Store;
use super::config::Loaded;
use crate::store::maintain::{self, MaintainError};

/// Does it, and says what was done on standard output.
pub fn run(command: Store, loaded: &Loaded, state_dir: &Path) -> ExitCode {
    match done(command, loaded, state_dir) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn done(command: Store, loaded: &Loaded, state_dir: &Path) -> Result<String, MaintainError> {
    let config = &loaded.config.store;
    Ok(match command {
        Store::Check { file } => {
            let path = file.unwrap_or_else(|| maintain::path(config, state_dir));
            let schema = maintain::inspect(&path)?;
            format!("{} is sound (schema {schema})", path.display())
        }
        Store::Migrate => match maintain::migrate(config, state_dir)? {
            (before, after) if before == after => format!("schema {after} is current"),
            (before, after) => format!("schema {before} → {after}"),
        },
        Store::Vacuum => {
            let (before, after) = maintain::vacuum(config, state_dir)?;
            format!("{before} bytes before, {after} after")
        }
        Store::Restore { file } => {
            if let Err(source) = super::state_dir::create(state_dir) {
                return Err(MaintainError::Io { path: state_dir.display().to_string(), source });
            }
            match maintain::restore(config, state_dir, &file)? {
                Some(kept) => format!("restored from {}; what was there is {}", file.display(), kept.display()),
                None => format!("restored from {}", file.display()),
            }
        }
    })
}
