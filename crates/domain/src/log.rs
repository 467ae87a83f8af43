//! What part of a container's log is wanted.

use crate::{Error, Result};

/// Most pods that one stream joins: each is a connection of its own to a node.
pub const MOST_PODS: usize = 16;
/// Most lines of the past that a live stream begins with; the whole log is a download.
pub const MOST_LIVE_LINES: u32 = 100_000;

/// What part of a log is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Which container; the first when unsaid.
    pub container: Option<String>,
    /// Keep the stream open.
    pub follow: bool,
    /// Of the run before the last restart.
    pub previous: bool,
    /// Last lines first.
    pub tail_lines: Option<u32>,
    /// Only what was written in these last seconds.
    pub since_seconds: Option<u32>,
    /// Begin each line with its time, RFC 3339.
    pub timestamps: bool,
}

impl LogOptions {
    /// Checks what the API server would refuse without a sentence for people.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `since` of no second.
    pub fn check(&self) -> Result<()> {
        match self.since_seconds {
            Some(0) => Err(Error::field("since", "range", "since must be at least 1 second")),
            _ => Ok(()),
        }
    }
}
