//! The command line of `chatd`.

use std::path::PathBuf;

use clap::{Args as Arguments, Parser, Subcommand};

use super::config::Inputs;
use crate::auth::mint;
use crate::domain::units::Span;

/// A chat server for applications that speak Socket.IO.
#[derive(Debug, Parser)]
#[command(name = "chatd", version, disable_help_subcommand = true)]
pub struct Args {
    /// The configuration file [default: $CHATD_CONFIG, else /etc/chatd/config.toml]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Check the configuration and exit: 0 where it holds, 78 where it does not
    #[arg(long, conflicts_with = "print_config")]
    pub check: bool,

    /// Print the effective configuration, secrets masked, with where each value came from, and exit
    #[arg(long)]
    pub print_config: bool,

    /// Print a JSON Schema of the configuration for editors, and exit
    #[arg(long, conflicts_with_all = ["check", "print_config"])]
    pub print_schema: bool,

    /// Listen here instead of at `server.listen`; may be repeated
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<String>,

    /// Serve a chat page at `/` that lets anybody in under any name, to try things out
    #[arg(long)]
    pub demo: bool,

    /// Keep the state here instead of in `server.state_dir`
    #[arg(long, value_name = "DIR", global = true)]
    pub state_dir: Option<String>,

    /// Log at this level instead of `log.level`: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,

    #[command(subcommand)]
    pub command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Token(Token),
    /// The database, while no daemon runs
    #[command(subcommand)]
    Store(Store),
    Plugin(Plugin),
}

#[derive(Debug, Subcommand)]
pub enum Store {
    /// Check that the database, or a copy of one, is sound
    Check { file: Option<PathBuf> },
    /// Bring the schema up to date
    Migrate,
    /// Give space that is not used back to the disk
    Vacuum,
    /// Put a copy into the place of the database
    Restore { file: PathBuf },
}

/// Write, check and try plugins, with no daemon
#[derive(Debug, Arguments)]
pub struct Plugin {
    #[command(subcommand)]
    pub command: PluginCommand,

    /// Print one JSON document
    #[arg(long, global = true)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    /// Compile scripts and look up every function that they call: exit status 1 where one is wrong
    Check {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Run the tests NAME.test.rhai of scripts or directories: exit status 1 where one fails
    Test {
        /// Test files, scripts with a test beside them, or directories [default: .]
        files: Vec<PathBuf>,
    },
    /// Run one hook of a script and print its verdict
    Run {
        file: PathBuf,
        /// Which hook
        #[arg(long, value_name = "NAME", default_value = "on_message")]
        hook: String,
        /// Its arguments as JSON: an object of them by name, an array, or the first one; `-` reads standard input
        #[arg(long, value_name = "JSON", default_value = "null")]
        input: String,
    },
    /// Ask a script about messages that are stored, and count its verdicts; changes and sends nothing
    Replay {
        file: PathBuf,
        /// Messages of this time until now
        #[arg(long, value_name = "SPAN", default_value = "24h")]
        last: Span,
        /// At most so many of them, the oldest first
        #[arg(long, value_name = "N", default_value_t = u64::MAX, hide_default_value = true)]
        limit: u64,
    },
    /// Write a plugin to begin with, and its test
    New {
        name: String,
        /// Where to
        #[arg(long, value_name = "DIR", default_value = ".")]
        dir: PathBuf,
    },
    /// Write a definition file for editors that know the language
    Definitions { dir: PathBuf },
}

/// Mint a token with the configured secret, to try things out
#[derive(Debug, Arguments)]
pub struct Token {
    /// Whom the token is for
    #[arg(long)]
    pub user: String,

    /// The user's name, as others see it
    #[arg(long)]
    pub name: Option<String>,

    /// A role of the user; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    pub roles: Vec<String>,

    /// How long the token is valid
    #[arg(long, value_name = "SPAN", default_value = "30d")]
    pub ttl: Span,

    /// A further claim; a value that is JSON is taken as such, any other as a string; may be repeated
    #[arg(long = "claim", value_name = "KEY=VALUE", value_parser = mint::claim)]
    pub claims: Vec<(String, serde_json::Value)>,
}

impl Args {
    /// What the configuration is made from: these arguments and the environment.
    pub fn inputs(&self) -> Inputs {
        let mut flags = Vec::new();
        if !self.listen.is_empty() {
            flags.push(("--listen", "server.listen", self.listen.join(",")));
        }
        if self.demo {
            flags.push(("--demo", "server.demo", true.to_string()));
        }
        if let Some(directory) = &self.state_dir {
            flags.push(("--state-dir", "server.state_dir", directory.clone()));
        }
        if let Some(level) = &self.log_level {
            flags.push(("--log-level", "log.level", level.clone()));
        }
        Inputs { file: self.config.clone(), variables: std::env::vars_os().collect(), flags }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_token_takes_roles_and_claims() {
        let line =
            ["chatd", "token", "--user", "ada", "--role", "a", "--role", "b", "--claim", "n=1", "--claim", "t=x=y"];
        let args = Args::try_parse_from(line).unwrap();
        let Some(Command::Token(token)) = args.command else { panic!("no token") };
        assert_eq!((token.user.as_str(), token.roles.len(), token.ttl), ("ada", 2, Span::secs(30 * 86_400)));
        assert_eq!(token.claims, [("n".to_string(), 1.into()), ("t".to_string(), "x=y".into())]);
        assert!(Args::try_parse_from(["chatd", "token", "--user", "ada", "--claim", "x"]).is_err());
    }
}
