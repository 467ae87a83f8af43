//! Two people at one form: what each of them saw, so that the change of the slower one can be refused.
//!
//! Source: `console-api.md` §1, RFC 9110 §13.1.1. A version covers what a person may edit, so that a pod which starts
//! meanwhile makes nobody's change stale.

use serde_json::{Value, json};

use crate::account::AccountView;
use crate::api_key::ApiKeyView;
use crate::budget::BudgetView;
use crate::config_map::ConfigMapView;
use crate::deployment::DeploymentView;
use crate::engine::EngineView;
use crate::member::MemberView;
use crate::namespace::NamespaceView;
use crate::platform_account::PlatformAccountView;
use crate::platform_sku::PlatformSkuView;
use crate::secret::SecretView;
use crate::sku::SkuGrantsView;
use crate::webhook::WebhookView;
use crate::workload::{WorkloadDetail, WorkloadKind, WorkloadView};
use crate::{Code, Error, Result};

/// Something that two people may edit.
pub trait Versioned {
    /// What a person may edit of it, with its id.
    fn version(&self) -> Value;
}

/// Refuses a change of what is no longer as a person `saw` it; who does not say what they saw changes whatever is there.
/// To be asked with the very state that the write then insists on, or another change slips in between.
///
/// # Errors
/// `conflict`.
pub fn unchanged<T: Versioned>(saw: Option<&T>, now: &T) -> Result<()> {
    if saw.is_none_or(|saw| saw.version() == now.version()) { Ok(()) } else { Err(stale()) }
}

/// Somebody else was faster.
pub fn stale() -> Error {
    Error::conflict(Code::Conflict, "Somebody changed this meanwhile: read it again, then make your change")
}

// === impl Versioned ===

impl Versioned for NamespaceView {
    fn version(&self) -> Value {
        json!([self.id, self.name, self.share])
    }
}

impl Versioned for ApiKeyView {
    fn version(&self) -> Value {
        json!([self.id, self.name, self.scopes, self.access, self.expires_at, self.status])
    }
}

impl Versioned for AccountView {
    fn version(&self) -> Value {
        json!([self.id, self.name, self.ecosystem_required])
    }
}

impl Versioned for MemberView {
    fn version(&self) -> Value {
        json!([self.user_id, self.role])
    }
}

impl Versioned for PlatformAccountView {
    fn version(&self) -> Value {
        json!([self.id, self.status, self.quota])
    }
}

impl Versioned for WorkloadView {
    fn version(&self) -> Value {
        // What is wanted, the image, and whether a CronJob waits; a scaled Job wants less with every pod that ends, and
        // nobody edits that, nor when the clock started the last Job.
        let suspended = self.schedule.as_ref().map(|schedule| schedule.suspended);
        json!([self.kind, self.name, self.wanted, self.image, suspended])
    }
}

impl Versioned for DeploymentView {
    fn version(&self) -> Value {
        // That of the same workload, so that a tag of one route holds at the other; a Deployment has no schedule.
        json!([WorkloadKind::Deployment, self.name, self.replicas, self.image, Value::Null])
    }
}

impl Versioned for WorkloadDetail {
    fn version(&self) -> Value {
        self.workload.version()
    }
}

impl Versioned for ConfigMapView {
    fn version(&self) -> Value {
        json!([self.name, self.resource_version])
    }
}

impl Versioned for SecretView {
    fn version(&self) -> Value {
        json!([self.name, self.resource_version])
    }
}

impl Versioned for PlatformSkuView {
    fn version(&self) -> Value {
        json!([self.code, self.version])
    }
}

impl Versioned for SkuGrantsView {
    fn version(&self) -> Value {
        json!([self.all, self.codes])
    }
}

impl Versioned for BudgetView {
    fn version(&self) -> Value {
        json!([self.id, self.amount, self.currency, self.warn_at, self.hard_stop])
    }
}

impl Versioned for WebhookView {
    fn version(&self) -> Value {
        json!([self.id, self.name, self.url, self.topics, self.platform])
    }
}

impl Versioned for EngineView {
    fn version(&self) -> Value {
        // What a check finds out, and credentials, are not what this form changes.
        json!([self.id, self.name, self.ecosystem, self.load_balancer_ip, self.ca])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_saw_something_else_is_refused() {
        let some = |code: &str| SkuGrantsView { all: false, codes: vec![code.to_owned()] };
        for saw in [None, Some(&some("a"))] {
            assert!(unchanged(saw, &some("a")).is_ok(), "{saw:?}");
        }
        assert_eq!(unchanged(Some(&some("a")), &some("b")).unwrap_err().code(), Code::Conflict);
    }
}
