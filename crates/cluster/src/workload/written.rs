//! Namespaces whose workloads were written through this console a moment ago: who wrote must see what was written, however
//! far behind the watches are.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::namespace::KubernetesName;
use tokio::time::Instant;

/// By then a watch has told of a write, or says that it is interrupted.
const TOLD: Duration = Duration::from_secs(5);

/// Remembers them that long.
#[derive(Default)]
pub(crate) struct Written(Mutex<BTreeMap<String, Instant>>);

// === impl Written ===

impl Written {
    /// What a write answered, noted: also one that failed may have changed something.
    pub fn note<T>(&self, tenant: &KubernetesName, answer: T) -> T {
        self.recent().insert(tenant.as_str().to_owned(), Instant::now());
        answer
    }

    /// Whether the watches may not show yet what was written.
    pub fn lately(&self, namespace: &str) -> bool {
        self.recent().contains_key(namespace)
    }

    fn recent(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        // A panic elsewhere leaves the map whole: go on with it.
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, at| at.elapsed() < TOLD);
        recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_is_remembered_until_the_watches_have_told_of_it() {
        let written = Written::default();
        let tenant = KubernetesName::from_stored("team-7b0c4f12".to_owned());
        assert!(!written.lately("team-7b0c4f12"));
        assert_eq!(written.note(&tenant, 7), 7);
        assert!(written.lately("team-7b0c4f12") && !written.lately("other"));
        tokio::time::advance(TOLD).await;
        assert!(!written.lately("team-7b0c4f12"));
    }
}
