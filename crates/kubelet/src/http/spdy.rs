//! The part of SPDY/3.1 that exec, attach and port-forward need: the client opens streams, both sides send on them.
//! API servers before 1.36 speak it to kubelets, and port-forward speaks it inside a WebSocket to this day.
use std::{collections::HashMap, io};

use axum::body::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf},
    sync::mpsc,
};
use tokio_util::sync::{CancellationToken, DropGuard};

mod dictionary;
mod frame;
mod headers;

use frame::{HEAD, Kind, LARGEST};
use headers::{Headers, Reader};

/// Frames and pieces that wait for their reader.
const WAITING: usize = 64;
/// Streams open at the same time: a browser behind port-forward opens dozens, nobody thousands.
const STREAMS: usize = 1024;
/// Largest piece sent in one frame.
const PIECE: usize = 64 << 10;

/// One connection, from the side that accepts streams.
pub(super) struct Connection {
    streams: mpsc::Receiver<Stream>,
    /// Fires when the client is gone.
    pub(super) closed: CancellationToken,
    /// Dropped with the connection: the reading ends.
    _reading: DropGuard,
}

/// One stream, opened by the client.
pub(super) struct Stream {
    headers: Headers,
    pub(super) input: mpsc::Receiver<Bytes>,
    pub(super) output: Output,
}

/// The sending side of a stream.
#[derive(Clone)]
pub(super) struct Output {
    id: u32,
    frames: mpsc::Sender<Vec<u8>>,
}

// === impl Connection ===

impl Connection {
    /// Speaks the protocol on `io` until either side closes it.
    pub(super) fn start(io: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        let (read, write) = tokio::io::split(io);
        let (frames, outgoing) = mpsc::channel(WAITING);
        let (opened, streams) = mpsc::channel(WAITING);
        let (closed, stop) = (CancellationToken::new(), CancellationToken::new());
        tokio::spawn(write_all(write, outgoing));
        let incoming = Incoming { read, frames, opened, open: HashMap::new(), headers: Reader::new(), last: 0 };
        let (ended, stopped) = (closed.clone().drop_guard(), stop.clone());
        tokio::spawn(async move {
            let _ended = ended;
            tokio::select! {
                result = incoming.run() => if let Err(error) = result {
                    tracing::debug!(%error, "A SPDY connection has ended");
                },
                () = stopped.cancelled() => {}
            }
        });
        Self { streams, closed, _reading: stop.drop_guard() }
    }

    /// The next stream that the client opens; `None` when it is gone.
    pub(super) async fn next(&mut self) -> Option<Stream> {
        self.streams.recv().await
    }
}

// === impl Stream ===

impl Stream {
    /// The value of a header; `""` if there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

// === impl Output ===

impl Output {
    /// False if the client is gone.
    pub(super) async fn send(&self, data: &[u8]) -> bool {
        for piece in data.chunks(PIECE) {
            if self.frames.send(frame::data(self.id, piece, false)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Nothing more will be sent on this stream.
    pub(super) async fn finish(&self) {
        let _ = self.frames.send(frame::data(self.id, &[], true)).await;
    }
}

/// Sends frames until nobody holds an [`Output`] any more, then closes.
async fn write_all(mut write: impl AsyncWrite + Unpin, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(frame) = frames.recv().await {
        if write.write_all(&frame).await.is_err() || write.flush().await.is_err() {
            return;
        }
    }
    let _ = write.shutdown().await;
}

/// The receiving side.
struct Incoming<T> {
    read: ReadHalf<T>,
    frames: mpsc::Sender<Vec<u8>>,
    opened: mpsc::Sender<Stream>,
    open: HashMap<u32, mpsc::Sender<Bytes>>,
    headers: Reader,
    last: u32,
}

// === impl Incoming ===

impl<T: AsyncRead + AsyncWrite + Send> Incoming<T> {
    async fn run(mut self) -> io::Result<()> {
        let mut bytes = [0; HEAD];
        loop {
            match self.read.read_exact(&mut bytes).await {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let head = frame::head(&bytes);
            if head.kind == Kind::Foreign || head.length > LARGEST {
                return Err(invalid("a frame that is not SPDY/3"));
            }
            let mut payload = vec![0; head.length];
            self.read.read_exact(&mut payload).await?;
            match head.kind {
                Kind::Data(id) => self.data(id, payload, head.fin).await,
                Kind::NewStream => self.new_stream(&payload, head.fin).await?,
                Kind::Reset => drop(frame::stream_id(&payload).and_then(|id| self.open.remove(&id))),
                Kind::Ping => self.send(frame::ping(&payload)).await,
                Kind::GoAway => {
                    self.send(frame::go_away(self.last)).await;
                    return Ok(());
                }
                Kind::Other | Kind::Foreign => {}
            }
        }
    }

    async fn send(&mut self, frame: Vec<u8>) {
        let _ = self.frames.send(frame).await;
    }

    async fn data(&mut self, id: u32, payload: Vec<u8>, fin: bool) {
        if let Some(stream) = self.open.get(&id).filter(|_| !payload.is_empty())
            && stream.send(payload.into()).await.is_err()
        {
            // Nobody reads it any more; the other streams go on.
            self.open.remove(&id);
        }
        if fin {
            self.open.remove(&id);
        }
    }

    async fn new_stream(&mut self, payload: &[u8], fin: bool) -> io::Result<()> {
        let id = frame::stream_id(payload).ok_or_else(|| invalid("a stream without id"))?;
        let block = frame::header_block(payload).ok_or_else(|| invalid("a stream without headers"))?;
        let headers = self.headers.read(block).ok_or_else(|| invalid("unreadable headers"))?;
        self.open.retain(|_, stream| !stream.is_closed());
        if self.open.len() >= STREAMS {
            return Err(invalid("too many streams"));
        }
        self.send(frame::reply(id, self.last == 0)).await;
        self.last = id;
        let (data, input) = mpsc::channel(WAITING);
        if !fin {
            self.open.insert(id, data);
        }
        let stream = Stream { headers, input, output: Output { id, frames: self.frames.clone() } };
        self.opened.send(stream).await.map_err(|_| invalid("nobody takes its streams"))
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
