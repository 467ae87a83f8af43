//! Refusals as the API document shows them: one shared response per status, and the sets that handlers name.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use utoipa::IntoResponses;
use utoipa::openapi::{Ref, RefOr, Response};

use super::MEDIA_TYPE;

// What every operation may answer (the document adds them), and what handlers name below.
const STATUSES: [(u16, &str); 14] = [
    (400, "The request breaks a rule of its form; `errors` names the fields"),
    (401, "No session or key, or one that is not valid"),
    (403, "The caller may not do this, or the request comes from another site"),
    (404, "Unknown, or not visible to the caller"),
    (406, "The client does not take the type of the answer"),
    (409, "Does not fit the present state"),
    (413, "The body is too large"),
    (414, "The address is too long"),
    (415, "The body is not JSON"),
    (429, "Too many requests; wait as long as `Retry-After` says"),
    (431, "The headers are too large"),
    (500, "A fault of ours; the log holds the cause under `request_id`"),
    (501, "Not offered by this installation"),
    (503, "Something we depend on does not answer; try again after `Retry-After`"),
];

/// 404: for every operation on one thing.
pub struct Missing;

/// 409: the present state does not allow it.
pub struct Conflicting;

/// 401 where no session is asked for: the sign-in itself.
pub struct Refused;

/// 404 and 409.
pub struct MissingOrConflicting;

impl IntoResponses for Missing {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[404])
    }
}

impl IntoResponses for Refused {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[401])
    }
}

impl IntoResponses for Conflicting {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[409])
    }
}

impl IntoResponses for MissingOrConflicting {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        responses(&[404, 409])
    }
}

fn responses(statuses: &[u16]) -> BTreeMap<String, RefOr<Response>> {
    let reference = |status: u16| RefOr::Ref(Ref::from_response_name(response_name(status)));
    statuses.iter().map(|status| (status.to_string(), reference(*status))).collect()
}

/// The name of a status under `components.responses`, for example `NotFound`.
pub fn response_name(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
    reason.unwrap_or("Error").split(' ').collect()
}

/// `components.responses`.
pub fn shared_responses() -> Value {
    let of = |(status, description): (u16, &str)| {
        let content = json!({MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}});
        let mut response = json!({"description": description, "content": content});
        if matches!(status, 429 | 503) {
            let seconds = json!({"type": "integer", "minimum": 1});
            response["headers"] = json!({"retry-after": {"description": "Seconds to wait", "schema": seconds}});
        }
        (response_name(status), response)
    };
    Value::Object(STATUSES.into_iter().map(of).collect::<Map<_, _>>())
}
