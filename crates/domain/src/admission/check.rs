//! The admission check as a pure function: what the webhook would say about a plan or a manifest, rule by rule, and the
//! numbers around it. Whoever asks (REST, the wizard) gets this verdict.
//!
//! Source: `console-api.md` §6 (admission-check).

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    Capacity, Injection, NamespacePolicy, PlanPrice, QuotaCheck, Refusal, RuleResult, Verdict, admit, apply, needs,
    selection, volumes, workload_template,
};
use crate::capacity::{ENGINE_LABEL, engines_for};
use crate::deployment::AdmissionCheck;
use crate::namespace::QuotaLine;
use crate::sku::{Sku, gpu_class_of};
use crate::{Error, Result};

/// A plan or a manifest, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The object as it would be given to the API server.
    pub manifest: Value,
    /// `Deployment`, `StatefulSet`, `Job`, `CronJob` or `Pod`.
    pub kind: String,
    /// The object does not exist yet, so its name must be free. A manifest may also change one that does.
    pub new: bool,
    /// The pod or its template.
    template: Value,
    replicas: u32,
    hours: Option<u32>,
}

/// What is known of the place where it is to run.
pub struct Place<'a> {
    /// Name of the namespace in the cluster.
    pub namespace: &'a str,
    /// What the namespace may use.
    pub policy: &'a NamespacePolicy,
    /// Every SKU by code.
    pub skus: &'a BTreeMap<String, Sku>,
    /// Quota with its use; empty while unknown.
    pub quota: &'a [QuotaLine],
    /// Kind of each engine that has a virtual node, by its name; empty while unknown.
    pub engines: &'a BTreeMap<String, String>,
}

/// Rules in the order of the verdict, each with the refusals that belong to it.
const RULES: &[(&str, &[&str])] = &[
    ("spending", &["spending"]),
    ("sku_label", &["sku_label"]),
    ("sku_known", &["sku_known", "sku_retired", "sku_broken"]),
    ("sku_granted", &["sku_granted"]),
    ("resources_fit", &["resources_fit", "resources_equal", "resources_unset", "gpu_in_init"]),
    ("placement", &["placement", "tolerations", "priority", "runtime_class"]),
];
/// The rule of everything else.
const OTHERS: &str = "pod_fields";

// === impl Asked ===

impl Asked {
    /// Reads either form of the request, for namespace `namespace` of the cluster. A manifest is an object here; text is
    /// the business of the caller.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a request of no known form.
    pub fn read(check: &AdmissionCheck, namespace: &str) -> Result<Self> {
        let (manifest, new) = match (&check.deployment, &check.manifest) {
            (Some(plan), None) => {
                plan.check()?;
                (plan.manifest(namespace), true)
            }
            (None, Some(manifest)) => (manifest.clone(), false),
            _ => return Err(Error::field("deployment", "required", "Give either a deployment or a manifest")),
        };
        for pointer in ["/metadata", "/spec/template/metadata", "/spec/jobTemplate/spec/template/metadata"] {
            let part = manifest.pointer(pointer);
            if part.is_some_and(|part| !part.is_null() && !part.is_object()) {
                let field = format!("manifest{}", pointer.replace('/', "."));
                return Err(Error::field(&field, "format", "metadata must be an object"));
            }
        }
        let unknown =
            || Error::field("manifest.kind", "unknown", "Give a Deployment, StatefulSet, Job, CronJob or Pod");
        let kind = manifest.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
        let version = manifest.get("apiVersion").and_then(Value::as_str);
        let template = match (kind.as_str(), version) {
            ("Pod", None | Some("v1")) => &manifest,
            ("Deployment" | "StatefulSet", None | Some("apps/v1")) | ("Job" | "CronJob", None | Some("batch/v1")) => {
                let none = || Error::field("manifest.spec.template", "required", format!("{kind} needs a template"));
                workload_template(&kind, &manifest).ok_or_else(none)?
            }
            _ => return Err(unknown()),
        };
        let (template, replicas) = (template.clone(), replicas(&kind, &manifest));
        Ok(Self { manifest, kind, new, template, replicas, hours: check.expected_hours })
    }

    /// The pod that it would make, as it would be given to the API server; a Pod is one itself.
    pub fn pod(&self) -> Value {
        if self.kind == "Pod" {
            return self.manifest.clone();
        }
        let mut pod = self.template.clone();
        (pod["apiVersion"], pod["kind"]) = ("v1".into(), "Pod".into());
        pod["metadata"]["generateName"] = "admission-check-".into();
        if !matches!(self.kind.as_str(), "Job" | "CronJob") || pod["spec"]["restartPolicy"].is_string() {
            return pod;
        }
        pod["spec"]["restartPolicy"] = "Never".into();
        pod
    }

    /// The verdict. Quota that is not known yet refuses nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a SKU without a legal price.
    pub fn judge(&self, place: &Place<'_>) -> Result<Verdict> {
        let decision = admit(&self.template, place.policy, place.skus);
        let (injected, mut refusals) = match decision {
            Ok(injected) => (injected, Vec::new()),
            Err(refusals) => (Vec::new(), refusals),
        };
        refusals.extend(self.elsewhere(place.namespace));
        let code = selection::code(&self.template, place.policy, place.skus).unwrap_or_default().to_owned();
        let sku = place.skus.get(&code);
        let quota = if refusals.is_empty() { self.quota(&injected, place.quota) } else { Vec::new() };
        let mut rules = rules(&refusals);
        rules.extend(quota.iter().map(needs::quota_rule));
        let capacity = sku.map(|s| Capacity { free: s.status.free, as_of: s.status.as_of.clone() });
        Ok(Verdict {
            allowed: rules.iter().all(|rule| rule.ok),
            warnings: self.warnings(capacity.as_ref(), &sku.map(|sku| self.bare(sku, place)).unwrap_or_default()),
            sku_code: code,
            rules,
            quota,
            injected: injected.into_iter().map(|injection| self.in_manifest(injection)).collect(),
            capacity,
            expected_wait_seconds: None,
            price: sku.map(|sku| self.price(sku)).transpose()?,
        })
    }

    /// How long its pods will wait, when those of its SKU take `usual_start` seconds from their place to their start.
    /// Nobody knows when others end: unless there is a place for all of it now, the wait is unknown.
    pub fn expected_wait(&self, verdict: &Verdict, usual_start: Option<u32>) -> Option<u32> {
        let room = verdict.capacity.as_ref().is_some_and(|capacity| capacity.free >= self.replicas);
        let at_once = verdict.allowed && room && self.replicas > 0 && self.kind != "CronJob";
        usual_start.filter(|_| at_once)
    }

    /// A manifest that names another namespace would end up there.
    fn elsewhere(&self, namespace: &str) -> Option<Refusal> {
        let named = self.manifest.pointer("/metadata/namespace").and_then(Value::as_str)?;
        (named != namespace).then(|| {
            let message = format!("The manifest is for namespace {named}, this one is {namespace}: leave it out");
            Refusal::new("namespace", "metadata.namespace", message)
        })
    }

    /// What it adds to each quota line that it touches.
    fn quota(&self, injected: &[Injection], lines: &[QuotaLine]) -> Vec<QuotaCheck> {
        let mut pod = self.template.clone();
        apply(&mut pod, injected);
        let mut needs = needs::of(&pod, self.replicas);
        let counted = match self.kind.as_str() {
            "Deployment" => Some("count/deployments.apps"),
            "Job" => Some("count/jobs.batch"),
            "CronJob" => Some("count/cronjobs.batch"),
            _ => None,
        };
        needs.extend(counted.filter(|_| self.new).map(|resource| (resource.to_owned(), 1000)));
        // As the quota of a class asks: by the PriorityClass that the pod will have.
        let class = pod.pointer("/spec/priorityClassName").and_then(Value::as_str).map(gpu_class_of);
        let lines = lines.iter().filter(|line| line.gpu_class.is_none() || line.gpu_class.as_deref() == class);
        lines.filter_map(|line| needs::quota(line, *needs.get(line.resource.as_str())?)).collect()
    }

    /// Engines that its pods may come to and that mount no volume. A template may name the one that it wants.
    fn bare<'a>(&self, sku: &'a Sku, place: &Place<'_>) -> Vec<&'a str> {
        let wanted = self.template.get("spec").and_then(|spec| spec.get("nodeSelector")?.get(ENGINE_LABEL)?.as_str());
        let mut engines = engines_for(sku, &place.policy.account);
        engines.retain(|name| wanted.is_none_or(|wanted| wanted == *name));
        engines.retain(|name| place.engines.get(*name).is_some_and(|kind| !volumes::mounts_files(kind)));
        engines
    }

    fn warnings(&self, capacity: Option<&Capacity>, bare: &[&str]) -> Vec<String> {
        let short = capacity.filter(|c| c.free < self.replicas);
        let wait = short.map(|c| format!("Only {} free now; the rest waits for a place", c.free));
        wait.into_iter().chain(volumes::surprises(&self.template, bare)).collect()
    }

    fn price(&self, sku: &Sku) -> Result<PlanPrice> {
        let per_hour = sku.price()?.times(self.replicas);
        Ok(PlanPrice {
            per_hour: per_hour.decimal(),
            currency: per_hour.currency.as_str().to_owned(),
            for_expected_hours: self.hours.map(|hours| per_hour.times(hours).decimal()),
        })
    }

    /// Paths are shown as they are in the manifest.
    fn in_manifest(&self, injection: Injection) -> Injection {
        let place = match self.kind.as_str() {
            "Pod" => "",
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => "/spec/template",
        };
        Injection { path: format!("{place}{}", injection.path), ..injection }
    }
}

/// Pods that run at a time.
fn replicas(kind: &str, manifest: &Value) -> u32 {
    let field = match kind {
        "Pod" => return 1,
        "Job" => "parallelism",
        "CronJob" => "jobTemplate/spec/parallelism",
        _ => "replicas",
    };
    let wanted = manifest.pointer(&format!("/spec/{field}")).and_then(Value::as_u64).unwrap_or(1);
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

/// Each rule once when it passed, each refusal of it when it did not. What could not be judged is left out: without a
/// SKU nobody knows whether the resources fit.
fn rules(refusals: &[Refusal]) -> Vec<RuleResult> {
    let failed = |r: &Refusal| RuleResult { code: r.code.clone(), ok: false, message: r.message.clone() };
    let passed = |code: &str| RuleResult { code: code.to_owned(), ok: true, message: String::new() };
    let mut results = Vec::new();
    let mut judged = !refusals.iter().any(|r| r.code == "malformed" && r.field == "spec");
    for (rule, codes) in RULES {
        let wrong: Vec<RuleResult> = refusals.iter().filter(|r| codes.contains(&r.code.as_str())).map(failed).collect();
        if wrong.is_empty() && judged {
            results.push(passed(rule));
        }
        if rule.starts_with("sku_") && !wrong.is_empty() {
            judged = false;
        }
        results.extend(wrong);
    }
    let named = |r: &&Refusal| !RULES.iter().any(|(_, codes)| codes.contains(&r.code.as_str()));
    let others: Vec<RuleResult> = refusals.iter().filter(named).map(failed).collect();
    if others.is_empty() {
        results.push(passed(OTHERS));
    }
    results.extend(others);
    results
}
