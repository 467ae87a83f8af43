//! The admission check with its numbers: the webhook's own rule, plus quota, capacity and price.
//!
//! Source: `console-api.md` §6 (admission-check).

use std::collections::BTreeMap;

use domain::admission::{self, Capacity, Injection, PlanPrice, QuotaCheck, Refusal, RuleResult, Verdict};
use domain::deployment::AdmissionCheck;
use domain::namespace::{Namespace, QuotaLine};
use domain::permission::Permission;
use domain::quantity::{format_bytes, format_milli, parse_milli};
use domain::sku::{SKU_LABEL, Sku};
use domain::{Error, Result};
use serde_json::Value;

use crate::{Backend, Caller};

/// A plan read from either form of the request.
struct Asked {
    template: Value,
    replicas: u32,
    sku_code: String,
    hours: Option<u32>,
}

impl Backend {
    /// Says whether a plan would be admitted and why not; creates nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a request of no known form; a "no" is a verdict, not an error.
    pub async fn check_deployment(&self, caller: &Caller, id: &str, check: AdmissionCheck) -> Result<Verdict> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        tenant.ready()?;
        self.inner.cluster.ping().await?;
        self.verdict(&tenant, &check)
    }

    /// The verdict from what the watches know.
    pub(super) fn verdict(&self, tenant: &Namespace, check: &AdmissionCheck) -> Result<Verdict> {
        let skus = self.inner.cluster.skus()?;
        let facts = self.inner.cluster.tenant_facts(&tenant.kubernetes_name);
        let asked = Asked::read(check, tenant, facts.policy.default_sku.as_deref())?;
        let (injected, refusals) = match admission::admit(&asked.template, &facts.policy, &skus) {
            Ok(injected) => (injected, Vec::new()),
            Err(refusals) => (Vec::new(), refusals),
        };
        let sku = skus.get(&asked.sku_code);
        let quota: Vec<QuotaCheck> = sku.map_or_else(Vec::new, |sku| quota(sku, asked.replicas, &facts.quota));
        let mut rules = rules(&refusals);
        rules.extend(quota.iter().map(quota_rule));
        let capacity = sku.map(|s| Capacity { free: s.status.free, as_of: s.status.as_of.clone() });
        Ok(Verdict {
            allowed: rules.iter().all(|r| r.ok),
            warnings: warnings(capacity.as_ref(), asked.replicas),
            sku_code: asked.sku_code.clone(),
            rules,
            quota,
            injected: injected.into_iter().map(in_deployment).collect(),
            capacity,
            expected_wait_seconds: None,
            price: sku.map(|sku| price(sku, &asked)).transpose()?,
        })
    }
}

impl Asked {
    fn read(check: &AdmissionCheck, tenant: &Namespace, default_sku: Option<&str>) -> Result<Self> {
        let manifest = match (&check.deployment, &check.manifest) {
            (Some(plan), None) => {
                plan.check()?;
                plan.manifest(tenant.kubernetes_name.as_str())
            }
            (None, Some(manifest)) => manifest.clone(),
            _ => return Err(Error::field("deployment", "required", "Give either a deployment or a manifest")),
        };
        let kind = manifest["kind"].as_str().unwrap_or_default();
        let template = match kind {
            "Pod" => Some(&manifest),
            _ => admission::workload_template(kind, &manifest),
        };
        let unknown = || Error::field("manifest.kind", "unknown", "Give a Deployment, StatefulSet, Job or Pod");
        let template = template.ok_or_else(unknown)?.clone();
        let label = template["metadata"]["labels"][SKU_LABEL].as_str();
        Ok(Self {
            sku_code: label.or(default_sku).unwrap_or_default().to_owned(),
            replicas: replicas(kind, &manifest),
            hours: check.expected_hours,
            template,
        })
    }
}

fn replicas(kind: &str, manifest: &Value) -> u32 {
    let field = if kind == "Job" { "parallelism" } else { "replicas" };
    manifest["spec"][field].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1)
}

fn rules(refusals: &[Refusal]) -> Vec<RuleResult> {
    if refusals.is_empty() {
        let passed = ["sku_label", "sku_known", "sku_granted", "resources_fit", "pod_fields"];
        return passed
            .iter()
            .map(|code| RuleResult { code: (*code).to_owned(), ok: true, message: String::new() })
            .collect();
    }
    let failed = |r: &Refusal| RuleResult { code: r.code.clone(), ok: false, message: r.message.clone() };
    refusals.iter().map(failed).collect()
}

/// What the plan adds to each quota line that it touches.
fn quota(sku: &Sku, replicas: u32, lines: &[QuotaLine]) -> Vec<QuotaCheck> {
    let needs = needs(sku, replicas);
    let check = |line: &QuotaLine| {
        let milli = needs.get(line.resource.as_str())?;
        let requested = if is_bytes(&line.resource) { format_bytes(*milli) } else { format_milli(*milli) };
        Some(QuotaCheck { line: line.clone(), requested })
    };
    lines.iter().filter_map(check).collect()
}

fn needs(sku: &Sku, replicas: u32) -> BTreeMap<String, i128> {
    let replicas = i128::from(replicas);
    let mut needs = BTreeMap::from([("pods".to_owned(), replicas * 1000)]);
    let mut add = |name: &str, quantity: &str| {
        if let Ok(milli) = parse_milli(quantity) {
            needs.insert(format!("requests.{name}"), milli * replicas);
            needs.insert(format!("limits.{name}"), milli * replicas);
        }
    };
    add("cpu", &sku.spec.resources.cpu);
    add("memory", &sku.spec.resources.memory);
    if let Some(storage) = &sku.spec.resources.ephemeral_storage {
        add("ephemeral-storage", storage);
    }
    if let Some(gpu) = &sku.spec.gpu {
        add(&gpu.resource, &gpu.count.to_string());
    }
    needs
}

fn is_bytes(resource: &str) -> bool {
    resource.ends_with("memory") || resource.ends_with("storage")
}

fn quota_rule(check: &QuotaCheck) -> RuleResult {
    let QuotaCheck { line, requested } = check;
    let milli = |text: &str| parse_milli(text).unwrap_or(0);
    let left = milli(&line.limit) - milli(&line.used);
    let ok = milli(requested) <= left;
    let resource = line.resource.trim_start_matches("requests.").trim_start_matches("limits.");
    let (what, show): (&str, fn(i128) -> String) = match resource {
        "pods" => ("pods", format_milli),
        "cpu" => ("CPU", format_milli),
        r if is_bytes(r) => (r, format_bytes),
        r if r.ends_with("/gpu") => ("GPUs", format_milli),
        r => (r, format_milli),
    };
    let code = if what == "GPUs" {
        "quota_gpu".to_owned()
    } else {
        format!("quota_{}", resource.replace(['-', '/', '.'], "_"))
    };
    let message = if ok {
        String::new()
    } else {
        format!("Needs {requested} {what}, {} of {} left", show(left.max(0)), line.limit)
    };
    RuleResult { code, ok, message }
}

fn warnings(capacity: Option<&Capacity>, replicas: u32) -> Vec<String> {
    match capacity {
        Some(c) if c.free < replicas => vec![format!("Only {} free now; the rest waits for a place", c.free)],
        _ => Vec::new(),
    }
}

fn price(sku: &Sku, asked: &Asked) -> Result<PlanPrice> {
    let per_hour = sku.price()?.times(asked.replicas);
    Ok(PlanPrice {
        per_hour: per_hour.decimal(),
        currency: per_hour.currency.as_str().to_owned(),
        for_expected_hours: asked.hours.map(|hours| per_hour.times(hours).decimal()),
    })
}

/// Paths are shown as they are in the Deployment.
fn in_deployment(injection: Injection) -> Injection {
    Injection { path: format!("/spec/template{}", injection.path), ..injection }
}
