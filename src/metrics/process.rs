//! What the process itself uses, as the kernel counts it.

use std::fs;

pub struct Usage {
    pub cpu_seconds: f64,
    pub resident_bytes: u64,
    pub virtual_bytes: u64,
    pub open_files: u64,
    pub max_files: u64,
}

impl Usage {
    /// What the kernel does not tell is zero.
    pub fn now() -> Self {
        let (virtual_bytes, resident_bytes) = memory().unwrap_or_default();
        Usage {
            cpu_seconds: cpu_seconds(),
            resident_bytes,
            virtual_bytes,
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1) as u64),
            max_files: rlimit::Resource::NOFILE.get_soft().unwrap_or_default(),
        }
    }
}

fn cpu_seconds() -> f64 {
    // SAFETY: all-zero bytes are a valid `rusage`, which is plain data.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is valid for the call.
    if unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) } != 0 {
        return 0.0;
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1_000_000.0;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Address space and resident memory.
fn memory() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let mut pages = text.split_ascii_whitespace().map(str::parse::<u64>);
    // SAFETY: a question without arguments in memory.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    Some((pages.next()?.ok()? * page, pages.next()?.ok()? * page))
}
