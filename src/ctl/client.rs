//! The connection to the daemon.

use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::Error;
use super::format;
use crate::admin::codec::{self, Lines, MAX_ANSWER_BYTES};
use crate::admin::protocol::{Command, Flow, HELLO, Hello, PROTOCOL, Reply, Request, STREAM, Version};
use crate::admin::socket;

pub struct Client {
    stream: UnixStream,
    lines: Lines,
    timeout: Option<Duration>,
    hello: Hello,
    next_id: u64,
}

impl Client {
    /// Connects to `path`, else to the first of the usual places at which somebody answers.
    pub fn connect(path: Option<&Path>, timeout: Option<Duration>) -> Result<Self, Error> {
        let places = path.map_or_else(socket::candidates, |path| vec![path.to_owned()]);
        let mut forbidden = None;
        for path in &places {
            if path.parent().is_some_and(|directory| socket::is_private(directory) && !is_own(directory)) {
                continue;
            }
            match UnixStream::connect(path) {
                Ok(stream) => return Client::greet(stream, timeout),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => forbidden = Some(path.clone()),
                Err(_) => {}
            }
        }
        Err(forbidden.map_or(Error::Unreachable(places), |path| Error::NotPermitted { path }))
    }

    fn greet(stream: UnixStream, timeout: Option<Duration>) -> Result<Self, Error> {
        let hello = Hello { server: String::new(), version: String::new(), protocol: 0 };
        let mut client = Client { stream, lines: Lines::new(MAX_ANSWER_BYTES), timeout, hello, next_id: 1 };
        let reply = client.read(client.deadline())?;
        if let Some(failure) = reply.error {
            return Err(Error::Refused(failure));
        }
        let params = reply.params.filter(|_| reply.method.as_deref() == Some(HELLO)).unwrap_or_default();
        client.hello = decode(params)?;
        Ok(client)
    }

    /// Where daemon and client are of different make, a sentence about it.
    pub fn difference(&self) -> Option<String> {
        let own = env!("CARGO_PKG_VERSION");
        let Hello { version, protocol, .. } = &self.hello;
        let differs = version != own || *protocol != PROTOCOL;
        differs.then(|| format!("this is chatctl {own}, and the daemon is chatd {version}: some commands may not work"))
    }

    /// Sends a command and reads its answer as it came.
    pub fn ask(&mut self, command: &Command) -> Result<Value, Error> {
        let id = Value::from(self.next_id);
        self.next_id += 1;
        let request = Request {
            jsonrpc: Version::Two,
            id: Some(id.clone()),
            method: command.method().into(),
            params: command.params(),
        };
        self.stream.write_all(&codec::line(&request)).map_err(Error::Broken)?;
        let deadline = self.deadline();
        loop {
            let reply = self.read(deadline)?;
            if let Some(failure) = reply.error {
                return Err(Error::Refused(failure));
            }
            // What is left of an earlier stream may still be on its way.
            if reply.id == Some(id.clone()) {
                return Ok(reply.result.unwrap_or_default());
            }
        }
    }

    /// Sends a command and reads its answer.
    pub fn call<T: DeserializeOwned>(&mut self, command: &Command) -> Result<T, Error> {
        decode(self.ask(command)?)
    }

    /// The next item of the stream that was asked for, however long it takes.
    pub fn next_flow(&mut self) -> Result<Flow, Error> {
        loop {
            let reply = self.read(None)?;
            if reply.method.as_deref() == Some(STREAM) {
                return decode(reply.params.unwrap_or_default());
            }
        }
    }

    /// For what takes as long as it takes.
    pub fn wait_for_ever(&mut self) {
        self.timeout = None;
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout.map(|timeout| Instant::now() + timeout)
    }

    fn read(&mut self, deadline: Option<Instant>) -> Result<Reply, Error> {
        let mut buffer = [0; 64 * 1024];
        loop {
            let line = self.lines.next_line().map_err(|error| Error::Unreadable(error.to_string()))?;
            if let Some(line) = line {
                return serde_json::from_slice(&line).map_err(|error| Error::Unreadable(error.to_string()));
            }
            let late = || Error::Late(format::span(self.timeout.unwrap_or_default()));
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Err(late());
            }
            self.stream.set_read_timeout(left).map_err(Error::Broken)?;
            match self.stream.read(&mut buffer) {
                Ok(0) => return Err(Error::HungUp),
                Ok(count) => self.lines.push(&buffer[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(late());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Broken(error)),
            }
        }
    }
}

/// The directory in `/tmp` counts only where nobody else can have made it.
fn is_own(directory: &Path) -> bool {
    std::fs::symlink_metadata(directory).is_ok_and(|found| found.is_dir() && found.uid() == socket::own_uid())
}

/// # Errors
/// Where the daemon answers in a form that this client does not know.
pub fn decode<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    serde_json::from_value(value).map_err(|error| Error::Unreadable(error.to_string()))
}
