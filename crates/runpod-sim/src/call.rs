//! A call and its reply, without any transport: tests hand them over in process, `http` over a socket.

use serde_json::{Value, json};

use crate::fault::Effect;

/// One request of a client.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// `GET`, `POST` …
    pub method: String,
    /// `/v2/pods`.
    pub path: String,
    /// Without the question mark; empty if there is none.
    pub query: String,
    /// The token of the Authorization header.
    pub bearer: Option<String>,
    /// The header `Last-Event-ID`.
    pub last_event_id: Option<String>,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
}

/// A body, or how it fails to come.
#[derive(Clone, Debug)]
pub enum Body {
    /// None.
    Empty,
    /// JSON; `problem+json` from status 400 on.
    Json(Value),
    /// A page of some proxy on the way.
    Html(String),
    /// The connection breaks in the middle of this text.
    Cut(String),
    /// No reply ever comes.
    Never,
    /// The log of this instance as server-sent events.
    Events {
        /// Id of the instance.
        id: String,
        /// Number of the first line that is sent.
        from: usize,
        /// `container`, `system`, or both.
        source: Option<String>,
        /// Faults of this stream.
        effects: Vec<Effect>,
    },
}

// === impl Call ===

impl Call {
    /// The value of a query parameter, percent-decoded.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| decode(value)).next()
    }
}

// === impl Reply ===

impl Reply {
    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body: Body::Json(body) }
    }

    /// 204.
    #[must_use]
    pub fn none() -> Self {
        Self { status: 204, headers: Vec::new(), body: Body::Empty }
    }

    /// A problem document.
    #[must_use]
    pub fn problem(status: u16, detail: &str) -> Self {
        Self::json(status, json!({"title": title(status), "status": status, "detail": detail}))
    }

    /// A problem document with the list of what is wrong.
    #[must_use]
    pub fn invalid(errors: &[String]) -> Self {
        let detail = errors.first().cloned().unwrap_or_default();
        Self::json(422, json!({"title": title(422), "status": 422, "detail": detail, "errors": errors}))
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let mut digit =
                    || rest.next().and_then(|one| char::from(one).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                let (high, low) = (digit().unwrap_or(0), digit().unwrap_or(0));
                bytes.push(high << 4 | low);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
