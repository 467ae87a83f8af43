//! One call to a host, passed on until it has said too much or talks for too long. What reads its answers reads all of them, and
//! each connection is one call.
use std::io::{Error, ErrorKind, Result};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy, split},
    time::{Instant, timeout_at},
};

use super::CALL;
use crate::bounds::{LINE, WHOLE};

/// Read at once.
const PIECE: usize = 16 << 10;
/// How the paths of such calls end, as in `GET /v1.47/containers/1f0e/logs?follow=true HTTP/1.1`.
const STREAMS: [&str; 3] = ["/logs", "/attach", "/archive"];
const LINES: [&str; 2] = ["/events", "/images/create"];

/// What is wanted of a call, and so how its answer is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// One answer, read as a whole.
    Whole,
    /// Lines without an end.
    Lines,
    /// Passed on as it comes, by who reads it in pieces.
    Stream,
}

/// How much has come.
struct Meter {
    wanted: Wanted,
    read: usize,
}

/// Passes on what both sides say until one of them leaves.
///
/// # Errors
/// When the answer is too long, or takes too long once it has begun.
pub(super) async fn relay<N, F>(near: N, far: F) -> Result<()>
where
    N: AsyncRead + AsyncWrite,
    F: AsyncRead + AsyncWrite,
{
    let ((mut asks, mut hears), (mut answers, mut asked)) = (split(near), split(far));
    let mut first = vec![0; PIECE];
    let count = asks.read(&mut first).await?;
    let mut meter = Meter { wanted: wanted(&first[..count]), read: 0 };
    let up = async {
        asked.write_all(&first[..count]).await?;
        asked.flush().await?;
        copy(&mut asks, &mut asked).await?;
        asked.shutdown().await
    };
    let down = async {
        let late = |_| Error::from(ErrorKind::TimedOut);
        let (mut piece, mut end) = (vec![0; PIECE], None);
        loop {
            let count = match end {
                Some(end) => timeout_at(end, answers.read(&mut piece)).await.map_err(late)?,
                None => answers.read(&mut piece).await,
            }?;
            if count == 0 {
                return hears.shutdown().await;
            }
            meter.take(&piece[..count])?;
            end = end.or_else(|| (meter.wanted == Wanted::Whole).then(|| Instant::now() + CALL));
            hears.write_all(&piece[..count]).await?;
        }
    };
    tokio::try_join!(up, down).map(drop)
}

/// By the first line of a call; whatever is not known is read as a whole.
fn wanted(call: &[u8]) -> Wanted {
    let line = String::from_utf8_lossy(call.split(|byte| *byte == b'\r').next().unwrap_or_default()).into_owned();
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let ends = |all: &[&str]| all.iter().any(|one| path.ends_with(one));
    if ends(&STREAMS) || path.contains("/exec/") && path.ends_with("/start") {
        Wanted::Stream
    } else if ends(&LINES) {
        Wanted::Lines
    } else {
        Wanted::Whole
    }
}

// === impl Meter ===

impl Meter {
    fn take(&mut self, piece: &[u8]) -> Result<()> {
        let most = match self.wanted {
            Wanted::Stream => return Ok(()),
            Wanted::Lines => LINE,
            Wanted::Whole => WHOLE,
        };
        let end = piece.iter().rposition(|byte| *byte == b'\n').filter(|_| self.wanted == Wanted::Lines);
        self.read = match end {
            Some(end) => piece.len() - end - 1,
            None => self.read.saturating_add(piece.len()),
        };
        if self.read > most { Err(Error::other("the answer is too long")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{DuplexStream, duplex};

    use super::*;

    const INFO: &str = "GET /v1.47/info HTTP/1.1\r\n\r\n";

    /// A host that answers with `piece` so many times, and then is silent; tells how many bytes of its answer were taken.
    async fn talk(mut host: DuplexStream, piece: &[u8], times: usize) -> usize {
        let mut heard = [0; 4];
        host.read_exact(&mut heard).await.unwrap();
        let mut taken = 0;
        for _ in 0..times {
            if host.write_all(piece).await.is_err() {
                return taken;
            }
            taken += piece.len();
        }
        // Until the other side leaves.
        let _rest = host.read_to_end(&mut Vec::new()).await;
        taken
    }

    /// What becomes of a call to such a host: how it ends, and how many bytes of the answer the caller and the host counted.
    async fn called(call: &str, piece: &[u8], times: usize) -> (Result<()>, usize, usize) {
        let ((near, caller), (far, host)) = (duplex(PIECE), duplex(PIECE));
        let (mut hears, mut asks) = split(caller);
        let calling = async {
            asks.write_all(call.as_bytes()).await.unwrap();
            let mut answer = vec![0; PIECE];
            let mut heard = 0;
            while let Ok(count @ 1..) = hears.read(&mut answer).await {
                heard += count;
            }
            heard
        };
        let (ended, heard, taken) = tokio::join!(relay(near, far), calling, talk(host, piece, times));
        (ended, heard, taken)
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_that_answers_without_end_is_cut_off() {
        let piece = [b'x'; 1 << 16];
        for (call, most) in [
            (INFO, WHOLE),
            ("GET /containers/json?all=true HTTP/1.0\r\n\r\n", WHOLE),
            ("GET /v1.47/events?filters=a HTTP/1.1\r\n\r\n", LINE),
            ("POST /v1.47/images/create?fromImage=a HTTP/1.1\r\n\r\n", LINE),
        ] {
            let (ended, heard, taken) = called(call, &piece, usize::MAX).await;
            assert!(ended.is_err() && heard <= most, "{call}: {ended:?}, {heard}");
            assert!(taken <= most + 2 * piece.len(), "{call}: it was listened to for {taken} bytes");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_has_begun_must_end_in_time() {
        let begun = Instant::now();
        let (ended, heard, _) = called(INFO, b"HTTP/1.1 200 OK\r\n", 1).await;
        assert_eq!((ended.unwrap_err().kind(), heard), (ErrorKind::TimedOut, 17));
        assert!(begun.elapsed() >= CALL && begun.elapsed() < 2 * CALL, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_read_in_pieces_is_passed_on_however_long_it_is_and_takes() {
        let mebibyte = vec![b'x'; 1 << 20];
        for call in [
            "GET /v1.47/containers/1f0e/logs?follow=true HTTP/1.1\r\n\r\n",
            "POST /v1.47/exec/1f0e/start HTTP/1.1\r\n\r\n",
            "POST /v1.47/containers/1f0e/attach?stream=true HTTP/1.1\r\n\r\n",
        ] {
            let late = tokio::time::timeout(Duration::from_secs(3600), called(call, &mebibyte, 70)).await;
            assert!(late.is_err(), "{call}: nobody left");
        }
        let mut line = mebibyte;
        line.push(b'\n');
        let events = "GET /v1.47/events HTTP/1.1\r\n\r\n";
        let late = tokio::time::timeout(Duration::from_secs(3600), called(events, &line, 20)).await;
        assert!(late.is_err(), "each line is short");
        assert_eq!(wanted(b"POST /v1.47/containers/1f0e/start HTTP/1.1\r\n"), Wanted::Whole);
    }
}
