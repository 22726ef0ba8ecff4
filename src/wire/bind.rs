//! Listening sockets: TCP, Unix, and those that systemd has opened.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockRef, Type};
use tokio::net::{TcpListener, TcpSocket, UnixListener, UnixSocket};

use super::peer::{Address, Peer};
use super::socket::Socket;

/// Connections that may wait to be accepted, as far as the kernel's `somaxconn` allows: when all clients come back at
/// once, one that finds no place tries again only after a second.
const BACKLOG: u32 = 4_096;

/// An address that could not be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    pub address: String,
    pub source: io::Error,
}

pub struct Listener {
    socket: Listening,
    /// Where it listens, as an operator would write it.
    address: String,
    handed_in: bool,
    _file: Option<SocketFile>,
}

enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// A Unix socket's name in the file system, which outlives the socket unless somebody removes it.
struct SocketFile {
    path: PathBuf,
    /// Device and inode: another daemon may have put its own in this place.
    id: (u64, u64),
}

/// A socket that was handed in, and its name.
type Handed = (OwnedFd, String);

/// Listens on each of `addresses`: `HOST:PORT`, where port 0 picks a free one; `unix:/PATH`, a socket with `unix_mode`;
/// `systemd` for the sockets that were handed in, or `systemd:NAME` for those of one name.
pub fn bind(addresses: &[String], unix_mode: u32) -> Result<Vec<Listener>, BindError> {
    let mut handed: Option<Vec<Handed>> = None;
    let mut listeners = Vec::new();
    for address in addresses {
        let failed = |source| BindError { address: address.clone(), source };
        if let Some(path) = address.strip_prefix("unix:") {
            listeners.push(unix(Path::new(path), unix_mode).map_err(failed)?);
        } else if address == "systemd" || address.starts_with("systemd:") {
            let left = match handed.take() {
                Some(left) => left,
                None => handed_in().map_err(failed)?,
            };
            let name = address.strip_prefix("systemd:");
            let (taken, left) = left.into_iter().partition::<Vec<_>, _>(|(_, own)| name.is_none_or(|name| name == own));
            handed = Some(left);
            if taken.is_empty() {
                return Err(failed(nothing_handed_in(name)));
            }
            for (fd, _) in taken {
                listeners.push(adopt(fd).map_err(failed)?);
            }
        } else {
            listeners.push(tcp(address, addresses).map_err(in_use_by_a_socket_unit).map_err(failed)?);
        }
    }
    Ok(listeners)
}

fn tcp(address: &str, all: &[String]) -> io::Result<Listener> {
    let mut failure = None;
    for found in address.to_socket_addrs()? {
        match tcp_at(found, all) {
            Ok(listener) => return Listener::new(Listening::Tcp(listener), None),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the name has no address")))
}

fn tcp_at(address: SocketAddr, all: &[String]) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // By itself `[::]` takes IPv4 as well, and leaves none to a listener of its own.
    let is_v4_beside = |other: &String| {
        other.parse::<SocketAddr>().is_ok_and(|other| other.is_ipv4() && other.port() == address.port())
    };
    if address.is_ipv6() && all.iter().any(is_v4_beside) {
        SockRef::from(&socket).set_only_v6(true)?;
    }
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn unix(path: &Path, mode: u32) -> io::Result<Listener> {
    clear_the_way(path)?;
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let found = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), id: (found.dev(), found.ino()) };
    // Before anybody can connect.
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Listener::new(Listening::Unix(socket.listen(BACKLOG)?), Some(file))
}

/// Removes the socket that a daemon has left behind which did not end in order.
pub fn clear_the_way(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {}
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something else than a socket is there")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there")),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// Whether systemd has opened sockets for this process.
pub fn are_handed_in() -> bool {
    sd_notify::listen_fds().is_ok_and(|fds| fds.len() > 0)
}

/// Says more about a port that is taken where the daemon's own socket unit may be who has taken it.
fn in_use_by_a_socket_unit(error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::AddrInUse || !are_handed_in() {
        return error;
    }
    let hint = "if it is the socket unit that listens there, `server.listen` is [\"systemd\"], or not set at all";
    io::Error::new(error.kind(), format!("{error}; {hint}"))
}

/// The sockets that systemd has opened for this process.
fn handed_in() -> io::Result<Vec<Handed>> {
    // Where the sockets are another process's, their names are no fault.
    if !are_handed_in() {
        return Ok(Vec::new());
    }
    let handed = sd_notify::listen_fds_with_names()?;
    // SAFETY: the service manager opened them for this process and nobody else here knows of them; they are asked for
    // once in the life of the process.
    Ok(handed.map(|(fd, name)| (unsafe { OwnedFd::from_raw_fd(fd) }, name)).collect())
}

fn nothing_handed_in(name: Option<&str>) -> io::Error {
    let message = match name {
        None => "no sockets were handed in: start it by its socket unit".to_string(),
        Some(name) => format!("no socket named `{name}` was handed in (FileDescriptorName= of the socket unit)"),
    };
    io::Error::new(io::ErrorKind::NotFound, message)
}

fn adopt(fd: OwnedFd) -> io::Result<Listener> {
    let socket = socket2::Socket::from(fd);
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_string()));
    if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
        return refuse("a socket that was handed in takes no connections (ListenStream=, Accept=no)");
    }
    socket.set_nonblocking(true)?;
    let listening = match socket.local_addr()?.domain() {
        Domain::UNIX => Listening::Unix(UnixListener::from_std(OwnedFd::from(socket).into())?),
        Domain::IPV4 | Domain::IPV6 => Listening::Tcp(TcpListener::from_std(socket.into())?),
        _ => return refuse("a socket that was handed in is neither TCP nor Unix"),
    };
    Ok(Listener { handed_in: true, ..Listener::new(listening, None)? })
}

impl Listener {
    fn new(socket: Listening, file: Option<SocketFile>) -> io::Result<Self> {
        let address = match &socket {
            Listening::Tcp(listener) => listener.local_addr()?.to_string(),
            Listening::Unix(listener) => match listener.local_addr()?.as_pathname() {
                Some(path) => format!("unix:{}", path.display()),
                None => "unix:".into(),
            },
        };
        Ok(Listener { socket, address, handed_in: false, _file: file })
    }

    /// Whether another process keeps the socket open, for the daemon that follows this one.
    pub fn is_handed_in(&self) -> bool {
        self.handed_in
    }

    pub async fn accept(&self) -> io::Result<(Socket, Peer)> {
        match &self.socket {
            Listening::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Socket::Tcp(stream.into()), Peer::plain(peer.ip().into())))
            }
            Listening::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Socket::Unix(stream), Peer::plain(Address::Unix)))
            }
        }
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.id);
        if is_ours && let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!(path = %self.path.display(), %error, "the socket's file stays behind");
        }
    }
}
