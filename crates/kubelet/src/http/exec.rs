//! `/exec`: a command in a container over a WebSocket, as the API server passes it through.
//! Old clients and servers speak SPDY; they get a sentence instead of a broken stream.
use std::pin::Pin;

use axum::{
    body::Bytes,
    extract::{
        FromRequestParts, Path, Query, Request, State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket},
    },
    http::{StatusCode, header},
    response::Response,
};
use futures::{
    SinkExt, Stream, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Api, Problem, frames, logs::find};
use crate::{ExecControl, ExecOutput, ExecRequest, ExecSession, ProviderError};

type Pairs = Vec<(String, String)>;

/// Largest message a client may send; kubectl sends 32 KiB.
const MESSAGE: usize = 1 << 20;

/// `/exec/{namespace}/{pod}/{container}`
pub(super) async fn exec(
    State(api): State<Api>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    request: Request,
) -> Result<Response, Problem> {
    start(&api, [&namespace, &pod, &container], None, &query, request).await
}

/// `/exec/{namespace}/{pod}/{uid}/{container}`
pub(super) async fn exec_by_uid(
    State(api): State<Api>,
    Path((namespace, pod, uid, container)): Path<(String, String, String, String)>,
    Query(query): Query<Pairs>,
    request: Request,
) -> Result<Response, Problem> {
    start(&api, [&namespace, &pod, &container], Some(&uid), &query, request).await
}

async fn start(
    api: &Api,
    [namespace, pod, container]: [&str; 3],
    uid: Option<&str>,
    query: &[(String, String)],
    request: Request,
) -> Result<Response, Problem> {
    let command = parse(query)?;
    let view = find(api, namespace, pod, container)?;
    let found = view.pod.metadata.uid.clone().unwrap_or_default();
    if uid.is_some_and(|uid| uid != found) {
        return Err(Problem::not_found(format!("Pod {namespace}/{pod} has another UID")));
    }
    let upgrade = upgrade(request).await?;
    // A refusal travels inside the WebSocket too: before the upgrade kubectl would hide it and try SPDY instead.
    let session = api.shared.provider.exec(&found, container, &command).await;
    let closing = api.shared.shutdown.clone();
    Ok(upgrade.on_upgrade(async move |socket| {
        tokio::select! {
            () = serve(socket, session) => {}
            () = closing.cancelled() => {}
        }
    }))
}

async fn upgrade(request: Request) -> Result<WebSocketUpgrade, Problem> {
    let upgrade = request.headers().get(header::UPGRADE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if upgrade.to_ascii_lowercase().starts_with("spdy/") {
        let detail =
            "This node speaks WebSocket only, not SPDY; use an API server and a kubectl of version 1.36 or newer";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
    }
    let (mut parts, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &()).await;
    let upgrade = upgrade.map_err(|_| Problem::bad_request("exec needs a WebSocket upgrade"))?;
    let upgrade = upgrade.max_message_size(MESSAGE).protocols([frames::V5, frames::V4]);
    if upgrade.selected_protocol().is_none() {
        return Err(Problem::bad_request(format!("exec needs the subprotocol {} or {}", frames::V5, frames::V4)));
    }
    Ok(upgrade)
}

fn parse(query: &[(String, String)]) -> Result<ExecRequest, Problem> {
    let mut request = ExecRequest::default();
    for (key, value) in query {
        let on = matches!(value.as_str(), "1" | "true");
        match key.as_str() {
            "command" => request.command.push(value.clone()),
            "input" | "stdin" => request.stdin |= on,
            "output" | "stdout" => request.stdout |= on,
            "error" | "stderr" => request.stderr |= on,
            "tty" => request.tty |= on,
            _ => {}
        }
    }
    // A terminal has one stream for both.
    request.stderr &= !request.tty;
    if request.command.is_empty() {
        return Err(Problem::bad_request("exec needs a command"));
    }
    if !(request.stdin || request.stdout || request.stderr) {
        return Err(Problem::bad_request("exec needs at least one of input, output and error"));
    }
    Ok(request)
}

async fn serve(socket: WebSocket, session: Result<ExecSession, ProviderError>) {
    let (mut sink, stream) = socket.split();
    let ExecSession { stdin, output, control } = match session {
        Ok(session) => session,
        Err(error) => return finish(sink, frames::failure(&error.to_string())).await,
    };
    let ended = tokio::select! {
        ended = copy_output(&mut sink, output) => ended,
        // The client is gone; dropping the session ends what can be ended.
        () = copy_input(stream, stdin, control.as_ref()) => return,
    };
    let status = match ended {
        Ok(()) => match control.exit_code().await {
            Ok(code) => frames::exit(code),
            Err(error) => frames::failure(&error.to_string()),
        },
        Err(Some(error)) => frames::failure(&error.to_string()),
        Err(None) => return,
    };
    finish(sink, status).await;
}

async fn finish(mut sink: SplitSink<WebSocket, Message>, status: Bytes) {
    let close = CloseFrame { code: axum::extract::ws::close_code::NORMAL, reason: "".into() };
    if sink.send(Message::Binary(status)).await.is_ok() {
        let _ = sink.send(Message::Close(Some(close))).await;
    }
}

/// `Err(None)`: the client is gone.
async fn copy_output(
    sink: &mut SplitSink<WebSocket, Message>,
    mut output: impl Stream<Item = Result<ExecOutput, ProviderError>> + Unpin,
) -> Result<(), Option<ProviderError>> {
    while let Some(piece) = output.next().await {
        let frame = match piece.map_err(Some)? {
            ExecOutput::Stdout(data) => frames::stdout(&data),
            ExecOutput::Stderr(data) => frames::stderr(&data),
        };
        sink.send(Message::Binary(frame)).await.map_err(|_| None)?;
    }
    Ok(())
}

/// Ends when the client closes the connection.
async fn copy_input(
    mut stream: SplitStream<WebSocket>,
    mut stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    control: &dyn ExecControl,
) {
    while let Some(Ok(message)) = stream.next().await {
        let frame: Bytes = match message {
            Message::Binary(data) => data,
            Message::Text(text) => text.into(),
            Message::Close(_) => return,
            Message::Ping(_) | Message::Pong(_) => continue,
        };
        match frames::parse(&frame) {
            frames::FromClient::Stdin(data) => {
                if let Some(writer) = &mut stdin
                    && (writer.write_all(&data).await.is_err() || writer.flush().await.is_err())
                {
                    // The command no longer reads; it may still print.
                    stdin = None;
                }
            }
            frames::FromClient::CloseStdin => {
                if let Some(mut writer) = stdin.take() {
                    let _ = writer.shutdown().await;
                }
            }
            frames::FromClient::Resize(size) => control.resize(size).await,
            frames::FromClient::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &[(&str, &str)]) -> Result<ExecRequest, Problem> {
        let pairs: Pairs = query.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        parse(&pairs)
    }

    #[test]
    fn a_command_keeps_its_words_in_order() {
        let request =
            parsed(&[("command", "sh"), ("command", "-c"), ("command", "a b"), ("output", "1"), ("error", "1")])
                .unwrap();
        assert_eq!(request.command, ["sh", "-c", "a b"]);
        assert!(request.stdout && request.stderr && !request.stdin && !request.tty);
    }

    #[test]
    fn a_terminal_has_no_separate_error_stream() {
        let request = parsed(&[("command", "sh"), ("tty", "1"), ("input", "1"), ("output", "1"), ("error", "1")]);
        assert!(!request.unwrap().stderr);
    }

    #[test]
    fn a_request_without_command_or_streams_is_refused() {
        assert!(parsed(&[("output", "1")]).is_err());
        assert!(parsed(&[("command", "ls")]).is_err());
    }
}
