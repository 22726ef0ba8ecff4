//! Why a command did not do what it was asked to, what to do about it, and the exit status that says so.

use std::path::PathBuf;

use crate::admin::protocol::Failure;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}", .0.message)]
    Refused(Failure),
    #[error("chatd is not running: nobody answers at {}", places(.0))]
    Unreachable(Vec<PathBuf>),
    #[error("{path} may not be used by this user")]
    NotPermitted { path: PathBuf },
    #[error("the daemon did not answer within {0}")]
    Late(String),
    #[error("the connection to the daemon broke: {0}")]
    Broken(std::io::Error),
    #[error("the daemon hung up")]
    HungUp,
    #[error("the daemon's answer cannot be read: {0}")]
    Unreadable(String),
    #[error("to {what} needs a yes")]
    Unconfirmed { what: String },
    #[error("nothing was done")]
    Declined,
    #[error("{0}")]
    Nothing(String),
    #[error("{message}")]
    Failed { message: String, hint: Option<String> },
    /// Another program has said what is wrong; this is how it ended.
    #[error("")]
    Said(u8),
}

impl Error {
    pub fn failed(message: impl Into<String>) -> Self {
        Error::Failed { message: message.into(), hint: None }
    }

    pub fn exit_status(&self) -> u8 {
        match self {
            Error::Unconfirmed { .. } => 2,
            Error::Unreachable(_) => 3,
            Error::NotPermitted { .. } => 4,
            Error::Nothing(_) => 5,
            Error::Said(status) => *status,
            Error::Refused(failure) => match failure.data.kind.as_str() {
                Failure::USAGE => 2,
                Failure::NOT_PERMITTED => 4,
                Failure::NOT_FOUND | Failure::NOTHING => 5,
                _ => 1,
            },
            _ => 1,
        }
    }

    /// What a person may try next, a line each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Error::Refused(failure) => failure.data.hint.iter().cloned().collect(),
            Error::Unreachable(_) => {
                vec![
                    "systemctl status chatd".into(),
                    "journalctl -u chatd -n 20".into(),
                    "--socket PATH names another place".into(),
                ]
            }
            Error::NotPermitted { .. } => {
                vec!["try again with sudo, or see `group`, `allow_uids` and `allow_groups` in [admin]".into()]
            }
            Error::Late(_) => vec!["--timeout SPAN waits longer".into()],
            Error::Unconfirmed { .. } => vec!["--yes says it in advance".into()],
            Error::Failed { hint, .. } => hint.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }

    /// A stable word for programs.
    pub fn kind(&self) -> &str {
        match self {
            Error::Refused(failure) => &failure.data.kind,
            Error::Unreachable(_) => "UNREACHABLE",
            Error::NotPermitted { .. } => Failure::NOT_PERMITTED,
            Error::Late(_) => "TIMEOUT",
            Error::Broken(_) | Error::HungUp | Error::Unreadable(_) => "CONNECTION",
            Error::Unconfirmed { .. } => Failure::USAGE,
            Error::Nothing(_) => Failure::NOTHING,
            Error::Declined => "DECLINED",
            Error::Failed { .. } | Error::Said(_) => "FAILED",
        }
    }
}

fn places(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
