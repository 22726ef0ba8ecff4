//! The daemon as a service manager meets it: what it says over the notification socket, and when it falls silent.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that is to happen.
const DEADLINE: Duration = Duration::from_secs(20);

struct Service {
    directory: PathBuf,
    runtime: PathBuf,
    socket: UnixDatagram,
    daemon: Child,
}

impl Service {
    fn start(name: &str, watchdog: Option<Duration>) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("service-{name}"));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("config.toml"), "[server]\nlisten = ['127.0.0.1:0']\n").unwrap();
        // Not beside the rest: the path of a socket is bounded to 107 bytes.
        let runtime = std::env::temp_dir().join(format!("chatd-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&runtime);
        fs::create_dir_all(&runtime).unwrap();
        let path = runtime.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_chatd"));
        command.arg("--config").arg(directory.join("config.toml")).arg("--state-dir").arg(directory.join("state"));
        command.env("NOTIFY_SOCKET", &path).env("RUNTIME_DIRECTORY", &runtime).stderr(Stdio::null());
        if let Some(limit) = watchdog {
            command.env("WATCHDOG_USEC", limit.as_micros().to_string());
        }
        let daemon = command.spawn().unwrap();
        Service { directory, runtime, socket, daemon }
    }

    /// The next message, or nothing where none comes within `patience`.
    fn heard(&self, patience: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut bytes = [0; 4096];
        let len = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..len]).lines().map(str::to_owned).collect())
    }

    fn hears(&self, expected: &[&str]) {
        let said = self.heard(DEADLINE).unwrap_or_else(|| panic!("nothing was said, not even {expected:?}"));
        let fits =
            said.len() == expected.len() && said.iter().zip(expected).all(|(line, start)| line.starts_with(start));
        assert!(fits, "{said:?} is not {expected:?}");
    }

    fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.daemon.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = fs::remove_dir_all(&self.runtime);
    }
}

#[test]
fn it_tells_when_it_is_ready_reloads_and_stops() {
    let mut service = Service::start("life", None);
    service.hears(&["READY=1", "STATUS=ready"]);
    service.signal("-HUP");
    service.hears(&["RELOADING=1", "MONOTONIC_USEC="]);
    service.hears(&["READY=1", "STATUS=ready"]);
    fs::write(service.directory.join("config.toml"), "nonsense = 1\n").unwrap();
    service.signal("-HUP");
    service.hears(&["RELOADING=1", "MONOTONIC_USEC="]);
    service.hears(&["READY=1", "STATUS=ready; the last reload was refused"]);
    service.signal("-TERM");
    service.hears(&["STOPPING=1", "STATUS=draining", "EXTEND_TIMEOUT_USEC=25000000"]);
    assert!(service.daemon.wait().unwrap().success());
    assert_eq!(service.heard(Duration::from_millis(1)), None, "without a watchdog it says no more");
}

#[test]
fn the_watchdog_hears_nothing_while_nothing_can_be_stored() {
    let service = Service::start("watchdog", Some(Duration::from_millis(300)));
    service.hears(&["READY=1", "STATUS=ready"]);
    for _ in 0..3 {
        service.hears(&["WATCHDOG=1"]);
    }
    // Another process holds the database: the writer waits for it, and so would everybody's messages.
    let thief = rusqlite::Connection::open(service.directory.join("state/chatd.db")).unwrap();
    thief.busy_timeout(DEADLINE).unwrap();
    thief.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    // One that was on its way when the database was taken may still come.
    while service.heard(Duration::from_millis(900)).is_some() {
        assert!(began.elapsed() < Duration::from_secs(2), "it goes on as if nothing was the matter");
    }
    thief.execute_batch("ROLLBACK").unwrap();
    service.hears(&["WATCHDOG=1"]);
}
