//! Two people at one form: an `ETag` with each answer, `If-Match` with a change; a stale one is a conflict.
//!
//! Source: `console-api.md` §1, RFC 9110 §13.1.1; what a tag covers stands in [`domain::version`].

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, IF_MATCH};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use domain::Result;
use domain::version::{Versioned, stale};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::problem::Problem;

/// An answer with its tag.
pub struct Tagged<T>(pub T);

/// `If-Match`, if it was sent.
pub struct IfMatch(Option<String>);

// === impl Tagged ===

impl<T: Serialize + Versioned> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(ETAG, tag(&self.0))], Json(self.0)).into_response()
    }
}

// === impl IfMatch ===

impl IfMatch {
    /// Refuses when the thing is no longer what the client saw. `read` is asked only if the client said what it saw; its
    /// answer is given back for the use case, whose write goes through only while it is still that. Who says `*` wants it
    /// to be there, whatever it is: for them nothing gets stale.
    ///
    /// # Errors
    /// `conflict`, or why it could not be read.
    pub async fn check<T: Versioned>(&self, read: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let Some(seen) = &self.0 else { return Ok(None) };
        let found = read.await?;
        let seen: Vec<&str> = seen.split(',').map(str::trim).collect();
        if seen.contains(&"*") {
            return Ok(None);
        }
        if seen.contains(&tag(&found).as_str()) { Ok(Some(found)) } else { Err(stale()) }
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
    use domain::{Code, Error};
    use serde_json::{Value, json};

    use super::*;

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
    async fn only_who_named_a_tag_has_the_write_hold_on_to_what_they_saw() {
        let seen = async |seen: &str| IfMatch(Some(seen.to_owned())).check(async { Ok(Thing(7)) }).await.unwrap();
        assert!(seen(&tag(&Thing(7))).await.is_some());
        assert!(seen("*").await.is_none());
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
