//! Who ordered a pod: written into it, or into the template that it is made from, while that is still known.
//!
//! Pods of a Deployment are made by a controller, so their template carries the name. Nobody writes another's: what a
//! request says counts from those alone who hand it on, or who ask for somebody else, and they cannot be imitated.

use std::fmt;

use serde_json::{Value, json};

use super::patch::Draft;
use super::workload::template_path;
use super::{Injection, Refusal, apply, workload_template};
use crate::api_key::{ID_ALPHABET, ID_LENGTH, PublicId};
use crate::credential::ACCESS_NAMESPACE;
use crate::id::UserId;

/// Annotation of pods and pod templates set by admission: who ordered them, `key-<public id>` or `user-<id>`; none
/// where nobody knows.
pub const ANNOTATION_ORDERED_BY: &str = "remotegpu.ai/ordered-by";

// Kubernetes' own, which make pods of templates that were admitted. Each has its account, or all have one user.
const CONTROLLERS: [&str; 8] = [
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:cronjob-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
    "system:serviceaccount:kube-system:deployment-controller",
    "system:serviceaccount:kube-system:job-controller",
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:replication-controller",
    "system:serviceaccount:kube-system:statefulset-controller",
];

/// Who ordered a pod.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Orderer {
    /// An API key.
    Key(PublicId),
    /// A person in the console.
    Person(UserId),
}

/// What the name of who asks says about who orders.
enum Asker {
    /// A key, which orders itself.
    Key(Orderer),
    /// A controller, or the console for a person: what they say is so.
    Believed,
    /// Anybody else.
    Other,
}

// === impl Orderer ===

impl Orderer {
    /// Reads the annotation; anything else is nobody.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(id) = text.strip_prefix("key-") {
            let legal = id.len() == ID_LENGTH && id.bytes().all(|letter| ID_ALPHABET.contains(&letter));
            return legal.then(|| Self::Key(PublicId::from_trusted(id.to_owned())));
        }
        UserId::parse(text.strip_prefix("user-")?).ok().map(Self::Person)
    }
}

impl fmt::Display for Orderer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key-{}", id.as_str()),
            Self::Person(id) => write!(f, "user-{id}"),
        }
    }
}

// === impl Asker ===

impl Asker {
    /// From the authenticated name. Accounts of the access namespace are made by the console only (RULINGS 41).
    fn of(username: &str) -> Self {
        if CONTROLLERS.contains(&username) {
            return Self::Believed;
        }
        let account = username.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
        let Some((ACCESS_NAMESPACE, name)) = account else { return Self::Other };
        if name.starts_with("console-") {
            return Self::Believed;
        }
        let id = name.strip_prefix("key-").and_then(|rest| rest.split('-').next()).unwrap_or_default();
        Orderer::parse(&format!("key-{id}")).map_or(Self::Other, Self::Key)
    }
}

/// What the annotation of `now`, a pod or a template, has to be when `username` asks for it; `before` is the template as
/// it is stored. While nothing else of a template changes it stays, so that nothing is rolled out for its sake.
pub fn ordered_by(username: &str, before: Option<&Value>, now: &Value) -> Option<String> {
    let kept = before.and_then(said).map(ToOwned::to_owned);
    if before.is_some_and(|before| alike(before, now)) {
        return kept;
    }
    let known = match Asker::of(username) {
        Asker::Key(key) => Some(key.to_string()),
        Asker::Believed => said(now).filter(|text| Orderer::parse(text).is_some()).map(ToOwned::to_owned),
        Asker::Other => None,
    };
    known.or(kept)
}

/// What makes `pod`, a Pod or the template of a `kind`, say `by` and nothing else, behind `done`, which is set before.
pub fn seal(kind: &str, pod: &Value, done: &[Injection], by: Option<&str>) -> Vec<Injection> {
    // Nothing else of the pod is looked at, so nothing else is copied.
    let known = pod.get("metadata").filter(|metadata| !metadata.is_null());
    let mut bare = known.map_or_else(|| json!({}), |metadata| json!({"metadata": metadata}));
    apply(&mut bare, done);
    let (mut draft, path) = (Draft::new(&bare), ["metadata", "annotations", ANNOTATION_ORDERED_BY]);
    match by {
        Some(by) => draft.set(&path, Value::from(by)),
        None => draft.remove(&path),
    }
    let prefix = template_path(kind).unwrap_or_default();
    let placed = |injection: Injection| Injection { path: format!("{prefix}{}", injection.path), ..injection };
    draft.into_injections().into_iter().map(placed).collect()
}

/// Makes an object of `kind` say `by` and nothing else.
pub fn order(kind: &str, object: &mut Value, by: Option<&str>) {
    let Some(pod) = pod_of(kind, object) else { return };
    let injections = seal(kind, pod, &[], by);
    apply(object, &injections);
}

/// What an object of `kind` says.
pub fn ordered<'a>(kind: &str, object: &'a Value) -> Option<&'a str> {
    pod_of(kind, object).and_then(said)
}

/// The refusal of a stored pod or template that says somebody else. One that says nothing is nobody's.
pub fn check_ordered(pod: &Value, by: Option<&str>) -> Option<Refusal> {
    said(pod).filter(|said| Some(*said) != by).map(|_| {
        let message = format!("Annotation {ANNOTATION_ORDERED_BY} is set by admission: remove it");
        Refusal::new("annotations_fixed", format!("metadata.annotations[{ANNOTATION_ORDERED_BY}]"), message)
    })
}

fn pod_of<'a>(kind: &str, object: &'a Value) -> Option<&'a Value> {
    if kind == "Pod" { Some(object) } else { workload_template(kind, object) }
}

fn said(pod: &Value) -> Option<&str> {
    pod.get("metadata")?.get("annotations")?.get(ANNOTATION_ORDERED_BY)?.as_str()
}

/// Whether two templates differ in this annotation at the most; no annotations and none of them are the same.
fn alike(one: &Value, other: &Value) -> bool {
    let rest = |template: &Value| {
        let mut metadata = template.get("metadata").cloned().unwrap_or_default();
        let left = metadata.get_mut("annotations").and_then(Value::as_object_mut).map(|annotations| {
            annotations.remove(ANNOTATION_ORDERED_BY);
            annotations.len()
        });
        if let (Some(0), Some(members)) = (left, metadata.as_object_mut()) {
            members.remove("annotations");
        }
        metadata
    };
    one.get("spec") == other.get("spec") && rest(one) == rest(other)
}
