//! From an HTTP request to a stream: which of WebSocket and SPDY the client asks for, and in which dialect.
//! What is not understood is refused before the upgrade, with the names of what is.
use axum::{
    body::Body,
    extract::{FromRequestParts, Request, WebSocketUpgrade, ws::WebSocket},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::{Problem, frames, spdy::Connection};

/// Largest WebSocket message a client may send; kubectl sends 32 KiB.
const MESSAGE: usize = 1 << 20;
const SPDY: &str = "SPDY/3.1";
/// Header in which SPDY clients name their dialects, one each.
const DIALECT: &str = "x-stream-protocol-version";
const PORT_FORWARD: &str = "portforward.k8s.io";
const PORT_FORWARD_TUNNEL: &str = "SPDY/3.1+portforward.k8s.io";

/// Dialects of one kind of stream.
pub(super) struct Dialects {
    what: &'static str,
    websocket: &'static [&'static str],
    spdy: &'static str,
}

/// exec and attach.
pub(super) const COMMAND: Dialects = Dialects { what: "exec", websocket: &[frames::V5, frames::V4], spdy: frames::V4 };
/// port-forward.
pub(super) const FORWARD: Dialects =
    Dialects { what: "port-forward", websocket: &[PORT_FORWARD_TUNNEL, frames::V4], spdy: PORT_FORWARD };

/// An accepted request for a stream.
pub(super) enum Upgrade {
    WebSocket(Box<WebSocketUpgrade>),
    Spdy(OnUpgrade, &'static str),
}

/// A stream that is open.
pub(super) enum Opened {
    WebSocket(Box<WebSocket>),
    Spdy(Connection),
}

// === impl Upgrade ===

impl Upgrade {
    pub(super) async fn accept(request: Request, dialects: &Dialects) -> Result<Self, Problem> {
        let (mut parts, _) = request.into_parts();
        if is_spdy(&parts.headers) {
            let offered = parts.headers.get_all(DIALECT).iter().filter_map(|value| value.to_str().ok());
            if !offered.flat_map(|value| value.split(',')).any(|one| one.trim() == dialects.spdy) {
                let detail = format!("{} over SPDY needs the protocol {}", dialects.what, dialects.spdy);
                return Err(Problem::new(StatusCode::FORBIDDEN, detail));
            }
            let upgrade = parts.extensions.remove::<OnUpgrade>();
            let upgrade = upgrade.ok_or_else(|| Problem::bad_request("This connection cannot be upgraded"))?;
            return Ok(Self::Spdy(upgrade, dialects.spdy));
        }
        let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
        let upgrade =
            upgrade.map_err(|_| Problem::bad_request(format!("{} needs a WebSocket or SPDY/3.1", dialects.what)))?;
        let upgrade = upgrade.max_message_size(MESSAGE).protocols(dialects.websocket.iter().copied());
        if upgrade.selected_protocol().is_none() {
            let names = dialects.websocket.join(" or ");
            return Err(Problem::bad_request(format!("{} needs the subprotocol {names}", dialects.what)));
        }
        Ok(Self::WebSocket(Box::new(upgrade)))
    }

    /// Whether a WebSocket speaks this dialect.
    pub(super) fn speaks(&self, dialect: &str) -> bool {
        match self {
            Self::WebSocket(upgrade) => upgrade.selected_protocol().is_some_and(|chosen| chosen == dialect),
            Self::Spdy(..) => false,
        }
    }

    /// Answers 101, then runs `serve` on the stream until it ends or the node does.
    pub(super) fn serve<F>(
        self,
        closing: CancellationToken,
        serve: impl FnOnce(Opened) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        match self {
            Self::WebSocket(upgrade) => upgrade.on_upgrade(async move |socket| {
                let _ = closing.run_until_cancelled(serve(Opened::WebSocket(Box::new(socket)))).await;
            }),
            Self::Spdy(upgrade, dialect) => {
                tokio::spawn(async move {
                    match upgrade.await {
                        Ok(io) => {
                            let opened = Opened::Spdy(Connection::start(TokioIo::new(io)));
                            let _ = closing.run_until_cancelled(serve(opened)).await;
                        }
                        Err(error) => tracing::debug!(%error, "A connection could not be upgraded to SPDY"),
                    }
                });
                switching(dialect)
            }
        }
    }
}

fn is_spdy(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    upgrade.eq_ignore_ascii_case(SPDY)
}

fn switching(dialect: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static(SPDY));
    headers.insert(DIALECT, HeaderValue::from_static(dialect));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(headers: &[(&str, &str)], dialects: &Dialects) -> Result<Upgrade, Problem> {
        let mut request = axum::http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Upgrade::accept(request.body(Body::empty()).unwrap(), dialects).await
    }

    #[tokio::test]
    async fn an_unknown_dialect_is_refused_with_the_names_of_the_known() {
        let spdy = [("connection", "upgrade"), ("upgrade", "SPDY/3.1"), (DIALECT, "v1.channel.k8s.io")];
        let refused = asked(&spdy, &COMMAND).await.err().unwrap();
        assert!(format!("{refused:?}").contains("v4.channel.k8s.io"), "{refused:?}");
        let plain = asked(&[], &FORWARD).await.err().unwrap();
        assert!(format!("{plain:?}").contains("port-forward needs a WebSocket or SPDY/3.1"), "{plain:?}");
    }
}
