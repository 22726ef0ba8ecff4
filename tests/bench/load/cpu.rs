//! CPU time and memory of a process, as the kernel counts them.

use std::fs;

/// Clock ticks a second in `/proc`: the kernel's interface to user space has 100 on every architecture of today.
const TICKS: f64 = 100.0;

/// Seconds of CPU time, in the process and in the kernel for it, of all its threads.
pub fn seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = stat[stat.rfind(')').expect("a name") + 2..].split(' ').collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) / TICKS
}

/// Seconds that all cores were at work, whoever for; time that a hypervisor took away counts as well.
pub fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").expect("the kernel counts");
    let line = stat.lines().next().and_then(|line| line.strip_prefix("cpu ")).expect("all cores come first");
    // user, nice, system, idle, iowait, irq, softirq, steal; guests are counted among the users.
    let ticks: Vec<f64> = line.split_whitespace().take(8).map(|field| field.parse().expect("a number")).collect();
    let idle = ticks[3] + ticks[4];
    (ticks.iter().sum::<f64>() - idle) / TICKS
}

/// Resident memory in KiB.
pub fn resident_kib(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    #[test]
    fn work_is_counted() {
        let own = std::process::id();
        let before = super::seconds(own);
        let deadline = Instant::now() + Duration::from_secs(20);
        // The kernel counts in hundredths of a second.
        while super::seconds(own) < before + 0.05 {
            assert!(Instant::now() < deadline, "20 seconds of work were not counted");
        }
        assert!(super::resident_kib(own) > 100.0);
    }
}
