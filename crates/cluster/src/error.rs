//! From `kube::Error` to `domain::Error`: what is worth another try, what a person should read, what is our fault.

use domain::{Code, Dependency, Error};
use kube::core::Status;
use kube::runtime::watcher;

/// What we were doing, for the log: "creating the RoleBinding".
pub(crate) type Doing = &'static str;

/// Names of our webhooks end so (`deploy/webhook`).
const WEBHOOK: &str = ".admission.remotegpu.ai\"";

#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
struct Failed {
    doing: Doing,
    source: kube::Error,
}

/// Translates a failed call of one of our own identities.
///
/// 404 is `NotFound`, a conflict `Conflict`, an admission refusal `Conflict AdmissionDenied` with its sentence.
/// No answer, 401, 429, 5xx and a namespace on its way out are `Unavailable`: worth another try. The rest is our fault.
pub(crate) fn translate(doing: Doing, error: kube::Error) -> Error {
    match &error {
        kube::Error::Api(status) if status.code == 404 => Error::NotFound,
        kube::Error::Api(status) if is_webhook_down(status) => {
            Error::Unavailable { what: Dependency::Admission, source: Failed { doing, source: error }.into() }
        }
        kube::Error::Api(status) if is_terminating(status) || worth_a_retry(status) => {
            Error::cluster(Failed { doing, source: error })
        }
        kube::Error::Api(status) => refused(status).unwrap_or_else(|| Error::internal(Failed { doing, source: error })),
        kube::Error::SerdeError(_) | kube::Error::BuildRequest(_) | kube::Error::HttpError(_) => {
            Error::internal(Failed { doing, source: error })
        }
        _ => Error::cluster(Failed { doing, source: error }),
    }
}

/// Translates a failed watch as [`translate`] does the call that failed inside it.
pub(crate) fn translate_watch(doing: Doing, error: watcher::Error) -> Error {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => translate(doing, error),
        watcher::Error::WatchError(status) => translate(doing, kube::Error::Api(status)),
        watcher::Error::NoResourceVersion => Error::cluster(error),
    }
}

/// Translates a failed call made with a person's token: a missing right is theirs to hear about.
pub(crate) fn translate_for_person(doing: Doing, error: kube::Error) -> Error {
    match &error {
        kube::Error::Api(status) if is_terminating(status) => {
            Error::conflict(Code::NotReady, "Namespace is being deleted")
        }
        kube::Error::Api(status) if refused(status).is_none() => match status.code {
            403 => Error::Forbidden { code: Code::Forbidden },
            400 | 422 => Error::field("manifest", "invalid", status.message.clone()),
            _ => translate(doing, error),
        },
        _ => translate(doing, error),
    }
}

/// The refusal of an API server that thought about it.
fn refused(status: &Status) -> Option<Error> {
    if let Some(sentence) = denial(&status.message) {
        return Some(Error::conflict(Code::AdmissionDenied, sentence));
    }
    match (status.code, status.reason.as_str()) {
        (409, "AlreadyExists") => Some(Error::conflict(Code::NameTaken, sentence_about(status))),
        (409, _) => Some(Error::conflict(Code::Conflict, status.message.clone())),
        _ => None,
    }
}

/// The sentence of a webhook, policy, quota or Pod Security refusal, without the API server's preamble.
pub(crate) fn denial(message: &str) -> Option<String> {
    // A webhook, then a ValidatingAdmissionPolicy.
    for mark in ["denied the request: ", "denied request: "] {
        if let Some((_, sentence)) = message.split_once(mark) {
            return Some(sentence.to_owned());
        }
    }
    // Built-in plugins; a missing right reads `… is forbidden: User "…" cannot …`.
    let (_, reason) = message.split_once(" is forbidden: ")?;
    (!reason.starts_with("User ")).then(|| reason.to_owned())
}

/// Whether this is `AlreadyExists`.
pub(crate) fn exists_already(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

/// Whether the namespace is being deleted: nothing new goes in.
pub(crate) fn is_terminating(status: &Status) -> bool {
    let cause = |details: &kube::core::response::StatusDetails| {
        details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
    };
    status.code == 403 && status.details.as_ref().is_some_and(cause)
}

/// Whether the API server could not ask our webhook: then nothing new gets in (`security.md` §6.1), and people should
/// hear which part is missing.
fn is_webhook_down(status: &Status) -> bool {
    status.code >= 500 && status.message.contains("failed calling webhook") && status.message.contains(WEBHOOK)
}

fn worth_a_retry(status: &Status) -> bool {
    // 401: a token that was just revoked, or an account whose token check is still cached; 410: a list that grew old.
    matches!(status.code, 401 | 408 | 410 | 429 | 500..) && denial(&status.message).is_none()
}

fn sentence_about(status: &Status) -> String {
    let name = status.details.as_ref().map_or("", |details| details.name.as_str());
    if name.is_empty() { status.message.clone() } else { format!("The name {name} is already taken") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, reason: &str, message: &str) -> kube::Error {
        let status = Status { code, reason: reason.into(), message: message.into(), ..Status::default() };
        kube::Error::Api(Box::new(status))
    }

    #[test]
    fn a_refusal_is_shown_without_the_servers_preamble() {
        let webhook = r#"admission webhook "validate.remotegpu.ai" denied the request: SKU "x" is unknown"#;
        assert_eq!(denial(webhook).unwrap(), r#"SKU "x" is unknown"#);
        let policy =
            "pods \"p\" is forbidden: ValidatingAdmissionPolicy 'gpu' with binding 'gpu' denied request: no SKU";
        assert_eq!(denial(policy).unwrap(), "no SKU");
        let quota =
            r#"pods "p" is forbidden: exceeded quota: remotegpu, requested: pods=1, used: pods=100, limited: pods=100"#;
        assert!(denial(quota).unwrap().starts_with("exceeded quota: remotegpu"));
        let rights = r#"pods is forbidden: User "u" cannot list resource "pods" in API group "" in the namespace "n""#;
        assert_eq!(denial(rights), None);
    }

    #[test]
    fn each_kind_of_answer_has_its_own_error() {
        let code = |error| translate("testing", error).code();
        assert_eq!(code(status(404, "NotFound", "")), Code::NotFound);
        assert_eq!(code(status(409, "AlreadyExists", "")), Code::NameTaken);
        assert_eq!(code(status(409, "Conflict", "")), Code::Conflict);
        assert_eq!(code(status(401, "Unauthorized", "")), Code::ClusterUnavailable);
        assert_eq!(code(status(500, "InternalError", "failed calling webhook")), Code::ClusterUnavailable);
        let ours = r#"Internal error occurred: failed calling webhook "fill.admission.remotegpu.ai": refused"#;
        assert_eq!(code(status(500, "InternalError", ours)), Code::AdmissionUnavailable);
        assert_eq!(code(status(403, "Forbidden", "x is forbidden: User \"u\" cannot")), Code::Internal);
        assert_eq!(
            code(status(400, "BadRequest", r#"admission webhook "w" denied the request: no"#)),
            Code::AdmissionDenied
        );
        let person = |error| translate_for_person("testing", error).code();
        assert_eq!(person(status(403, "Forbidden", "x is forbidden: User \"u\" cannot")), Code::Forbidden);
        assert_eq!(person(status(422, "Invalid", "spec.replicas")), Code::InvalidRequest);
        assert_eq!(person(status(503, "ServiceUnavailable", "")), Code::ClusterUnavailable);
    }

    #[test]
    fn what_a_watch_met_is_translated_like_the_answer_of_a_call() {
        let code = |error| translate_watch("testing", error).code();
        let forbidden = || status(403, "Forbidden", "x is forbidden: User \"u\" cannot");
        assert_eq!(code(watcher::Error::InitialListFailed(forbidden())), Code::Internal);
        assert_eq!(code(watcher::Error::WatchStartFailed(forbidden())), Code::Internal);
        assert_eq!(code(watcher::Error::WatchFailed(status(503, "", ""))), Code::ClusterUnavailable);
        let grown_old = Status { code: 410, reason: "Expired".into(), ..Status::default() };
        assert_eq!(code(watcher::Error::WatchError(Box::new(grown_old))), Code::ClusterUnavailable);
        assert_eq!(code(watcher::Error::NoResourceVersion), Code::ClusterUnavailable);
    }
}
