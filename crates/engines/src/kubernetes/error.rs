//! What an error of the other cluster means for the node, in a sentence that names the right that is missing.
//! With the least published role some parts do not work, and each says which rule would let it (RULINGS 29).
use std::{future::Future, time::Duration};

use kube::client::UpgradeConnectionError;
use kubelet::ProviderError;

use super::CALL;

/// Verb and resource of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Right(pub(super) &'static str, pub(super) &'static str);

/// A call with a deadline: a link that hangs is an error, too.
pub(super) async fn in_time<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, kube::Error> {
    within(CALL, call).await
}

pub(super) async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, kube::Error> {
    let late = |_| kube::Error::Service(format!("no answer within {} s", limit.as_secs()).into());
    tokio::time::timeout(limit, call).await.map_err(late)?
}

/// HTTP status of an answer, if there was one.
pub(super) fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        kube::Error::UpgradeConnection(UpgradeConnectionError::ProtocolSwitch(status)) => Some(status.as_u16()),
        _ => None,
    }
}

/// The other cluster's own words.
pub(super) fn words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

pub(super) fn explain(namespace: &str, right: Right, error: &kube::Error) -> ProviderError {
    let Right(verb, resource) = right;
    match code(error) {
        Some(401) => ProviderError::Unavailable(
            "The engine's cluster refuses our credentials (401): expired, revoked or of another cluster".into(),
        ),
        Some(403) if is_right(error) => ProviderError::Unsupported(format!(
            "The engine's identity may not {verb} {resource} in namespace {namespace}; \
             add the verb {verb} on {resource} to its role"
        )),
        Some(404) => ProviderError::NotFound(words(error)),
        Some(400 | 422) => ProviderError::Refused { reason: "RejectedByEngine", message: words(error) },
        // A quota or an admission rule over there; both may change their mind.
        Some(403) => ProviderError::Waiting { reason: "RejectedByEngine", message: words(error) },
        _ => ProviderError::Unavailable(format!("The engine's cluster does not answer: {}", words(error))),
    }
}

/// Whether a 403 is about the caller's rights: quotas and admission rules say the same number.
fn is_right(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.message.contains(" cannot "),
        _ => true,
    }
}
