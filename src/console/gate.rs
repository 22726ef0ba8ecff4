//! Who may use the socket: root, the daemon's own user, and whom `[admin]` names. The file's mode is the first fence; this
//! is the second, by what the kernel knows of the peer.

use std::ffi::CString;
use std::io;
use std::os::fd::AsRawFd;

use tokio::net::UnixStream;

use super::config::Config;
use crate::admin::socket::own_uid;

/// Groups of one process that are looked at; more than any system lets a process have.
const MAX_GROUPS: usize = 65_536;

/// The users and groups that may pass.
#[derive(Clone, Debug)]
pub struct Gate {
    uids: Vec<u32>,
    gids: Vec<u32>,
}

/// A process at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub uid: u32,
    pub pid: Option<i32>,
    gids: Vec<u32>,
}

/// A name in `[admin]` that this system does not know.
#[derive(Debug, thiserror::Error)]
#[error("there is no group `{0}`")]
pub struct NoGroup(pub String);

impl Gate {
    /// # Errors
    /// Where a group does not exist.
    pub fn new(config: &Config) -> Result<Self, NoGroup> {
        let named = config.group.iter().chain(&config.allow_groups);
        let gids = named.map(|name| gid(name)).collect::<Result<_, _>>()?;
        let own = [0, own_uid()];
        Ok(Gate { uids: own.into_iter().chain(config.allow_uids.iter().copied()).collect(), gids })
    }

    pub fn lets_in(&self, peer: &Peer) -> bool {
        self.uids.contains(&peer.uid) || peer.gids.iter().any(|gid| self.gids.contains(gid))
    }
}

impl Peer {
    /// Who connected, as the kernel noted at that moment.
    pub fn of(stream: &UnixStream) -> io::Result<Peer> {
        let credentials = stream.peer_cred()?;
        let mut gids = supplementary(stream)?;
        gids.push(credentials.gid());
        Ok(Peer { uid: credentials.uid(), pid: credentials.pid(), gids })
    }
}

/// The peer's supplementary groups.
fn supplementary(stream: &UnixStream) -> io::Result<Vec<u32>> {
    let mut gids = vec![0_u32; 64];
    loop {
        let mut bytes = (gids.len() * size_of::<u32>()) as libc::socklen_t;
        // SAFETY: the buffer is writable for `bytes` bytes, which the kernel does not exceed.
        let outcome = unsafe {
            libc::getsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERGROUPS,
                gids.as_mut_ptr().cast(),
                &raw mut bytes,
            )
        };
        let count = bytes as usize / size_of::<u32>();
        if outcome == 0 {
            gids.truncate(count);
            return Ok(gids);
        }
        let error = io::Error::last_os_error();
        if error.raw_os_error() != Some(libc::ERANGE) || count > MAX_GROUPS {
            return Err(error);
        }
        gids.resize(count, 0);
    }
}

/// The number of a group, which may be named by it.
pub fn gid(name: &str) -> Result<u32, NoGroup> {
    let unknown = || NoGroup(name.to_owned());
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    let text = CString::new(name).map_err(|_| unknown())?;
    let mut buffer = vec![0_u8; 64 * 1024];
    // SAFETY: all-zero bytes are a valid `group`, which is plain data.
    let mut group: libc::group = unsafe { std::mem::zeroed() };
    let mut found = std::ptr::null_mut();
    // SAFETY: every pointer is valid for the call, and the buffer for its length; what `group` points to lies in the
    // buffer and is not read.
    let outcome = unsafe {
        libc::getgrnam_r(text.as_ptr(), &raw mut group, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut found)
    };
    if outcome == 0 && !found.is_null() { Ok(group.gr_gid) } else { Err(unknown()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, gids: &[u32]) -> Peer {
        Peer { uid, pid: None, gids: gids.to_vec() }
    }

    #[test]
    fn root_the_own_user_and_the_named_pass() {
        let config = Config {
            group: Some("12345".into()),
            allow_uids: vec![2001],
            allow_groups: vec!["root".into()],
            ..Config::default()
        };
        let gate = Gate::new(&config).expect("the groups exist");
        for known in [peer(0, &[]), peer(own_uid(), &[9]), peer(2001, &[]), peer(9, &[7, 12345]), peer(9, &[0])] {
            assert!(gate.lets_in(&known), "{known:?}");
        }
        assert!(!gate.lets_in(&peer(9, &[7, 2001])));
        let unknown = Config { group: Some("no such group".into()), ..Config::default() };
        assert!(Gate::new(&unknown).is_err());
    }

    #[tokio::test]
    async fn the_kernel_knows_the_peer() {
        let (one, _other) = UnixStream::pair().expect("a pair of sockets");
        let peer = Peer::of(&one).expect("credentials");
        assert_eq!(peer.uid, own_uid());
        assert_eq!(peer.pid, i32::try_from(std::process::id()).ok());
    }
}
