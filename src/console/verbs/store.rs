//! `store.*` and `backup`.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::admin::answer::{BackupBegun, Checked, Pruned};
use crate::admin::protocol::Failure;
use crate::console::client::{Answer, Gone, Outflow};
use crate::console::{Console, refused};
use crate::store::maintain;

/// Bytes of a backup that travel in one piece.
const PIECE: usize = 192 * 1024;

static BACKUPS: AtomicU64 = AtomicU64::new(0);

pub async fn check(console: &Console) -> Result<Checked, Failure> {
    let path = console.chat.store().path().to_owned();
    let problems = blocking(move || maintain::check(&path)).await?;
    Ok(Checked { sound: problems.is_empty(), problems })
}

pub async fn prune(console: &Console) -> Result<Pruned, Failure> {
    let messages = console.chat.prune().await.map_err(refused)?;
    Ok(Pruned { messages })
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, maintain::MaintainError> + Send + 'static,
) -> Result<T, Failure> {
    let failed = |message: String| Failure::refused("FAILED", message);
    let done = tokio::task::spawn_blocking(work).await.map_err(|error| failed(error.to_string()))?;
    done.map_err(|error| failed(error.to_string()))
}

/// A file that is gone when dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Whoever made it may have failed to.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Copies the database beside itself, where the daemon may write, and sends the copy: its reader writes it as whoever they
/// are, wherever they may.
pub async fn backup(console: &Console) -> Result<Answer, Failure> {
    let store = console.chat.store().clone();
    let number = BACKUPS.fetch_add(1, Ordering::Relaxed);
    let copy = Temporary(store.path().with_extension(format!("backup-{}-{number}", std::process::id())));
    let (from, to) = (store.path().to_owned(), copy.0.clone());
    // What an earlier process of the same id has left.
    let _ = std::fs::remove_file(&to);
    blocking(move || maintain::copy(&from, &to)).await?;
    let bytes = std::fs::metadata(&copy.0).map(|file| file.len()).unwrap_or_default();
    let begun = BackupBegun { bytes, epoch: store.epoch().to_owned() };
    let stream = move |out: Outflow| -> futures_util::future::BoxFuture<'static, Result<(), Failure>> {
        Box::pin(async move {
            let failed =
                |error: std::io::Error| Failure::refused("FAILED", format!("the copy cannot be read: {error}"));
            let mut file = std::fs::File::open(&copy.0).map_err(failed)?;
            loop {
                let read = tokio::task::spawn_blocking(move || {
                    let mut piece = Vec::with_capacity(PIECE);
                    let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                    (file, read.map(|_| piece))
                });
                let (back, piece) = read.await.map_err(|error| failed(std::io::Error::other(error)))?;
                file = back;
                let piece = piece.map_err(failed)?;
                if piece.is_empty() {
                    return Ok(());
                }
                if let Err(Gone) = out.send(json!(STANDARD.encode(piece))).await {
                    return Ok(());
                }
            }
        })
    };
    let result = serde_json::to_value(begun).expect("an answer has string keys");
    Ok(Answer { result, stream: Some(Box::new(stream)) })
}
