//! What the API server would say to an object, without keeping it: schema, policies, webhooks, quota, Pod Security.
//!
//! By hand and not through `Api`, because the server's warnings come as headers, which `Api` drops.

use domain::namespace::KubernetesName;
use domain::{Code, Error, Result};
use http::header::{CONTENT_TYPE, HeaderMap, WARNING};
use http::{Method, Request};
use kube::Client;
use kube::client::Body;
use kube::core::Status;
use serde_json::Value;

use crate::client::{CALL_LIMIT, within};
use crate::error::{Doing, translate_for_person};
use crate::tenant::objects::FIELD_MANAGER;

const DOING: Doing = "trying an object in a dry run";

/// Gives the server's warnings. A `new` object is created and must not exist; any other is applied over what is there.
///
/// # Errors
/// As creating the object: `Conflict`, `Invalid`, `Forbidden`; `Unavailable` without an answer.
pub(crate) async fn dry_run(client: Client, tenant: &KubernetesName, object: &Value, new: bool) -> Result<Vec<String>> {
    let request = request(tenant, object, new)?;
    let answer = async {
        let (head, body) = client.send(request).await?.into_parts();
        Ok((head, body.collect_bytes().await?))
    };
    let (head, body) =
        within(DOING, CALL_LIMIT, answer).await?.map_err(|error: kube::Error| translate_for_person(DOING, error))?;
    if head.status.is_success() {
        return Ok(warnings(&head.headers));
    }
    let status: Status = serde_json::from_slice(&body)
        .map_err(|_| Error::cluster(format!("{DOING}: HTTP {} without a Status", head.status)))?;
    // A field of no schema: the API server takes it for a fault of its own (500, no reason) when it merges an apply.
    if let Some((_, why)) = status.message.split_once("failed to create typed patch object ") {
        return Err(Error::field("manifest", "invalid", format!("The manifest cannot be read {why}")));
    }
    let refused = translate_for_person(DOING, kube::Error::Api(status.boxed()));
    Err(match refused {
        Error::Conflict { code: Code::NameTaken, .. } => {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let detail = format!("{} {} already exists", text("/kind"), text("/metadata/name"));
            Error::conflict(Code::NameTaken, detail)
        }
        other => other,
    })
}

fn request(tenant: &KubernetesName, object: &Value, new: bool) -> Result<Request<Body>> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let group = match text("/kind") {
        "Pod" => "/api/v1",
        "Deployment" | "StatefulSet" => "/apis/apps/v1",
        _ => "/apis/batch/v1",
    };
    let plural = format!("{}s", text("/kind").to_lowercase());
    let list = format!("{group}/namespaces/{}/{plural}", tenant.as_str());
    let query = format!("dryRun=All&fieldManager={FIELD_MANAGER}&fieldValidation=Strict");
    let name = text("/metadata/name");
    let (method, uri, media_type) = match new || name.is_empty() {
        true => (Method::POST, format!("{list}?{query}"), "application/json"),
        false if domain::name::may_exist(name) => {
            (Method::PATCH, format!("{list}/{name}?{query}&force=true"), "application/apply-patch+yaml")
        }
        false => return Err(Error::field("manifest.metadata.name", "format", "The name cannot be one in a cluster")),
    };
    let mut object = object.clone();
    // A server-side apply insists on both; who leaves them out means these.
    (object["apiVersion"], object["metadata"]["namespace"]) =
        (group.trim_start_matches("/apis/").trim_start_matches("/api/").into(), tenant.as_str().into());
    let body = serde_json::to_vec(&object).map_err(Error::internal)?;
    let request = Request::builder().method(method).uri(uri).header(CONTENT_TYPE, media_type);
    request.body(Body::from(body)).map_err(Error::internal)
}

/// `299 - "text"`, with quotes and backslashes escaped (RFC 7234 §5.5).
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let read = |value: &http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        let quoted = text.strip_prefix("299 ")?.split_once('"')?.1.rsplit_once('"')?.0.to_owned();
        Some(quoted.replace("\\\"", "\"").replace("\\\\", "\\"))
    };
    headers.get_all(WARNING).iter().filter_map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_read_from_their_headers() {
        let mut headers = HeaderMap::new();
        for text in ["299 - \"would violate \\\"restricted\\\"\"", "199 - \"not ours\"", "nonsense"] {
            headers.append(WARNING, text.parse().unwrap());
        }
        assert_eq!(warnings(&headers), ["would violate \"restricted\""]);
    }
}
