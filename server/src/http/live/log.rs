//! The logs of pods as a page reads them: one event a line, several pods in one stream.
//!
//! Nothing is stored: a slow reader slows down the reading from the node, so memory stays at one line a pod.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use backend::{Backend, PodLog};
use domain::log::{LogOptions, LogPiece, MOST_LIVE_LINES, Restart};
use domain::{Error, Result};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use serde_json::json;

use super::events;
use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::log_lines::{LogLines, plain};
use crate::http::problem::Problem;
use crate::http::stream_guard::StreamGuard;

/// What a page asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    /// Names, parted by commas.
    pods: String,
    container: Option<String>,
    tail: Option<u32>,
    since: Option<u32>,
    #[serde(default)]
    previous: bool,
    #[serde(default)]
    timestamps: bool,
}

/// `GET /live/namespaces/{id}/log?pods=a,b`: each line as `<number of the pod> <line>`; event `restart` as `<number of
/// the pod> <when the run before ended, or -> <words>` before the lines of a container that was started again; event
/// `end` when every log is over. Event `problem` when one broke: then no `end` comes, so the browser asks again and begins
/// anew.
pub(super) async fn read(
    State(backend): State<Backend>,
    guard: StreamGuard,
    ApiPath(namespace_id): ApiPath<String>,
    ApiQuery(query): ApiQuery<LogQuery>,
) -> Result<Response, Problem> {
    let options = LogOptions {
        container: query.container,
        follow: !query.previous,
        previous: query.previous,
        // The whole log is a download; a page that is handed millions of lines can show none of them.
        tail_lines: Some(query.tail.unwrap_or(MOST_LIVE_LINES).min(MOST_LIVE_LINES)),
        since_seconds: query.since,
        timestamps: query.timestamps,
    };
    let pods: Vec<String> = query.pods.split(',').filter(|pod| !pod.is_empty()).map(str::to_owned).collect();
    let logs = backend.pod_logs(guard.caller(), &namespace_id, &pods, &options).await?;
    Ok(events(guard.watch_events(namespace_id, log_events(logs).map(Ok::<_, Infallible>))))
}

fn log_events(logs: Vec<PodLog>) -> impl Stream<Item = Event> + Send + 'static {
    let whole = Arc::new(AtomicBool::new(true));
    let each = logs.into_iter().enumerate().map(|(number, (_, pieces))| {
        let whole = Arc::clone(&whole);
        let noticed = pieces.inspect_err(move |_| whole.store(false, Ordering::Relaxed)).boxed();
        one(number, noticed).boxed()
    });
    let each: Vec<_> = each.collect();
    let end = stream::once(async move { whole.load(Ordering::Relaxed).then(end) });
    stream::select_all(each).chain(end.filter_map(std::future::ready))
}

fn one(number: usize, pieces: BoxStream<'static, Result<LogPiece>>) -> impl Stream<Item = Event> + Send + 'static {
    stream::unfold(Some((pieces, LogLines::default())), move |open| async move {
        let (mut pieces, mut lines) = open?;
        let line = |text: String| line(number, &text);
        Some(match pieces.next().await {
            Some(Ok(LogPiece::Bytes(bytes))) => {
                let ready: Vec<Event> = lines.push(&bytes).into_iter().map(line).collect();
                (ready, Some((pieces, lines)))
            }
            // The last line of a run may have no end.
            Some(Ok(LogPiece::Restarted(restart))) => {
                let last = lines.finish().map(line);
                (last.into_iter().chain([restarted(number, &restart)]).collect(), Some((pieces, LogLines::default())))
            }
            Some(Err(error)) => (vec![broken(&error)], None),
            None => (lines.finish().map(line).into_iter().collect(), None),
        })
    })
    .flat_map(stream::iter)
}

fn line(number: usize, text: &str) -> Event {
    Event::default().data(format!("{number} {}", plain(text)))
}

fn restarted(number: usize, restart: &Restart) -> Event {
    let at = restart.at.as_deref().unwrap_or("-");
    Event::default().event("restart").data(format!("{number} {at} {}", plain(&restart.words)))
}

fn end() -> Event {
    Event::default().event("end").data("The log has ended")
}

fn broken(error: &Error) -> Event {
    let text = json!({"code": error.code(), "detail": error.to_string()}).to_string();
    Event::default().event("problem").data(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use axum::response::IntoResponse as _;
    use axum::response::sse::Sse;

    async fn text(logs: Vec<Vec<Result<Vec<u8>>>>) -> String {
        let piece = |chunk: Result<Vec<u8>>| chunk.map(LogPiece::Bytes);
        told(logs.into_iter().map(|chunks| chunks.into_iter().map(piece).collect::<Vec<_>>()).collect()).await
    }

    async fn told(logs: Vec<Vec<Result<LogPiece>>>) -> String {
        let logs = logs.into_iter().map(|pieces| ("a".to_owned(), stream::iter(pieces).boxed())).collect();
        let body = Sse::new(log_events(logs).map(Ok::<_, Infallible>)).into_response().into_body();
        String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn each_line_is_one_event_and_the_end_is_said() {
        let text = text(vec![vec![Ok(b"a\nb".to_vec()), Ok(b"c\n\nd".to_vec())]]).await;
        assert_eq!(text, "data: 0 a\n\ndata: 0 bc\n\ndata: 0 \n\ndata: 0 d\n\nevent: end\ndata: The log has ended\n\n");
    }

    #[tokio::test]
    async fn a_restart_stands_between_the_last_line_of_one_run_and_the_first_of_the_next() {
        let restart = Restart { at: Some("2026-01-01T00:00:00Z".into()), words: "Container restarted".into() };
        let bytes = |text: &str| Ok(LogPiece::Bytes(text.as_bytes().to_vec()));
        let text = told(vec![vec![bytes("a\nb"), Ok(LogPiece::Restarted(restart)), bytes("c\n")]]).await;
        let restart = "event: restart\ndata: 0 2026-01-01T00:00:00Z Container restarted\n\n";
        assert!(text.starts_with(&format!("data: 0 a\n\ndata: 0 b\n\n{restart}data: 0 c\n\n")), "{text}");
        assert_eq!(text.matches("event: end").count(), 1);
    }

    #[tokio::test]
    async fn lines_of_several_pods_say_whose_they_are() {
        let text = text(vec![vec![Ok(b"x\n".to_vec())], vec![Ok(b"y\n".to_vec())]]).await;
        assert!(text.contains("data: 0 x\n") && text.contains("data: 1 y\n"), "{text}");
        assert_eq!(text.matches("event: end").count(), 1);
    }

    #[tokio::test]
    async fn a_broken_log_says_why_and_leaks_nothing() {
        let text = text(vec![vec![Ok(b"a\n".to_vec()), Err(Error::cluster("10.0.0.7 refused"))]]).await;
        assert!(text.contains("event: problem") && text.contains("cluster_unavailable"), "{text}");
        assert!(!text.contains("10.0.0.7"));
        assert!(!text.contains("event: end"), "it would pass for the whole log: {text}");
    }

    #[tokio::test]
    async fn control_characters_never_reach_the_page() {
        let text = text(vec![vec![Ok(b"\x1b[31mred\x1b[0m \x07\x1b]0;title\x07bell\n".to_vec())]]).await;
        assert!(text.starts_with("data: 0 red bell\n"), "{text:?}");
    }
}
