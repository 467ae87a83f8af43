//! `/portForward`: each connection of the client is a pair of SPDY streams, one for bytes and one for what went wrong.
//! Old clients speak SPDY itself, newer ones the same inside a WebSocket; a WebSocket without it is `channel_forward`.
use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{Path, Query, Request, State},
    response::Response,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::mpsc,
    task::JoinSet,
    time::{Duration, Instant},
};

use super::{
    Api, Problem, channel_forward, frames,
    spdy::{Connection, Output, Stream},
    upgrade::{FORWARD, Opened, Upgrade},
    websocket,
};
use crate::{PortStream, Provider};

/// What a client gets to open the second stream of a pair.
const PAIRING: Duration = Duration::from_secs(30);
const BUFFER: usize = 32 << 10;

/// `/portForward/{namespace}/{pod}`
pub(super) async fn port_forward(
    State(api): State<Api>,
    Path((namespace, pod)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    start(&api, &namespace, &pod, None, request).await
}

/// `/portForward/{namespace}/{pod}/{uid}`
pub(super) async fn port_forward_by_uid(
    State(api): State<Api>,
    Path((namespace, pod, uid)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    start(&api, &namespace, &pod, Some(&uid), request).await
}

async fn start(
    api: &Api,
    namespace: &str,
    pod: &str,
    uid: Option<&str>,
    request: Request,
) -> Result<Response, Problem> {
    let found = super::logs::find_pod(api, namespace, pod, uid)?;
    let uid: Arc<str> = found.pod.metadata.uid.clone().unwrap_or_default().into();
    let query =
        Query::<Vec<(String, String)>>::try_from_uri(request.uri()).map(|Query(pairs)| pairs).unwrap_or_default();
    let upgrade = Upgrade::accept(request, &FORWARD).await?;
    let ports = if upgrade.speaks(frames::V4) { channel_forward::ports(&query)? } else { Vec::new() };
    let provider = api.shared.provider.clone();
    Ok(upgrade.serve(api.shared.shutdown.clone(), async move |opened| {
        let connection = match opened {
            Opened::WebSocket(socket) if !ports.is_empty() => {
                return channel_forward::serve(*socket, provider, uid, &ports).await;
            }
            Opened::WebSocket(socket) => Connection::start(websocket::tunnel(*socket)),
            Opened::Spdy(connection) => connection,
        };
        serve(connection, provider, uid).await;
    }))
}

/// The streams of one connection that have arrived so far.
struct Half {
    data: Option<Stream>,
    error: Option<Stream>,
    since: Instant,
}

async fn serve(mut connection: Connection, provider: Arc<dyn Provider>, uid: Arc<str>) {
    let mut halves: HashMap<String, Half> = HashMap::new();
    // Dropped with the client: what it no longer waits for ends.
    let mut running = JoinSet::new();
    loop {
        let stream = tokio::select! {
            stream = connection.next() => stream,
            Some(_) = running.join_next() => continue,
        };
        let Some(stream) = stream else { return };
        halves.retain(|_, half| half.since.elapsed() < PAIRING);
        let key = format!("{} {}", stream.header("requestid"), stream.header("port"));
        let half = halves.entry(key.clone()).or_insert(Half { data: None, error: None, since: Instant::now() });
        match stream.header("streamtype") {
            "data" => half.data = Some(stream),
            "error" => half.error = Some(stream),
            _ => continue,
        }
        if half.data.is_some()
            && half.error.is_some()
            && let Some(Half { data: Some(data), error: Some(error), .. }) = halves.remove(&key)
        {
            running.spawn(forward(provider.clone(), uid.clone(), data, error.output));
        }
    }
}

async fn forward(provider: Arc<dyn Provider>, uid: Arc<str>, data: Stream, error: Output) {
    let text = data.header("port").to_owned();
    let Stream { input, output, .. } = data;
    let wire = match text.parse() {
        Ok(port) => provider.port_forward(&uid, port).await.map_err(|error| error.to_string()),
        Err(_) => Err(format!("{text:?} is no port")),
    };
    match wire {
        Ok(wire) => copy(wire, input, &output).await,
        Err(problem) => drop(error.send(format!("forwarding to port {text}: {problem}").as_bytes()).await),
    }
    output.finish().await;
    error.finish().await;
}

/// Where the bytes of a port go.
pub(super) trait Outlet: Sync {
    /// False once nobody takes them.
    fn send(&self, data: &[u8]) -> impl Future<Output = bool> + Send;
}

impl Outlet for Output {
    async fn send(&self, data: &[u8]) -> bool {
        Output::send(self, data).await
    }
}

/// Ends when the other side has said all, or the client is gone.
pub(super) async fn copy(wire: PortStream, mut input: mpsc::Receiver<axum::body::Bytes>, output: &impl Outlet) {
    let (mut read, mut write) = tokio::io::split(wire);
    let send = async {
        while let Some(data) = input.recv().await {
            if write.write_all(&data).await.is_err() {
                return;
            }
        }
        let _ = write.shutdown().await;
    };
    let receive = async {
        let mut buffer = vec![0; BUFFER];
        while let Ok(count @ 1..) = read.read(&mut buffer).await {
            if !output.send(&buffer[..count]).await {
                return;
            }
        }
    };
    tokio::pin!(receive);
    tokio::select! {
        () = &mut receive => {}
        () = send => receive.await,
    }
}
