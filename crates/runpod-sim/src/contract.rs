//! The provider's own schema: which operation a call is, and what is wrong with a body.
//! The document lies in `contract/`; where it and a text differ, the document wins.
use std::sync::LazyLock;

use serde_json::Value;

use crate::schema;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../contract/runpod-v2.json")).unwrap_or_default());

/// The operations of the official schema.
#[derive(Clone, Copy, Debug, Default)]
pub struct Contract;

// === impl Contract ===

impl Contract {
    /// The path of the schema that a concrete path belongs to, `/v2/pods/{id}` for `/v2/pods/abc`.
    #[must_use]
    pub fn template(self, path: &str) -> Option<&'static str> {
        let paths = DOCUMENT["paths"].as_object()?;
        if let Some((exact, _)) = paths.get_key_value(path) {
            return Some(exact);
        }
        paths.keys().map(String::as_str).find(|template| fits(template, path))
    }

    /// Methods the schema has for a path template, in upper case.
    #[must_use]
    pub fn methods(self, template: &str) -> Vec<String> {
        let known = DOCUMENT["paths"][template].as_object();
        known.into_iter().flatten().map(|(method, _)| method.to_uppercase()).filter(|one| one != "PARAMETERS").collect()
    }

    /// What is wrong with the body of a request; empty when nothing is.
    #[must_use]
    pub fn check_request(self, method: &str, template: &str, body: &Value) -> Vec<String> {
        let operation = &DOCUMENT["paths"][template][method.to_lowercase()];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() { Vec::new() } else { schema::check(&DOCUMENT, schema, body) }
    }

    /// What is wrong with the body of a reply, or with its status; empty when nothing is.
    #[must_use]
    pub fn check_reply(self, method: &str, template: &str, status: u16, body: Option<&Value>) -> Vec<String> {
        let operation = &DOCUMENT["paths"][template][method.to_lowercase()];
        let declared = &operation["responses"][status.to_string()];
        let reply = if declared.is_null() { &operation["responses"]["default"] } else { declared };
        let reply = match reply["$ref"].as_str() {
            Some(reference) => DOCUMENT.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
            None => reply,
        };
        let content = reply["content"].as_object();
        let schema =
            content.into_iter().flatten().find(|(kind, _)| kind.contains("json")).map(|(_, one)| &one["schema"]);
        match (schema, body) {
            (Some(schema), Some(body)) => schema::check(&DOCUMENT, schema, body),
            (Some(_), None) => vec!["$: a body is missing".into()],
            (None, Some(_)) => vec!["$: there must be no body".into()],
            (None, None) => Vec::new(),
        }
    }
}

fn fits(template: &str, path: &str) -> bool {
    let (mut want, mut have) = (template.split('/'), path.split('/'));
    loop {
        match (want.next(), have.next()) {
            (None, None) => return true,
            (Some(want), Some(have)) if want == have || want.starts_with('{') && !have.is_empty() => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn create(body: &Value) -> Vec<String> {
        Contract.check_request("POST", "/v2/pods", body)
    }

    #[test]
    fn the_smallest_body_of_the_reference_passes() {
        let body = json!({"name": "vn-1a2b3c4d-u", "image": "i", "gpu": {"id": "NVIDIA L4", "count": 1}, "cloud": "SECURE",
            "disk": 20, "ports": ["8080/http"], "env": {}, "dataCenterIds": ["EU-RO-1"],
            "args": "{\"entrypoint\":[\"a\"],\"cmd\":[]}"});
        assert_eq!(create(&body), Vec::<String>::new());
    }

    #[test]
    fn what_only_the_newer_api_knows_is_named() {
        for (field, value) in [("cmd", json!(["a"])), ("minRamPerGpu", json!(8))] {
            let mut body = json!({"name": "n", "image": "i", "gpu": {"id": "NVIDIA L4", "count": 1}});
            body[field] = value;
            assert!(create(&body).iter().any(|one| one.contains(field)), "{field}");
        }
        assert!(create(&json!({"name": "n"})).iter().any(|one| one.contains("'image'")));
        assert!(create(&json!({"name": "n", "templateId": "t"})).is_empty());
    }

    #[test]
    fn paths_are_found_with_their_ids() {
        assert_eq!(Contract.template("/v2/pods/abc"), Some("/v2/pods/{id}"));
        assert_eq!(Contract.template("/v2/registries/delegations"), Some("/v2/registries/delegations"));
        assert_eq!(Contract.template("/v2/nothing"), None);
        assert_eq!(Contract.methods("/v2/pods/{id}/action"), ["POST"]);
    }
}
