//! `/docs/api`: the API document as a page. Plain HTML made at the start; no script, no foreign file, open to everybody.

use std::fmt::Write as _;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::Value;

use super::state::AppState;

const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const STYLE: &str = include_str!("docs/api.css");
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// The finished page.
#[derive(Clone)]
pub struct DocsPage(Bytes);

/// Routes under `/docs`.
pub fn routes(document: &Value) -> Router<AppState> {
    let page = DocsPage(page(document).into());
    Router::new().route("/docs/api", get(read)).route("/docs/api.css", get(style)).layer(Extension(page))
}

/// `GET /docs/api`
async fn read(State(_): State<AppState>, Extension(page): Extension<DocsPage>) -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, POLICY)], Html(page.0))
}

/// `GET /docs/api.css`
async fn style() -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

fn page(document: &Value) -> String {
    let mut html = String::from(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>API · RemoteGPU</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><link rel=\"stylesheet\" href=\"/docs/api.css\"></head><body>",
    );
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let info = &document["info"];
    // Writing to a String cannot fail.
    let _ = write!(
        html,
        "<header><h1>{} API {}</h1><p>{}</p>",
        text(&info["title"]),
        text(&info["version"]),
        text(&info["description"])
    );
    html.push_str(
        "<p>The same for programs: <a href=\"/v1/openapi.json\">openapi.json</a> · \
        <a href=\"/\">Back to the console</a></p></header><main>",
    );
    for tag in tags(document) {
        let _ = write!(html, "<section><h2>{}</h2>", escape(&tag));
        for (path, method, operation) in operations(document).filter(|(_, _, o)| o["tags"][0] == *tag) {
            one(&mut html, document, path, method, operation);
        }
        html.push_str("</section>");
    }
    html.push_str("</main></body></html>");
    html
}

fn one(html: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let text = |value: &Value| escape(value.as_str().unwrap_or_default());
    let id = text(&operation["operationId"]);
    let _ = write!(
        html,
        "<article id=\"{id}\"><h3><a href=\"#{id}\">{}</a></h3><p class=\"call\"><b>{}</b> <code>{}</code></p>",
        text(&operation["summary"]),
        method.to_uppercase(),
        escape(path)
    );
    if operation["description"].is_string() {
        let _ = write!(html, "<p>{}</p>", text(&operation["description"]));
    }
    let _ = write!(html, "<dl><dt>Needs</dt><dd>{}</dd>", text(&operation["x-permission"]).replace('_', " "));
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let required = if parameter["required"] == true { ", required" } else { "" };
        let _ = write!(
            html,
            "<dt><code>{}</code></dt><dd>{} <small>({}{required})</small></dd>",
            text(&parameter["name"]),
            text(&parameter["description"]),
            text(&parameter["in"])
        );
    }
    if let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") {
        let _ = write!(html, "<dt>Body</dt><dd>{}</dd>", fields(document, schema));
    }
    html.push_str("<dt>Answers</dt><dd>");
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let _ = write!(html, "<code>{status}</code> {} ", answer(response));
    }
    html.push_str("</dd></dl></article>");
}

/// The type of an answer, or the name of the shared refusal.
fn answer(response: &Value) -> String {
    let reference = response["$ref"].as_str().or_else(|| {
        let content = response["content"].as_object()?;
        content.values().find_map(|media| media["schema"]["$ref"].as_str())
    });
    let name = reference.and_then(|reference| reference.rsplit('/').next());
    escape(name.unwrap_or_else(|| response["description"].as_str().unwrap_or_default()))
}

/// The fields of a body, the required ones marked.
fn fields(document: &Value, schema: &Value) -> String {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(schema),
        None => schema,
    };
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut list = String::from("<ul>");
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let mark = if required.iter().any(|one| one == name) { " <small>(required)</small>" } else { "" };
        let about = escape(field["description"].as_str().unwrap_or_default());
        let _ = write!(list, "<li><code>{}</code>{mark} {about}</li>", escape(name));
    }
    list.push_str("</ul>");
    list
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &String, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let item = item.as_object().into_iter().flatten();
        item.filter(|(method, _)| METHODS.contains(&method.as_str())).map(move |(method, o)| (path, method, o))
    })
}

fn tags(document: &Value) -> Vec<String> {
    let mut tags: Vec<String> =
        operations(document).filter_map(|(_, _, o)| o["tags"][0].as_str().map(str::to_owned)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::v1::api_document;
    use crate::public_url::PublicUrl;

    #[test]
    fn the_page_names_every_operation_and_holds_no_script() {
        let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
        let document = api_document(&url).unwrap();
        let html = page(&document);
        for (path, _, operation) in operations(&document) {
            assert!(html.contains(&escape(path)), "{path}");
            assert!(html.contains(&format!("id=\"{}\"", operation["operationId"].as_str().unwrap())), "{path}");
        }
        for forbidden in ["<script", "style=", " onclick", "http://", "//cdn"] {
            assert!(!html.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn the_page_has_every_place_that_the_console_leads_to() {
        let url = PublicUrl::new(Some("https://console.example.com"), "0.0.0.0:1".parse().unwrap()).unwrap();
        let html = page(&api_document(&url).unwrap());
        for place in app::paths::learn::ALL {
            let id = place.strip_prefix("/docs/api#").unwrap();
            assert!(html.contains(&format!("<article id=\"{id}\">")), "{place}");
        }
    }

    #[test]
    fn text_of_the_document_is_text_on_the_page() {
        assert_eq!(escape("<b>\"a\" & b</b>"), "&lt;b&gt;&quot;a&quot; &amp; b&lt;/b&gt;");
    }
}
