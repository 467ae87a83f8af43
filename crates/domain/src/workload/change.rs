//! What people do to a workload that runs: which kind allows it, and the patch that Kubernetes is sent.
//!
//! Source: `style.md` §4.8: one table says what is legal; pages show the rest disabled with its sentence, the use cases
//! refuse with the same one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::WorkloadKind;
use crate::deployment::MAX_REPLICAS;
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
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(maximum = 100))]
    pub replicas: Option<u32>,
    /// Image reference.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        schema(example = "nginx:1.27-alpine", min_length = 1, max_length = 512, pattern = "^\\S+$")
    )]
    pub image: Option<String>,
    /// Whose image; the first container when unsaid.
    #[serde(default)]
    pub container: Option<String>,
    /// Of a CronJob: start no Jobs by the clock.
    #[serde(default)]
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
        if self.replicas.is_none() && self.image.is_none() && self.suspended.is_none() {
            let message = "Say what to change: replicas, image or suspended";
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
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        self.replicas.map_or(Ok(()), |_| WorkloadAction::Scale.require(kind))?;
        self.suspended.map_or(Ok(()), |_| WorkloadAction::Suspend.require(kind))?;
        self.image.as_ref().map_or(Ok(()), |_| WorkloadAction::ChangeImage.require(kind))
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
        if let Some(image) = &self.image {
            let container = self.container.as_deref().filter(|name| !name.is_empty()).unwrap_or(first);
            spec["template"] = json!({"spec": {"containers": [{"name": container, "image": image}]}});
        }
        let mut patch = json!({"spec": spec});
        if let Some(version) = version {
            patch["metadata"] = json!({"resourceVersion": version});
        }
        WorkloadPatch::Strategic(patch)
    }

    /// In words, for the audit log.
    pub fn words(&self) -> String {
        let replicas = self.replicas.map(|n| format!("{n} replicas"));
        let image = self.image.as_ref().map(|image| format!("image {image}"));
        let suspended = self.suspended.map(|on| (if on { "suspended" } else { "resumed" }).to_owned());
        replicas.into_iter().chain(image).chain(suspended).collect::<Vec<_>>().join(", ")
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
    fn an_earlier_template_comes_back_without_the_mark_of_its_replica_set() {
        let template = json!({"metadata": {"labels": {"app": "x", "pod-template-hash": "6d4"}}, "spec": {}});
        let WorkloadPatch::Json(patch) = rollback_patch(&template) else { panic!("a JSON patch") };
        assert_eq!(patch[0]["value"]["metadata"]["labels"], json!({"app": "x"}));
    }
}
