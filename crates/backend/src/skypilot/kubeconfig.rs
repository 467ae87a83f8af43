//! Kubeconfigs whose identity is SkyPilot's ServiceAccount: expiry chosen, listed, revocable (RULINGS 18).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::audit::Action;
use domain::id::SkypilotKubeconfigId;
use domain::namespace::Namespace;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::skypilot::{
    IssuedSkypilotKubeconfig, NewSkypilotKubeconfig, SkypilotKubeconfig, SkypilotKubeconfigView, TokenKubeconfig,
    token_kubeconfig,
};
use domain::{Code, Error, Result};
use secrecy::ExposeSecret as _;

use super::target;
use crate::ports::ClusterToken;
use crate::{Backend, Caller, credential};

const DAY_SECONDS: i64 = 24 * 3600;

impl Backend {
    /// Issues a kubeconfig. Its token is audited before it leaves and stored nowhere.
    ///
    /// # Errors
    /// [`Error::Invalid`]; `not_ready` (409) before SkyPilot access is applied.
    pub async fn issue_skypilot_kubeconfig(
        &self,
        caller: &Caller,
        id: &str,
        new: NewSkypilotKubeconfig,
    ) -> Result<IssuedSkypilotKubeconfig> {
        let tenant = self.namespace(caller, id, Permission::Deploy).await?;
        new.check()?;
        let access = self.inner.store.skypilot_access(tenant.id).await?;
        let applied = access.filter(|access| access.wanted && access.ticket == access.applied);
        let access = applied.ok_or_else(not_applied)?;
        let id = SkypilotKubeconfigId::new(self.inner.random.uuid());
        let (account, seconds) = (access.service_account.as_str(), i64::from(new.days) * DAY_SECONDS);
        let given = self.inner.cluster.skypilot_token(&tenant, account, id, seconds).await?;
        let recorded = self.record_issued(caller, &tenant, (id, account), new.name.trim(), &given).await;
        let issued = match recorded {
            Ok(issued) => issued,
            Err(error) => {
                // Nobody will ever hold this token; why it was not given is what the caller must know.
                if let Err(late) = self.inner.cluster.end_skypilot_token(&tenant, id).await {
                    let error = &late as &dyn std::error::Error;
                    tracing::warn!(error, kubeconfig = %id, "the token of a kubeconfig that nobody was given goes on");
                }
                return Err(error);
            }
        };
        let ca = STANDARD.encode(&self.inner.endpoints.cluster_ca_pem);
        let kubeconfig = token_kubeconfig(&TokenKubeconfig {
            namespace: &tenant,
            endpoints: &self.inner.endpoints,
            base64_ca: &ca,
            service_account: &issued.service_account,
            token: given.token.expose_secret(),
        });
        let filename = format!("kubeconfig-{}-{}.yaml", tenant.name.as_str(), issued.service_account);
        Ok(IssuedSkypilotKubeconfig { issued: issued.view(issued.created_at), filename, kubeconfig })
    }

    /// Checks a token and writes it down before it leaves (RULINGS 45).
    async fn record_issued(
        &self,
        caller: &Caller,
        tenant: &Namespace,
        (id, service_account): (SkypilotKubeconfigId, &str),
        name: &str,
        given: &ClusterToken,
    ) -> Result<SkypilotKubeconfig> {
        let expires_at = given.expires_at.ok_or(Error::TokenWithoutExpiration)?;
        let issued = SkypilotKubeconfig {
            id,
            namespace_id: tenant.id,
            name: name.to_owned(),
            service_account: service_account.to_owned(),
            owner_id: Some(caller.user.id),
            created_by: caller.user.email.as_str().to_owned(),
            created_at: self.inner.clock.now(),
            expires_at,
            revoked_at: None,
        };
        let detail = format!("{name}, until {expires_at}");
        let audit = self.audit(caller, Action::SkypilotKubeconfigIssued, kubeconfig_target(tenant, id), detail);
        let audit = audit.named(name).jti(credential::token_id(given)?);
        // Refused when somebody took the access away, or the caller out of the account, in between.
        let recorded = self.inner.store.record_skypilot_kubeconfig(&issued, &audit).await?;
        recorded.then_some(issued).ok_or_else(not_applied)
    }

    /// Issued kubeconfigs, newest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign namespaces alike.
    pub async fn list_skypilot_kubeconfigs(
        &self,
        caller: &Caller,
        id: &str,
        page: &PageRequest,
    ) -> Result<Page<SkypilotKubeconfigView>> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        let rows = self.inner.store.list_skypilot_kubeconfigs(tenant.id, page).await?;
        let now = self.inner.clock.now();
        Ok(Page::from_rows(rows, page.limit, |row| row.id.to_string()).map(|row| row.view(now)))
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_skypilot_kubeconfig(
        &self,
        caller: &Caller,
        id: &str,
        kubeconfig: &str,
    ) -> Result<SkypilotKubeconfigView> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        Ok(self.issued(&tenant, kubeconfig).await?.view(self.inner.clock.now()))
    }

    /// Ends a kubeconfig: the API server refuses its token about ten seconds after its Secret went (measured,
    /// `security.md` §2.1). Repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_skypilot_kubeconfig(&self, caller: &Caller, id: &str, kubeconfig: &str) -> Result<()> {
        let tenant = self.namespace(caller, id, Permission::Deploy).await?;
        let issued = self.issued(&tenant, kubeconfig).await?;
        let target = kubeconfig_target(&tenant, issued.id);
        let audit = self.audit(caller, Action::SkypilotKubeconfigRevoked, target, "").named(&issued.name);
        let now = self.inner.clock.now();
        if self.inner.store.revoke_skypilot_kubeconfig(&issued, now, &audit).await? {
            self.settle_skypilot_now(tenant.id).await;
        }
        Ok(())
    }

    async fn issued(&self, tenant: &Namespace, id: &str) -> Result<SkypilotKubeconfig> {
        let id = SkypilotKubeconfigId::parse(id)?;
        self.inner.store.skypilot_kubeconfig(tenant.id, id).await?.ok_or(Error::NotFound)
    }
}

fn kubeconfig_target(tenant: &Namespace, id: SkypilotKubeconfigId) -> String {
    format!("{}:{id}", target(tenant.id))
}

fn not_applied() -> Error {
    Error::conflict(Code::NotReady, "SkyPilot access is not applied in this namespace: apply it first")
}
