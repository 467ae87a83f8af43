//! SKUs as operators make, change and retire them, and the accounts that may use them.
//!
//! The custom resource is the truth, and kubectl may change it as well: each write names the version it was made on.

use domain::audit::Action;
use domain::permission::Permission;
use domain::platform_sku::{ChangeSku, NewSku, PlatformSkuView, differences};
use domain::sku::{Sku, SkuGrants, SkuGrantsView, SkuSpec, check_code};
use domain::version::{stale, unchanged};
use domain::{Code, Error, Result};

use crate::{Backend, Caller};

impl Backend {
    /// Every SKU by code, retired ones included.
    ///
    /// # Errors
    /// `forbidden` for everybody but operators, as all of these; [`Error::Unavailable`] without the cluster.
    pub async fn list_platform_skus(&self, caller: &Caller) -> Result<Vec<PlatformSkuView>> {
        caller.require(Permission::ManagePlatform)?;
        Ok(self.inner.cluster.skus()?.values().map(PlatformSkuView::from).collect())
    }

    /// One SKU as the cluster has it at this moment.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get_platform_sku(&self, caller: &Caller, code: &str) -> Result<PlatformSkuView> {
        caller.require(Permission::ManagePlatform)?;
        Ok((&self.any_sku(code).await?).into())
    }

    /// Puts a SKU on sale.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each wrong field, `name_taken`, `reauthentication_required`.
    pub async fn create_platform_sku(&self, caller: &Caller, new: NewSku) -> Result<PlatformSkuView> {
        caller.require(Permission::ManagePlatform)?;
        check_code(&new.code)?;
        new.spec.check()?;
        self.one_currency(&new.code, &new.spec)?;
        self.require_recent_login(caller)?;
        let made = self.inner.cluster.create_sku(&new.code, &new.spec).await?;
        let price = format!("{} {} an hour", new.spec.price.per_hour, new.spec.price.currency);
        self.record_sku(caller, Action::SkuCreated, &new.code, price).await?;
        Ok((&made).into())
    }

    /// Changes a SKU; with `seen`, only if its version is still that. Running pods keep what they were admitted with.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each wrong field, [`Error::NotFound`], `conflict` when somebody was faster,
    /// `reauthentication_required`.
    pub async fn change_platform_sku(
        &self,
        caller: &Caller,
        code: &str,
        change: ChangeSku,
        seen: Option<&str>,
    ) -> Result<PlatformSkuView> {
        caller.require(Permission::ManagePlatform)?;
        let old = self.any_sku(code).await?;
        if seen.is_some_and(|seen| seen != old.version) {
            let detail = "Somebody changed this SKU meanwhile: read it again, then make your change";
            return Err(Error::conflict(Code::Conflict, detail));
        }
        let spec = change.apply(&old.spec)?;
        if spec == old.spec {
            return Ok((&old).into());
        }
        self.one_currency(code, &spec)?;
        self.require_recent_login(caller)?;
        let detail = differences(&old.spec, &spec);
        let action = match (old.spec.retired, spec.retired) {
            (false, true) => Action::SkuRetired,
            (true, false) => Action::SkuOffered,
            _ => Action::SkuChanged,
        };
        let changed = self.inner.cluster.replace_sku(&Sku { spec, ..old }).await?;
        self.record_sku(caller, action, code, detail).await?;
        Ok((&changed).into())
    }

    /// Which SKUs an account may use.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown account.
    pub async fn get_sku_grants(&self, caller: &Caller, account: &str) -> Result<SkuGrantsView> {
        Ok(self.any_account(caller, account).await?.account.skus.view())
    }

    /// Sets which SKUs an account may use; its namespaces follow within moments, running pods go on. `saw` is what the
    /// person saw.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each code that no SKU has, [`Error::NotFound`], `conflict` when somebody was faster,
    /// `reauthentication_required`.
    pub async fn set_sku_grants(
        &self,
        caller: &Caller,
        account: &str,
        wanted: &SkuGrantsView,
        saw: Option<&SkuGrantsView>,
    ) -> Result<SkuGrantsView> {
        let found = self.any_account(caller, account).await?;
        unchanged(saw, &found.account.skus.view())?;
        let new = SkuGrants::new(wanted)?;
        let skus = self.inner.cluster.skus()?;
        // Codes that were granted before may stay, although their SKU is gone.
        let kept = found.account.skus.view().codes;
        let unknown = |code: &&String| !skus.contains_key(*code) && !kept.contains(code);
        if let Some(code) = wanted.codes.iter().find(unknown) {
            return Err(Error::field("codes", "unknown", format!("There is no SKU {code}")));
        }
        self.require_recent_login(caller)?;
        if new != found.account.skus {
            let detail = new.difference(&found.account.skus);
            let audit = self.on_account(caller, &found, Action::AccountSkusChanged, detail);
            let now = self.inner.clock.now();
            let changed = self.inner.store.set_account_skus(&found.account, &new, now, &audit).await?;
            changed.then_some(()).ok_or_else(stale)?;
            self.inner.wake.notify_one();
        }
        Ok(new.view())
    }

    async fn any_sku(&self, code: &str) -> Result<Sku> {
        // A text that cannot be a code must not become part of a path.
        check_code(code).map_err(|_| Error::NotFound)?;
        self.inner.cluster.read_sku(code).await?.ok_or(Error::NotFound)
    }

    /// One currency per installation (RULINGS 46): sums over SKUs must mean something.
    fn one_currency(&self, code: &str, spec: &SkuSpec) -> Result<()> {
        let skus = self.inner.cluster.skus()?;
        let other = skus.values().find(|sku| sku.code != code && sku.spec.price.currency != spec.price.currency);
        match other.map(|sku| sku.spec.price.currency.as_str()) {
            None => Ok(()),
            Some(used) => {
                let message = format!("This installation sells in {used}: every SKU has the same currency");
                Err(Error::field("spec.price.currency", "mixed", message))
            }
        }
    }

    /// SKUs belong to no account: their changes stand in the platform's log.
    async fn record_sku(&self, caller: &Caller, action: Action, code: &str, detail: String) -> Result<()> {
        let event = self.audit_for(&caller.origin, None, caller.actor(), action, format!("sku:{code}"), detail);
        self.inner.store.record(&event.by(caller.user.email.as_str()).named(code)).await
    }
}
