//! Puts audit rows together: who did what, from where. Never takes a secret.

use domain::audit::{Action, AuditEvent};
use domain::id::{AccountId, AuditId};

use crate::{Backend, Caller, Origin};

/// Actor of what the platform does by itself.
const SYSTEM: &str = "system";

impl Backend {
    pub(crate) fn audit(
        &self,
        caller: &Caller,
        action: Action,
        target: String,
        detail: impl Into<String>,
    ) -> AuditEvent {
        self.audit_for(&caller.origin, Some(caller.account.id), caller.actor(), action, target, detail)
    }

    pub(crate) fn audit_system(
        &self,
        account: AccountId,
        action: Action,
        target: String,
        detail: impl Into<String>,
    ) -> AuditEvent {
        self.audit_for(&Origin::system(), Some(account), SYSTEM.to_owned(), action, target, detail)
    }

    pub(crate) fn audit_for(
        &self,
        origin: &Origin,
        account_id: Option<AccountId>,
        actor: String,
        action: Action,
        target: String,
        detail: impl Into<String>,
    ) -> AuditEvent {
        AuditEvent {
            id: AuditId::new(self.inner.random.uuid()),
            at: self.inner.clock.now(),
            account_id,
            actor,
            action,
            target,
            detail: detail.into(),
            address: origin.address.clone(),
            request_id: origin.request_id.clone(),
        }
    }
}

impl Origin {
    /// The platform itself: no address, no request.
    pub fn system() -> Self {
        Self { address: String::new(), user_agent: String::new(), request_id: String::new() }
    }
}
