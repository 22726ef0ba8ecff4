//! The command line of `chatctl`.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args as Arguments, Parser, Subcommand, ValueEnum};

use super::{
    complete, config, connection, conversation, follow, format, lifecycle, lockdown, message, plugin, review, status,
    store, token, top, user, webhook,
};

/// Operates a running chatd
///
/// Talks to the daemon over its admin socket: as root, as the daemon's own user, or as one whom `[admin]` in the
/// configuration names.
#[derive(Debug, Parser)]
#[command(name = "chatctl", version, max_term_width = 100, disable_help_subcommand = true, after_help = STATUSES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,

    #[command(subcommand)]
    pub command: Command,
}

const STATUSES: &str =
    "Exit status: 0 done; 1 the daemon refused or it failed; 2 usage; 3 the daemon cannot be reached;
4 not permitted; 5 nothing matched.";

#[derive(Debug, Arguments)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// The admin socket [default: $RUNTIME_DIRECTORY, /run/chatd, $XDG_RUNTIME_DIR/chatd or /tmp/chatd-UID]
    #[arg(long, value_name = "PATH", env = "CHATD_SOCKET", hide_env = true, global = true)]
    pub socket: Option<PathBuf>,

    /// Print JSON: one document, or one on each line for what goes on
    #[arg(long, global = true)]
    pub json: bool,

    /// Print nothing but data and errors
    #[arg(long, short, global = true)]
    pub quiet: bool,

    /// Do not ask before what cannot be undone
    #[arg(long, short, global = true)]
    pub yes: bool,

    /// How long an answer may take; 0 waits for ever
    #[arg(long, value_name = "SPAN", default_value = "30s", global = true)]
    pub timeout: Patience,

    /// Colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, global = true)]
    pub color: Color,
}

/// How long to wait; None for ever.
#[derive(Clone, Copy, Debug)]
pub struct Patience(pub Option<Duration>);

impl FromStr for Patience {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Patience(None));
        }
        format::parse_span(text).map(|span| Patience(Some(span)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless $NO_COLOR is set.
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The daemon at a glance: health, load, and what is wrong
    Status,
    Stats(status::StatsArgs),
    Top(top::Top),
    Reload(config::ReloadArgs),
    #[command(subcommand)]
    Config(config::Command),
    #[command(subcommand, alias = "users")]
    User(user::Command),
    Kick(user::Kick),
    Broadcast(user::Broadcast),
    #[command(subcommand, alias = "connections")]
    Connection(connection::Command),
    #[command(subcommand, alias = "conversations")]
    Conversation(conversation::Command),
    #[command(subcommand, alias = "messages")]
    Message(message::Command),
    #[command(subcommand, alias = "plugins")]
    Plugin(plugin::Command),
    #[command(subcommand)]
    Review(review::Command),
    #[command(subcommand, alias = "webhooks")]
    Webhook(webhook::Command),
    #[command(subcommand, alias = "tokens")]
    Token(token::Command),
    Log(follow::Log),
    Events(follow::Events),
    #[command(subcommand)]
    Store(store::Command),
    Backup(store::Backup),
    Restore(store::Restore),
    Drain(lifecycle::Drain),
    /// Check that the daemon has what it needs: exit status 1 where a check fails
    Doctor,
    Lockdown(lockdown::Lockdown),
    Shutdown(lifecycle::Shutdown),
    /// The script by which a shell completes commands, users, conversations and connections
    #[command(after_help = "Examples:
  chatctl completions bash > /etc/bash_completion.d/chatctl
  source <(chatctl completions zsh)
  chatctl completions fish > ~/.config/fish/completions/chatctl.fish")]
    Completions {
        /// Which shell
        shell: complete::Shell,
    },
    /// The manual page of a command, for `man -l -`
    Man {
        /// Which; none is chatctl itself
        command: Vec<String>,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    /// What `command` and those below it leave without a word.
    fn mute(command: &clap::Command, path: &str) -> Vec<String> {
        let path = format!("{path} {}", command.get_name());
        let arguments = command.get_arguments().filter(|argument| argument.get_help().is_none());
        let mut found: Vec<String> = arguments.map(|argument| format!("{path}: {}", argument.get_id())).collect();
        found.extend(command.get_about().is_none().then(|| path.clone()));
        found.extend(command.get_subcommands().flat_map(|below| mute(below, &path)));
        found
    }

    #[test]
    fn every_command_and_argument_says_what_it_is() {
        assert_eq!(mute(&Args::command(), ""), Vec::<String>::new());
    }
}
