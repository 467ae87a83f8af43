//! Just enough HTTP to ask a local listener how it is: one request, one answer, no dependency.
//! Over TCP for the console, over a Unix socket for a container engine.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

/// A listener on this machine answers within milliseconds or is broken.
const PATIENCE: Duration = Duration::from_secs(2);

/// Status and body of one answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// `GET path` over TCP.
///
/// # Errors
/// When nobody answers in time, or not in HTTP.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).context("nobody listens")?;
    stream.set_read_timeout(Some(PATIENCE)).context("no time limit")?;
    ask(stream, "GET", path, &address.to_string())
}

/// `method path` over a Unix socket; waits at most `patience` for the answer.
///
/// # Errors
/// As [`get`].
pub fn over_socket(socket: &Path, method: &str, path: &str, patience: Duration) -> Result<Answer> {
    let stream = UnixStream::connect(socket).context("nobody listens")?;
    stream.set_read_timeout(Some(patience)).context("no time limit")?;
    stream.set_write_timeout(Some(PATIENCE)).context("no time limit")?;
    ask(stream, method, path, "localhost")
}

/// HTTP/1.0: the answer ends when the other side closes, and it is never in chunks.
fn ask(mut stream: impl Read + Write, method: &str, path: &str, host: &str) -> Result<Answer> {
    let request = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n");
    stream.write_all(request.as_bytes()).context("it does not listen to our request")?;
    let mut answer = Vec::new();
    // A listener that keeps the connection open has still said what it has to say.
    let end = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        end.context("it does not answer")?;
    }
    parse(&String::from_utf8_lossy(&answer)).context("it does not speak HTTP")
}

fn parse(answer: &str) -> Option<Answer> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_a_body() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nwait").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "wait"));
    }

    #[test]
    fn another_protocol_is_not_an_answer() {
        assert!(parse("SSH-2.0-OpenSSH_9.2\r\n").is_none());
    }
}
