//! The console's own API document as a test reads it: every JSON answer of a [`crate::Client`] is held against it,
//! and requests can be made up from it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::schema::Schemas;

static KNOWN: Mutex<Option<HashMap<String, Arc<Contract>>>> = Mutex::new(None);

/// The document of one console.
pub struct Contract {
    document: Value,
}

/// One operation of it.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its `operationId`.
    pub id: String,
    /// Upper case.
    pub method: String,
    /// With `{parameters}`.
    pub path: String,
    /// The rest.
    pub body: Value,
}

// === impl Contract ===

impl Contract {
    /// Asks the console at `base` for its document, once per console.
    pub async fn of(http: &reqwest::Client, base: &str) -> Arc<Self> {
        let known = |map: &mut Option<HashMap<String, Arc<Self>>>| map.get_or_insert_default().get(base).cloned();
        if let Some(contract) = known(&mut KNOWN.lock().unwrap_or_else(PoisonError::into_inner)) {
            return contract;
        }
        let answer = http.get(format!("{base}/v1/openapi.json")).send().await.expect("the console answers");
        let contract = Arc::new(Self { document: answer.json().await.expect("the API document is JSON") });
        let mut all = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        all.get_or_insert_default().insert(base.to_owned(), contract.clone());
        contract
    }

    /// Every operation.
    pub fn operations(&self) -> Vec<Operation> {
        let paths = self.document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, item)| {
                item.as_object().into_iter().flatten().map(|(method, body)| Operation {
                    id: body["operationId"].as_str().unwrap_or_default().to_owned(),
                    method: method.to_uppercase(),
                    path: path.clone(),
                    body: body.clone(),
                })
            })
            .collect()
    }

    /// A body that the operation takes: the least its schema asks for. None where it takes none.
    pub fn sample_body(&self, operation: &Operation) -> Option<Value> {
        let schema = operation.body.pointer("/requestBody/content/application~1json/schema")?;
        Some(self.schemas().sample(schema))
    }

    /// The fields of the body that the operation takes, and whether each may be `null`.
    pub fn fields(&self, operation: &Operation) -> Vec<(String, bool)> {
        let schema = operation.body.pointer("/requestBody/content/application~1json/schema");
        let fields = schema.and_then(|schema| self.schemas().resolve(schema)["properties"].as_object());
        let nullable = |schema| self.schemas().wrong(schema, &Value::Null).is_empty();
        fields.into_iter().flatten().map(|(name, schema)| (name.clone(), nullable(schema))).collect()
    }

    /// Holds an answer against the document.
    ///
    /// # Panics
    /// When the status or the body is not what the operation says.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, status: u16, media_type: &str, text: &str) {
        let path = path.split('?').next().unwrap_or(path);
        let operations = self.operations();
        // A path without parameters goes before those with them (OpenAPI 3.1, Paths Object).
        let literal = operations.iter().any(|operation| operation.path == path);
        let at = |template: &str| if literal { template == path } else { matches(template, path) };
        let fits = |operation: &&Operation| operation.method == method && at(&operation.path);
        let Some(operation) = operations.iter().find(fits) else { return };
        let name = format!("{} ({method} {path})", operation.id);
        let Some(response) = operation.body["responses"].get(status.to_string()) else {
            panic!("{name} answered {status}, which the API document does not know: {text}");
        };
        let response = self.schemas().resolve(response);
        let essence = media_type.split(';').next().unwrap_or_default();
        let Some(content) = response["content"].as_object() else {
            assert!(
                text.is_empty(),
                "{name} answered {status} with a body that the API document does not know: {text}"
            );
            return;
        };
        let media = content.get(essence);
        let media = media.unwrap_or_else(|| panic!("{name} answered {status} as {media_type:?}: {text}"));
        if essence == "application/json" || essence.ends_with("+json") {
            let body: Value = serde_json::from_str(text).unwrap_or_else(|_| panic!("{name}: no JSON: {text}"));
            let wrong = self.schemas().wrong(&media["schema"], &body);
            assert!(wrong.is_empty(), "{name} answered {status} against the API document: {wrong:?} in {text}");
        }
    }

    fn schemas(&self) -> Schemas<'_> {
        Schemas(&self.document)
    }
}

// === impl Operation ===

impl Operation {
    /// The path with its parameters filled in.
    pub fn at(&self, fill: impl Fn(&str) -> String) -> String {
        let part = |part: &str| match part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) => fill(name),
            None => part.to_owned(),
        };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// Names of the parameters in the path.
    pub fn parameters(&self) -> Vec<&str> {
        self.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }
}

fn matches(template: &str, path: &str) -> bool {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    template.len() == path.len() && template.iter().zip(&path).all(|(t, p)| t.starts_with('{') || t == p)
}

/// The least object of a schema, for [`Contract::sample_body`].
pub(crate) fn object_of(schema: &Value, sample: impl Fn(&str, &Value) -> Value) -> Value {
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let fields: Map<String, Value> =
        required.map(|name| (name.to_owned(), sample(name, &schema["properties"][name]))).collect();
    json!(fields)
}
