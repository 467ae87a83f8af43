//! Tokens of engines are renewed by the console before they end, where their identity may do that: at half of their life,
//! by the leader, each an audit row. What fails is tried again; from three quarters on the engine is marked. That its
//! credentials end, whether they renew themselves or not, is announced once.
//!
//! Source: `engine-import.md` §10.

use std::collections::HashMap;
use std::time::Duration;

use domain::Result;
use domain::audit::Action;
use domain::engine::{AuthFacts, Engine, EngineStatus, Settings};
use domain::id::EngineId;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::Backend;

const AT_ONCE: usize = 4;
const LOOK: Duration = Duration::from_secs(10);
/// After a renewal that failed; a token that lives ten minutes is still tried three times.
const AGAIN: SignedDuration = SignedDuration::from_secs(60);

impl Backend {
    /// Renews what is due until cancelled; idle while another replica leads.
    pub async fn keep_engine_tokens(&self, shutdown: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        // Only of this process: another leader may well have more luck.
        let mut failed = HashMap::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = look.tick() => {}
            }
            if !self.leads() {
                continue;
            }
            tokio::select! { biased; () = self.inner.leadership.lost() => {}, () = self.renew_due(&mut failed) => {} }
        }
    }

    async fn renew_due(&self, failed: &mut HashMap<EngineId, Timestamp>) {
        let engines = match self.inner.store.every_engine().await {
            Ok(engines) => engines,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                return tracing::warn!(error, "the engines whose tokens end could not be read");
            }
        };
        let now = self.inner.clock.now();
        failed.retain(|_, again| *again > now);
        for engine in &engines {
            self.tell_end(engine, now).await;
        }
        let due: Vec<Engine> =
            engines.into_iter().filter(|engine| is_due(engine, now) && !failed.contains_key(&engine.id)).collect();
        let tries = futures::stream::iter(due).map(|engine| self.try_renewal(engine, now));
        let tried: Vec<(EngineId, bool)> = tries.buffer_unordered(AT_ONCE).collect().await;
        failed.extend(tried.into_iter().filter(|(_, renewed)| !renewed).map(|(id, _)| (id, now + AGAIN)));
    }

    /// Writes the audit row of an end that is near, which webhooks are told of.
    async fn tell_end(&self, engine: &Engine, now: Timestamp) {
        let Some(end) = engine.end_to_tell(now) else { return };
        let mut told = engine.clone();
        told.facts.end_told = Some(end);
        let audit = self.by_itself(&told, Action::EngineCredentialsExpiring, &format!("ends {end}"));
        // False: something else was written meanwhile. The next look sees the engine as it is by then.
        if let Err(error) = self.inner.store.change_engine(&told, None, &audit).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, engine.id = %engine.id, "the end of an engine's credentials could not be announced");
        }
    }

    async fn try_renewal(&self, engine: Engine, now: Timestamp) -> (EngineId, bool) {
        let id = engine.id;
        let renewed = self.renew(engine, now).await.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, engine.id = %id, "an engine's new token could not be kept");
            false
        });
        (id, renewed)
    }

    /// False where the other side gives no token.
    async fn renew(&self, old: Engine, now: Timestamp) -> Result<bool> {
        let Settings::OnPremise(at) = &old.settings else { return Ok(false) };
        let credentials = self.credentials_of(old.id).await?;
        let credentials = match self.inner.probe.renew(at, &credentials, now).await {
            Ok(credentials) => credentials,
            Err(why) => {
                tracing::warn!(why, engine.id = %old.id, "an engine's token was not renewed");
                return Ok(false);
            }
        };
        let identity = old.auth.identity.clone();
        let auth = AuthFacts { identity, renewable: true, ..credentials.facts(now) };
        let detail = auth.expires_at.map(|end| format!("renewed by itself, until {end}")).unwrap_or_default();
        let mut engine = Engine { auth, ..old.clone() };
        let sealed = self.seal_credentials(engine.id, &credentials)?;
        let audit = self.by_itself(&engine, Action::EngineCredentialsChanged, &detail);
        self.keep(&old, &mut engine, Some(&sealed), &audit).await?;
        Ok(true)
    }
}

/// Half of the life of its token is over, and somebody would use the next one: also on an engine out of use, whose pods go
/// on, and on one that is to end, whose pods are ended with it. Behind the address of a mismatch is another cluster.
fn is_due(engine: &Engine, now: Timestamp) -> bool {
    let off = engine.status == EngineStatus::Mismatch;
    // Of engines that were imported together not all ask in the same moment.
    let spread = engine.id.short().bytes().fold(0u8, u8::wrapping_add);
    // One that has ended opens nothing any more, not even this.
    let alive = engine.auth.expires_at.is_some_and(|end| end > now);
    !off && alive && engine.auth.renews_at(spread).is_some_and(|at| at <= now)
}
