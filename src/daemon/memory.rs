//! Memory that is not used any more goes back to the system.
//!
//! The allocator does so by the way, as a thread frees more; what a wave of connections leaves behind when it has gone
//! stays, as nothing follows. Freeing everything at once instead costs up to half of the speed. So each worker thread
//! looks through its memory now and then, when it has nothing to do.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Looking through takes some microseconds for each MiB.
const INTERVAL: Duration = Duration::from_secs(10);

thread_local! {
    static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// Called by a worker thread that has nothing to do.
pub fn give_back() {
    let now = Instant::now();
    let last = LAST.get().unwrap_or_else(|| {
        LAST.set(Some(now));
        now
    });
    if now.duration_since(last) >= INTERVAL {
        LAST.set(Some(now));
        // SAFETY: it may be called at any time, and touches only what has been freed.
        unsafe { libmimalloc_sys::mi_collect(true) };
    }
}
