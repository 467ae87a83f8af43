//! The deploy form while somebody fills it in.

use std::collections::BTreeMap;

use leptos::prelude::*;

use crate::features::plan_form::PlanForm;

/// One signal per field.
#[derive(Clone, Copy)]
pub struct PlanSignals {
    pub kind: RwSignal<String>,
    pub name: RwSignal<String>,
    pub sku_code: RwSignal<String>,
    pub image: RwSignal<String>,
    pub replicas: RwSignal<String>,
    pub command: RwSignal<String>,
    pub args: RwSignal<String>,
    pub env: RwSignal<String>,
    pub env_from: RwSignal<String>,
    pub ports: RwSignal<String>,
    pub labels: RwSignal<String>,
    pub pull_secret: RwSignal<String>,
    pub mounts: RwSignal<String>,
    /// SKUs under which nothing is mounted, by code, and why.
    without_volumes: StoredValue<BTreeMap<String, String>>,
}

// === impl PlanSignals ===

impl PlanSignals {
    /// An empty form with a SKU chosen and one replica; `without_volumes` says why nothing is mounted under some SKUs.
    pub fn new(sku_code: String, without_volumes: BTreeMap<String, String>) -> Self {
        let empty = || RwSignal::new(String::new());
        Self {
            kind: RwSignal::new("deployment".to_owned()),
            name: empty(),
            sku_code: RwSignal::new(sku_code),
            image: empty(),
            replicas: RwSignal::new("1".to_owned()),
            command: empty(),
            args: empty(),
            env: empty(),
            env_from: empty(),
            ports: empty(),
            labels: empty(),
            pull_secret: empty(),
            mounts: empty(),
            without_volumes: StoredValue::new(without_volumes),
        }
    }

    /// Why nothing can be mounted under the chosen SKU.
    pub fn no_volumes(self) -> Option<String> {
        self.sku_code.with(|code| self.without_volumes.with_value(|all| all.get(code).cloned()))
    }

    /// The form as it stands. What was typed for another SKU stays in a field that is closed now, and does not count.
    pub fn form(self) -> PlanForm {
        PlanForm {
            kind: self.kind.get(),
            name: self.name.get(),
            sku_code: self.sku_code.get(),
            image: self.image.get(),
            replicas: self.replicas.get(),
            command: self.command.get(),
            args: self.args.get(),
            env: self.env.get(),
            env_from: self.env_from.get(),
            ports: self.ports.get(),
            labels: self.labels.get(),
            pull_secret: self.pull_secret.get(),
            mounts: if self.no_volumes().is_none() { self.mounts.get() } else { String::new() },
        }
    }

    /// What is wrong with a field already; one that is still empty is not.
    pub fn wrong(self, field: &str) -> Option<String> {
        let form = self.form();
        let untouched = (field == "name" && form.name.is_empty()) || (field == "image" && form.image.is_empty());
        let Err(domain::Error::Invalid(errors)) = form.plan() else { return None };
        crate::api::error::AppError::invalid(errors).field(field).filter(|_| !untouched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_mounted_counts_only_under_a_sku_whose_engines_mount() {
        Owner::new().with(|| {
            let why = "Engine west mounts no volumes".to_owned();
            let plan = PlanSignals::new("cpu".to_owned(), [("rented".to_owned(), why.clone())].into());
            plan.mounts.set("/data=emptydir".to_owned());
            assert_eq!((plan.no_volumes(), plan.form().mounts.as_str()), (None, "/data=emptydir"));
            plan.sku_code.set("rented".to_owned());
            assert_eq!((plan.no_volumes(), plan.form().mounts.as_str()), (Some(why), ""));
            plan.mounts.set("nonsense".to_owned());
            assert_eq!(plan.wrong("mounts"), None, "nobody can mend a closed field");
            plan.sku_code.set("cpu".to_owned());
            assert!(plan.wrong("mounts").is_some());
        });
    }
}
