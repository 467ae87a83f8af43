//! Which engines shall have nodes, and how each is reached: from the database, with the address policy of the operator.
//! What cannot be decrypted or may not be reached has no nodes for now; nothing is concluded about its pods.

use std::collections::HashMap;
use std::net::IpAddr;

use anyhow::{Context as _, Result, bail};
use backend::ports::Engines as _;
use backend::{Envelope, Place};
use domain::engine::settings::OnPremise;
use domain::engine::{Credentials, Engine, EngineStatus, Settings};
use domain::engine_manifest::NAMESPACE;
use domain::id::EngineId;
use domain::outbound::AddressPolicy;
use engines::kubernetes::Login;
use node::fleet::{self, Known, Reach, Stage};
use secrecy::ExposeSecret as _;
use store::SqlStore;

use crate::compose::told;

/// Reads the engines again and again.
pub struct Roster {
    store: SqlStore,
    envelope: Envelope,
    policy: AddressPolicy,
    /// Where each engine was found last: as long as its name still means that, its nodes need no restart.
    addresses: HashMap<EngineId, IpAddr>,
}

// === impl Roster ===

impl Roster {
    pub fn new(store: SqlStore, envelope: Envelope, policy: AddressPolicy) -> Self {
        Self { store, envelope, policy, addresses: HashMap::new() }
    }

    /// Every imported cluster.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn known(&mut self) -> Result<Vec<Known>> {
        let mut all = Vec::new();
        for engine in self.store.every_engine().await.map_err(told)? {
            // The other kinds have a `remotegpu-kubelet` of their own.
            let Settings::OnPremise(settings) = &engine.settings else { continue };
            let (id, name) = (engine.id.to_string(), engine.node_label());
            let fleet = match stage(engine.status) {
                None => None,
                Some(stage) => match self.reach(&engine, settings).await {
                    Ok(reach) => {
                        let ecosystem = engine.ecosystem.clone();
                        let account = engine.account_id.map(|id| id.to_string());
                        Some(fleet::Engine { name: name.clone(), account, ecosystem, reach, stage })
                    }
                    Err(error) => {
                        tracing::warn!(
                            engine.name = name,
                            error = format!("{error:#}"),
                            "An engine has no nodes for now"
                        );
                        None
                    }
                },
            };
            all.push(Known { id, name, engine: fleet });
        }
        Ok(all)
    }

    async fn reach(&mut self, engine: &Engine, settings: &OnPremise) -> Result<Reach> {
        let row = engine.id.to_string();
        let sealed = self.store.engine_credentials(engine.id).await.map_err(told)?.context("it was just deleted")?;
        let place = Place { table: "engines", row: &row, field: "credentials" };
        let text = self.envelope.open(place, &sealed).map_err(told)?;
        let credentials = serde_json::from_str::<Credentials>(text.expose_secret());
        let login = match credentials.context("its credentials have another form")? {
            Credentials::BearerToken { token } => Login::Token(token.into()),
            Credentials::Basic { username, password } => Login::Basic { username, password: password.into() },
            _ => bail!("its credentials are of another kind"),
        };
        Ok(Reach {
            server: settings.api_url.to_string(),
            address: Some(self.address(engine.id, settings).await?),
            ca: settings.ca_pem.clone(),
            login,
            namespace: settings.namespaces.first().map_or(NAMESPACE, String::as_str).to_owned(),
            typed: settings.gpus.iter().map(|gpu| (gpu.model.clone(), gpu.count)).collect(),
        })
    }

    /// Where the name leads now; every address it has must be allowed (`security.md` §7.1).
    async fn address(&mut self, id: EngineId, settings: &OnPremise) -> Result<IpAddr> {
        let url = &settings.api_url;
        let found = tokio::net::lookup_host((url.host.as_str(), url.port)).await.context("its name is not found")?;
        let mut found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        found.sort_unstable();
        if !self.policy.allows_all(&found, url.port) {
            bail!("its address is not allowed; --outbound-allowed-networks opens private networks");
        }
        let known = self.addresses.get(&id).copied().filter(|known| found.contains(known));
        let chosen = known.or_else(|| found.first().copied()).context("its name has no address")?;
        self.addresses.insert(id, chosen);
        Ok(chosen)
    }
}

/// Running workloads are never stopped by a status; behind the address of a `mismatch` nothing of ours can be found.
fn stage(status: EngineStatus) -> Option<Stage> {
    match status {
        EngineStatus::Draft | EngineStatus::Mismatch => None,
        EngineStatus::Ready | EngineStatus::Degraded => Some(Stage::Open),
        EngineStatus::Deleting => Some(Stage::Ending),
        EngineStatus::Checking | EngineStatus::Unauthorized | EngineStatus::Unreachable | EngineStatus::Disabled => {
            Some(Stage::Closed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_opens_or_closes_an_engine_and_only_its_deletion_ends_what_runs() {
        let ending: Vec<_> = EngineStatus::ALL.into_iter().filter(|one| stage(*one) == Some(Stage::Ending)).collect();
        assert_eq!(ending, [EngineStatus::Deleting]);
        for status in EngineStatus::ALL.into_iter().filter(|status| !status.takes_workloads()) {
            assert_ne!(stage(status), Some(Stage::Open), "{status:?}");
        }
    }
}
