//! Whether the kernel ended a container for its memory, by the kernel's own log, as the kubelet of Kubernetes finds out.
//! Engines learn it from the control group, which under version 1 is often gone before they look.
use std::{fs::OpenOptions, io::Read, os::unix::fs::OpenOptionsExt};

const LOG: &str = "/dev/kmsg";
/// Longer than any record of the log; a shorter buffer gets none.
const RECORD: usize = 8192;

/// False also where the log may not be read: nothing is claimed without proof.
pub(super) async fn was_killed(container: &str) -> bool {
    let container = container.to_owned();
    // Short, but a file all the same.
    tokio::task::spawn_blocking(move || is_in_log(&container)).await.unwrap_or(false)
}

fn is_in_log(container: &str) -> bool {
    let Ok(mut log) = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(LOG) else { return false };
    let mut record = [0; RECORD];
    loop {
        match log.read(&mut record) {
            Ok(0) => return false,
            Ok(length) if is_end_of(&String::from_utf8_lossy(&record[..length]), container) => return true,
            Ok(_) => {}
            // Records that were overwritten meanwhile: the next read goes on with the oldest.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            // The end of the log, or a log that cannot be read.
            Err(_) => return false,
        }
    }
}

/// `oom-kill:constraint=…,oom_memcg=<group that was full>,task_memcg=<group of what was killed>,task=…`; both groups
/// carry the id of their container.
fn is_end_of(record: &str, container: &str) -> bool {
    let Some((_, fields)) = record.split_once("oom-kill:") else { return false };
    let groups = fields.split(',').filter_map(|field| field.split_once('='));
    let mut groups = groups.filter(|(name, _)| matches!(*name, "oom_memcg" | "task_memcg"));
    !container.is_empty() && groups.any(|(_, group)| group.contains(container))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_record_of_this_container_counts() {
        let record = "6,10390,48026366788,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=libpod-e53b,\
            mems_allowed=0,oom_memcg=/libpod_parent/libpod-e53b,task_memcg=/libpod_parent/libpod-e53b,task=busybox,pid=1\n";
        assert!(is_end_of(record, "e53b"));
        let docker = "oom-kill:constraint=CONSTRAINT_NONE,task_memcg=/system.slice/docker-77aa.scope,task=x,uid=0";
        assert!(is_end_of(docker, "77aa"));
        assert!(!is_end_of(record, "77aa") && !is_end_of(record, "busybox") && !is_end_of(record, ""));
        assert!(!is_end_of("6,1,1,-;libpod_parent/libpod-e53b entered blocking state", "e53b"));
    }
}
