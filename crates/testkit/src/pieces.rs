//! Reading what comes piece by piece, with a limit: what keeps silent fails a test, and never holds up the run.

use tokio::io::{AsyncBufRead, AsyncReadExt as _, Lines};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::eventually::LIMIT;

/// What comes piece by piece: a stream of a console, a connection, the lines of a program.
pub trait Pieces {
    /// The next piece as text; none at the end.
    fn piece(&mut self) -> impl Future<Output = Option<String>>;
}

impl Pieces for reqwest::Response {
    async fn piece(&mut self) -> Option<String> {
        let chunk = self.chunk().await.expect("the stream can be read");
        chunk.map(|chunk| String::from_utf8_lossy(&chunk).into_owned())
    }
}

impl Pieces for TcpStream {
    async fn piece(&mut self) -> Option<String> {
        let mut buffer = [0; 4096];
        let read = self.read(&mut buffer).await.expect("the connection can be read");
        (read > 0).then(|| String::from_utf8_lossy(&buffer[..read]).into_owned())
    }
}

impl<R: AsyncBufRead + Unpin> Pieces for Lines<R> {
    async fn piece(&mut self) -> Option<String> {
        let line = self.next_line().await.expect("the lines can be read");
        line.map(|line| line + "\n")
    }
}

/// Reads on until `wanted` came; gives everything that came. Panics with both at the end, and after a minute.
pub async fn read_until(source: &mut impl Pieces, wanted: &str) -> String {
    let text = read_while(source, &format!("{wanted:?}"), |text| !text.contains(wanted)).await;
    assert!(text.contains(wanted), "{wanted:?} never came until the end; this came: {text:?}");
    text
}

/// Reads on until the end; gives everything that came. Panics with that after a minute.
pub async fn read_rest(source: &mut impl Pieces) -> String {
    read_while(source, "the end", |_| true).await
}

async fn read_while(source: &mut impl Pieces, awaited: &str, more: impl Fn(&str) -> bool) -> String {
    let (limit, mut text) = (Instant::now() + LIMIT, String::new());
    while more(&text) {
        let piece = timeout_at(limit, source.piece()).await;
        let piece = piece.unwrap_or_else(|_| panic!("{awaited}: not within a minute; this came: {text:?}"));
        let Some(piece) = piece else { break };
        text.push_str(&piece);
    }
    text
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, duplex};

    use super::*;

    // Time is virtual here, so nothing waits.
    #[tokio::test(start_paused = true)]
    #[should_panic(expected = r#""ready": not within a minute; this came: "one\ntwo\n""#)]
    async fn who_waits_in_vain_is_told_for_what_and_what_came() {
        let (mut said, heard) = duplex(64);
        said.write_all(b"one\ntwo\n").await.unwrap();
        read_until(&mut BufReader::new(heard).lines(), "ready").await;
    }

    #[tokio::test]
    #[should_panic(expected = r#""ready" never came until the end; this came: "one\n""#)]
    async fn what_ends_without_the_word_is_told_as_well() {
        let (mut said, heard) = duplex(64);
        said.write_all(b"one\n").await.unwrap();
        drop(said);
        read_until(&mut BufReader::new(heard).lines(), "ready").await;
    }

    #[tokio::test]
    async fn what_comes_in_halves_is_read_as_a_whole() {
        let (mut said, heard) = duplex(64);
        said.write_all(b"one\ntwo\nthree\n").await.unwrap();
        drop(said);
        let mut lines = BufReader::new(heard).lines();
        assert_eq!(read_until(&mut lines, "one\ntwo").await, "one\ntwo\n");
        assert_eq!(read_rest(&mut lines).await, "three\n");
    }
}
