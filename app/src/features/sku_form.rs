//! A SKU as an operator types it, and how it becomes the resource and back: the same rule in both directions.

use std::collections::BTreeMap;

use domain::platform_sku::{ChangeSku, NewSku};
use domain::sku::{SkuGpu, SkuGrantsView, SkuPlacement, SkuPrice, SkuResources, SkuSpec};
use domain::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Everything is text, as an HTML form sends it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SkuForm {
    /// The code; never changes.
    pub code: String,
    /// For people.
    pub title: String,
    /// For example `H100`; empty = no GPU.
    pub gpu_model: String,
    /// A number.
    pub gpu_count: String,
    /// GiB of one GPU.
    pub gpu_memory: String,
    /// For example `nvidia.com/gpu`.
    pub gpu_resource: String,
    /// Cores.
    pub cpu: String,
    /// Quantity.
    pub memory: String,
    /// Quantity; empty = none.
    pub storage: String,
    /// Decimal, an hour.
    pub price: String,
    /// ISO 4217.
    pub currency: String,
    /// Names parted by blanks or commas.
    pub engines: String,
    /// `key=value`, one a line.
    pub node_labels: String,
    /// `key`, `key=value`, either with `:Effect` and `:seconds`; one a line.
    pub tolerations: String,
    /// Empty = none.
    pub runtime_class: String,
    /// Empty = none.
    pub priority_class: String,
}

/// Fields of the form by the path under which the rule speaks of them.
const FIELDS: &[(&str, &str)] = &[
    ("spec.title", "title"),
    ("spec.gpu.model", "gpu_model"),
    ("spec.gpu.count", "gpu_count"),
    ("spec.gpu.memoryGiB", "gpu_memory"),
    ("spec.gpu.resource", "gpu_resource"),
    ("spec.resources.cpu", "cpu"),
    ("spec.resources.memory", "memory"),
    ("spec.resources.ephemeral-storage", "storage"),
    ("spec.price.perHour", "price"),
    ("spec.price.currency", "currency"),
    ("spec.placement.engines", "engines"),
    ("spec.placement.nodeSelector", "node_labels"),
    ("spec.placement.tolerations", "tolerations"),
    ("spec.placement.runtimeClassName", "runtime_class"),
    ("spec.placement.priorityClassName", "priority_class"),
];

/// Which SKUs an account may use, as ticked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GrantForm {
    /// `all` or `some`.
    pub which: String,
    /// Ticked codes; they count for `some`.
    pub codes: Vec<String>,
}

// === impl GrantForm ===

impl GrantForm {
    /// The body of `PUT /v1/platform/accounts/{id}/skus`.
    pub fn wanted(self) -> SkuGrantsView {
        let all = self.which == "all";
        SkuGrantsView { all, codes: if all { Vec::new() } else { self.codes } }
    }
}

// === impl SkuForm ===

impl SkuForm {
    /// An empty form with what most SKUs share.
    pub fn fresh() -> Self {
        Self {
            gpu_count: "1".to_owned(),
            gpu_resource: "nvidia.com/gpu".to_owned(),
            currency: "EUR".to_owned(),
            ..Self::default()
        }
    }

    /// The form that says what `spec` says.
    pub fn of(code: &str, spec: &SkuSpec) -> Self {
        let gpu = spec.gpu.as_ref();
        let placement = &spec.placement;
        Self {
            code: code.to_owned(),
            title: spec.title.clone(),
            gpu_model: gpu.map_or_else(String::new, |gpu| gpu.model.clone()),
            gpu_count: gpu.map_or_else(String::new, |gpu| gpu.count.to_string()),
            gpu_memory: gpu.map_or_else(String::new, |gpu| gpu.memory_gib.to_string()),
            gpu_resource: gpu.map_or_else(String::new, |gpu| gpu.resource.clone()),
            cpu: spec.resources.cpu.clone(),
            memory: spec.resources.memory.clone(),
            storage: spec.resources.ephemeral_storage.clone().unwrap_or_default(),
            price: spec.price.per_hour.clone(),
            currency: spec.price.currency.clone(),
            engines: placement.engines.join(", "),
            node_labels: lines(placement.node_selector.iter().map(|(key, value)| format!("{key}={value}"))),
            tolerations: lines(placement.tolerations.iter().map(toleration_text)),
            runtime_class: placement.runtime_class_name.clone(),
            priority_class: placement.priority_class_name.clone(),
        }
    }

    /// The request of `POST /v1/platform/skus`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no number; the other rules are checked where REST checks them too.
    pub fn into_new(self) -> Result<NewSku> {
        Ok(NewSku { code: self.code.trim().to_owned(), spec: self.spec()? })
    }

    /// The request of `PATCH /v1/platform/skus/{code}`: all that the form shows.
    ///
    /// # Errors
    /// As [`SkuForm::into_new`].
    pub fn into_change(self) -> Result<ChangeSku> {
        let spec = self.spec()?;
        Ok(ChangeSku {
            title: Some(spec.title),
            gpu: spec.gpu,
            resources: Some(spec.resources),
            price: Some(spec.price),
            placement: Some(spec.placement),
            retired: None,
        })
    }

    fn spec(&self) -> Result<SkuSpec> {
        let text = |field: &str| field.trim().to_owned();
        let mut wrong = Vec::new();
        let spec = SkuSpec {
            title: text(&self.title),
            gpu: self.gpu(&mut wrong),
            resources: SkuResources {
                cpu: text(&self.cpu),
                memory: text(&self.memory),
                ephemeral_storage: Some(text(&self.storage)).filter(|storage| !storage.is_empty()),
            },
            price: SkuPrice { per_hour: text(&self.price), currency: text(&self.currency) },
            placement: SkuPlacement {
                engines: words(&self.engines),
                node_selector: self.labels(&mut wrong),
                tolerations: self
                    .tolerations
                    .lines()
                    .map(str::trim)
                    .filter(|l| !l.is_empty())
                    .map(toleration)
                    .collect(),
                runtime_class_name: text(&self.runtime_class),
                priority_class_name: text(&self.priority_class),
            },
            retired: false,
        };
        if wrong.is_empty() { Ok(spec) } else { Err(Error::Invalid(wrong)) }
    }

    fn gpu(&self, wrong: &mut Vec<FieldError>) -> Option<SkuGpu> {
        let model = self.gpu_model.trim();
        if model.is_empty() {
            return None;
        }
        let mut number = |field: &str, text: &str| {
            text.trim().parse().unwrap_or_else(|_| {
                wrong.push(FieldError::new(field, "format", "Write a whole number"));
                1
            })
        };
        Some(SkuGpu {
            model: model.to_owned(),
            count: number("spec.gpu.count", &self.gpu_count),
            memory_gib: number("spec.gpu.memoryGiB", &self.gpu_memory),
            resource: self.gpu_resource.trim().to_owned(),
        })
    }

    fn labels(&self, wrong: &mut Vec<FieldError>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        for line in self.node_labels.lines().map(str::trim).filter(|line| !line.is_empty()) {
            match line.split_once('=') {
                Some((key, value)) => drop(labels.insert(key.trim().to_owned(), value.trim().to_owned())),
                None => {
                    let message = "Write node labels as key=value, one a line";
                    wrong.push(FieldError::new("spec.placement.nodeSelector", "format", message));
                }
            }
        }
        labels
    }
}

/// A refusal in the words of the form: its fields instead of the resource's paths.
pub fn at_the_fields(error: Error) -> Error {
    let Error::Invalid(errors) = error else { return error };
    let at = |error: FieldError| match FIELDS.iter().find(|(path, _)| *path == error.field) {
        Some((_, field)) => FieldError { field: (*field).to_owned(), ..error },
        None => error,
    };
    Error::Invalid(errors.into_iter().map(at).collect())
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',', '\n', '\r', '\t']).filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

fn lines(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join("\n")
}

/// `key=value:Effect` as kubectl writes taints; without `=` any value is tolerated, without `:` any effect. A third part
/// is for how many seconds.
fn toleration(line: &str) -> Value {
    let mut parts = line.splitn(3, ':');
    let mut part = || parts.next().unwrap_or_default().trim();
    let (rest, effect, seconds) = (part(), part(), part());
    let mut members = Map::new();
    let mut set = |name: &str, value: &str| members.insert(name.to_owned(), Value::from(value.trim()));
    match rest.split_once('=') {
        Some((key, value)) => {
            set("key", key);
            set("operator", "Equal");
            set("value", value);
        }
        None => {
            set("key", rest);
            set("operator", "Exists");
        }
    }
    if !effect.is_empty() {
        set("effect", effect);
    }
    if !seconds.is_empty() {
        // What is no number is refused where the other rules are.
        let seconds = seconds.parse::<i64>().map_or_else(|_| Value::from(seconds), Value::from);
        members.insert("tolerationSeconds".to_owned(), seconds);
    }
    Value::Object(members)
}

fn toleration_text(toleration: &Value) -> String {
    let text = |name: &str| toleration.get(name).and_then(Value::as_str).unwrap_or_default();
    let value = if text("operator") == "Exists" { String::new() } else { format!("={}", text("value")) };
    let effect = if text("effect").is_empty() { String::new() } else { format!(":{}", text("effect")) };
    let seconds = toleration.get("tolerationSeconds").map_or_else(String::new, |seconds| format!(":{seconds}"));
    format!("{}{value}{effect}{seconds}", text("key"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spec() -> SkuSpec {
        let spec = json!({
            "title": "1 × H100 80 GB",
            "gpu": {"model": "H100", "count": 1, "memoryGiB": 80, "resource": "nvidia.com/gpu"},
            "resources": {"cpu": "24", "memory": "192Gi", "ephemeral-storage": "100Gi"},
            "price": {"perHour": "3.290000", "currency": "EUR"},
            "placement": {"engines": ["east", "west"], "nodeSelector": {"a/b": "c", "d": ""},
                "tolerations": [
                    {"key": "reserved", "operator": "Exists"},
                    {"key": "tier", "operator": "Equal", "value": "gold", "effect": "NoSchedule"},
                    {"key": "drain", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                ], "runtimeClassName": "nvidia", "priorityClassName": "paid"},
        });
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn a_form_that_nobody_touched_changes_nothing() {
        let form = SkuForm::of("gpu-h100-1x", &spec());
        assert_eq!(form.tolerations, "reserved\ntier=gold:NoSchedule\ndrain:NoExecute:300");
        assert_eq!(form.clone().into_change().unwrap().apply(&spec()).unwrap(), spec());
        assert_eq!(form.into_new().unwrap().code, "gpu-h100-1x");
        let mut cpu = spec();
        cpu.gpu = None;
        assert_eq!(SkuForm::of("cpu", &cpu).into_change().unwrap().apply(&cpu).unwrap(), cpu);
    }

    #[test]
    fn what_is_wrong_is_said_at_the_field_that_was_typed() {
        let mut form = SkuForm::of("x", &spec());
        (form.gpu_count, form.node_labels) = ("many".to_owned(), "nonsense".to_owned());
        let Error::Invalid(errors) = at_the_fields(form.into_new().unwrap_err()) else { panic!("not a field") };
        assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["gpu_count", "node_labels"]);
        let mut form = SkuForm::of("x", &spec());
        (form.price, form.tolerations) = ("free".to_owned(), ":NoSchedule".to_owned());
        let refused = form.into_new().unwrap().spec.check().unwrap_err();
        let Error::Invalid(errors) = at_the_fields(refused) else { panic!("not a field") };
        assert_eq!(errors.iter().map(|e| e.field.as_str()).collect::<Vec<_>>(), ["price", "tolerations"]);
    }
}
