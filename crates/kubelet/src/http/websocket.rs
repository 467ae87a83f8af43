//! The WebSocket side of streams: commands by channel frames, port-forward as a plain tunnel of bytes.
//! The API server passes the client's own WebSocket through, so these are the client's frames.
use axum::{
    body::Bytes,
    extract::ws::{CloseFrame, Message, WebSocket, close_code},
};
use futures::{
    SinkExt, StreamExt, future,
    stream::{SplitSink, SplitStream},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::{
    command::{self, Client},
    frames,
};
use crate::{ExecOutput, ExecSession, ProviderError};

/// Bytes on their way through a tunnel.
const BUFFER: usize = 64 << 10;

/// Serves one command.
pub(super) async fn serve(socket: WebSocket, session: Result<ExecSession, ProviderError>) {
    let (sink, stream) = socket.split();
    let input = Box::pin(payloads(stream).map(|frame| frames::parse(&frame)));
    command::run(session, input, Channels(sink)).await;
}

/// What the client sends, until it closes.
pub(super) fn payloads(stream: SplitStream<WebSocket>) -> impl futures::Stream<Item = Bytes> {
    let open = stream.take_while(|message| future::ready(matches!(message, Ok(message) if !is_close(message))));
    open.filter_map(async |message| match message.ok()? {
        Message::Binary(data) => Some(data),
        Message::Text(text) => Some(text.into()),
        Message::Ping(_) | Message::Pong(_) | Message::Close(_) => None,
    })
}

fn is_close(message: &Message) -> bool {
    matches!(message, Message::Close(_))
}

struct Channels(SplitSink<WebSocket, Message>);

impl Client for Channels {
    async fn send(&mut self, piece: ExecOutput) -> bool {
        let frame = match piece {
            ExecOutput::Stdout(data) => frames::stdout(&data),
            ExecOutput::Stderr(data) => frames::stderr(&data),
        };
        self.0.send(Message::Binary(frame)).await.is_ok()
    }

    async fn finish(mut self, status: Vec<u8>) {
        if self.0.send(Message::Binary(frames::status(&status))).await.is_ok() {
            close(&mut self.0).await;
        }
    }
}

pub(super) async fn close(sink: &mut SplitSink<WebSocket, Message>) {
    let close = CloseFrame { code: close_code::NORMAL, reason: "".into() };
    let _ = sink.send(Message::Close(Some(close))).await;
}

/// The socket as plain bytes.
pub(super) fn tunnel(socket: WebSocket) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(BUFFER);
    let (mut sink, stream) = socket.split();
    let (mut read, mut write) = tokio::io::split(ours);
    tokio::spawn(async move {
        let mut stream = Box::pin(payloads(stream));
        while let Some(data) = stream.next().await {
            if write.write_all(&data).await.is_err() {
                return;
            }
        }
        let _ = write.shutdown().await;
    });
    tokio::spawn(async move {
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = read.read(&mut buffer).await {
            let data = Bytes::copy_from_slice(&buffer[..count]);
            if sink.send(Message::Binary(data)).await.is_err() {
                return;
            }
        }
        close(&mut sink).await;
    });
    theirs
}
