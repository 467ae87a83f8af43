//! What happens to each audit row around its commit: sealed before, announced and written to the log file after.

mod feed;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use backend::ports::Sealer;
use domain::audit::{AuditEvent, AuditRecord, Head, Segment};

pub(crate) use feed::Feed;

/// One per store, shared by its clones.
pub(crate) struct Journal {
    sealer: Arc<dyn Sealer>,
    log: OnceLock<Mutex<File>>,
    /// Where chains ended when this process last went on with them: place and hash of the last row. Others may have
    /// gone on since, so it is a guess.
    ends: Mutex<HashMap<String, (i64, String)>>,
    pub(crate) feed: Feed,
}

impl Journal {
    pub(crate) fn new(sealer: Arc<dyn Sealer>) -> Self {
        Self { sealer, log: OnceLock::new(), ends: Mutex::default(), feed: Feed::default() }
    }

    /// From now on each committed row is also appended to `file`; the first file given stays.
    pub(crate) fn log_to(&self, file: File) {
        self.log.get_or_init(|| Mutex::new(file));
    }

    /// The row of an event at its place, sealed to the hash before it.
    pub(crate) fn row(&self, event: &AuditEvent, sequence: i64, previous: &str) -> AuditRecord {
        let mut row = AuditRecord::of(event, sequence);
        (row.key_id, row.hash) = self.seal(&row.canonical(sequence, previous));
        row
    }

    /// The head of a chain that ends with `row`.
    pub(crate) fn head(&self, chain: String, sequence: i64, hash: String) -> Head {
        let mut head = Head { chain, sequence, hash, ..Head::default() };
        (head.key_id, head.seal) = self.seal(&head.canonical());
        head
    }

    /// A segment with its seal.
    pub(crate) fn segment(&self, mut segment: Segment) -> Segment {
        (segment.key_id, segment.seal) = self.seal(&segment.canonical());
        segment
    }

    /// The key that seals now.
    pub(crate) fn key_id(&self) -> &str {
        self.sealer.key_id()
    }

    /// Keyed hash of a row from before sealing over the hash of the one before it; empty without that key.
    pub(crate) fn link(&self, key_id: &str, row: &AuditRecord, previous: &str) -> String {
        self.sealer.seal(key_id, &row.canonical(0, previous)).unwrap_or_default()
    }

    /// Whether `seal` belongs to `text`; none when the key is not there.
    pub(crate) fn fits(&self, key_id: &str, text: &str, seal: &str) -> Option<bool> {
        self.sealer.seal(key_id, text).map(|ours| !ours.is_empty() && ours == seal)
    }

    fn seal(&self, text: &str) -> (String, String) {
        let key = self.sealer.key_id();
        (key.to_owned(), self.sealer.seal(key, text).unwrap_or_default())
    }

    /// Takes out where a chain probably ends. Of many who ask at once one is told: the others would guess wrong.
    pub(crate) fn take_end(&self, chain: &str) -> Option<(i64, String)> {
        self.ends().remove(chain)
    }

    fn ends(&self) -> MutexGuard<'_, HashMap<String, (i64, String)>> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row is in the database for good: tells who listens, and the log file.
    pub(crate) fn committed(&self, row: AuditRecord) {
        self.ends().insert(row.chain(), (row.sequence, row.hash.clone()));
        if let Some(log) = self.log.get() {
            self.append(log, &row);
        }
        self.feed.send(row);
    }

    /// One write per line, so that lines of several processes do not mix. The change is committed already: a full disk
    /// is somebody's alarm, not the caller's error.
    fn append(&self, log: &Mutex<File>, row: &AuditRecord) {
        let mut line = match serde_json::to_vec(&row.view()) {
            Ok(line) => line,
            Err(error) => return tracing::error!(%error, "an audit row could not be written as JSON"),
        };
        line.push(b'\n');
        let written = log.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
        if let Err(error) = written {
            tracing::error!(%error, audit.id = %row.id, "an audit row could not be written to the audit log file");
        }
    }
}
