//! Logs: what the container wrote, as the engine kept it.
//! `--previous` is the attempt before the newest one, which is kept until the next restart.
use std::time::Duration;

use axum::body::Bytes;
use bollard::{container::LogOutput, query_parameters::LogsOptionsBuilder};
use futures::{StreamExt, TryStreamExt, future};
use jiff::Timestamp;
use kubelet::{ByteStream, LogOptions, LogSince, ProviderError};

use super::{Docker, unavailable};

/// An engine keeps a wide line in pieces, and Podman (4.3) takes each of them for a line when it counts from the end: of
/// a line of a megabyte, 137 pieces of 8 KiB, `tail` would leave the last, and nothing of the lines before it. So many
/// pieces more than wanted are asked for, and the lines are counted here: twelve megabytes of wide lines are whole.
const WIDE: u64 = 1500;
/// Of so many lines at the end the widest are whole.
const COUNTED: u64 = 1000;
/// How long a followed log may be silent. Podman answers with its first word, so the limit of other calls would end it.
const SILENT: Duration = Duration::from_secs(365 * 24 * 3600);

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
        let now = Timestamp::now();
        // Counting reads them all once more: not before a long log may begin.
        let Some(tail) = options.tail.filter(|tail| (1..=COUNTED).contains(tail)) else {
            let entries = options.tail.map_or("all".to_owned(), |tail| tail.to_string());
            return Ok(self.entries(&wanted.id, options, options.follow, &entries, now));
        };
        let entries = tail.saturating_add(WIDE).to_string();
        let lines = count_lines(self.entries(&wanted.id, options, false, &entries, now)).await?;
        let log = self.entries(&wanted.id, options, options.follow, &entries, now);
        Ok(without_lines(log, lines.saturating_sub(tail)))
    }

    pub(super) fn entries(
        &self,
        id: &str,
        options: &LogOptions,
        follow: bool,
        tail: &str,
        now: Timestamp,
    ) -> ByteStream {
        let wanted = LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .follow(follow)
            .timestamps(options.timestamps)
            .tail(tail)
            .since(since(options, now))
            .build();
        let client = self.client.clone();
        let client = if follow { client.with_timeout(SILENT) } else { client };
        client.logs(id, Some(wanted)).map_ok(LogOutput::into_bytes).map_err(unavailable).boxed()
    }
}

/// How many lines there are; one without an end counts too.
async fn count_lines(mut log: ByteStream) -> Result<u64, ProviderError> {
    let (mut lines, mut open) = (0, false);
    while let Some(piece) = log.try_next().await? {
        lines += ends(&piece).count() as u64;
        open = piece.last().map_or(open, |last| *last != b'\n');
    }
    Ok(lines + u64::from(open))
}

/// The log from after its first `gone` lines.
fn without_lines(log: ByteStream, gone: u64) -> ByteStream {
    let cut = log.scan(gone, |left, piece| {
        future::ready(Some(piece.map(|mut piece: Bytes| {
            let over = usize::try_from(*left).unwrap_or(usize::MAX);
            let skipped = match over.checked_sub(1) {
                None => 0,
                Some(nth) => ends(&piece).nth(nth).map_or(piece.len(), |end| end + 1),
            };
            let begun = piece.split_to(skipped);
            *left -= ends(&begun).count() as u64;
            piece
        })))
    });
    cut.boxed()
}

fn ends(piece: &[u8]) -> impl Iterator<Item = usize> + '_ {
    piece.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at)
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

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    fn log(pieces: &[&'static [u8]]) -> ByteStream {
        stream::iter(pieces.iter().map(|piece| Ok(Bytes::from_static(piece))).collect::<Vec<_>>()).boxed()
    }

    async fn text(log: ByteStream) -> String {
        let pieces: Vec<Bytes> = log.try_collect().await.unwrap();
        String::from_utf8(pieces.concat()).unwrap()
    }

    #[tokio::test]
    async fn lines_are_counted_whatever_pieces_they_come_in() {
        let pieces: &[&[u8]] = &[b"one\nwi", b"d", b"e\n", b"", b"open"];
        assert_eq!(count_lines(log(pieces)).await.unwrap(), 3);
        assert_eq!(count_lines(log(&pieces[..3])).await.unwrap(), 2);
        assert_eq!(count_lines(log(&[])).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_tail_begins_at_the_start_of_a_line() {
        let pieces: &[&[u8]] = &[b"one\nwi", b"d", b"e\nlast\n", b"more"];
        for (gone, rest) in [(0, "one\nwide\nlast\nmore"), (1, "wide\nlast\nmore"), (2, "last\nmore"), (3, "more")] {
            assert_eq!(text(without_lines(log(pieces), gone)).await, rest, "{gone}");
        }
    }
}
