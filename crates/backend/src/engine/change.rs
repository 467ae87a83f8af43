//! Changes of an engine that exists: other words, another CA, new credentials, off and on. Whatever could break the way
//! there is tried before it is kept.

use domain::audit::{Action, AuditEvent};
use domain::engine::view::{ChangeEngine, NewEngineCredentials};
use domain::engine::{
    ApiUrl, Credentials, Depth, Engine, EngineStatus, EngineView, Settings, address, certificate, form,
};
use domain::version::unchanged;
use domain::{Code, Error, Result};

use super::check::doubt;
use super::{BEING_DELETED, changed_meanwhile, may_check};
use crate::{Backend, Caller};

/// More than checks of one engine end in the time of a write.
const TRIES: u32 = 3;

impl Backend {
    /// Another name (not of a cluster, whose nodes carry it), tag, ingress address or CA. A CA is tried first; the address
    /// itself changes only together with the credentials. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming the field, [`Error::Preflight`] for a CA that does not fit,
    /// `name_taken`, `conflict`.
    pub async fn change_engine(
        &self,
        caller: &Caller,
        id: &str,
        change: &ChangeEngine,
        saw: Option<&EngineView>,
    ) -> Result<EngineView> {
        let old = self.engine_to_change(caller, id).await?;
        unchanged(saw, &self.shown_engine(&old))?;
        let mut engine = old.clone();
        let now = self.inner.clock.now();
        if let Some(name) = &change.name {
            form::check_name(name)?;
            may_rename(&engine, name)?;
            engine.name.clone_from(name);
        }
        if let Some(tag) = &change.ecosystem {
            let required = engine.account_id.is_some() && caller.account.ecosystem_required;
            form::check_ecosystem(tag, required)?;
            engine.ecosystem.clone_from(tag);
        }
        if let Some(text) = &change.load_balancer_ip {
            let field = "load_balancer_ip";
            let Settings::OnPremise(one) = &mut engine.settings else { return Err(of_other_kind(field)) };
            one.load_balancer_ip = address::load_balancer_ip(field, text)?;
        }
        if let Some(text) = &change.ca_data {
            let pem = certificate::check("ca_data", text, now)?.map(|(pem, _)| pem);
            match &mut engine.settings {
                Settings::OnPremise(one) => one.ca_pem = pem,
                Settings::Docker(one) if one.endpoint.starts_with("https://") => one.ca_pem = pem,
                Settings::Docker(_) | Settings::Runpod(_) => return Err(of_other_kind("ca_data")),
            }
        }
        if engine == old {
            return Ok(self.shown_engine(&old));
        }
        if change.ca_data.is_some() && engine.settings != old.settings {
            let credentials = self.credentials_of(engine.id).await?;
            self.must_work(caller, &mut engine, &old, &credentials, Depth::Light).await?;
        }
        let audit = self.on_engine(caller, &engine, Action::EngineChanged, &differences(&old, &engine));
        self.keep(&old, &mut engine, None, &audit).await?;
        Ok(self.shown_engine(&engine))
    }

    /// New credentials, tried before they are kept: the same cluster must be behind them. A failure leaves the old ones in
    /// use.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Invalid`] naming the field, [`Error::Preflight`] with every row, `conflict` when
    /// another engine has this cluster, `rate_limited`.
    pub async fn rotate_engine_credentials(
        &self,
        caller: &Caller,
        id: &str,
        new: &NewEngineCredentials,
    ) -> Result<EngineView> {
        let old = self.engine_to_change(caller, id).await?;
        let now = self.inner.clock.now();
        let mut engine = old.clone();
        if let Some(text) = &new.api_url {
            let Settings::OnPremise(one) = &mut engine.settings else { return Err(of_other_kind("api_url")) };
            one.api_url = ApiUrl::parse("api_url", text)?;
        }
        let credentials = new.form(&engine.settings).credentials(now)?;
        engine.auth = credentials.facts(now);
        self.must_work(caller, &mut engine, &old, &credentials, Depth::Full).await?;
        self.refuse_known_cluster(engine.account_id, &engine.facts.cluster_uid, Some(engine.id)).await?;
        let sealed = self.seal_credentials(engine.id, &credentials)?;
        let moved = if engine.settings == old.settings { String::new() } else { differences(&old, &engine) };
        let audit = self.on_engine(caller, &engine, Action::EngineCredentialsChanged, &moved);
        self.keep(&old, &mut engine, Some(&sealed), &audit).await?;
        Ok(self.shown_engine(&engine))
    }

    /// Takes an engine out of use: no new workloads, no checks. What runs there goes on.
    ///
    /// # Errors
    /// [`Error::NotFound`], `conflict` when somebody changed it meanwhile or it is being deleted.
    pub async fn disable_engine(&self, caller: &Caller, id: &str) -> Result<EngineView> {
        self.switch(caller, id, EngineStatus::Disabled, Action::EngineDisabled).await
    }

    /// Puts it back in use; the next check says how it is.
    ///
    /// # Errors
    /// As [`Backend::disable_engine`].
    pub async fn enable_engine(&self, caller: &Caller, id: &str) -> Result<EngineView> {
        self.switch(caller, id, EngineStatus::Checking, Action::EngineEnabled).await
    }

    async fn switch(&self, caller: &Caller, id: &str, to: EngineStatus, action: Action) -> Result<EngineView> {
        let old = self.engine_to_change(caller, id).await?;
        let mut engine = old.clone();
        let now = self.inner.clock.now();
        if engine.status == EngineStatus::Deleting {
            // What runs there is being ended: it does not come back.
            return Err(Error::conflict(Code::Conflict, BEING_DELETED));
        }
        if (engine.status == EngineStatus::Disabled) == (to == EngineStatus::Disabled) {
            return Ok(self.shown_engine(&engine));
        }
        (engine.status, engine.status_reason) = (to, String::new());
        (engine.failures, engine.last_full_at, engine.next_check_at) = (0, None, now);
        let audit = self.on_engine(caller, &engine, action, "");
        self.keep(&old, &mut engine, None, &audit).await?;
        Ok(self.shown_engine(&engine))
    }

    /// Writes a change. A check that ended meanwhile is no reason to refuse it; somebody else's change is.
    pub(super) async fn keep(
        &self,
        old: &Engine,
        engine: &mut Engine,
        sealed: Option<&str>,
        audit: &AuditEvent,
    ) -> Result<()> {
        for _ in 0..TRIES {
            if self.inner.store.change_engine(engine, sealed, audit).await? {
                return Ok(());
            }
            let newer = self.inner.store.engine(engine.id).await?.ok_or(Error::NotFound)?;
            if !newer.same_but_for_checks(old) {
                break;
            }
            // What this change found out itself is newer than the check.
            if (engine.status, engine.last_check_at) == (old.status, old.last_check_at) {
                engine.take_check_of(&newer);
            }
            engine.revision = newer.revision;
        }
        Err(changed_meanwhile())
    }

    /// Tries `credentials` on `engine`, which was `old`, and takes in what was found.
    async fn must_work(
        &self,
        caller: &Caller,
        engine: &mut Engine,
        old: &Engine,
        credentials: &Credentials,
        depth: Depth,
    ) -> Result<()> {
        may_check(engine)?;
        let _turn = self.inner.turns.take(caller.account.id)?;
        let mut probed = self.look_at(engine, credentials, depth).await;
        let moved = engine.settings.address() != old.settings.address();
        let reached = probed.report.usable();
        if let Some(row) = doubt(&old.facts.cluster_uid, &probed.facts.cluster_uid, moved).filter(|_| reached) {
            probed.report.replace(row);
        }
        if !probed.report.usable() {
            return Err(Error::Preflight(Box::new(probed.report)));
        }
        engine.checked(&probed, depth, self.inner.clock.now());
        Ok(())
    }
}

/// Nodes, and whatever their pods cost, are found by their engine's name: under another one they would be nobody's.
fn may_rename(engine: &Engine, name: &str) -> Result<()> {
    if engine.name == name {
        return Ok(());
    }
    let detail = "The nodes of this engine carry its name: import it anew under the other one";
    Err(Error::conflict(Code::Conflict, detail))
}

fn of_other_kind(field: &str) -> Error {
    Error::field(field, "unknown", "Engines of this kind have no such setting")
}

/// What changed, in words; a CA is only named.
fn differences(old: &Engine, new: &Engine) -> String {
    let mut parts = Vec::new();
    let mut add = |what: &str, from: &str, to: &str| {
        if from != to {
            parts.push(format!("{what} {from} → {to}"));
        }
    };
    add("name", &old.name, &new.name);
    add("ecosystem", &old.ecosystem, &new.ecosystem);
    add("address", &old.settings.address(), &new.settings.address());
    if let (Settings::OnPremise(from), Settings::OnPremise(to)) = (&old.settings, &new.settings) {
        add("ingress", &from.load_balancer_ip.to_string(), &to.load_balancer_ip.to_string());
        if from.ca_pem != to.ca_pem {
            parts.push("another CA".to_owned());
        }
    }
    parts.join(", ")
}
