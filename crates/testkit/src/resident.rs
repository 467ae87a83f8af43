//! How much memory a process takes.

/// Resident memory of a process in MiB, as Linux counts it.
pub fn resident_mib(pid: u32) -> f64 {
    counted_mib(pid, "VmRSS:")
}

/// What of it the process made itself, without the pages of its own file, which come as it does something new.
pub fn made_mib(pid: u32) -> f64 {
    counted_mib(pid, "RssAnon:")
}

fn counted_mib(pid: u32, what: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).expect("Linux says what is resident");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
