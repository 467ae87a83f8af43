//! Extractors whose refusals are problem documents; axum's own answer plain text and 422.

use app::ssr::CallerSlot;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use backend::Caller;
use domain::order::{Direction, Order, OrderedRequest, SortBy};
use domain::page::PageRequest;
use domain::{Code, Error};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use super::json::{self, Unfit, Wrong};
use super::problem::Problem;

/// The signed-in caller; 401 without one.
pub struct SignedIn(pub Caller);

/// A JSON body; unknown fields are the type's own business.
pub struct ApiJson<T>(pub T);

/// A JSON body that may be absent.
pub struct OptionalJson<T>(pub T);

/// A body of any type that is read to its limit and thrown away.
pub struct IgnoredBody;

/// Path parameters.
pub struct ApiPath<T>(pub T);

/// Query parameters.
pub struct ApiQuery<T>(pub T);

/// `?limit=&cursor=` of a list.
pub struct Paging(pub PageRequest);

/// The query of a list, as handlers name it in the API document.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PagingQuery {
    /// Rows per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(min_length = 1, max_length = 64)]
    cursor: Option<String>,
}

/// `?limit=&cursor=&sort=&order=` of a list that comes in the order asked for.
pub struct Ordered(pub OrderedRequest);

/// The query of such a list, as handlers name it in the API document.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct OrderedQuery {
    /// Rows per page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// `next_cursor` of the page before; it belongs to the order of that page.
    #[param(min_length = 1, max_length = 1000)]
    cursor: Option<String>,
    /// What to sort by; `created` when unsaid. A tenant's name is its label.
    #[param(inline)]
    sort: Option<SortBy>,
    /// Which way; `asc` when unsaid.
    #[param(inline)]
    order: Option<Direction>,
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<CallerSlot>().and_then(|slot| slot.0.clone());
        caller.map(Self).ok_or_else(|| Error::Unauthenticated { code: Code::MissingAccessToken }.into())
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let bytes = Bytes::from_request(request, state).await?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let typed = require_json(request.headers());
        let bytes = Bytes::from_request(request, state).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        typed?;
        parse(&bytes).map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for IgnoredBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        Bytes::from_request(request, state).await?;
        Ok(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for ApiPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ApiQuery(query) = ApiQuery::<PagingQuery>::from_request_parts(parts, state).await?;
        Ok(Self(PageRequest::new(query.limit, query.cursor)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Ordered {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let ApiQuery(query) = ApiQuery::<OrderedQuery>::from_request_parts(parts, state).await?;
        let order = Order { by: query.sort.unwrap_or_default(), direction: query.order.unwrap_or_default() };
        Ok(Self(OrderedRequest::new(query.limit, query.cursor, order)?))
    }
}

/// Only `application/json`: any other type could be posted by a foreign page without a preflight (`security.md` §4.2).
fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let media_type = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Problem::from_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    json::check(bytes).map_err(|wrong| match wrong {
        Wrong::Syntax => Problem::malformed("The body is not valid JSON"),
        Wrong::Depth => Problem::malformed("The body is nested too deep"),
        Wrong::Twice(field) => {
            Error::field(&field, "duplicate_field", format!("The field {field} is there twice")).into()
        }
    })?;
    // Derived readers take a list for a struct as well, its fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::malformed("The body must be a JSON object"));
    }
    json::read(bytes).map_err(|unfit| data_problem(&unfit))
}

/// Turns serde's sentence into a field error, without echoing any value of the body.
fn data_problem(Unfit { at, text }: &Unfit) -> Problem {
    let inside = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    let named = |prefix: &str| text.strip_prefix(prefix).and_then(|rest| rest.split('`').next()).map(inside);
    if let Some(field) = named("unknown field `") {
        return Error::field(&field, "unknown_field", format!("Unknown field {field}")).into();
    }
    if let Some(field) = named("missing field `") {
        return Error::field(&field, "required", format!("The field {field} is required")).into();
    }
    let wanted = match text.rsplit_once(", expected ") {
        // The names of our types say nothing to people.
        Some((_, wanted)) if wanted.starts_with("struct ") => ": expected an object".to_owned(),
        Some((_, wanted)) => format!(": expected {wanted}"),
        None => String::new(),
    };
    if at.is_empty() {
        return Problem::malformed(format!("The body has the wrong type or value{wanted}"));
    }
    Error::field(at, "type", format!("The field {at} has the wrong type or value{wanted}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::response::IntoResponse as _;
    use domain::deployment::AdmissionCheck;
    use domain::namespace::{DeleteNamespace, NewNamespace};
    use serde_json::Value;

    fn request(media_type: &str, body: &'static str) -> Request {
        Request::post("/").header(CONTENT_TYPE, media_type).body(Body::from(body)).unwrap()
    }

    async fn refusal(media_type: &str, body: &'static str) -> (u16, Value) {
        let refused = ApiJson::<NewNamespace>::from_request(request(media_type, body), &()).await.err().unwrap();
        let response = refused.into_response();
        let status = response.status().as_u16();
        (status, serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap())
    }

    #[tokio::test]
    async fn bad_bodies_are_400_with_a_sentence_that_names_the_field() {
        for (body, detail, field) in [
            (r#"{"name":"#, "The body is not valid JSON", None),
            (r#"{"name":"a"} x"#, "The body is not valid JSON", None),
            (r#"{"name":"a","owner":"me"}"#, "Unknown field owner", Some("owner")),
            ("{}", "The field name is required", Some("name")),
            (r#"{"name":"a","name":"a"}"#, "The field name is there twice", Some("name")),
            (r#"["a"]"#, "The body must be a JSON object", None),
            (" null", "The body must be a JSON object", None),
            (r#"{"name":7}"#, "The field name has the wrong type or value: expected a string", Some("name")),
            (r#"{"name":null}"#, "The field name has the wrong type or value: expected a string", Some("name")),
        ] {
            let (status, document) = refusal("application/json", body).await;
            assert_eq!((status, document["detail"].as_str().unwrap()), (400, detail), "{body}");
            assert_eq!(document["errors"][0]["field"].as_str(), field, "{body}");
            assert_eq!(document["code"], "invalid_request");
        }
    }

    #[tokio::test]
    async fn a_list_inside_of_a_body_is_no_struct() {
        let body = r#"{"deployment":["deployment","a","cpu-shared-8g",1,"x"]}"#;
        let refused = ApiJson::<AdmissionCheck>::from_request(request("application/json", body), &()).await;
        let response = refused.err().unwrap().into_response();
        assert_eq!(response.status().as_u16(), 400);
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let document: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(document["errors"][0]["field"], "deployment");
        assert_eq!(document["detail"], "The field deployment has the wrong type or value: expected an object");
    }

    #[tokio::test]
    async fn an_object_may_have_space_around_it() {
        let fine = request("application/json", "\r\n\t {\"name\":\"a\"}\n");
        assert_eq!(ApiJson::<NewNamespace>::from_request(fine, &()).await.unwrap().0.name, "a");
    }

    #[tokio::test]
    async fn no_value_of_the_body_is_echoed() {
        let (_, document) = refusal("application/json", r#"{"name":["hunter2"]}"#).await;
        assert!(!document.to_string().contains("hunter2"));
    }

    #[tokio::test]
    async fn only_json_is_json() {
        for media_type in ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonx"] {
            assert_eq!(refusal(media_type, "{}").await.0, 415, "{media_type}");
        }
        let fine = request("application/json; charset=utf-8", r#"{"name":"a"}"#);
        assert!(ApiJson::<NewNamespace>::from_request(fine, &()).await.is_ok());
    }

    #[tokio::test]
    async fn an_optional_body_may_be_absent_but_not_untyped() {
        let absent = Request::delete("/").body(Body::empty()).unwrap();
        assert!(OptionalJson::<DeleteNamespace>::from_request(absent, &()).await.is_ok());
        let untyped = Request::delete("/").body(Body::from("{}")).unwrap();
        assert!(OptionalJson::<DeleteNamespace>::from_request(untyped, &()).await.is_err());
    }
}
