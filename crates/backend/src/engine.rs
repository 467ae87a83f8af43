//! Engines: imported, looked at, changed, given new credentials, switched off, forgotten. Operators manage the platform's,
//! admins those of their account (RULINGS 2). Credentials come in, are sealed, and never go out again.
//!
//! Source: `engine-import.md` §6 to §10.

mod change;
mod check;
mod credentials;
mod delete;
mod preflight;
mod progress;
mod renew;
mod turn;

use domain::audit::{Action, AuditEvent};
use domain::engine::view::{CheckView, NewEngine};
use domain::engine::{CheckedEngine, Engine, EngineForm, EngineStatus, EngineView, Settings};
use domain::id::{AccountId, EngineId};
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::{Code, Error, Result};

pub use credentials::{open_engine_credentials, seal_engine_credentials};
pub(crate) use progress::Progress;
pub(crate) use turn::Turns;

use crate::{Backend, Caller};

/// What a check of history costs to read.
const MOST_CHECKS: u32 = 50;
const BEING_DELETED: &str = "This engine is being deleted";

impl Backend {
    /// Engines of the account; operators see the platform's too.
    ///
    /// # Errors
    /// `forbidden` for who may manage neither.
    pub async fn list_engines(&self, caller: &Caller, page: &PageRequest) -> Result<Page<EngineView>> {
        let (own, platform) = (caller.may(Permission::ManageEngines), caller.may(Permission::ManagePlatform));
        if !own && !platform {
            return Err(Error::Forbidden { code: Code::Forbidden });
        }
        let rows = self.inner.store.list_engines(caller.account.id, platform, page).await?;
        let (now, nodes) = (self.inner.clock.now(), self.inner.cluster.nodes_shown().unwrap_or_default());
        let page = Page::from_rows(rows, page.limit, |engine| engine.id.to_string());
        // An operator who may not manage the account's own engines does not see them either.
        let items = page.items.into_iter().filter(|engine| own || engine.account_id.is_none());
        Ok(Page { items: items.map(|engine| engine.view(now, &nodes)).collect(), next_cursor: page.next_cursor })
    }

    /// One engine.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_engine(&self, caller: &Caller, id: &str) -> Result<EngineView> {
        Ok(self.shown_engine(&self.engine_of(caller, id).await?))
    }

    /// The last checks of an engine, newest first.
    ///
    /// # Errors
    /// As [`Backend::get_engine`]; [`Error::Invalid`] on `limit`.
    pub async fn engine_checks(&self, caller: &Caller, id: &str, limit: u32) -> Result<Vec<CheckView>> {
        if !(1..=MOST_CHECKS).contains(&limit) {
            return Err(Error::field("limit", "range", format!("limit must be between 1 and {MOST_CHECKS}")));
        }
        let engine = self.engine_of(caller, id).await?;
        let checks = self.inner.store.engine_checks(engine.id, limit).await?;
        Ok(checks.iter().map(domain::engine::Check::view).collect())
    }

    /// Imports an engine: with the id of a preflight of the same form at once, else after one.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each wrong field, [`Error::Preflight`] with every row, `name_taken`, `quota_exceeded`,
    /// `rate_limited`.
    pub async fn create_engine(&self, caller: &Caller, new: &NewEngine) -> Result<EngineView> {
        let checked = self.checked_engine(caller, &new.engine)?;
        let account_id = owner(caller, &new.engine);
        let outcome = self.outcome(caller, new, &checked).await?;
        self.refuse_known_cluster(account_id, &outcome.facts.cluster_uid, None).await?;
        let now = self.inner.clock.now();
        let CheckedEngine { name, ecosystem, settings, credentials, .. } = checked;
        let mut auth = credentials.facts(now);
        auth.learn(&outcome.facts);
        let engine = Engine {
            id: EngineId::new(self.inner.random.uuid()),
            account_id,
            name,
            ecosystem,
            settings,
            auth,
            status: outcome.status,
            status_reason: outcome.reason,
            failures: 0,
            facts: outcome.facts,
            last_check_at: Some(now),
            last_full_at: None,
            // The loop looks again at once: history begins with a check of the engine as it is kept.
            next_check_at: now,
            created_at: now,
            revision: 0,
        };
        let sealed = self.seal_credentials(engine.id, &credentials)?;
        let detail = format!("{} {}", engine.settings.kind().as_str(), engine.settings.address());
        let audit = self.on_engine(caller, &engine, Action::EngineCreated, detail.trim());
        self.inner.store.create_engine(&engine, &sealed, &audit).await?;
        Ok(self.shown_engine(&engine))
    }

    /// An engine that the caller manages.
    async fn engine_of(&self, caller: &Caller, id: &str) -> Result<Engine> {
        let id = EngineId::parse(id)?;
        if !caller.may(Permission::ManageEngines) && !caller.may(Permission::ManagePlatform) {
            return Err(Error::Forbidden { code: Code::Forbidden });
        }
        let found = self.inner.store.engine(id).await?;
        let managed = |engine: &Engine| match engine.account_id {
            Some(account) => account == caller.account.id && caller.may(Permission::ManageEngines),
            None => caller.may(Permission::ManagePlatform),
        };
        found.filter(managed).ok_or(Error::NotFound)
    }

    /// The same for a change.
    async fn engine_to_change(&self, caller: &Caller, id: &str) -> Result<Engine> {
        let engine = self.engine_of(caller, id).await?;
        caller.require(needed(engine.account_id))?;
        Ok(engine)
    }

    /// A form that breaks no rule, from somebody who may make such an engine.
    fn checked_engine(&self, caller: &Caller, form: &EngineForm) -> Result<CheckedEngine> {
        caller.require(needed(owner(caller, form)))?;
        let required = !form.platform && caller.account.ecosystem_required;
        let checked = form.check(self.inner.clock.now(), required)?;
        let socket = matches!(&checked.settings, Settings::Docker(docker) if docker.endpoint.starts_with("unix:"));
        if socket && !form.platform {
            // A socket of this machine is this machine: it belongs to whoever runs the platform.
            let message = "Sockets of the console's machine are for the platform's engines; use https://host:2376";
            return Err(Error::field("endpoint", "not_allowed", message));
        }
        Ok(checked)
    }

    /// Two engines on one cluster would each count its capacity.
    async fn refuse_known_cluster(
        &self,
        account: Option<AccountId>,
        cluster_uid: &str,
        but: Option<EngineId>,
    ) -> Result<()> {
        match self.inner.store.engine_of_cluster(account, cluster_uid).await? {
            Some(other) if Some(other.id) != but => {
                let detail = format!("This cluster is already imported as engine {}", other.name);
                Err(Error::conflict(Code::Conflict, detail))
            }
            _ => Ok(()),
        }
    }

    /// As its managers see it, with its nodes in the home cluster; without them while that does not answer.
    fn shown_engine(&self, engine: &Engine) -> EngineView {
        engine.view(self.inner.clock.now(), &self.inner.cluster.nodes_shown().unwrap_or_default())
    }

    /// What happens to an engine stands in the log of its account, or in the platform's.
    fn on_engine(&self, caller: &Caller, engine: &Engine, action: Action, detail: &str) -> AuditEvent {
        let event = self.audit_for(&caller.origin, engine.account_id, caller.actor(), action, engine.target(), detail);
        event.by(caller.user.email.as_str()).named(&engine.name)
    }
}

fn owner(caller: &Caller, form: &EngineForm) -> Option<AccountId> {
    (!form.platform).then_some(caller.account.id)
}

fn needed(owner: Option<AccountId>) -> Permission {
    if owner.is_some() { Permission::ManageEngines } else { Permission::ManagePlatform }
}

fn changed_meanwhile() -> Error {
    Error::conflict(Code::Conflict, "Somebody changed this engine meanwhile: read it again, then make your change")
}

/// Whether a check makes sense at all.
fn may_check(engine: &Engine) -> Result<()> {
    match engine.status {
        EngineStatus::Disabled => Err(Error::conflict(Code::Conflict, "This engine is disabled: enable it first")),
        EngineStatus::Deleting => Err(Error::conflict(Code::Conflict, BEING_DELETED)),
        _ => Ok(()),
    }
}
