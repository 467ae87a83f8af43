//! Which of several consoles on one database does the work that nobody asked for: loops, sweeps, repairs.

use async_trait::async_trait;

/// Says whether this process leads. Loops ask before each write: the answer may change between two of them.
#[async_trait]
pub trait Leadership: Send + Sync {
    /// Whether this process is the leader at this moment. A claim that cannot be renewed ends by itself, early enough
    /// for a call that is under way to end before anybody else leads.
    fn leads(&self) -> bool;
    /// Who leads, as far as this process has seen; not known before its first look, or while the cluster is away.
    fn holder(&self) -> Option<String> {
        None
    }
    /// Waits until this process does not lead; at once when it does not.
    async fn lost(&self);
}
