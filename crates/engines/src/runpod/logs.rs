//! Logs: the provider's server-sent events as lines. A cut stream goes on after the last event that came.
//! The provider never ends a stream, so without `follow` silence is the end.
use std::time::Duration;

use axum::body::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use jiff::{SignedDuration, Timestamp};
use kubelet::{ByteStream, LogOptions, LogSince, ProviderError};
use serde::Deserialize;

use super::{
    client::{ApiError, Client},
    engine::Engine,
    transport::TransportError,
    wrapper::exit_code,
};

/// Silence that counts as the end of what there is.
const IDLE: Duration = Duration::from_millis(1500);
/// Before a broken stream is taken up again.
const AGAIN: Duration = Duration::from_secs(2);
/// Longest event: what is longer is passed over.
const MOST_BYTES: usize = 1 << 20;
/// Lines that the provider gives at once.
const MOST_LINES: u64 = 5000;

/// One line of a log.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct LogLine {
    #[serde(default)]
    ts: String,
    #[serde(default)]
    pub(super) line: String,
}

/// Who wrote the lines of a log.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    Container,
    /// What the provider did with it.
    System,
}

/// Which part of a log.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) id: String,
    pub(super) source: Source,
    pub(super) tail: u64,
    pub(super) since: Option<String>,
    pub(super) follow: bool,
}

// === impl LogLine ===

impl LogLine {
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.ts.parse().ok()
    }

    /// One that does not say when it was written may be as new as any.
    fn is_since(&self, oldest: Timestamp) -> bool {
        self.time().is_none_or(|at| at >= oldest)
    }
}

// === impl Engine ===

impl Engine {
    pub(super) async fn logs(
        &self,
        uid: &str,
        container: &str,
        options: &LogOptions,
    ) -> Result<ByteStream, ProviderError> {
        let (id, marker) = {
            let fleet = self.fleet();
            let current = fleet.rentals.get(uid);
            let id = match (options.previous, current) {
                (false, Some(rental)) => Some(rental.id.clone()),
                _ => fleet.previous(uid),
            };
            (id, current.and_then(|rental| rental.exit_marker.clone()))
        };
        let id = id.ok_or_else(|| ProviderError::NotFound(format!("Container {container} was not started")))?;
        let since = options.since.map(|since| match since {
            LogSince::Time(time) => time,
            LogSince::Seconds(seconds) => {
                let now = self.clock.now();
                now.checked_sub(SignedDuration::from_secs(seconds)).unwrap_or(now)
            }
        });
        // Told a time the provider passes over the number of lines: then it is told the number, and older lines go here.
        let (asked, oldest) = if options.tail.is_some() { (None, since) } else { (since, None) };
        let tail = options.tail.unwrap_or(MOST_LINES).min(MOST_LINES);
        let (source, since) = (Source::Container, asked.map(|time| time.to_string()));
        let part = Part { id, source, tail, since, follow: options.follow };
        let timestamps = options.timestamps;
        let lines = lines(self.client.clone(), part).await?;
        let text = lines.filter_map(move |line| {
            let shown = marker.as_ref().is_none_or(|marker| exit_code(&line.line, marker).is_none());
            let shown = shown && oldest.is_none_or(|oldest| line.is_since(oldest));
            let stamp = if timestamps { format!("{} ", line.ts) } else { String::new() };
            std::future::ready(shown.then(|| Ok(Bytes::from(format!("{stamp}{}\n", line.line)))))
        });
        Ok(text.boxed())
    }
}

/// The lines of one log, without what cannot be read.
///
/// # Errors
/// [`ProviderError`] if the log cannot be opened at all.
pub(super) async fn lines(client: Client, part: Part) -> Result<BoxStream<'static, LogLine>, ProviderError> {
    let reader = Reader::open(client, part).await.map_err(|error| match error.status() {
        Some(404) => ProviderError::NotFound("RunPod no longer has the log of this instance".into()),
        _ => ProviderError::Unavailable(error.to_string()),
    })?;
    Ok(reader.into_stream().boxed())
}

struct Reader {
    client: Client,
    part: Part,
    stream: BoxStream<'static, Result<Bytes, TransportError>>,
    buffer: Vec<u8>,
    last: Option<String>,
}

// === impl Reader ===

impl Reader {
    async fn open(client: Client, part: Part) -> Result<Self, ApiError> {
        let stream = connect(&client, &part, None).await?;
        Ok(Self { client, part, stream, buffer: Vec::new(), last: None })
    }

    fn into_stream(self) -> impl Stream<Item = LogLine> + Send {
        futures::stream::unfold(self, |mut reader| async move { reader.next().await.map(|line| (line, reader)) })
    }

    /// The next line; `None` at the end.
    async fn next(&mut self) -> Option<LogLine> {
        loop {
            if let Some(line) = self.buffered() {
                return Some(line);
            }
            let chunk = if self.part.follow {
                self.stream.next().await
            } else {
                tokio::time::timeout(IDLE, self.stream.next()).await.ok()?
            };
            match chunk {
                Some(Ok(bytes)) => self.buffer.extend_from_slice(&bytes),
                _ if !self.part.follow => return None,
                _ => self.reconnect().await?,
            }
            if self.buffer.len() > 2 * MOST_BYTES {
                self.buffer.clear();
            }
        }
    }

    /// After the last event; `None` once the log is gone.
    async fn reconnect(&mut self) -> Option<()> {
        self.buffer.clear();
        loop {
            tokio::time::sleep(AGAIN).await;
            match connect(&self.client, &self.part, self.last.clone()).await {
                Ok(stream) => {
                    self.stream = stream;
                    return Some(());
                }
                Err(error) if error.status() == Some(404) => return None,
                Err(error) => tracing::debug!(%error, "A log cannot be read on; trying again"),
            }
        }
    }

    /// The next whole event with a line in it. Repeats and what cannot be read are passed over.
    fn buffered(&mut self) -> Option<LogLine> {
        while let Some(end) = self.buffer.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let text = String::from_utf8_lossy(&event);
            let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim_start);
            let id = field("id:").map(str::to_owned);
            if id.is_some() && id == self.last {
                continue;
            }
            let parsed = field("data:").and_then(|data| serde_json::from_str::<LogLine>(data).ok());
            if let Some(line) = parsed.filter(|_| event.len() <= MOST_BYTES) {
                self.last = id.or(self.last.take());
                return Some(line);
            }
        }
        None
    }
}

async fn connect(
    client: &Client,
    part: &Part,
    last: Option<String>,
) -> Result<BoxStream<'static, Result<Bytes, TransportError>>, ApiError> {
    let since = part.since.as_ref().map(|since| format!("&since={}", since.replace('+', "%2B"))).unwrap_or_default();
    let source = match part.source {
        Source::Container => "container",
        Source::System => "system",
    };
    let path = format!("/v2/pods/{}/logs?source={source}&tail={}{since}", part.id, part.tail);
    client.stream(path, last).await
}
