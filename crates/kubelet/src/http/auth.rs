//! Who calls the kubelet API and whether they may: client certificate or token, then a SubjectAccessReview.
//! No anonymous access; an API server that does not answer means no. Tokens are neither kept, forwarded nor logged.
use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::Response,
};
use k8s_openapi::api::{
    authentication::v1::{TokenReview, TokenReviewSpec},
    authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec},
};
use kube::{Api, Client, api::PostParams};
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::{
    Problem,
    access::{Access, needed},
    listener::Peer,
};

const TOKEN_FOR: Duration = Duration::from_secs(120);
const ALLOWED_FOR: Duration = Duration::from_secs(300);
const DENIED_FOR: Duration = Duration::from_secs(30);
/// Deadline of one review.
const REVIEW: Duration = Duration::from_secs(10);
/// Answers remembered at most.
const REMEMBERED: usize = 4096;

/// Who calls, as the cluster knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Caller {
    pub(super) user: String,
    pub(super) uid: Option<String>,
    pub(super) groups: Vec<String>,
    pub(super) extra: BTreeMap<String, Vec<String>>,
}

/// Asks the cluster and remembers its answers for a while.
pub(super) struct Reviewer {
    client: Client,
    node: String,
    tokens: Remembered<[u8; 32], Option<Arc<Caller>>>,
    answers: Remembered<(Arc<Caller>, Access), bool>,
}

/// In front of every route.
pub(super) async fn guard(
    State(api): State<super::Api>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = match peer.certificate {
        Some(caller) => Some(caller),
        None => match bearer(request.headers()) {
            Some(token) => api.reviewer.authenticate(token).await?,
            None => None,
        },
    };
    let Some(caller) = caller else { return Err(Problem::new(StatusCode::UNAUTHORIZED, "Unauthorized")) };
    request.headers_mut().remove(header::AUTHORIZATION);
    for access in needed(request.method(), request.uri().path()) {
        if api.reviewer.is_allowed(&caller, access).await {
            return Ok(next.run(request).await);
        }
    }
    let needed = needed(request.method(), request.uri().path());
    let Access { verb, subresource } = needed[0];
    let detail = format!("Forbidden (user={}, verb={verb}, resource=nodes, subresource={subresource})", caller.user);
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

// === impl Reviewer ===

impl Reviewer {
    pub(super) fn new(client: Client, node: String) -> Self {
        Self { client, node, tokens: Remembered::default(), answers: Remembered::default() }
    }

    /// The owner of a token, if the cluster knows it.
    async fn authenticate(&self, token: &str) -> Result<Option<Arc<Caller>>, Problem> {
        let key: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.tokens.get(&key) {
            return Ok(known);
        }
        let spec = TokenReviewSpec { token: token.to_owned(), audiences: None };
        let review = TokenReview { spec, ..TokenReview::default() };
        let reviewed = self.ask(&review).await.map_err(|_| {
            Problem::new(StatusCode::UNAUTHORIZED, "Unauthorized: the cluster could not be asked about this token")
        })?;
        let status = reviewed.status.unwrap_or_default();
        let user = status.user.filter(|_| status.authenticated == Some(true));
        let caller = user.and_then(|user| {
            let (uid, extra) = (user.uid, user.extra.unwrap_or_default());
            Some(Arc::new(Caller { user: user.username?, uid, groups: user.groups.unwrap_or_default(), extra }))
        });
        self.tokens.put(key, caller.clone(), TOKEN_FOR);
        Ok(caller)
    }

    /// Whether the cluster's rules give the caller this access to this node.
    async fn is_allowed(&self, caller: &Arc<Caller>, access: Access) -> bool {
        let key = (caller.clone(), access);
        if let Some(known) = self.answers.get(&key) {
            return known;
        }
        let attributes = ResourceAttributes {
            verb: Some(access.verb.to_owned()),
            version: Some("v1".into()),
            resource: Some("nodes".into()),
            subresource: Some(access.subresource.to_owned()),
            name: Some(self.node.clone()),
            ..ResourceAttributes::default()
        };
        let spec = SubjectAccessReviewSpec {
            user: Some(caller.user.clone()),
            uid: caller.uid.clone(),
            groups: Some(caller.groups.clone()),
            extra: Some(caller.extra.clone()),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        // No answer is a no, and is not remembered.
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let Ok(reviewed) = self.ask(&review).await else { return false };
        let allowed = reviewed.status.is_some_and(|status| status.allowed && status.denied != Some(true));
        self.answers.put(key, allowed, if allowed { ALLOWED_FOR } else { DENIED_FOR });
        allowed
    }

    async fn ask<K>(&self, review: &K) -> Result<K, ()>
    where
        K: kube::Resource<DynamicType = ()> + Clone + serde::Serialize + serde::de::DeserializeOwned + std::fmt::Debug,
    {
        let api: Api<K> = Api::all(self.client.clone());
        let params = PostParams::default();
        match tokio::time::timeout(REVIEW, api.create(&params, review)).await {
            Ok(Ok(reviewed)) => Ok(reviewed),
            Ok(Err(error)) => {
                tracing::warn!(%error, "The API server could not be asked about a caller of the kubelet API");
                Err(())
            }
            Err(_) => {
                tracing::warn!("The API server did not answer in time about a caller of the kubelet API");
                Err(())
            }
        }
    }
}

/// A small map whose entries expire.
struct Remembered<K, V> {
    entries: Mutex<HashMap<K, (V, Instant)>>,
}

// === impl Remembered ===

impl<K, V> Default for Remembered<K, V> {
    fn default() -> Self {
        Self { entries: Mutex::default() }
    }
}

impl<K: Eq + Hash, V: Clone> Remembered<K, V> {
    fn get(&self, key: &K) -> Option<V> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|(_, until)| *until > Instant::now()).map(|(value, _)| value.clone())
    }

    fn put(&self, key: K, value: V, keep: Duration) {
        let now = Instant::now();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= REMEMBERED {
            entries.retain(|_, (_, until)| *until > now);
        }
        if entries.len() < REMEMBERED {
            entries.insert(key, (value, now + keep));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_token_counts() {
        let of = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(ToOwned::to_owned)
        };
        assert_eq!(of("Bearer abc"), Some("abc".into()));
        assert_eq!(of("bearer  abc "), Some("abc".into()));
        assert_eq!(of("Basic abc"), None);
        assert_eq!(of("Bearer "), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_forgotten_in_time() {
        let remembered = Remembered::default();
        remembered.put("a", true, DENIED_FOR);
        tokio::time::advance(DENIED_FOR - Duration::from_millis(1)).await;
        assert_eq!(remembered.get(&"a"), Some(true));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(remembered.get(&"a"), None);
    }
}
