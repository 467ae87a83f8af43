//! Calls to the provider with pace, time-outs and retries, and what an answer means.
//! What may have rented something is never sent twice; everything else is, a few times.
use std::{sync::Arc, time::Duration};

use axum::body::Bytes;
use futures::stream::BoxStream;
use kubelet::{QuotaLeft, RouteCalls};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::{
    api::ProblemBody,
    counts::Counts,
    pace::{Pace, Urgency},
    transport::{HttpReply, HttpRequest, Transport, TransportError},
};

/// A create takes up to a minute.
const PATIENCE: Duration = Duration::from_secs(90);
/// Tries of a call that changes nothing when repeated.
const TRIES: u32 = 3;
/// Refusals for the rate that one call waits through.
const WAITS: u32 = 3;

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ApiError {
    /// A definite no: nothing happened.
    Refused { status: u16, detail: String },
    /// Nothing happened: the call never arrived, or was too much.
    NotDone(String),
    /// It may have happened.
    Unknown(String),
}

#[derive(Clone)]
pub(super) struct Client {
    transport: Arc<dyn Transport>,
    pace: Arc<Pace>,
    counts: Arc<Counts>,
    retired: CancellationToken,
}

// === impl Client ===

impl Client {
    pub(super) fn new(transport: Arc<dyn Transport>) -> Self {
        Self { transport, pace: Arc::new(Pace::new()), counts: Arc::default(), retired: CancellationToken::new() }
    }

    /// From now on nothing is made.
    pub(super) fn retire(&self) {
        self.retired.cancel();
    }

    /// How often each route was called so far, repetitions included.
    pub(super) fn calls(&self) -> Vec<RouteCalls> {
        self.counts.all()
    }

    /// What may be called yet, by the provider's own word.
    pub(super) fn quota_left(&self) -> Vec<QuotaLeft> {
        self.pace.left()
    }

    pub(super) async fn get(&self, path: &str, urgency: Urgency) -> Result<Bytes, ApiError> {
        self.repeat(request("GET", path, None), urgency).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<Bytes, ApiError> {
        self.repeat(request("DELETE", path, None), Urgency::Terminate).await
    }

    /// Sent once; again only after an answer that proves that nothing happened.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Result<Bytes, ApiError> {
        self.once(request("POST", path, Some(body.to_string().into_bytes())), Urgency::Usual).await
    }

    /// As [`Client::post`]. The same change again changes nothing, so whoever is in doubt may repeat it.
    pub(super) async fn patch(&self, path: &str, body: &Value) -> Result<Bytes, ApiError> {
        self.once(request("PATCH", path, Some(body.to_string().into_bytes())), Urgency::Usual).await
    }

    /// A log as it comes; 404 is told apart.
    pub(super) async fn stream(
        &self,
        path: String,
        last_event_id: Option<String>,
    ) -> Result<BoxStream<'static, Result<Bytes, TransportError>>, ApiError> {
        self.pace.turn(Urgency::Usual).await;
        let request = HttpRequest { last_event_id, ..request("GET", &path, None) };
        let opened = self.transport.stream(request).await;
        let status = opened.as_ref().ok().map(|stream| stream.as_ref().err().copied().unwrap_or(200));
        self.counts.add("GET", &path, status);
        match opened {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(status)) => Err(ApiError::Refused { status, detail: format!("the provider answered {status}") }),
            Err(error) => Err(error.into()),
        }
    }

    async fn repeat(&self, request: HttpRequest, urgency: Urgency) -> Result<Bytes, ApiError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.once(request.clone(), urgency).await {
                Err(ApiError::Unknown(why) | ApiError::NotDone(why)) if tries < TRIES => {
                    tracing::debug!(why, request.path, "The provider did not answer; trying again");
                    tokio::time::sleep(jitter(&request.path, tries)).await;
                }
                other => return other,
            }
        }
    }

    /// Waits for a turn; for what makes something only as long as it may be made.
    async fn turn(&self, method: &str, urgency: Urgency) -> Result<(), ApiError> {
        let retired = async {
            if matches!(method, "POST" | "PATCH") {
                self.retired.cancelled().await
            } else {
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            () = retired => Err(ApiError::NotDone("the node has stopped".into())),
            () = self.pace.turn(urgency) => Ok(()),
        }
    }

    async fn once(&self, request: HttpRequest, urgency: Urgency) -> Result<Bytes, ApiError> {
        for _ in 0..WAITS {
            self.turn(request.method, urgency).await?;
            let sent = tokio::time::timeout(request.timeout, self.transport.send(request.clone())).await;
            let status = sent.as_ref().ok().and_then(|sent| sent.as_ref().ok()).map(|reply| reply.status);
            self.counts.add(request.method, &request.path, status);
            let reply = sent.map_err(|_| ApiError::Unknown("the provider did not answer in time".into()))??;
            let header = |name: &str| {
                reply.headers.iter().find(|one| one.0.eq_ignore_ascii_case(name)).map(|one| one.1.as_str())
            };
            self.pace.learn(header("ratelimit"), header("ratelimit-policy"));
            if reply.status == 429 {
                self.pace.block(header("retry-after").and_then(|text| text.trim().parse().ok()));
                continue;
            }
            return meaning(reply);
        }
        Err(ApiError::NotDone("the provider's rate limit is used up".into()))
    }
}

fn request(method: &'static str, path: &str, body: Option<Vec<u8>>) -> HttpRequest {
    HttpRequest { method, path: path.to_owned(), body, last_event_id: None, timeout: PATIENCE }
}

fn meaning(reply: HttpReply) -> Result<Bytes, ApiError> {
    match reply.status {
        200..300 => Ok(reply.body),
        status @ 400..500 => {
            // A proxy on the way answers with a page: its text is of no use to anybody.
            let problem: ProblemBody = serde_json::from_slice(&reply.body).unwrap_or_default();
            let detail = Some(problem.detail).filter(|text| !text.is_empty());
            Err(ApiError::Refused {
                status,
                detail: detail.unwrap_or_else(|| format!("the provider answered {status}")),
            })
        }
        status => Err(ApiError::Unknown(format!("the provider answered {status}"))),
    }
}

/// Half a second, then one and two, each a little different for each path, so that calls do not march in step.
fn jitter(path: &str, tries: u32) -> Duration {
    let spread = path.bytes().fold(0_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 250);
    Duration::from_millis((500 << (tries - 1).min(3)) + spread)
}

impl From<TransportError> for ApiError {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Unsent(text) => Self::NotDone(text),
            TransportError::Unknown(text) => Self::Unknown(text),
        }
    }
}

// === impl ApiError ===

impl ApiError {
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            _ => None,
        }
    }
}

impl std::fmt::Display for ApiError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused { status: 403, detail } => write!(
                f,
                "RunPod refuses (403): {detail}; the API key lacks the scope or this pool, or RunPod's edge turned the \
                 call away"
            ),
            Self::Refused { status, detail } => write!(f, "RunPod refuses ({status}): {detail}"),
            Self::NotDone(text) | Self::Unknown(text) => write!(f, "RunPod: {text}"),
        }
    }
}
