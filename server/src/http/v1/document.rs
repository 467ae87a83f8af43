//! The OpenAPI document: collected from the handlers, then completed with what holds for every operation: who may
//! call it, the refusals any request can meet, path parameters, formats that the house fixes by name.
//!
//! Source: `console-api.md` §1, `security.md` §10.

use axum::body::Bytes;
use axum::extract::Extension;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use domain::user::Email;
use serde_json::{Map, Value, json};
use utoipa::openapi::{InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema as _, ToSchema as _};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::permission::Need;
use crate::http::problem::{self, ProblemDocument};
use crate::http::state::AppState;
use crate::public_url::PublicUrl;

const ABOUT: &str = "One Kubernetes API as a GPU cloud. Errors are problem documents (RFC 9457) with a stable `code` and \
    a sentence in `detail`. Lists are `{\"items\", \"next_cursor\"}`, asked for by `limit` and `cursor`. Times are \
    RFC 3339 in UTC.";
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];
/// What two people may edit although it is written whole; everything that takes a PATCH is.
const EDITS: [&str; 3] = ["change_budget", "change_webhook", "set_sku_grants"];
const JSON: &str = "application/json";

/// The finished document as it is served: its text, which is a tenth of the tree that it was.
#[derive(Clone)]
pub struct ApiDocument(Bytes);

impl ApiDocument {
    /// Writes the document.
    pub fn of(document: &Value) -> Self {
        Self(document.to_string().into())
    }
}

pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(read))
}

/// This document
#[utoipa::path(get, path = "/openapi.json", operation_id = "get_openapi", tag = "Document",
    responses((status = 200, body = Object)))]
async fn read(Extension(document): Extension<ApiDocument>) -> impl IntoResponse {
    ([(CONTENT_TYPE, JSON)], document.0)
}

/// What stands in the document before any handler is collected.
pub fn start() -> OpenApi {
    let info = InfoBuilder::new().title("RemoteGPU").version(env!("CARGO_PKG_VERSION")).description(Some(ABOUT));
    OpenApiBuilder::new().info(info.build()).build()
}

/// Completes what the handlers say of themselves.
///
/// # Errors
/// When an operation has no id or no row in the table of permissions.
pub fn complete(collected: &OpenApi, url: &PublicUrl) -> anyhow::Result<Value> {
    let mut document = serde_json::to_value(collected)?;
    document["servers"] = json!([{"url": url.as_str()}]);
    let components = document.as_object_mut().map(|root| root.entry("components").or_insert_with(|| json!({})));
    if let Some(components) = components {
        components["securitySchemes"] = security_schemes(url);
        components["responses"] = problem::shared_responses();
        let mut schemas = vec![("Problem".to_owned(), ProblemDocument::schema())];
        ProblemDocument::schemas(&mut schemas);
        for (name, schema) in schemas {
            components["schemas"][name] = serde_json::to_value(schema)?;
        }
        formats(components);
    }
    formats(&mut document["paths"]);
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if METHODS.contains(&method.as_str()) {
                complete_operation(path, method, operation)?;
            }
        }
    }
    Ok(document)
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) -> anyhow::Result<()> {
    let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
    let Some(need) = Need::of(&id) else {
        anyhow::bail!("{method} {path}: operation {id:?} has no row in server/src/http/v1/permission.rs");
    };
    operation["security"] = need.security();
    operation["x-permission"] = json!(need.text());
    path_parameters(path, operation);
    cursors(operation);
    if operation["responses"].get("201").is_some() && need != Need::Everybody {
        header(operation, "Idempotency-Key", "Repeat the request with the same key: it is done once, within 24 hours");
    }
    if method == "patch" || EDITS.contains(&id.as_str()) {
        header(operation, "If-Match", "The `ETag` of what you saw: refused with 409 if somebody changed it meanwhile");
    }
    optional_body(operation);
    let changes = method != "get";
    let mut refusals = vec![400, 406, 414, 429, 431, 500, 503];
    refusals.extend([413].into_iter().filter(|_| changes));
    refusals.extend([415].into_iter().filter(|_| operation.get("requestBody").is_some()));
    refusals.extend([401].into_iter().filter(|_| need != Need::Everybody));
    refusals.extend([403].into_iter().filter(|_| changes || matches!(need, Need::Has(_))));
    let Some(responses) = operation["responses"].as_object_mut() else { return Ok(()) };
    for status in refusals {
        let reference = json!({"$ref": format!("#/components/responses/{}", problem::response_name(status))});
        responses.entry(status.to_string()).or_insert(reference);
    }
    for (status, response) in responses {
        describe(status, response);
    }
    Ok(())
}

/// Fills in what follows from the status: its reason, and where a made thing is.
fn describe(status: &str, response: &mut Value) {
    if response.get("$ref").is_some() {
        return;
    }
    let reason = status.parse().ok().and_then(|code: u16| StatusCode::from_u16(code).ok()?.canonical_reason());
    if response["description"].as_str().is_none_or(str::is_empty) {
        response["description"] = json!(reason.unwrap_or("Answer"));
    }
    if status == "201" {
        response["headers"]["location"] =
            json!({"description": "Where the new thing is", "schema": {"type": "string"}});
    }
}

/// A body that may be absent is absent, never `null`.
fn optional_body(operation: &mut Value) {
    let Some(schema) = operation.pointer_mut("/requestBody/content/application~1json/schema") else { return };
    let either = schema["oneOf"].as_array().filter(|either| either.contains(&json!({"type": "null"})));
    if let Some(thing) = either.and_then(|either| either.iter().find(|one| one.get("$ref").is_some()).cloned()) {
        *schema = thing;
    }
}

/// An optional header, and the conflict that it may lead to.
fn header(operation: &mut Value, name: &str, description: &str) {
    let Some(operation) = operation.as_object_mut() else { return };
    let parameter = json!({"name": name, "in": "header", "description": description,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}});
    if let Some(declared) = operation.entry("parameters").or_insert_with(|| json!([])).as_array_mut() {
        declared.push(parameter);
    }
    let conflict = json!({"$ref": format!("#/components/responses/{}", problem::response_name(409))});
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        responses.entry("409").or_insert(conflict);
    }
}

/// Declares the parameters that stand in the path; a handler need not repeat them.
fn path_parameters(path: &str, operation: &mut Value) {
    let names = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let missing: Vec<Value> = names.map(path_parameter).collect();
    if missing.is_empty() {
        return;
    }
    let Some(operation) = operation.as_object_mut() else { return };
    let declared = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(declared) = declared.as_array_mut() {
        let known = |name: &Value| declared.iter().any(|p| p["in"] == "path" && p["name"] == *name);
        let missing: Vec<Value> = missing.into_iter().filter(|p| !known(&p["name"])).collect();
        declared.splice(0..0, missing);
    }
}

/// Every list takes the cursors that lists give; one with another form says so itself.
fn cursors(operation: &mut Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if parameter["in"] == "query" && parameter["name"] == "cursor" {
            let Some(schema) = parameter["schema"].as_object_mut() else { continue };
            schema.entry("pattern").or_insert(json!("^[A-Za-z0-9-]+$"));
        }
    }
}

fn path_parameter(name: &str) -> Value {
    let (description, schema) = match name.strip_suffix("_id") {
        Some(thing) => (format!("Id of the {}", thing.replace('_', " ")), json!({"type": "string", "format": "uuid"})),
        None if name == "kind" => {
            let kinds = domain::workload::WorkloadKind::ALL.map(domain::workload::WorkloadKind::as_str);
            ("The kind of workload".to_owned(), json!({"type": "string", "enum": kinds}))
        }
        None => (format!("The {name}"), json!({"type": "string", "minLength": 1})),
    };
    json!({"name": name, "in": "path", "required": true, "description": description, "schema": schema})
}

/// Gives each property the format its name stands for everywhere: `…_at` is a time, `id` and `…_id` are UUIDs.
fn formats(components: &mut Value) {
    match components {
        Value::Object(object) => {
            unsigned(object);
            if let Some(Value::Object(properties)) = object.get_mut("properties") {
                properties.iter_mut().for_each(|(name, schema)| format(name, schema));
            }
            object.values_mut().for_each(formats);
        }
        Value::Array(items) => items.iter_mut().for_each(formats),
        _ => {}
    }
}

/// `u32` is described as a signed number of 32 bits that is never negative; its upper half is legal too.
fn unsigned(schema: &mut Map<String, Value>) {
    let is_u32 = schema.get("format") == Some(&json!("int32")) && schema.get("minimum") == Some(&json!(0));
    if is_u32 {
        schema.insert("format".to_owned(), json!("int64"));
        schema.entry("maximum").or_insert(json!(u32::MAX));
    }
}

/// What [`Email`] takes.
fn email(schema: &mut Map<String, Value>) {
    schema.entry("format").or_insert(json!("email"));
    schema.entry("pattern").or_insert(json!(Email::PATTERN));
    schema.entry("maxLength").or_insert(json!(254));
    schema.entry("example").or_insert(json!("ada@example.com"));
}

fn format(name: &str, schema: &mut Value) {
    if let Some(schema) = schema.as_object_mut().filter(|_| name == "email" || name.ends_with("_email")) {
        return email(schema);
    }
    let format = match name {
        "as_of" | "expirationTimestamp" => "date-time",
        "request_id" => return,
        _ if name.ends_with("_at") => "date-time",
        "id" => "uuid",
        _ if name.ends_with("_id") => "uuid",
        _ => return,
    };
    let text = schema["type"] == "string" || schema["type"].as_array().is_some_and(|t| t.contains(&json!("string")));
    if let Some(schema) = schema.as_object_mut().filter(|_| text) {
        schema.entry("format").or_insert(json!(format));
    }
}

fn security_schemes(url: &PublicUrl) -> Value {
    let mut schemes = Map::new();
    let mut add = |name: &str, scheme: Value| schemes.insert(name.to_owned(), scheme);
    add(
        "session",
        json!({"type": "apiKey", "in": "cookie", "name": url.cookie_name(),
        "description": "Cookie of a signed-in browser (POST /v1/auth/login)"}),
    );
    add(
        "cli_session",
        json!({"type": "http", "scheme": "bearer",
        "description": "Session of kubectl-remotegpu, `rgpus_…`"}),
    );
    add(
        "api_key",
        json!({"type": "apiKey", "in": "header", "name": "x-api-key",
        "description": "API key, `rgpu_…`; opens the key route and nothing else"}),
    );
    add(
        "api_key_bearer",
        json!({"type": "http", "scheme": "bearer",
        "description": "The same API key as a Bearer token"}),
    );
    Value::Object(schemes)
}

#[cfg(test)]
mod tests;
