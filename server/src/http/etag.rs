//! Two people at one form: an `ETag` with each answer, `If-Match` with a change; a stale one is a conflict.
//!
//! Source: `console-api.md` §1, RFC 9110 §13.1.1. The tag covers what a person may edit, so that a pod which starts
//! meanwhile makes nobody's change stale.

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use domain::account::AccountView;
use domain::api_key::ApiKeyView;
use domain::config_map::ConfigMapView;
use domain::member::MemberView;
use domain::namespace::NamespaceView;
use domain::platform_account::PlatformAccountView;
use domain::platform_sku::PlatformSkuView;
use domain::secret::SecretView;
use domain::sku::SkuGrantsView;
use domain::workload::WorkloadDetail;
use domain::{Code, Error, Result};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// Something that two people may edit.
pub trait Versioned: Serialize {
    /// What a person may edit of it, with its id.
    fn version(&self) -> Value;
}

/// An answer with its tag.
pub struct Tagged<T>(pub T);

/// `If-Match`, if it was sent.
pub struct IfMatch(Option<String>);

// === impl Versioned ===

impl Versioned for NamespaceView {
    fn version(&self) -> Value {
        json!([self.id, self.name])
    }
}

impl Versioned for ApiKeyView {
    fn version(&self) -> Value {
        json!([self.id, self.name, self.scopes, self.access, self.expires_at, self.status])
    }
}

impl Versioned for AccountView {
    fn version(&self) -> Value {
        json!([self.id, self.name])
    }
}

impl Versioned for MemberView {
    fn version(&self) -> Value {
        json!([self.user_id, self.role])
    }
}

impl Versioned for PlatformAccountView {
    fn version(&self) -> Value {
        json!([self.id, self.status, self.quota])
    }
}

impl Versioned for WorkloadDetail {
    fn version(&self) -> Value {
        // What is wanted and the image; a scaled Job wants less with every pod that ends, and nobody edits that.
        json!([self.workload.kind, self.workload.name, self.workload.wanted, self.workload.image])
    }
}

impl Versioned for ConfigMapView {
    fn version(&self) -> Value {
        json!([self.name, self.resource_version])
    }
}

impl Versioned for SecretView {
    fn version(&self) -> Value {
        json!([self.name, self.resource_version])
    }
}

impl Versioned for PlatformSkuView {
    fn version(&self) -> Value {
        json!([self.code, self.version])
    }
}

impl Versioned for SkuGrantsView {
    fn version(&self) -> Value {
        json!([self.all, self.codes])
    }
}

// === impl Tagged ===

impl<T: Versioned> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(ETAG, tag(&self.0))], Json(self.0)).into_response()
    }
}

// === impl IfMatch ===

impl IfMatch {
    /// Refuses when the thing is no longer what the client saw. `read` is asked only if the client said what it saw; its
    /// answer is given back for what must not change between this and the write.
    ///
    /// # Errors
    /// `conflict`, or why it could not be read.
    pub async fn check<T: Versioned>(&self, read: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let Some(seen) = &self.0 else { return Ok(None) };
        let found = read.await?;
        let current = tag(&found);
        let fits = |one: &str| one == "*" || one == current;
        if seen.split(',').map(str::trim).any(fits) {
            return Ok(Some(found));
        }
        let detail = "Somebody changed this meanwhile: read it again, then make your change";
        Err(Error::conflict(Code::Conflict, detail))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(sent(&parts.headers)))
    }
}

fn sent(headers: &HeaderMap) -> Option<String> {
    let values: Vec<String> =
        headers.get_all(IF_MATCH).iter().map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

/// A strong tag: half a SHA-256 of the version.
fn tag<T: Versioned>(thing: &T) -> String {
    let digest = Sha256::digest(thing.version().to_string());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Thing(u32);

    impl Versioned for Thing {
        fn version(&self) -> Value {
            json!(self.0)
        }
    }

    async fn checked(seen: Option<&str>) -> Option<Code> {
        let seen = IfMatch(seen.map(str::to_owned));
        seen.check(async { Ok(Thing(7)) }).await.err().map(|error| error.code())
    }

    #[tokio::test]
    async fn only_the_current_tag_passes() {
        let current = tag(&Thing(7));
        let list = format!("\"other\", {current}");
        for seen in [None, Some("*"), Some(current.as_str()), Some(list.as_str())] {
            assert_eq!(checked(seen).await, None, "{seen:?}");
        }
        let weak = format!("W/{current}");
        for seen in ["", "\"\"", &tag(&Thing(8)), &weak, current.trim_matches('"')] {
            assert_eq!(checked(Some(seen)).await, Some(Code::Conflict), "{seen}");
        }
    }

    #[tokio::test]
    async fn what_is_gone_is_not_found_before_it_is_stale() {
        let seen = IfMatch(Some("\"x\"".to_owned()));
        let error = seen.check(async { Err::<Thing, _>(Error::NotFound) }).await.err().unwrap();
        assert!(matches!(error, Error::NotFound));
    }

    #[test]
    fn several_headers_are_one_list() {
        let headers = ["\"a\"", "\"b\""].iter().map(|v| (IF_MATCH, v.parse().unwrap())).collect();
        assert_eq!(sent(&headers).as_deref(), Some("\"a\",\"b\""));
        assert_eq!(sent(&HeaderMap::new()), None);
    }
}
