//! What people do to a workload that runs: which kind allows it, and the patch that Kubernetes is sent.
//!
//! Source: `style.md` §4.8: one table says what is legal; pages show the rest disabled with its sentence, the use cases
//! refuse with the same one.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::WorkloadKind;
use crate::admission::{Orderer, order};
use crate::deployment::{MAX_REPLICAS, wrong_variable};
use crate::{Code, Error, FieldError, Result};

/// Something that people do to a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkloadAction {
    /// Change how many pods are wanted.
    Scale,
    /// Replace every pod by a new one.
    Restart,
    /// Run another image.
    ChangeImage,
    /// Go back to an earlier template.
    RollBack,
    /// Start no Jobs by the clock, or start them again.
    Suspend,
    /// Start a Job at once.
    RunNow,
}

/// Body of `PATCH …/workloads/{kind}/{name}`: what is unsaid stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkloadChange {
    /// Pods wanted, 0 to 100.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, maximum = 100))]
    pub replicas: Option<u32>,
    /// Image reference.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "openapi",
        schema(nullable = false, example = "nginx:1.27-alpine", min_length = 1, max_length = 512, pattern = "^\\S+$")
    )]
    pub image: Option<String>,
    /// Plain environment by name; `null` removes a variable, those that are not named stay.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub env: Option<BTreeMap<String, Option<String>>>,
    /// Whose image and environment; the first container when unsaid.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub container: Option<String>,
    /// Of a CronJob: start no Jobs by the clock.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub suspended: Option<bool>,
}

/// An earlier template of a Deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Revision {
    /// Its number.
    pub revision: u64,
    /// Image of the first container.
    pub image: String,
    /// SKU code.
    pub sku_code: String,
    /// RFC 3339.
    pub created_at: String,
    /// It is what runs now.
    pub current: bool,
}

/// Body of `POST …/workloads/{kind}/{name}/rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// One of the revisions that are listed.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub revision: u64,
}

/// A change as Kubernetes takes it.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkloadPatch {
    /// Merged by the rules of each field.
    Strategic(Value),
    /// RFC 6902.
    Json(Value),
}

// === impl WorkloadPatch ===

impl WorkloadPatch {
    /// The same by somebody, who orders from then on what the template makes; one that leaves the template alone stays.
    #[must_use]
    pub fn ordered_by(mut self, by: &Orderer) -> Self {
        let template = match &mut self {
            Self::Strategic(patch) => patch.pointer_mut("/spec/template"),
            Self::Json(operations) => operations.pointer_mut("/0/value"),
        };
        if let Some(template) = template {
            // A template says it where a pod does.
            order("Pod", template, Some(&by.to_string()));
        }
        self
    }
}

// === impl WorkloadAction ===

impl WorkloadAction {
    /// Whether a workload of this kind allows it.
    ///
    /// # Errors
    /// The sentence for people.
    pub fn of(self, kind: WorkloadKind) -> std::result::Result<(), &'static str> {
        use WorkloadKind::{CronJob, Deployment, Job, Pod, StatefulSet};
        match (self, kind) {
            (Self::Scale | Self::Restart | Self::ChangeImage, Deployment | StatefulSet)
            | (Self::RollBack, Deployment)
            | (Self::Suspend | Self::RunNow, CronJob) => Ok(()),
            (Self::Suspend | Self::RunNow, _) => Err("Only a CronJob starts Jobs"),
            (_, CronJob) => Err("A CronJob makes Jobs, not pods; change its manifest"),
            (Self::RollBack, StatefulSet) => Err("Kubernetes keeps earlier templates for Deployments only"),
            (Self::Scale, Job) => Err("A Job runs as many pods as its manifest says; start another Job"),
            (_, Job) => Err("A Job cannot be changed while it runs; delete it and start another"),
            (_, Pod) => Err("A pod cannot be changed; delete it and make another, or use a Deployment"),
        }
    }

    /// As [`Self::of`], as an error of the use case.
    ///
    /// # Errors
    /// `conflict` with the sentence.
    pub fn require(self, kind: WorkloadKind) -> Result<()> {
        self.of(kind).map_err(|sentence| Error::conflict(Code::Conflict, sentence))
    }
}

// === impl WorkloadChange ===

impl WorkloadChange {
    /// Checks the form of every field, and that this kind allows it.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once; `conflict` for a kind that cannot be changed so.
    pub fn check(&self, kind: WorkloadKind) -> Result<()> {
        let mut wrong = Vec::new();
        if self.replicas.is_none() && self.image.is_none() && self.env.is_none() && self.suspended.is_none() {
            let message = "Say what to change: replicas, image, env or suspended";
            wrong.push(FieldError::new("replicas", "required", message));
        }
        if self.replicas.is_some_and(|n| n > MAX_REPLICAS) {
            wrong.push(FieldError::new("replicas", "range", "Replicas must be between 0 and 100"));
        }
        let bad = |image: &String| image.is_empty() || image.len() > 512 || image.chars().any(char::is_whitespace);
        if self.image.as_ref().is_some_and(bad) {
            let message = "Write an image reference, for example nginx:1.27-alpine";
            wrong.push(FieldError::new("image", "format", message));
        }
        let names = self.env.iter().flat_map(BTreeMap::keys);
        wrong.extend(names.filter_map(|name| wrong_variable(&format!("env.{name}"), name)));
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        self.replicas.map_or(Ok(()), |_| WorkloadAction::Scale.require(kind))?;
        self.suspended.map_or(Ok(()), |_| WorkloadAction::Suspend.require(kind))?;
        let template = self.image.is_some() || self.env.is_some();
        if template { WorkloadAction::ChangeImage.require(kind) } else { Ok(()) }
    }

    /// The patch; `first` is the name of the first container. With `version`, only an object of that one takes it.
    pub fn patch(&self, first: &str, version: Option<&str>) -> WorkloadPatch {
        let mut spec = json!({});
        if let Some(replicas) = self.replicas {
            spec["replicas"] = json!(replicas);
        }
        if let Some(suspended) = self.suspended {
            spec["suspend"] = json!(suspended);
        }
        if let Some(container) = self.container_patch(first) {
            spec["template"] = json!({"spec": {"containers": [container]}});
        }
        let mut patch = json!({"spec": spec});
        if let Some(version) = version {
            patch["metadata"] = json!({"resourceVersion": version});
        }
        WorkloadPatch::Strategic(patch)
    }

    /// What changes of a container, under its name; Kubernetes merges both lists by name.
    fn container_patch(&self, first: &str) -> Option<Value> {
        if self.image.is_none() && self.env.is_none() {
            return None;
        }
        let mut container = json!({"name": self.container.as_deref().filter(|name| !name.is_empty()).unwrap_or(first)});
        if let Some(image) = &self.image {
            container["image"] = json!(image);
        }
        if let Some(env) = &self.env {
            // A variable that came from a Secret becomes a plain one: it cannot have both.
            let variable = |(name, value): (&String, &Option<String>)| match value {
                Some(value) => json!({"name": name, "value": value, "valueFrom": null}),
                None => json!({"name": name, "$patch": "delete"}),
            };
            container["env"] = env.iter().map(variable).collect();
        }
        Some(container)
    }

    /// In words, for the audit log. Of the environment the names only: values may be secret.
    pub fn words(&self) -> String {
        let replicas = self.replicas.map(|n| format!("{n} replicas"));
        let image = self.image.as_ref().map(|image| format!("image {image}"));
        let names = self.env.as_ref().map(|env| env.keys().map(String::as_str).collect::<Vec<_>>());
        let env = names.map(|names| format!("environment {}", names.join(", ")));
        let suspended = self.suspended.map(|on| (if on { "suspended" } else { "resumed" }).to_owned());
        replicas.into_iter().chain(image).chain(env).chain(suspended).collect::<Vec<_>>().join(", ")
    }
}

/// What `kubectl rollout restart` sends: a template that differs only by this mark.
pub fn restart_patch(at: Timestamp) -> WorkloadPatch {
    let marks = json!({"kubectl.kubernetes.io/restartedAt": at.to_string()});
    WorkloadPatch::Strategic(json!({"spec": {"template": {"metadata": {"annotations": marks}}}}))
}

/// Puts an earlier template in place of the present one, as `kubectl rollout undo` does.
pub fn rollback_patch(template: &Value) -> WorkloadPatch {
    let mut template = template.clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        // Kubernetes adds it to the templates of its ReplicaSets.
        labels.remove("pod-template-hash");
    }
    WorkloadPatch::Json(json!([{"op": "replace", "path": "/spec/template", "value": template}]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_says_why_it_cannot_be_changed() {
        let scale = WorkloadChange { replicas: Some(2), ..WorkloadChange::default() };
        assert!(scale.check(WorkloadKind::Deployment).is_ok() && scale.check(WorkloadKind::StatefulSet).is_ok());
        let job = scale.check(WorkloadKind::Job).unwrap_err();
        assert!(job.to_string().starts_with("A Job runs as many pods"), "{job}");
        assert!(WorkloadAction::RollBack.of(WorkloadKind::StatefulSet).is_err());
        assert!(WorkloadAction::Restart.of(WorkloadKind::Pod).unwrap_err().contains("Deployment"));
    }

    #[test]
    fn only_a_cron_job_is_suspended() {
        let change = WorkloadChange { suspended: Some(true), ..WorkloadChange::default() };
        assert!(change.check(WorkloadKind::CronJob).is_ok());
        assert!(change.check(WorkloadKind::Deployment).is_err());
        assert_eq!(change.patch("", None), WorkloadPatch::Strategic(json!({"spec": {"suspend": true}})));
        assert_eq!(change.words(), "suspended");
        assert!(WorkloadAction::Scale.of(WorkloadKind::CronJob).is_err());
    }

    #[test]
    fn a_change_names_every_wrong_field() {
        let wrong = WorkloadChange { replicas: Some(101), image: Some("a b".into()), ..WorkloadChange::default() };
        let Err(Error::Invalid(fields)) = wrong.check(WorkloadKind::Deployment) else { panic!("it must be refused") };
        assert_eq!(fields.len(), 2);
        assert!(WorkloadChange::default().check(WorkloadKind::Deployment).is_err(), "nothing to change");
    }

    #[test]
    fn a_patch_holds_only_what_was_said() {
        let scale = WorkloadChange { replicas: Some(0), ..WorkloadChange::default() };
        assert_eq!(scale.patch("app", None), WorkloadPatch::Strategic(json!({"spec": {"replicas": 0}})));
        let image = WorkloadChange { image: Some("x:2".into()), ..WorkloadChange::default() };
        let containers = json!([{"name": "app", "image": "x:2"}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": containers}}}});
        assert_eq!(image.patch("app", None), WorkloadPatch::Strategic(patch));
        let guarded = json!({"spec": {"replicas": 0}, "metadata": {"resourceVersion": "7"}});
        assert_eq!(scale.patch("app", Some("7")), WorkloadPatch::Strategic(guarded));
    }

    #[test]
    fn the_environment_is_changed_by_name_and_the_log_holds_no_value() {
        let env = [("MODE".to_owned(), Some("hunter2".to_owned())), ("OLD".to_owned(), None)].into();
        let change = WorkloadChange { env: Some(env), ..WorkloadChange::default() };
        assert!(change.check(WorkloadKind::Deployment).is_ok());
        assert!(change.check(WorkloadKind::Pod).is_err());
        let env = json!([{"name": "MODE", "value": "hunter2", "valueFrom": null}, {"name": "OLD", "$patch": "delete"}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "app", "env": env}]}}}});
        assert_eq!(change.patch("app", None), WorkloadPatch::Strategic(patch));
        assert_eq!(change.words(), "environment MODE, OLD");
        let wrong = WorkloadChange { env: Some([("1 2".to_owned(), None)].into()), ..WorkloadChange::default() };
        let Err(Error::Invalid(fields)) = wrong.check(WorkloadKind::Deployment) else { panic!("it must be refused") };
        assert_eq!(fields[0].field, "env.1 2");
    }

    #[test]
    fn whoever_changes_a_template_orders_what_it_makes() {
        let by = Orderer::Key(crate::api_key::PublicId::from_trusted("a1b2c3d4".into()));
        let pointer = "/metadata/annotations/remotegpu.ai~1ordered-by";
        let image = WorkloadChange { image: Some("x:2".into()), ..WorkloadChange::default() };
        for patch in [restart_patch(Timestamp::UNIX_EPOCH), image.patch("app", None)] {
            let WorkloadPatch::Strategic(patch) = patch.ordered_by(&by) else { panic!("a merge") };
            assert_eq!(patch["spec"]["template"].pointer(pointer), Some(&json!("key-a1b2c3d4")));
        }
        let WorkloadPatch::Json(patch) = rollback_patch(&json!({"spec": {}})).ordered_by(&by) else { panic!("a list") };
        assert_eq!(patch[0]["value"].pointer(pointer), Some(&json!("key-a1b2c3d4")));
        let scale = WorkloadChange { replicas: Some(0), ..WorkloadChange::default() }.patch("", None);
        assert_eq!(scale.clone().ordered_by(&by), scale);
    }

    #[test]
    fn an_earlier_template_comes_back_without_the_mark_of_its_replica_set() {
        let template = json!({"metadata": {"labels": {"app": "x", "pod-template-hash": "6d4"}}, "spec": {}});
        let WorkloadPatch::Json(patch) = rollback_patch(&template) else { panic!("a JSON patch") };
        assert_eq!(patch[0]["value"]["metadata"]["labels"], json!({"app": "x"}));
    }
}
