//! Logs: what the container wrote, as the engine kept it.
//! `--previous` is the attempt before the newest one, which is kept until the next restart.
use bollard::{container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use kubelet::{ByteStream, LogOptions, LogSince, ProviderError};

use super::{Docker, unavailable};

// === impl Docker ===

impl Docker {
    pub(super) async fn container_log(
        &self,
        uid: &str,
        container: &str,
        options: &LogOptions,
    ) -> Result<ByteStream, ProviderError> {
        let mut attempts = self.attempts(Some(uid)).await?;
        attempts.retain(|one| one.container == container);
        attempts.sort_by_key(|one| std::cmp::Reverse(one.attempt));
        let wanted = attempts.get(usize::from(options.previous)).ok_or_else(|| {
            let what = if options.previous { "has no previous attempt" } else { "was not started" };
            ProviderError::NotFound(format!("Container {container} {what}"))
        })?;
        let wanted_options = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .follow(options.follow)
            .timestamps(options.timestamps)
            .tail(&options.tail.map_or("all".to_owned(), |lines| lines.to_string()))
            .since(since(options, Timestamp::now()))
            .build();
        let log = self.client.logs(&wanted.id, Some(wanted_options));
        Ok(log.map_ok(LogOutput::into_bytes).map_err(unavailable).boxed())
    }
}

/// Seconds since 1970; 0 is the whole log.
fn since(options: &LogOptions, now: Timestamp) -> i32 {
    let second = match options.since {
        None => 0,
        Some(LogSince::Time(time)) => time.as_second(),
        Some(LogSince::Seconds(seconds)) => now.as_second().saturating_sub(seconds),
    };
    i32::try_from(second.max(0)).unwrap_or(i32::MAX)
}
