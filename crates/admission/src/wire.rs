//! AdmissionReview `admission.k8s.io/v1` as JSON, with objects left untyped.
//!
//! Typed objects would drop the fields this build does not know, which are exactly those the rule must refuse.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::admission::{Injection, Refusal};
use serde::Deserialize;
use serde_json::{Value, json};

const API_VERSION: &str = "admission.k8s.io/v1";

/// What the API server asks.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// To be repeated in the answer.
    pub uid: String,
    /// Kind of the object.
    pub kind: Kind,
    /// Resource the request is for, in the version the webhook registered.
    pub resource: Resource,
    /// For example `status`.
    #[serde(default)]
    pub sub_resource: Option<String>,
    /// Empty for cluster-scoped objects.
    #[serde(default)]
    pub namespace: Option<String>,
    /// What is done.
    pub operation: Operation,
    /// Who asks.
    #[serde(default)]
    pub user_info: UserInfo,
    /// The object as it would be stored; `null` on delete.
    #[serde(default)]
    pub object: Value,
    /// The object as it is stored; `null` on create.
    #[serde(default)]
    pub old_object: Value,
}

/// Kind of an object; only the name matters here.
#[derive(Debug, Deserialize)]
pub struct Kind {
    /// For example `Pod`.
    pub kind: String,
}

/// A resource; versions are evened out by `matchPolicy: Equivalent`.
#[derive(Debug, Deserialize)]
pub struct Resource {
    /// API group, empty for core.
    #[serde(default)]
    pub group: String,
    /// For example `pods`.
    pub resource: String,
}

/// Operation of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Operation {
    /// New object.
    Create,
    /// Changed object.
    Update,
    /// Removed object.
    Delete,
    /// A stream such as exec.
    Connect,
}

/// Who asks; never more than the name is used.
#[derive(Debug, Default, Deserialize)]
pub struct UserInfo {
    /// Authenticated name.
    #[serde(default)]
    pub username: String,
}

/// What we answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// As it is.
    Allow,
    /// With these changes; empty changes nothing.
    Patch(Vec<Injection>),
    /// Not at all.
    Deny(Vec<Refusal>),
    /// Not now: something this process needs is missing.
    Unavailable(String),
}

/// Reads a review. An unreadable body is answered like a refusal where it still names its uid.
///
/// # Errors
/// The uid, if any, and a sentence.
pub fn read(body: &[u8]) -> Result<Request, (Option<String>, String)> {
    let review: Value = serde_json::from_slice(body).map_err(|e| (None, format!("The body is not JSON: {e}")))?;
    let Value::Object(mut review) = review else { return Err((None, "The body is not an AdmissionReview".to_owned())) };
    let version = review.get("apiVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    let request = review.remove("request").unwrap_or_default();
    let uid = request.get("uid").and_then(Value::as_str).map(ToOwned::to_owned);
    if version != API_VERSION {
        return Err((uid, format!("The body is not an AdmissionReview of {API_VERSION}")));
    }
    serde_json::from_value(request).map_err(|e| (uid, format!("The AdmissionReview cannot be read: {e}")))
}

/// The review that carries an answer.
pub fn write(uid: &str, answer: &Answer) -> Value {
    let mut response = json!({"uid": uid, "allowed": matches!(answer, Answer::Allow | Answer::Patch(_))});
    match answer {
        Answer::Patch(injections) if !injections.is_empty() => {
            // A patch of strings, numbers and maps always serialises.
            let patch = serde_json::to_vec(injections).unwrap_or_default();
            response["patchType"] = "JSONPatch".into();
            response["patch"] = STANDARD.encode(patch).into();
        }
        Answer::Allow | Answer::Patch(_) => {}
        Answer::Deny(refusals) => response["status"] = status(403, "Forbidden", &sentences(refusals)),
        Answer::Unavailable(message) => response["status"] = status(503, "ServiceUnavailable", message),
    }
    json!({"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response})
}

fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"status": "Failure", "code": code, "reason": reason, "message": message})
}

/// All sentences of a denial, joined as kubectl prints them.
pub fn sentences(refusals: &[Refusal]) -> String {
    refusals.iter().map(|refusal| refusal.message.as_str()).collect::<Vec<_>>().join("; ")
}
