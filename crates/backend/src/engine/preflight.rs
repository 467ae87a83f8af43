//! The check before an engine is made. It stores nothing: what it found travels with the person, sealed to them and to the
//! form, so that any replica takes it and nobody can write another result.

use domain::audit::Action;
use domain::engine::view::NewEngine;
use domain::engine::{
    CheckedEngine, Depth, EngineForm, EngineStatus, Facts, PreflightView, Probed, Row, Settings, Verdict,
};
use domain::id::AccountId;
use domain::permission::Permission;
use domain::{Error, Result};
use futures::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::owner;
use crate::envelope::Place;
use crate::{Backend, Caller};

/// As long as somebody needs to read the report.
const LIFE: SignedDuration = SignedDuration::from_mins(15);

/// What a preflight found, as far as the engine keeps it.
#[derive(Serialize, Deserialize)]
pub(super) struct Outcome {
    pub status: EngineStatus,
    pub reason: String,
    pub facts: Facts,
    until: Timestamp,
}

impl Backend {
    /// Checks what a form says, and makes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each wrong field, `rate_limited`.
    pub async fn preflight_engine(&self, caller: &Caller, form: &EngineForm) -> Result<PreflightView> {
        let checked = self.checked_engine(caller, form)?;
        let probed = self.try_out(caller, form, &checked).await?;
        let verdict = Verdict::of_new(&probed.report);
        let rights = match &checked.settings {
            Settings::OnPremise(one) => one.rights(),
            Settings::Docker(_) | Settings::Runpod(_) => Vec::new(),
        };
        let (features, usable) = (probed.report.features(&rights), probed.report.usable());
        let outcome = self.outcome_of(&verdict, &probed);
        let preflight_id = if usable { Some(self.seal_outcome(caller, form, &outcome)?) } else { None };
        Ok(PreflightView { preflight_id, status: verdict.status, report: probed.report, features })
    }

    /// What the caller's own preflight has found so far, now and after each further row; empty while none runs.
    ///
    /// # Errors
    /// `forbidden` for who may add neither kind of engine.
    pub fn watch_preflight(&self, caller: &Caller) -> Result<BoxStream<'static, Vec<Row>>> {
        if !caller.may(Permission::ManageEngines) {
            caller.require(Permission::ManagePlatform)?;
        }
        Ok(self.inner.progress.follow(caller))
    }

    /// What the preflight of this form found, or finds now.
    pub(super) async fn outcome(&self, caller: &Caller, new: &NewEngine, checked: &CheckedEngine) -> Result<Outcome> {
        let sealed = new.preflight_id.as_deref().unwrap_or_default();
        if let Some(outcome) = self.open_outcome(caller, &new.engine, sealed) {
            return Ok(outcome);
        }
        let probed = self.try_out(caller, &new.engine, checked).await?;
        if !probed.report.usable() {
            return Err(Error::Preflight(Box::new(probed.report)));
        }
        Ok(self.outcome_of(&Verdict::of_new(&probed.report), &probed))
    }

    async fn try_out(&self, caller: &Caller, form: &EngineForm, checked: &CheckedEngine) -> Result<Probed> {
        let _turn = self.inner.turns.take(caller.account.id)?;
        let account = owner(caller, form);
        let detail = format!("preflight of {} {}", checked.settings.kind().as_str(), checked.settings.address());
        let target = format!("engine:{}", checked.name);
        let audit = self.audit_for(&caller.origin, account, caller.actor(), Action::EngineChecked, target, detail);
        // Before anything is sent: who looks for open ports by forms is seen.
        self.inner.store.record(&audit.by(caller.user.email.as_str()).named(&checked.name)).await?;
        let now = self.inner.clock.now();
        let (settings, credentials) = (&checked.settings, &checked.credentials);
        let running = self.inner.progress.begin(caller);
        let mut probed = self.inner.probe.probe_in_steps(settings, credentials, Depth::Full, now, running.step()).await;
        drop(running);
        self.note_known_cluster(account, &mut probed).await?;
        Ok(probed)
    }

    async fn note_known_cluster(&self, account: Option<AccountId>, probed: &mut Probed) -> Result<()> {
        let known = self.inner.store.engine_of_cluster(account, &probed.facts.cluster_uid).await?;
        if let Some(other) = known {
            let why = format!("This cluster is already imported as engine {}", other.name);
            probed.report.replace(Row::fail("cluster-uid", why));
        }
        Ok(())
    }

    fn outcome_of(&self, verdict: &Verdict, probed: &Probed) -> Outcome {
        Outcome {
            status: verdict.status,
            reason: verdict.reason.clone(),
            facts: probed.facts.clone(),
            until: self.inner.clock.now() + LIFE,
        }
    }

    fn seal_outcome(&self, caller: &Caller, form: &EngineForm, outcome: &Outcome) -> Result<String> {
        let text = SecretString::from(serde_json::to_string(outcome).map_err(Error::internal)?);
        let (row, field) = (caller.actor(), digest(form)?);
        let place = Place { table: "preflight", row: &row, field: &field };
        self.inner.envelope.seal(self.inner.random.as_ref(), place, &text)
    }

    /// None for an id that is old, of another form or of somebody else: then the check is made again.
    fn open_outcome(&self, caller: &Caller, form: &EngineForm, sealed: &str) -> Option<Outcome> {
        let (row, field) = (caller.actor(), digest(form).ok()?);
        let place = Place { table: "preflight", row: &row, field: &field };
        let text = self.inner.envelope.open(place, sealed).ok()?;
        let outcome: Outcome = serde_json::from_str(text.expose_secret()).ok()?;
        (self.inner.clock.now() < outcome.until).then_some(outcome)
    }
}

/// Stands for the whole form, its secrets included.
fn digest(form: &EngineForm) -> Result<String> {
    let text = SecretString::from(serde_json::to_string(form).map_err(Error::internal)?);
    Ok(crate::pepper::hex(&Sha256::digest(text.expose_secret().as_bytes())))
}
