//! How much memory a process takes, for benchmarks.

/// Resident memory of a process in MiB, as Linux counts it.
pub fn resident_mib(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("Linux says what is resident");
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}
