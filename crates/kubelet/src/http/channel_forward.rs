//! Port-forward in the older dialect, which libraries still speak: channels of `v4.channel.k8s.io` in a WebSocket, two
//! for each port of the request, one for bytes and one for what went wrong. Each begins with a frame that names its port.
use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::ws::{Message, WebSocket},
};
use futures::{SinkExt, StreamExt};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Problem, frames,
    port_forward::{Outlet, copy},
    websocket::{close, payloads},
};
use crate::Provider;

/// Frames on their way in one direction.
const QUEUE: usize = 16;
/// Channels are numbered by one byte.
const MOST: usize = 100;

/// One channel of the client's.
struct Channel {
    number: u8,
    frames: mpsc::Sender<Bytes>,
}

// === impl Channel ===

impl Outlet for Channel {
    async fn send(&self, data: &[u8]) -> bool {
        self.frames.send(frames::frame(self.number, data)).await.is_ok()
    }
}

/// The ports of the query, `port=80,443` or repeated.
///
/// # Errors
/// Without any, with too many, and for what is no port.
pub(super) fn ports(query: &[(String, String)]) -> Result<Vec<u16>, Problem> {
    let texts = query.iter().filter(|(key, _)| key == "port").flat_map(|(_, value)| value.split(','));
    let wrong = |text: &str| Problem::bad_request(format!("{text:?} is no port"));
    let ports: Vec<u16> = texts
        .map(|text| text.parse::<u16>().ok().filter(|port| *port > 0).ok_or_else(|| wrong(text)))
        .collect::<Result<_, _>>()?;
    match ports.len() {
        1..=MOST => Ok(ports),
        _ => Err(Problem::bad_request(format!("port-forward needs 1 to {MOST} ports"))),
    }
}

/// Serves all ports of one socket until they, or the client, have ended.
pub(super) async fn serve(socket: WebSocket, provider: Arc<dyn Provider>, uid: Arc<str>, ports: &[u16]) {
    let (mut sink, stream) = socket.split();
    let (frames, mut queue) = mpsc::channel::<Bytes>(QUEUE);
    // Dropped with the client: what it no longer waits for ends.
    let mut running = JoinSet::new();
    let mut inputs = Vec::new();
    for (port, number) in ports.iter().zip((0u8..).step_by(2)) {
        let (input, received) = mpsc::channel(QUEUE);
        inputs.push(input);
        let data = Channel { number, frames: frames.clone() };
        let error = Channel { number: number + 1, frames: frames.clone() };
        running.spawn(forward(provider.clone(), uid.clone(), *port, received, (data, error)));
    }
    drop(frames);
    let outgoing = async {
        while let Some(frame) = queue.recv().await {
            if sink.send(Message::Binary(frame)).await.is_err() {
                return;
            }
        }
        close(&mut sink).await;
    };
    let incoming = async {
        let mut stream = Box::pin(payloads(stream));
        while let Some(frame) = stream.next().await {
            let Some((channel, _)) = frame.split_first() else { continue };
            let input = inputs.get(usize::from(channel / 2)).filter(|_| channel % 2 == 0);
            if let Some(input) = input {
                // A port that has ended takes nothing more.
                let _ = input.send(frame.slice(1..)).await;
            }
        }
    };
    tokio::select! {
        () = outgoing => {}
        () = incoming => {}
    }
}

async fn forward(
    provider: Arc<dyn Provider>,
    uid: Arc<str>,
    port: u16,
    input: mpsc::Receiver<Bytes>,
    (data, error): (Channel, Channel),
) {
    for channel in [&data, &error] {
        if !channel.send(&port.to_le_bytes()).await {
            return;
        }
    }
    match provider.port_forward(&uid, port).await {
        Ok(wire) => copy(wire, input, &data).await,
        Err(problem) => {
            error.send(format!("forwarding to port {port}: {problem}").as_bytes()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ports;

    #[test]
    fn ports_are_read_from_the_query() {
        let read = |values: &[&str]| {
            let query: Vec<_> = values.iter().map(|value| ("port".to_owned(), (*value).to_owned())).collect();
            ports(&query).ok()
        };
        assert_eq!(read(&["80,443", "8080"]), Some(vec![80, 443, 8080]));
        for wrong in [&[][..], &["0"], &["http"], &["70000"]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }
}
