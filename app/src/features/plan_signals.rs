//! The deploy form while somebody fills it in.

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
}

// === impl PlanSignals ===

impl PlanSignals {
    /// An empty form with a SKU chosen and one replica.
    pub fn new(sku_code: String) -> Self {
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
        }
    }

    /// The form as it stands.
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
            mounts: self.mounts.get(),
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
