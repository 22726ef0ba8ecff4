//! `chatd token`: a token for trying the server out, signed with its own secret.

use std::path::Path;
use std::process::ExitCode;

use super::args::Token;
use super::config::Loaded;
use super::state_dir;
use crate::auth::mint::{self, Claims};
use crate::domain::id::UserId;

/// Prints a token for the user of `args`; makes the generated secret where there is none yet.
pub fn run(args: Token, loaded: &Loaded, directory: &Path) -> ExitCode {
    let user = match UserId::new(&args.user) {
        Ok(user) => user,
        Err(expected) => {
            eprintln!("error: --user: expected {expected}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = state_dir::create(directory) {
        eprintln!("error: {} cannot be made: {error}", directory.display());
        return ExitCode::FAILURE;
    }
    let claims =
        Claims { user, name: args.name, roles: args.roles, ttl: args.ttl, extra: args.claims.into_iter().collect() };
    match mint::mint(&loaded.config.auth, directory, claims) {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
