//! What the API document says, as the middleware asks for it: which query parameters a route has, what makes something.
//! Read from the document, so that a limit holds for every route by being described.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use app::ssr::CallerSlot;
use axum::extract::{MatchedPath, Query, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use domain::Error;
use serde_json::Value;

use super::permission::Need;
use crate::http::problem::Problem;

/// The operations by method and path template.
#[derive(Clone)]
pub struct Contract(Arc<HashMap<(String, String), Operation>>);

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// What a caller needs.
    pub need: Need,
    /// Makes something: answers 201.
    pub creates: bool,
    query: HashSet<String>,
}

// === impl Contract ===

impl Contract {
    /// Reads a finished document.
    pub fn of(document: &Value) -> Self {
        let mut operations = HashMap::new();
        for (path, item) in document["paths"].as_object().into_iter().flatten() {
            for (method, operation) in item.as_object().into_iter().flatten() {
                let Some(need) = operation["operationId"].as_str().and_then(Need::of) else { continue };
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                let query = parameters.filter(|p| p["in"] == "query").filter_map(|p| p["name"].as_str());
                let query = query.map(str::to_owned).collect();
                let creates = operation["responses"].get("201").is_some();
                operations.insert((method.to_uppercase(), path.clone()), Operation { need, creates, query });
            }
        }
        Self(Arc::new(operations))
    }

    /// The operation of a request that was routed; HEAD is asked as GET.
    pub fn operation(&self, request: &Request) -> Option<&Operation> {
        let path = request.extensions().get::<MatchedPath>()?.as_str().to_owned();
        let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
        self.0.get(&(method.as_str().to_owned(), path))
    }
}

/// Middleware: a parameter that the route does not have is a mistake of the client, not a wish to ignore.
pub async fn known_query(State(contract): State<Contract>, request: Request, next: Next) -> Response {
    let unknown = contract.operation(&request).and_then(|operation| unknown_parameter(operation, &request));
    match unknown {
        Some(name) => {
            let message = format!("Unknown query parameter {name}");
            Problem::from(Error::field(&name, "unknown_parameter", message)).into_response()
        }
        None => next.run(request).await,
    }
}

fn unknown_parameter(operation: &Operation, request: &Request) -> Option<String> {
    let signed_in = request.extensions().get::<CallerSlot>().is_some_and(|slot| slot.0.is_some());
    // Who may not call at all learns that first.
    if operation.need != Need::Everybody && !signed_in {
        return None;
    }
    let Query(sent) = Query::<Vec<(String, String)>>::try_from_uri(request.uri()).ok()?;
    sent.into_iter().map(|(name, _)| name).find(|name| !operation.query.contains(name))
}
