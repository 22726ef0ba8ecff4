//! Makes the socket and takes its clients.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::config::Config;
use super::gate::{self, Gate, NoGroup, Peer};
use super::{Console, client};
use crate::admin::codec;
use crate::admin::protocol::{Failure, Reply};
use crate::admin::socket::{self, own_uid};
use crate::wire::bind::clear_the_way;

/// Clients at one time.
const MAX_CLIENTS: usize = 16;
const BACKLOG: u32 = 32;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    #[error("`admin.group` or `admin.allow_groups`: {0}")]
    Group(#[from] NoGroup),
    #[error("cannot listen on {path}: {source}")]
    Socket { path: String, source: io::Error },
}

/// The socket, open and not served yet.
pub struct Listener {
    socket: UnixListener,
    gate: Gate,
    path: PathBuf,
    /// Device and inode: another daemon may have put its own in this place.
    id: (u64, u64),
}

/// The socket at work.
pub struct Serving {
    listener: Arc<Listener>,
    end: CancellationToken,
    tasks: TaskTracker,
}

impl Listener {
    /// Makes the socket where `config` says, with its mode and group before anybody can connect. None where the
    /// configuration names no place and another daemon listens at the usual one, which is said in the log.
    ///
    /// # Errors
    /// Where the socket cannot be made, or a group is unknown.
    pub fn bind(config: &Config) -> Result<Option<Self>, ListenError> {
        let gate = Gate::new(config)?;
        let group = config.group.as_deref().map(gate::gid).transpose()?;
        let path = config.socket.clone().unwrap_or_else(|| socket::runtime_dir().join(socket::NAME));
        let failed = |source| ListenError::Socket { path: path.display().to_string(), source };
        if config.socket.is_none()
            && let Some(directory) = path.parent()
        {
            make_private(directory).map_err(failed)?;
        }
        match clear_the_way(&path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && config.socket.is_none() => {
                tracing::warn!(
                    path = %path.display(),
                    "another daemon has the admin socket: this one goes on without; name another in `admin.socket`"
                );
                return Ok(None);
            }
            outcome => outcome.map_err(failed)?,
        }
        let bound = UnixSocket::new_stream().and_then(|socket| socket.bind(&path).map(|()| socket)).map_err(failed)?;
        let file = fs::symlink_metadata(&path).map_err(failed)?;
        if let Some(gid) = group {
            std::os::unix::fs::chown(&path, None, Some(gid)).map_err(failed)?;
        }
        fs::set_permissions(&path, Permissions::from_mode(config.mode.0)).map_err(failed)?;
        let socket = bound.listen(BACKLOG).map_err(failed)?;
        Ok(Some(Listener { socket, gate, id: (file.dev(), file.ino()), path }))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Serves clients until told to end.
    pub fn serve(self, console: Arc<Console>) -> Serving {
        let serving = Serving { listener: Arc::new(self), end: CancellationToken::new(), tasks: TaskTracker::new() };
        let (listener, end, tasks) = (Arc::clone(&serving.listener), serving.end.clone(), serving.tasks.clone());
        serving.tasks.spawn(async move {
            let clients = Arc::new(AtomicUsize::new(0));
            while let Some(accepted) = end.run_until_cancelled(listener.socket.accept()).await {
                match accepted {
                    Ok((stream, _)) => {
                        let place = Place::take(&clients);
                        let (console, end) = (Arc::clone(&console), end.clone());
                        let listener = Arc::clone(&listener);
                        tasks.spawn(async move { listener.receive(stream, place, console, end).await });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the admin socket takes no clients at the moment");
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    }
                }
            }
        });
        serving
    }

    async fn receive(&self, stream: UnixStream, place: Option<Place>, console: Arc<Console>, end: CancellationToken) {
        let peer = match Peer::of(&stream) {
            Ok(peer) => peer,
            Err(error) => return tracing::warn!(%error, "an admin client without credentials was turned away"),
        };
        if !self.gate.lets_in(&peer) {
            tracing::warn!(peer.uid = peer.uid, "an admin client was turned away: neither its user nor its groups may");
            let failure = Failure::not_permitted(format!("user {} may not use the admin socket", peer.uid));
            return refuse(
                &stream,
                failure.hint("ask for root, or see `group`, `allow_uids` and `allow_groups` in [admin]"),
            )
            .await;
        }
        let Some(place) = place else { return refuse(&stream, Failure::too_many_clients(MAX_CLIENTS)).await };
        end.run_until_cancelled(client::serve(stream, peer, console)).await;
        drop(place);
    }
}

impl Serving {
    /// Ends all clients and removes the socket.
    pub async fn close(self) {
        self.end.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let is_ours = |file: fs::Metadata| (file.dev(), file.ino()) == self.listener.id;
        if fs::symlink_metadata(&self.listener.path).is_ok_and(is_ours) {
            // The next start clears the way in any case.
            let _ = fs::remove_file(&self.listener.path);
        }
    }
}

/// Says why, and hangs up.
async fn refuse(stream: &UnixStream, failure: Failure) {
    let line = codec::line(&Reply { error: Some(failure), ..Reply::default() });
    // It fits into the empty buffer of a new connection; whoever does not read it learns by the hang-up.
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(&line);
    }
}

/// A client's place, given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(clients: &Arc<AtomicUsize>) -> Option<Self> {
        let place = Place(Arc::clone(clients));
        (clients.fetch_add(1, Ordering::Relaxed) < MAX_CLIENTS).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Makes the run-time directory where there is none. Anybody can make one in `/tmp` under any name, so that there it must
/// be this user's and closed to others.
fn make_private(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    if !socket::is_private(directory) {
        return Ok(());
    }
    let found = fs::symlink_metadata(directory)?;
    if found.is_dir() && found.uid() == own_uid() && found.mode() & 0o077 == 0 {
        return Ok(());
    }
    let message = format!("{} must be a directory of this user, closed to others", directory.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}
