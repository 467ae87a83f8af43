//! What the containers of a pod ask for themselves, read once before anything is filled in.
//!
//! Also refuses what no SKU can give: foreign resources, claims, GPUs before the app starts, requests below limits.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::Refusal;
use super::super::patch::Draft;
use super::super::spec::{is_empty, items};
use super::{Kind, Share};
use crate::quantity::parse_milli;

/// When a container runs, which decides how its ask counts.
#[derive(PartialEq, Clone, Copy)]
pub(super) enum Role {
    /// Together with all others.
    App,
    /// An init container with `restartPolicy: Always`: together with all others.
    Sidecar,
    /// Alone, before the apps, beside the sidecars.
    Init,
}

/// One container.
pub(super) struct Row {
    list: &'static str,
    index: String,
    pub(super) name: String,
    pub(super) role: Role,
    /// Thousandths per share, in the order of the shares.
    pub(super) asks: Vec<Option<i128>>,
}

// === impl Row ===

impl Row {
    pub(super) fn field(&self) -> String {
        format!("spec.{}[{}]", self.list, self.index)
    }

    pub(super) fn path<'a>(&'a self, side: &'a str, resource: &'a str) -> [&'a str; 6] {
        ["spec", self.list, &self.index, "resources", side, resource]
    }
}

/// Reads containers and init containers.
pub(super) fn rows(draft: &Draft, code: &str, shares: &[Share], refusals: &mut Vec<Refusal>) -> Vec<Row> {
    let mut rows = Vec::new();
    for list in ["containers", "initContainers"] {
        for (index, container) in items(draft.get(&["spec", list])).enumerate() {
            let role = match (list, container.get("restartPolicy").and_then(Value::as_str)) {
                ("containers", _) => Role::App,
                (_, Some("Always")) => Role::Sidecar,
                _ => Role::Init,
            };
            let name = container.get("name").and_then(Value::as_str).unwrap_or("?").to_owned();
            let mut row = Row { list, index: index.to_string(), name, role, asks: vec![None; shares.len()] };
            let none = Map::new();
            let resources = container.get("resources").and_then(Value::as_object).unwrap_or(&none);
            read(&mut row, resources, code, shares, refusals);
            rows.push(row);
        }
    }
    rows
}

fn read(row: &mut Row, resources: &Map<String, Value>, code: &str, shares: &[Share], refusals: &mut Vec<Refusal>) {
    let field = format!("{}.resources", row.field());
    for key in resources.iter().filter(|(_, value)| !is_empty(value)).map(|(key, _)| key.as_str()) {
        if !matches!(key, "limits" | "requests") {
            let message = format!("{field}.{key} is not allowed: remove it");
            refusals.push(Refusal::new("field_denied", format!("{field}.{key}"), message));
        }
    }
    for (name, [limit, request]) in both_sides(resources, &field, refusals) {
        let asked = limit.max(request).unwrap_or(0);
        let share = shares.iter().position(|share| share.name == name);
        let gpu = share.is_some_and(|index| shares[index].kind == Kind::Gpu);
        if gpu && row.role != Role::App && asked > 0 {
            let message =
                format!("Container \"{}\" is an init or sidecar container and may not ask for {name}", row.name);
            refusals.push(Refusal::new("gpu_in_init", format!("{field}.limits[{name}]"), message));
        } else if let Some(index) = share {
            row.asks[index] = Some(asked);
            if asked < shares[index].least() {
                let message = format!(
                    "Container \"{}\": nothing of {name} means no limit: ask for some, or leave it to SKU {code}",
                    row.name
                );
                refusals.push(Refusal::new("resources_unset", format!("{field}.limits[{name}]"), message));
            }
        } else if asked > 0 && name != "ephemeral-storage" {
            let count = crate::quantity::format_milli(asked);
            let message = format!("Container \"{}\" asks for {count} {name}, SKU {code} has 0", row.name);
            let code = if row.role == Role::App { "resources_fit" } else { "gpu_in_init" };
            refusals.push(Refusal::new(code, format!("{field}.limits[{name}]"), message));
        }
        if share.is_some() && limit.is_some() && request.is_some() && limit != request {
            let message =
                format!("Container \"{}\": requests.{name} must equal limits.{name}, or leave one out", row.name);
            refusals.push(Refusal::new("resources_equal", format!("{field}.requests[{name}]"), message));
        }
    }
}

/// `name -> [limit, request]` in thousandths; what cannot be read is refused.
fn both_sides<'a>(
    resources: &'a Map<String, Value>,
    field: &str,
    refusals: &mut Vec<Refusal>,
) -> BTreeMap<&'a str, [Option<i128>; 2]> {
    let mut found: BTreeMap<&str, [Option<i128>; 2]> = BTreeMap::new();
    for (position, side) in ["limits", "requests"].into_iter().enumerate() {
        for (name, value) in resources.get(side).and_then(Value::as_object).into_iter().flatten() {
            match quantity(value) {
                Some(milli) => found.entry(name).or_default()[position] = milli,
                None => {
                    let field = format!("{field}.{side}[{name}]");
                    let message = format!("{field} is not a quantity such as 500m, 2, 8Gi");
                    refusals.push(Refusal::new("malformed", field, message));
                }
            }
        }
    }
    found
}

/// `null` is no ask; a bare number is a legal quantity in JSON.
fn quantity(value: &Value) -> Option<Option<i128>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => parse_milli(text).ok().map(Some),
        Value::Number(number) => parse_milli(&number.to_string()).ok().map(Some),
        _ => None,
    }
}
