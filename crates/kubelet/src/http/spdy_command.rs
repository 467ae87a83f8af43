//! exec and attach over SPDY: the client opens one stream for each of error, stdin, stdout, stderr and resize.
//! The command starts to be heard once all that were asked for are there.
use std::{collections::HashMap, time::Duration};

use axum::body::Bytes;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;

use super::{
    command::{self, Client},
    frames::FromClient,
    spdy::{Connection, Output, Stream},
};
use crate::{AttachRequest, ExecOutput, ExecSession, ProviderError};

/// What a client gets to open its streams.
const OPENING: Duration = Duration::from_secs(30);

/// Serves one command whose client wants these streams.
pub(super) async fn serve(
    mut connection: Connection,
    wanted: AttachRequest,
    session: Result<ExecSession, ProviderError>,
) {
    let Ok(Some(mut streams)) = tokio::time::timeout(OPENING, open(&mut connection, &wanted)).await else { return };
    let closed = connection.closed.clone().cancelled_owned();
    let stdin = streams.get_mut("stdin").map(receiver);
    let stdin = stream::iter(stdin).flatten().map(FromClient::Stdin);
    // The end of the stream is the end of the input, and of nothing else.
    let stdin = stdin.chain(stream::iter([FromClient::CloseStdin])).chain(stream::pending());
    let resize = streams.get_mut("resize").map(receiver);
    let resize = stream::iter(resize).flatten().map(|size| resized(&size));
    let input = Box::pin(stream::select(stdin, resize).take_until(closed));
    let outputs = streams.into_iter().map(|(kind, stream)| (kind, stream.output)).collect();
    command::run(session, input, Streams(outputs)).await;
}

/// The streams by their type, once all are there; `None` if the client is gone.
async fn open(connection: &mut Connection, wanted: &AttachRequest) -> Option<HashMap<String, Stream>> {
    let parts = [("stdin", wanted.stdin), ("stdout", wanted.stdout), ("stderr", wanted.stderr), ("resize", wanted.tty)];
    let needed = parts.iter().filter(|(_, wanted)| *wanted).count() + 1;
    let mut streams = HashMap::new();
    while streams.len() < needed {
        let stream = connection.next().await?;
        streams.insert(stream.header("streamtype").to_owned(), stream);
    }
    Some(streams)
}

fn receiver(stream: &mut Stream) -> impl futures::Stream<Item = Bytes> + use<> {
    let mut input = std::mem::replace(&mut stream.input, mpsc::channel(1).1);
    stream::poll_fn(move |context| input.poll_recv(context))
}

fn resized(json: &[u8]) -> FromClient {
    serde_json::from_slice(json).map_or(FromClient::Nothing, FromClient::Resize)
}

struct Streams(HashMap<String, Output>);

impl Client for Streams {
    async fn send(&mut self, piece: ExecOutput) -> bool {
        let (kind, data) = match &piece {
            ExecOutput::Stdout(data) => ("stdout", data),
            ExecOutput::Stderr(data) => ("stderr", data),
        };
        match self.0.get(kind) {
            Some(output) => output.send(data).await,
            None => true,
        }
    }

    async fn finish(self, status: Vec<u8>) {
        if let Some(error) = self.0.get("error") {
            error.send(&status).await;
        }
        for output in self.0.values() {
            output.finish().await;
        }
    }
}
