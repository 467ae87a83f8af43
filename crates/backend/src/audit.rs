//! Puts audit rows together: who did what, from where. Never takes a secret.
//!
//! `self.audit(caller, action, target, detail)` is a success; `.named(…)`, `.refused(code)`, `.failed(code)` and `.jti(…)`
//! on the event say more. Reading, following and verifying the log are in the modules below.

mod follow;
mod read;

use domain::Result;
use domain::audit::{Action, AuditEvent};
use domain::id::{AccountId, AuditId};
use domain::namespace::Namespace;

pub use read::Log;

use crate::{Backend, Caller, Origin, namespace};

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
        // The two targets whose names every caller brings along; others are named by the use case.
        let name = if target == caller.actor() {
            caller.user.email.as_str()
        } else if target == format!("account:{}", caller.account.id) {
            caller.account.name.as_str()
        } else {
            ""
        };
        let event = self.audit_for(&caller.origin, Some(caller.account.id), caller.actor(), action, target, detail);
        event.by(caller.user.email.as_str()).named(name)
    }

    /// Writes the row of something that was done to an object of a namespace: the cluster keeps that, not the database.
    pub(crate) async fn note_inside(
        &self,
        caller: &Caller,
        action: Action,
        tenant: &Namespace,
        (kind, name): (&str, &str),
        detail: String,
    ) -> Result<()> {
        let target = format!("{}/{kind}:{name}", namespace::target(tenant.id));
        self.inner.store.record(&self.audit(caller, action, target, detail).named(name)).await
    }

    /// Writes the row of something that is given away with the answer. With the answer to a HEAD nothing is (RFC 9110
    /// §9.3.2), and a log of what was taken out must not say so.
    pub(crate) async fn handed_out(&self, caller: &Caller, event: &AuditEvent) -> Result<()> {
        if caller.origin.head_only { Ok(()) } else { self.inner.store.record(event).await }
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
            actor_name: String::new(),
            action,
            target,
            target_name: String::new(),
            outcome: action.usual_outcome(),
            code: None,
            detail: detail.into(),
            address: origin.address.clone(),
            user_agent: origin.user_agent.clone(),
            request_id: origin.request_id.clone(),
            jti: None,
        }
    }
}

impl Origin {
    /// The platform itself: no address, no request.
    pub fn system() -> Self {
        Self { address: String::new(), user_agent: String::new(), request_id: String::new(), head_only: false }
    }
}
