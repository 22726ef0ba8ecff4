//! `chatctl completions` and `chatctl man`; and the names that a shell offers, which the daemon knows.

use std::ffi::OsStr;
use std::io;
use std::time::Duration;

use clap::{CommandFactory, ValueEnum};
use clap_complete::CompletionCandidate;
use clap_complete::env::Shells;

use super::Desk;
use super::args::Args;
use super::client::Client;
use super::error::Error;
use crate::admin::answer::{Configuration, ConnectionList, ConversationPage, Plugins, Users, Webhooks};
use crate::admin::protocol::Command;
use crate::admin::request;

/// Set by the shell when it asks for completions.
pub const VARIABLE: &str = "CHATCTL_COMPLETE";

/// A person waits for the completion: better none than a late one.
const PATIENCE: Duration = Duration::from_millis(200);
const MAX_OFFERED: u32 = 200;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The script that has the shell ask this program.
pub fn completions(desk: &Desk, shell: Shell) -> Result<(), Error> {
    let name = match shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let shells = Shells::builtins();
    let completer = shells.completer(name).ok_or_else(|| Error::failed(format!("{name} is not known here")))?;
    let mut script = Vec::new();
    let written = completer.write_registration(VARIABLE, "chatctl", "chatctl", "chatctl", &mut script);
    written.map_err(|error| Error::failed(error.to_string()))?;
    desk.output.line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// The manual page of a command, for `man -l -`.
pub fn man(desk: &Desk, path: &[String]) -> Result<(), Error> {
    let mut command = Args::command();
    command.build();
    let mut wanted = &command;
    for name in path {
        let unknown = || Error::Nothing(format!("there is no command `{}`", path.join(" ")));
        wanted = wanted.find_subcommand(name).ok_or_else(unknown)?;
    }
    let mut page = Vec::new();
    let rendered: io::Result<()> = clap_mangen::Man::new(wanted.clone()).render(&mut page);
    rendered.map_err(|error| Error::failed(error.to_string()))?;
    desk.output.line(String::from_utf8_lossy(&page).trim_end());
    Ok(())
}

fn daemon() -> Option<Client> {
    let socket = std::env::var_os("CHATD_SOCKET").map(Into::into);
    let socket: Option<std::path::PathBuf> = socket;
    Client::connect(socket.as_deref(), Some(PATIENCE)).ok()
}

/// What the daemon knows; nothing where it cannot be asked, for there is nobody to tell.
fn offered(ask: impl FnOnce(&mut Client) -> Result<Vec<String>, Error>) -> Vec<CompletionCandidate> {
    let names = daemon().and_then(|mut client| ask(&mut client).ok()).unwrap_or_default();
    names.into_iter().map(CompletionCandidate::new).collect()
}

pub fn users(begun: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = begun.to_string_lossy().into_owned();
    offered(|client| {
        let request = request::UserList { prefix, after: String::new(), only: None, limit: MAX_OFFERED };
        let page: Users = client.call(&Command::UserList(request))?;
        Ok(page.users.into_iter().map(|line| line.user).collect())
    })
}

pub fn conversations(begun: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = Some(begun.to_string_lossy().into_owned());
    offered(|client| {
        let request =
            request::ConversationList { prefix, kind: None, user: None, after: String::new(), limit: MAX_OFFERED };
        let page: ConversationPage = client.call(&Command::ConversationList(request))?;
        Ok(page.conversations.into_iter().map(|one| one.id).collect())
    })
}

pub fn connections(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().into_owned();
    offered(|client| {
        let request = request::ConnectionList { user: None, limit: MAX_OFFERED };
        let list: ConnectionList = client.call(&Command::ConnectionList(request))?;
        Ok(list.connections.into_iter().map(|line| line.connection).filter(|id| id.starts_with(&begun)).collect())
    })
}

pub fn plugins(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().into_owned();
    offered(|client| {
        let list: Plugins = client.call(&Command::PluginList(request::Nothing {}))?;
        Ok(list.plugins.into_iter().map(|line| line.name).filter(|name| name.starts_with(&begun)).collect())
    })
}

pub fn webhooks(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().into_owned();
    offered(|client| {
        let list: Webhooks = client.call(&Command::WebhookList(request::Nothing {}))?;
        Ok(list.webhooks.into_iter().map(|line| line.name).filter(|name| name.starts_with(&begun)).collect())
    })
}

pub fn keys(begun: &OsStr) -> Vec<CompletionCandidate> {
    let begun = begun.to_string_lossy().into_owned();
    offered(|client| {
        let shown: Configuration = client.call(&Command::ConfigShow(request::Nothing {}))?;
        Ok(shown.settings.into_iter().map(|setting| setting.key).filter(|key| key.starts_with(&begun)).collect())
    })
}
