//! What an API key opens: four legal shapes, everything else is refused.
//!
//! Source: `console-api.md` §3, `security.md` §3.

#[cfg(feature = "openapi")]
mod schema;

use serde_json::{Map, Value, json};

use crate::id::NamespaceId;
use crate::{Error, FieldError, Result};

#[cfg(feature = "openapi")]
pub use schema::ScopeDocument;

/// Most namespaces one key may list.
pub const MAX_NAMESPACE_IDS: usize = 100;
const NAMESPACE_IDS: &str = "scopes.kubernetes_exec.namespace_ids";

/// The scope of an API key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// `{"all": true}`
    All,
    /// `{"inference": true}`; never opens Kubernetes.
    Inference,
    /// `{"kubernetes_exec": {"all_namespaces": true}}`: present and future ones of the account.
    AllNamespaces,
    /// `{"kubernetes_exec": {"namespace_ids": […]}}`: sorted, without duplicates, never empty.
    Namespaces(Vec<NamespaceId>),
}

impl Scope {
    /// Parses and checks a scope document. That listed namespaces belong to the account is checked by the use case.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `scopes…` for each of the rejected shapes.
    pub fn parse(document: &Value) -> Result<Self> {
        let root = object(document, "scopes")?;
        known_fields(root, "scopes", &["all", "inference", "kubernetes_exec"])?;
        let (all, inference, exec) = (root.get("all"), root.get("inference"), root.get("kubernetes_exec"));
        match (all, inference, exec) {
            (None, None, None) => Err(refuse("scopes", "required", "Choose at least one scope")),
            (Some(_), None, None) => granted(all, "scopes.all").map(|()| Self::All),
            (Some(_), ..) => Err(refuse("scopes.all", "exclusive", "\"all\" cannot be combined with other scopes")),
            (None, Some(_), None) => granted(inference, "scopes.inference").map(|()| Self::Inference),
            (None, Some(_), Some(_)) => Err(refuse(
                "scopes",
                "mixed",
                "Mixed scopes are not supported: use \"all\", or one of \"inference\" and \"kubernetes_exec\"",
            )),
            (None, None, Some(exec)) => parse_exec(exec),
        }
    }

    /// The canonical document, as stored and shown.
    pub fn to_json(&self) -> Value {
        match self {
            Self::All => json!({"all": true}),
            Self::Inference => json!({"inference": true}),
            Self::AllNamespaces => json!({"kubernetes_exec": {"all_namespaces": true}}),
            Self::Namespaces(ids) => {
                let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
                json!({"kubernetes_exec": {"namespace_ids": ids}})
            }
        }
    }

    /// Whether a key with this scope may ask for a Kubernetes credential in `namespace` of its own account.
    pub fn opens(&self, namespace: NamespaceId) -> bool {
        match self {
            Self::All | Self::AllNamespaces => true,
            Self::Inference => false,
            Self::Namespaces(ids) => ids.contains(&namespace),
        }
    }

    /// Whether this scope opens every namespace that `other` opens.
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All | Self::AllNamespaces, _) | (_, Self::Inference) => true,
            (Self::Namespaces(mine), Self::Namespaces(theirs)) => theirs.iter().all(|id| mine.contains(id)),
            _ => false,
        }
    }

    /// Where `document` lists `id`: a scope keeps its ids in an order of its own, people read theirs.
    pub fn field(document: &Value, id: NamespaceId) -> String {
        let list = document.pointer("/kubernetes_exec/namespace_ids").and_then(Value::as_array);
        let same = |item: &Value| item.as_str().and_then(|text| NamespaceId::parse(text).ok()) == Some(id);
        let place = list.and_then(|list| list.iter().position(same));
        place.map_or_else(|| NAMESPACE_IDS.to_owned(), |place| format!("{NAMESPACE_IDS}[{place}]"))
    }

    /// The namespaces listed by name, if any.
    pub fn namespace_ids(&self) -> &[NamespaceId] {
        match self {
            Self::Namespaces(ids) => ids,
            _ => &[],
        }
    }
}

fn parse_exec(document: &Value) -> Result<Scope> {
    let field = "scopes.kubernetes_exec";
    let exec = object(document, field)?;
    known_fields(exec, field, &["all_namespaces", "namespace_ids"])?;
    let everything = match exec.get("all_namespaces") {
        None => false,
        Some(Value::Bool(b)) => *b,
        Some(_) => return Err(refuse("scopes.kubernetes_exec.all_namespaces", "type", "all_namespaces must be true")),
    };
    let ids = exec.get("namespace_ids").map(parse_ids).transpose()?;
    match (everything, ids) {
        (true, None) => Ok(Scope::AllNamespaces),
        (true, Some(ids)) if ids.is_empty() => Ok(Scope::AllNamespaces),
        (true, Some(_)) => {
            Err(refuse(field, "ambiguous", "Give either all_namespaces or a list of namespace_ids, not both"))
        }
        (false, Some(ids)) if !ids.is_empty() => Ok(Scope::Namespaces(ids)),
        (false, Some(_)) => {
            Err(refuse(NAMESPACE_IDS, "required", "Give at least one namespace id, or set all_namespaces to true"))
        }
        (false, None) => Err(refuse(field, "required", "Give namespace_ids, or set all_namespaces to true")),
    }
}

fn parse_ids(list: &Value) -> Result<Vec<NamespaceId>> {
    let list = list.as_array().ok_or_else(|| refuse(NAMESPACE_IDS, "type", "namespace_ids must be a list"))?;
    if list.len() > MAX_NAMESPACE_IDS {
        return Err(refuse(NAMESPACE_IDS, "length", "A key can list at most 100 namespaces; use all_namespaces"));
    }
    let mut ids = Vec::with_capacity(list.len());
    for (i, item) in list.iter().enumerate() {
        let id = item.as_str().and_then(|text| NamespaceId::parse(text).ok());
        ids.push(id.ok_or_else(|| refuse(&format!("{NAMESPACE_IDS}[{i}]"), "uuid", "Not a valid namespace id"))?);
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

fn object<'a>(value: &'a Value, field: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| refuse(field, "type", format!("{field} must be an object")))
}

fn known_fields(object: &Map<String, Value>, at: &str, known: &[&str]) -> Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(refuse(&format!("{at}.{key}"), "unknown_field", format!("Unknown field \"{key}\""))),
        None => Ok(()),
    }
}

fn granted(value: Option<&Value>, field: &str) -> Result<()> {
    match value {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::Bool(false)) => Err(refuse(field, "grants_nothing", "A scope that is false grants nothing")),
        _ => Err(refuse(field, "type", format!("{field} must be true"))),
    }
}

fn refuse(field: &str, code: &str, message: impl Into<String>) -> Error {
    Error::Invalid(vec![FieldError::new(field, code, message)])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";

    #[test]
    fn the_four_legal_shapes_round_trip() {
        for document in [
            json!({"all": true}),
            json!({"inference": true}),
            json!({"kubernetes_exec": {"all_namespaces": true}}),
            json!({"kubernetes_exec": {"namespace_ids": [ID]}}),
        ] {
            assert_eq!(Scope::parse(&document).unwrap().to_json(), document);
        }
    }

    #[test]
    fn all_namespaces_with_an_empty_list_is_stored_without_the_list() {
        let scope = Scope::parse(&json!({"kubernetes_exec": {"all_namespaces": true, "namespace_ids": []}})).unwrap();
        assert_eq!(scope, Scope::AllNamespaces);
    }

    #[test]
    fn duplicate_ids_are_folded() {
        let scope = Scope::parse(&json!({"kubernetes_exec": {"namespace_ids": [ID, ID]}})).unwrap();
        assert_eq!(scope.namespace_ids().len(), 1);
    }

    #[test]
    fn an_id_is_found_where_the_document_lists_it() {
        let ids = [3, 1, 2, 1].map(|last| format!("019c1b2e-7f00-7abc-8def-01234567890{last}"));
        let id = |place: usize| NamespaceId::parse(&ids[place]).unwrap();
        let document = json!({"kubernetes_exec": {"namespace_ids": ids}});
        assert_eq!(Scope::parse(&document).unwrap().namespace_ids(), [id(1), id(2), id(0)]);
        for (place, shown) in [(0, 0), (1, 1), (2, 2), (3, 1)] {
            let field = format!("scopes.kubernetes_exec.namespace_ids[{shown}]");
            assert_eq!(Scope::field(&document, id(place)), field);
        }
        assert_eq!(Scope::field(&json!({}), id(0)), "scopes.kubernetes_exec.namespace_ids");
    }

    #[test]
    fn every_other_shape_is_refused() {
        for document in [
            json!({}),
            json!(null),
            json!([]),
            json!("all"),
            json!({"all": false}),
            json!({"all": null}),
            json!({"all": true, "inference": true}),
            json!({"all": true, "kubernetes_exec": {"all_namespaces": true}}),
            json!({"inference": false}),
            json!({"inference": true, "kubernetes_exec": {"all_namespaces": true}}),
            json!({"kubernetes_exec": {}}),
            json!({"kubernetes_exec": true}),
            json!({"kubernetes_exec": {"all_namespaces": false}}),
            json!({"kubernetes_exec": {"all_namespaces": "true"}}),
            json!({"kubernetes_exec": {"namespace_ids": []}}),
            json!({"kubernetes_exec": {"namespace_ids": ["team-ml"]}}),
            json!({"kubernetes_exec": {"namespace_ids": [1]}}),
            json!({"kubernetes_exec": {"namespace_ids": {}}}),
            json!({"kubernetes_exec": {"all_namespaces": true, "namespace_ids": [ID]}}),
            json!({"kubernetes_exec": {"namespace_ids": vec![ID; 101]}}),
            json!({"kubernetes_exec": {"namespaces": [ID]}}),
            json!({"everything": true}),
        ] {
            assert!(matches!(Scope::parse(&document), Err(Error::Invalid(_))), "{document}");
        }
    }

    #[test]
    fn an_inference_key_opens_no_namespace() {
        let id = NamespaceId::parse(ID).unwrap();
        assert!(!Scope::Inference.opens(id));
        assert!(Scope::All.opens(id) && Scope::AllNamespaces.opens(id) && Scope::Namespaces(vec![id]).opens(id));
    }

    /// Documents near the legal ones: each field absent, or with one of the values people and programs try.
    fn document() -> impl Strategy<Value = Value> {
        let flag = prop::option::of(prop::sample::select(vec![json!(true), json!(false), json!(null), json!("true")]));
        let ids = prop::collection::vec(prop::sample::select(vec![json!(ID), json!("team-ml"), json!(7)]), 0..3);
        let ids = prop::option::of(prop_oneof![ids.prop_map(Value::from), Just(json!(null)), Just(json!({}))]);
        let exec = (flag.clone(), ids, any::<bool>()).prop_map(|(all, ids, stray)| {
            let stray = stray.then(|| json!(1));
            object_of([("all_namespaces", all), ("namespace_ids", ids), ("namespaces", stray)])
        });
        let exec = prop::option::of(prop_oneof![exec, Just(json!(true)), Just(json!([]))]);
        (flag.clone(), flag, exec).prop_map(|(all, inference, exec)| {
            object_of([("all", all), ("inference", inference), ("kubernetes_exec", exec)])
        })
    }

    fn object_of<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_exactly_one_legal_shape_and_stays_it(document in document()) {
            let Ok(scope) = Scope::parse(&document) else { return Ok(()) };
            let canonical = scope.to_json();
            let legal = [
                canonical == json!({"all": true}),
                canonical == json!({"inference": true}),
                canonical == json!({"kubernetes_exec": {"all_namespaces": true}}),
                canonical.pointer("/kubernetes_exec/namespace_ids/0").is_some(),
            ];
            prop_assert_eq!(legal.iter().filter(|is| **is).count(), 1, "{}", canonical);
            prop_assert_eq!(canonical.as_object().unwrap().len(), 1);
            prop_assert_eq!(Scope::parse(&canonical).unwrap(), scope);
        }
    }
}
