//! The other end of the sign-in: a listener on 127.0.0.1 that waits for the browser to bring the code (RFC 8252 §7.3).

use std::time::Duration;

use anyhow::{Context as _, Result};
use reqwest::Url;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

// Browsers open connections that they may never use.
const READ_LIMIT: Duration = Duration::from_secs(5);
const LARGEST: usize = 8 * 1024;

/// A listener on a free port of this machine.
pub struct Loopback {
    listener: TcpListener,
    port: u16,
}

/// The browser's request, still unanswered.
pub struct Callback {
    /// The code, or why there is none.
    pub outcome: Outcome,
    stream: TcpStream,
}

/// What the browser brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Somebody allowed it.
    Code(String),
    /// They did not.
    Refused,
}

/// How one request is answered.
#[derive(Debug, PartialEq, Eq)]
enum Reading {
    Callback(Outcome),
    Foreign,
    NotFound,
}

// === impl Loopback ===

impl Loopback {
    /// Takes a free port.
    ///
    /// # Errors
    /// When this machine gives none.
    pub async fn open() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("Cannot listen on 127.0.0.1")?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits for the request that carries `state`; any other is answered and forgotten.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn wait(self, state: &str) -> Result<Callback> {
        let (found, mut first) = mpsc::channel(1);
        tokio::select! {
            broken = self.accept(state, found) => Err(broken.into()),
            callback = first.recv() => callback.context("The listener ended"),
        }
    }

    /// Answers each connection apart, until the listener breaks.
    async fn accept(&self, state: &str, found: mpsc::Sender<Callback>) -> std::io::Error {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(serve(stream, self.port, state.to_owned(), found.clone()))),
                Err(error) => return error,
            }
        }
    }
}

// === impl Callback ===

impl Callback {
    /// Tells the person in the browser how it ended. A browser that has left is no failure.
    pub async fn answer(mut self, sentence: &str) {
        write(&mut self.stream, 200, sentence).await;
    }
}

async fn serve(mut stream: TcpStream, port: u16, state: String, found: mpsc::Sender<Callback>) {
    let Ok(Some(head)) = tokio::time::timeout(READ_LIMIT, head(&mut stream)).await else { return };
    match read(&head, port, &state) {
        Reading::Callback(outcome) => {
            let _first_came_before = found.send(Callback { outcome, stream }).await;
        }
        Reading::Foreign => write(&mut stream, 400, "This is not the sign-in that the terminal waits for.").await,
        Reading::NotFound => write(&mut stream, 404, "Nothing here.").await,
    }
}

/// The request up to its empty line.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if bytes.len() >= LARGEST || stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).ok()
}

/// Only `GET /callback` for this very address with our own state counts: the name in `Host` keeps out pages that made
/// another name point here.
fn read(head: &str, port: u16, state: &str) -> Reading {
    let (line, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let host = headers.lines().filter_map(|header| header.split_once(':'));
    let mut host = host.filter(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value.trim());
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let here = format!("http://127.0.0.1:{port}");
    let Ok(url) = Url::parse(&format!("{here}{target}")) else { return Reading::NotFound };
    if method != "GET" || !target.starts_with('/') || url.path() != "/callback" {
        return Reading::NotFound;
    }
    let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if host.next() != Some(&here["http://".len()..]) || value("state").as_deref() != Some(state) {
        return Reading::Foreign;
    }
    match value("code") {
        Some(code) => Reading::Callback(Outcome::Code(code)),
        None if value("error").is_some() => Reading::Callback(Outcome::Refused),
        None => Reading::Foreign,
    }
}

async fn write(stream: &mut TcpStream, status: u16, sentence: &str) {
    let page = format!(
        "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>RemoteGPU</title><p>{}</p></html>",
        sentence.replace('&', "&amp;").replace('<', "&lt;")
    );
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        _ => "Not Found",
    };
    let answer = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nContent-Security-Policy: default-src 'none'\r\n\
         Connection: close\r\n\r\n{page}",
        page.len()
    );
    let _browser_has_left = stream.write_all(answer.as_bytes()).await;
    let _browser_has_left = stream.shutdown().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(target: &str, host: &str) -> Reading {
        read(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"), 50123, "s1")
    }

    #[test]
    fn only_our_own_callback_counts() {
        let here = "127.0.0.1:50123";
        let code = Reading::Callback(Outcome::Code("abc".into()));
        assert_eq!(reading("/callback?code=abc&state=s1", here), code);
        assert_eq!(reading("/callback?error=access_denied&state=s1", here), Reading::Callback(Outcome::Refused));
        for foreign in ["/callback", "/callback?code=abc", "/callback?code=abc&state=s2", "/callback?state=s1"] {
            assert_eq!(reading(foreign, here), Reading::Foreign, "{foreign}");
        }
        for host in ["evil.example:50123", "127.0.0.1:1", "localhost:50123", ""] {
            assert_eq!(reading("/callback?code=abc&state=s1", host), Reading::Foreign, "{host}");
        }
        for other in ["/", "/favicon.ico", "callback?code=abc&state=s1", "http://evil/callback?code=abc&state=s1"] {
            assert_eq!(reading(other, here), Reading::NotFound, "{other}");
        }
        let posted = read("POST /callback?code=abc&state=s1 HTTP/1.1\r\nHost: 127.0.0.1:50123\r\n\r\n", 50123, "s1");
        assert_eq!(posted, Reading::NotFound);
    }

    #[tokio::test]
    async fn a_silent_connection_and_a_foreign_request_do_not_hold_up_the_callback() {
        let loopback = Loopback::open().await.unwrap();
        let port = loopback.port();
        let silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let ask = async |target: &str| {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let request = format!("GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let browser = async {
            assert!(ask("/callback?code=abc&state=other").await.starts_with("HTTP/1.1 400"));
            assert!(ask("/favicon.ico").await.starts_with("HTTP/1.1 404"));
            ask("/callback?code=abc&state=s1").await
        };
        let terminal = async {
            let callback = loopback.wait("s1").await.unwrap();
            assert_eq!(callback.outcome, Outcome::Code("abc".into()));
            callback.answer("Signed in as a <b>.").await;
        };
        let (page, ()) = tokio::join!(browser, terminal);
        assert!(page.contains("Signed in as a &lt;b>."), "{page}");
        drop(silent);
    }
}
