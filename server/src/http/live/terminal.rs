//! A terminal in the browser: one WebSocket, keys and screen as binary frames, size and the end as JSON text.
//!
//! Source: `security.md` §4.2 (origin at the start, session each minute), `stack.md` §2.2.

use std::future::Future;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocketUpgrade};
use axum::response::Response;
use backend::Backend;
use backend::ports::Terminal;
use domain::terminal::{IDLE_SECONDS, TerminalInput, TerminalOptions, is_side};
use futures::{Sink, SinkExt as _, Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, interval_at, sleep_until, timeout};

use super::KEEP_ALIVE;
use crate::http::extract::{ApiPath, ApiQuery};
use crate::http::problem::Problem;
use crate::http::stream_guard::{Sees, StreamGuard};
use crate::http::terminal_limit::Terminals;

// A paste; longer ones come in pieces.
const LARGEST_MESSAGE: usize = 256 * 1024;
// Who does not read for so long is gone.
const SEND_LIMIT: Duration = Duration::from_secs(30);
const IDLE: Duration = Duration::from_secs(IDLE_SECONDS);
const GONE: &str = "The browser is gone";

#[derive(Deserialize)]
struct Size {
    columns: u16,
    rows: u16,
}

/// `GET /live/namespaces/{id}/pods/{pod}/exec`: upgraded to a WebSocket.
pub(super) async fn open(
    State(backend): State<Backend>,
    State(terminals): State<Terminals>,
    guard: StreamGuard,
    ApiPath((namespace_id, pod)): ApiPath<(String, String)>,
    ApiQuery(options): ApiQuery<TerminalOptions>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let place = terminals.take(guard.caller().user.id)?;
    let Ok(upgrade) = upgrade else {
        // A browser does not say why a WebSocket was refused: its page asks once more without one.
        backend.check_terminal(guard.caller(), &namespace_id, &pod, &options).await?;
        return Err(Problem::malformed("A terminal needs a WebSocket"));
    };
    let (terminal, open) = backend.open_terminal(guard.caller(), &namespace_id, &pod, &options).await?;
    let caller = guard.caller().clone();
    // A frame is read whole before anybody counts the message.
    let upgrade = upgrade.max_message_size(LARGEST_MESSAGE).max_frame_size(LARGEST_MESSAGE);
    Ok(upgrade.on_upgrade(async move |socket| {
        let (mut to, mut from) = socket.split();
        let over = guard.over(Sees::Workspace(namespace_id));
        let why = serve(&mut to, &mut from, terminal, over, IDLE).await;
        if let Err(error) = backend.terminal_closed(&caller, open, &why).await {
            tracing::error!(error = &error as &dyn std::error::Error, "recording the end of a terminal failed");
        }
        // The browser may be gone by now: then there is nobody to tell.
        let last = Message::Text(Utf8Bytes::from(json!({"end": why}).to_string()));
        let _gone = told(&mut to, last).await && told(&mut to, Message::Close(None)).await;
        drop(place);
    }))
}

/// Runs until one side ends; says why. What a person sends waits for the shell apart from what the shell writes: a shell
/// that is blocked on its output reads nothing.
async fn serve<E>(
    to: &mut (impl Sink<Message> + Unpin),
    from: &mut (impl Stream<Item = Result<Message, E>> + Unpin),
    terminal: Terminal,
    over: impl Future<Output = &'static str>,
    idle: Duration,
) -> String {
    let Terminal { mut output, input, ended } = terminal;
    let mut over = std::pin::pin!(over);
    let mut deadline = Instant::now() + idle;
    let mut alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    let mut waiting = None;
    loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(Ok(bytes)) => if !told(to, Message::Binary(Bytes::from(bytes))).await {
                    return GONE.to_owned();
                },
                Some(Err(_)) => return "The line to the cluster broke".to_owned(),
                None => return ended.await,
            },
            message = from.next(), if waiting.is_none() => match message {
                Some(Ok(message)) => if let Some(sent) = read(message) {
                    // A window that is resized is not somebody who types.
                    if matches!(sent, TerminalInput::Bytes(_)) {
                        deadline = Instant::now() + idle;
                    }
                    waiting = Some(sent);
                },
                Some(Err(_)) | None => return "Closed by the person".to_owned(),
            },
            room = input.reserve(), if waiting.is_some() => match (room, waiting.take()) {
                (Ok(room), Some(sent)) => room.send(sent),
                (Ok(_), None) => {}
                (Err(_), _) => return ended.await,
            },
            _ = alive.tick() => if !told(to, Message::Ping(Bytes::new())).await {
                return GONE.to_owned();
            },
            () = sleep_until(deadline) => return format!("Closed after {} minutes without a key", idle.as_secs() / 60),
            why = &mut over => return why.to_owned(),
        }
    }
}

async fn told(to: &mut (impl Sink<Message> + Unpin), message: Message) -> bool {
    matches!(timeout(SEND_LIMIT, to.send(message)).await, Ok(Ok(())))
}

/// What a message asks for; control frames ask for nothing, and no answer to a ping is a key.
fn read(message: Message) -> Option<TerminalInput> {
    match message {
        Message::Binary(bytes) => Some(TerminalInput::Bytes(bytes.to_vec())),
        Message::Text(text) => {
            let Size { columns, rows } = serde_json::from_str(&text).ok()?;
            (is_side(columns) && is_side(rows)).then_some(TerminalInput::Resize { columns, rows })
        }
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::{FutureExt as _, future, sink, stream};
    use tokio::sync::mpsc;
    use tokio::time::sleep;

    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Says why a terminal ended after how many minutes, when `message` comes after `minutes` and nothing else ever.
    async fn ends_after(minutes: u32, message: Message) -> (String, u64) {
        let (input, _shell) = mpsc::channel(8);
        let terminal = Terminal { output: stream::pending().boxed(), input, ended: future::pending().boxed() };
        let later = async move {
            sleep(MINUTE * minutes).await;
            Ok::<_, Infallible>(message)
        };
        let mut from = stream::once(later).chain(stream::pending()).boxed();
        let begun = Instant::now();
        let why = serve(&mut sink::drain(), &mut from, terminal, future::pending(), IDLE).await;
        (why, begun.elapsed().as_secs() / 60)
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_at_the_keys_for_a_quarter_of_an_hour_ends_a_terminal() {
        let key = Message::Binary(Bytes::from_static(b"l"));
        let ended = "Closed after 15 minutes without a key".to_owned();
        assert_eq!(ends_after(14, key).await, (ended.clone(), 29));
        let size = Message::Text(Utf8Bytes::from_static(r#"{"columns":80,"rows":24}"#));
        assert_eq!(ends_after(14, size).await, (ended.clone(), 15), "a window is nobody");
        assert_eq!(ends_after(14, Message::Pong(Bytes::new())).await, (ended, 15), "nor is a browser");
    }

    #[test]
    fn keys_are_bytes_and_a_size_is_text() {
        let keys = read(Message::Binary(Bytes::from_static(b"ls\n")));
        assert_eq!(keys, Some(TerminalInput::Bytes(b"ls\n".to_vec())));
        let size = read(Message::Text(Utf8Bytes::from_static(r#"{"columns":80,"rows":24}"#)));
        assert_eq!(size, Some(TerminalInput::Resize { columns: 80, rows: 24 }));
        for odd in [r#"{"columns":0,"rows":24}"#, r#"{"columns":99999,"rows":1}"#, "{}", "ls"] {
            assert_eq!(read(Message::Text(Utf8Bytes::from(odd.to_owned()))), None, "{odd}");
        }
    }
}
