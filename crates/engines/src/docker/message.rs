//! The last words of a container: what it left in the file of its `terminationMessagePath`, or the end of its log.
//! Read once it has ended. `/dev`, where the usual path lies, ends with the process, so nothing of it is left to read.
use std::{collections::HashMap, time::Duration};

use bollard::{
    body_full,
    query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder},
};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Container;
use kubelet::{ByteStream, Ended, LogOptions, ProviderError};

use super::{
    Docker,
    instances::Attempt,
    tar::{Tar, first_file},
    unavailable,
};

/// Labels of a container, for a list of containers does not know their pods.
const PATH: &str = "remotegpu.ai/termination-message-path";
const POLICY: &str = "remotegpu.ai/termination-message-policy";
const FALLBACK: &str = "FallbackToLogsOnError";

/// Bytes of a message, and of the end of a log in its place, as in Kubernetes.
const MOST_BYTES: usize = 4096;
const LOG_BYTES: usize = 2048;
const LOG_LINES: &str = "80";
/// A file with more than that is no message.
const MOST_ARCHIVE: usize = 1 << 20;
/// What takes longer is done without: others wait for the same list.
const READ: Duration = Duration::from_secs(5);

/// Where the last words of a container are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    /// A file that outlives the process.
    path: Option<String>,
    /// The log, if the container failed and the file is empty.
    log: bool,
}

// === impl Wanted ===

impl Wanted {
    pub(super) fn of(container: &Container) -> Self {
        let log = container.termination_message_policy.as_deref() == Some(FALLBACK);
        Self { path: container.termination_message_path.clone().filter(|path| is_kept(path)), log }
    }

    pub(super) fn labels(self) -> impl Iterator<Item = (String, String)> {
        let policy = self.log.then(|| (POLICY.to_owned(), FALLBACK.to_owned()));
        self.path.map(|path| (PATH.to_owned(), path)).into_iter().chain(policy)
    }

    pub(super) fn read(labels: &HashMap<String, String>) -> Self {
        Self { path: labels.get(PATH).cloned(), log: labels.contains_key(POLICY) }
    }
}

// === impl Docker ===

impl Docker {
    /// An empty file that every user may write to, as Kubernetes gives each container. Trouble costs only the message.
    pub(super) async fn place_message_file(&self, id: &str, container: &Container) {
        let Some(path) = Wanted::of(container).path else { return };
        let mut tar = Tar::of_group(0);
        tar.file(path.trim_start_matches('/'), 0o666, &[]);
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let content = body_full(tar.finish().into());
        if let Err(error) = self.client.upload_to_container(id, Some(options), content).await {
            tracing::debug!(container.id = id, %error, "A container has no file for its termination message");
        }
    }

    /// Adds the last words of a container to how it ended.
    pub(super) async fn add_last_words(&self, attempt: &Attempt, ended: &mut Ended) {
        let words = tokio::time::timeout(READ, self.last_words(attempt, ended.exit_code != 0)).await;
        let words = words.unwrap_or_default();
        if !words.is_empty() {
            let between = if ended.message.is_empty() { "" } else { ": " };
            ended.message = format!("{}{between}{}", ended.message, String::from_utf8_lossy(&words));
        }
    }

    /// Nothing also where it cannot be read: how a container ended is told all the same.
    async fn last_words(&self, attempt: &Attempt, failed: bool) -> Vec<u8> {
        let none = |error: ProviderError| {
            tracing::debug!(container.id = attempt.id, %error, "A termination message could not be read");
            Vec::new()
        };
        if let Some(path) = &attempt.message.path {
            let written = self.message_file(&attempt.id, path).await.unwrap_or_else(none);
            if !written.is_empty() {
                return written;
            }
        }
        if !failed || !attempt.message.log {
            return Vec::new();
        }
        let log = self.entries(&attempt.id, &LogOptions::default(), false, LOG_LINES, Timestamp::now());
        end_of(log, LOG_BYTES).await.unwrap_or_else(none)
    }

    async fn message_file(&self, id: &str, path: &str) -> Result<Vec<u8>, ProviderError> {
        let options = DownloadFromContainerOptionsBuilder::new().path(path).build();
        let mut pieces = self.client.download_from_container(id, Some(options)).map_err(unavailable).boxed();
        let mut archive = Vec::new();
        while archive.len() < MOST_ARCHIVE
            && let Some(piece) = pieces.try_next().await?
        {
            archive.extend_from_slice(&piece);
        }
        let file = first_file(&archive).unwrap_or_default();
        Ok(file[file.len().saturating_sub(MOST_BYTES)..].to_vec())
    }
}

/// Whether a file is still there when the process has ended, and inside the container.
fn is_kept(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("/dev/") && path.split('/').all(|part| part != "..")
}

/// The last bytes of a stream.
async fn end_of(mut pieces: ByteStream, most: usize) -> Result<Vec<u8>, ProviderError> {
    let mut end = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        end.extend_from_slice(&piece);
        end.drain(..end.len().saturating_sub(most));
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use futures::stream;

    use super::*;

    fn wanted(path: Option<&str>, policy: &str) -> Wanted {
        let (path, policy) = (path.map(ToOwned::to_owned), Some(policy.to_owned()));
        let container =
            Container { termination_message_path: path, termination_message_policy: policy, ..Container::default() };
        let wanted = Wanted::of(&container);
        assert_eq!(Wanted::read(&wanted.clone().labels().collect()), wanted, "a list of containers tells it too");
        wanted
    }

    #[test]
    fn only_files_that_outlive_the_process_are_looked_for() {
        assert_eq!(wanted(Some("/tmp/end"), "File"), Wanted { path: Some("/tmp/end".into()), log: false });
        assert_eq!(wanted(Some("/dev/termination-log"), FALLBACK), Wanted { path: None, log: true });
        for path in [None, Some("/dev/termination-log"), Some("end"), Some("/tmp/../../end")] {
            assert_eq!(wanted(path, "File"), Wanted::default(), "{path:?}");
        }
    }

    #[tokio::test]
    async fn only_the_end_of_a_log_is_kept() {
        let log = || stream::iter(["one ", "two ", "three"].map(|piece| Ok(Bytes::from(piece)))).boxed();
        assert_eq!(end_of(log(), 7).await.unwrap(), b"o three");
        assert_eq!(end_of(log(), 100).await.unwrap(), b"one two three");
    }
}
