//! The invoice of a month, as JSON or as a CSV file; written while it is read.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use backend::Backend;
use domain::Result;
use domain::billing::{BilledPod, CSV_HEAD, JSON_TAIL, json_head, month};
use domain::usage::Month;
use futures::future::ready;
use futures::stream::{BoxStream, StreamExt as _, TryStreamExt as _, once};

use super::at;
use super::auth::{TenantCaller, authenticate};
use super::refused::Refused;
use crate::http::extract::ApiPath;
use crate::http::negotiate::preferred;
use crate::http::problem::Problem;
use crate::http::state::AppState;

const JSON: &str = "application/json";
const CSV: &str = "text/csv";
/// Bytes of a row, about: a text that grows is copied again and again.
const ROW: usize = 300;

/// Outside the routes that answer JSON only.
pub fn routes(state: &AppState) -> Router<AppState> {
    at("/billing/{year}/{month}", &get(read)).layer(from_fn_with_state(state.clone(), authenticate))
}

/// `GET billing/{year}/{month}`
async fn read(
    TenantCaller(caller): TenantCaller,
    State(backend): State<Backend>,
    ApiPath((year, of)): ApiPath<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let vary = [(VARY, "accept")];
    let Some(form) = preferred(&headers, &[JSON, CSV]) else { return Ok((vary, no_form()).into_response()) };
    let month = month(&year, &of)?;
    Ok(match form {
        CSV => (vary, file(month, backend.export_billed_pods(&caller, month).await?)).into_response(),
        _ => (vary, [(CONTENT_TYPE, JSON)], json(month, backend.billed_pods(&caller, month)?)).into_response(),
    })
}

fn no_form() -> Problem {
    let refused = StatusCode::NOT_ACCEPTABLE;
    let detail = "The answer exists as application/json and text/csv";
    Problem::from_status(refused).in_words(refused, "not_acceptable", detail)
}

/// A batch is one piece, here and in the file: with a row a piece, every few rows would be a system call.
fn json(month: Month, batches: BoxStream<'static, Result<Vec<BilledPod>>>) -> Body {
    let rows = batches.enumerate().map(|(batch, pods)| -> Result<Bytes> {
        let pods = pods?;
        let mut text = String::with_capacity(pods.len() * ROW);
        for (at, pod) in pods.iter().enumerate() {
            if (batch, at) != (0, 0) {
                text.push(',');
            }
            pod.write_json(&mut text);
        }
        Ok(Bytes::from(text))
    });
    let head = once(ready(Ok(Bytes::from(json_head(month)))));
    let tail = once(ready(Ok(Bytes::from_static(JSON_TAIL.as_bytes()))));
    Body::from_stream(head.chain(rows).chain(tail))
}

fn file(month: Month, batches: BoxStream<'static, Result<Vec<BilledPod>>>) -> Response {
    // The name holds a month, so it needs no escaping.
    let attachment = format!("attachment; filename=\"k8sgpu-{month}.csv\"");
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, attachment)];
    let head = once(ready(Ok(Bytes::from_static(CSV_HEAD.as_bytes()))));
    let rows = batches.map_ok(|pods| {
        let mut text = String::with_capacity(pods.len() * ROW);
        for pod in &pods {
            pod.write_csv(&mut text);
        }
        Bytes::from(text)
    });
    (headers, Body::from_stream(head.chain(rows))).into_response()
}
