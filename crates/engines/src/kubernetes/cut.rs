//! How much of another cluster's answers is read: the library reads all of it, and who imports an engine chooses what
//! answers there. One process runs the nodes of everybody.
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    BoxError,
    body::{Body, Bytes, HttpBody},
    http::{Request, Response},
};
use futures::{FutureExt, StreamExt, TryFutureExt, future::BoxFuture};
use tower::{Layer, Service};

use crate::bounds::{LINE, WHOLE};

/// Most of a refusal.
const REFUSAL: usize = 1 << 20;

/// What is wanted of a request, and so how its answer is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// One answer, read as a whole.
    Whole,
    /// Lines without an end.
    Watch,
    /// Passed on as it comes, also without any line.
    Log,
}

/// Breaks off answers that are too long, and notes that one was a 401 or 403.
pub(super) struct CutLayer(pub(super) Arc<AtomicBool>);

/// See [`CutLayer`].
pub(super) struct Cut<S>(S, Arc<AtomicBool>);

// === impl CutLayer ===

impl<S> Layer<S> for CutLayer {
    type Service = Cut<S>;

    fn layer(&self, inner: S) -> Cut<S> {
        Cut(inner, self.0.clone())
    }
}

// === impl Cut ===

impl<S, R, B> Service<Request<R>> for Cut<S>
where
    S: Service<Request<R>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<R>) -> Self::Future {
        let (wanted, refused) = (wanted(&request), self.1.clone());
        let read = move |answer: Response<B>| {
            if matches!(answer.status().as_u16(), 401 | 403) {
                refused.store(true, Ordering::Relaxed);
            }
            cut(answer, wanted)
        };
        self.0.call(request).map_ok(read).boxed()
    }
}

fn wanted<R>(request: &Request<R>) -> Wanted {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    if path.ends_with("/log") {
        Wanted::Log
    } else if query.split('&').any(|one| one == "watch=true") {
        Wanted::Watch
    } else {
        Wanted::Whole
    }
}

fn cut<B>(answer: Response<B>, wanted: Wanted) -> Response<Body>
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (parts, body) = answer.into_parts();
    let body = Body::new(body);
    let refused = parts.status.is_client_error() || parts.status.is_server_error();
    let most = match wanted {
        _ if refused => REFUSAL,
        Wanted::Whole => WHOLE,
        Wanted::Watch => LINE,
        Wanted::Log => return Response::from_parts(parts, body),
    };
    let by_line = wanted == Wanted::Watch && !refused;
    let mut read = 0_usize;
    let pieces = body.into_data_stream().map(move |piece| {
        let piece = piece?;
        let end = piece.iter().rposition(|byte| *byte == b'\n').filter(|_| by_line);
        read = match end {
            Some(end) => piece.len() - end - 1,
            None => read.saturating_add(piece.len()),
        };
        if read > most { Err(axum::Error::new("The answer is too long")) } else { Ok(piece) }
    });
    Response::from_parts(parts, Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{TryStreamExt, stream};
    use tower::ServiceExt;

    use super::*;

    /// A mebibyte.
    static PIECE: [u8; 1 << 20] = [b'x'; 1 << 20];
    static LAST: &[u8] = b"x\n";

    /// How many bytes of an answer of so many mebibytes are read; with `lines` each is a line.
    async fn read(path: &str, status: u16, mebibytes: usize, lines: bool) -> Result<usize, axum::Error> {
        let inner = tower::service_fn(move |_: Request<()>| async move {
            let piece = move |_: usize| [&PIECE[..], if lines { LAST } else { b"" }];
            let pieces = (0..mebibytes).flat_map(piece).map(|piece| Ok::<_, Infallible>(Bytes::from_static(piece)));
            let mut answer = Response::new(Body::from_stream(stream::iter(pieces)));
            *answer.status_mut() = status.try_into().unwrap();
            Ok::<_, Infallible>(answer)
        });
        let request = Request::get(path).body(()).unwrap();
        let answer = CutLayer(Arc::default()).layer(inner).oneshot(request).await.unwrap();
        answer.into_body().into_data_stream().try_fold(0_usize, |sum, piece| async move { Ok(sum + piece.len()) }).await
    }

    #[tokio::test]
    async fn an_answer_that_is_read_as_a_whole_breaks_off_where_it_is_too_long() {
        let list = "/api/v1/namespaces/aichor/pods?limit=500";
        assert_eq!(read(list, 200, 3, false).await.unwrap(), 3 << 20);
        assert!(read(list, 200, 65, true).await.is_err());
        for path in [list, "/api/v1/pods?watch=true", "/api/v1/namespaces/aichor/pods/web/log"] {
            assert!(read(path, 403, 2, true).await.is_err(), "{path}");
        }
    }

    #[tokio::test]
    async fn a_watch_goes_on_for_ever_but_no_line_of_it() {
        let watch = "/api/v1/pods?labelSelector=a&watch=true&timeoutSeconds=290";
        assert_eq!(read(watch, 200, 100, true).await.unwrap(), (100 << 20) + 200);
        assert!(read(watch, 200, 9, false).await.is_err());
    }

    #[tokio::test]
    async fn a_log_is_passed_on_however_long_it_is() {
        let log = "/api/v1/namespaces/aichor/pods/web/log?follow=true";
        assert_eq!(read(log, 200, 100, false).await.unwrap(), 100 << 20);
    }

    #[tokio::test]
    async fn a_refusal_is_noted_and_nothing_else_is() {
        for (status, noted) in [(200, false), (401, true), (403, true), (404, false), (500, false)] {
            let refused = Arc::<AtomicBool>::default();
            let inner = tower::service_fn(move |_: Request<()>| async move {
                let mut answer = Response::new(Body::empty());
                *answer.status_mut() = axum::http::StatusCode::from_u16(status).unwrap();
                Ok::<_, Infallible>(answer)
            });
            let request = Request::get("/api/v1/nodes").body(()).unwrap();
            let _answer = CutLayer(refused.clone()).layer(inner).oneshot(request).await.unwrap();
            assert_eq!(refused.load(Ordering::Relaxed), noted, "{status}");
        }
    }
}
