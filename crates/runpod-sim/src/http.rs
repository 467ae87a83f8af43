//! The simulator behind a socket: `/v2` for clients, `/proxy` for HTTP ports of instances, `/control` for scripts, `/` for
//! people.

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body as HttpBody, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures::{Stream, StreamExt};

use crate::{
    call::{Body, Call, Reply},
    control,
    logs::{self, Follower},
    page, proxy,
    simulator::Simulator,
};

/// Between two looks at a log that is being followed.
const LOOK: Duration = Duration::from_millis(100);
/// More than the largest body that the API takes, so that its own answer is seen.
const MOST_BYTES: usize = 1 << 20;

/// All routes.
pub fn router(simulator: Arc<Simulator>) -> Router {
    Router::new().fallback(answer).with_state(simulator)
}

async fn answer(State(simulator): State<Arc<Simulator>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MOST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path();
    if path == "/" {
        return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page::render(&simulator.report()))
            .into_response();
    }
    if path.starts_with("/control") {
        return response(&simulator, control::route(&simulator, parts.method.as_str(), path, &body)).await;
    }
    if let Some((id, port)) = path.strip_prefix("/proxy/").and_then(proxy::instance) {
        let status = StatusCode::from_u16(simulator.proxied(id, port));
        return status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    }
    let call = Call {
        method: parts.method.as_str().to_owned(),
        path: path.to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        bearer: text(&parts.headers, "authorization")
            .and_then(|value| value.strip_prefix("Bearer ").map(str::to_owned)),
        last_event_id: text(&parts.headers, "last-event-id"),
        body: body.to_vec(),
    };
    let reply = simulator.handle(&call);
    response(&simulator, reply).await
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

async fn response(simulator: &Arc<Simulator>, reply: Reply) -> Response {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let json = if reply.status >= 400 { "application/problem+json" } else { "application/json" };
    let (kind, body) = match reply.body {
        Body::Empty => ("", HttpBody::empty()),
        Body::Json(body) => (json, HttpBody::from(body.to_string())),
        Body::Html(page) => ("text/html", HttpBody::from(page)),
        Body::Cut(text) => (json, broken(text)),
        Body::Never => std::future::pending().await,
        Body::Events { id, from, source, effects } => {
            let follower = Follower::new(id, from, source, effects);
            let events = follow(simulator.clone(), follower).map(Ok::<_, io::Error>);
            ("text/event-stream", HttpBody::from_stream(events))
        }
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            headers.append(name, value);
        }
    }
    if !kind.is_empty() {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    response
}

fn broken(text: String) -> HttpBody {
    let parts = [Ok(Bytes::from(text)), Err(io::Error::from(io::ErrorKind::ConnectionReset))];
    HttpBody::from_stream(futures::stream::iter(parts))
}

/// The events of a log; it never ends by itself.
fn follow(simulator: Arc<Simulator>, follower: Follower) -> impl Stream<Item = Bytes> {
    futures::stream::unfold((simulator, follower), |(simulator, mut follower)| async move {
        loop {
            let text = follower.next(&simulator)?;
            if !text.is_empty() {
                return Some((Bytes::from(text), (simulator, follower)));
            }
            tokio::time::sleep(LOOK).await;
        }
    })
}

// === impl Simulator ===

impl Simulator {
    /// The events of an instance's log from line `from` on, which is moved behind them.
    pub(crate) fn events(&self, id: &str, from: &mut usize, source: Option<&str>) -> Vec<String> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.progress(now);
        let Some(pod) = state.pods.get(id) else { return Vec::new() };
        let due: Vec<_> = pod.log.iter().enumerate().skip(*from).take_while(|(_, line)| line.at <= now).collect();
        *from += due.len();
        let wanted = due.into_iter().filter(|(_, line)| source.is_none_or(|source| source == line.source));
        wanted.map(|(number, line)| logs::event(number, line)).collect()
    }
}
