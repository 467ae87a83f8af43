//! Asking the API server about every right that SkyPilot needs, for both identities that need it (RULINGS 17).

use domain::Result;
use domain::permission::Permission;
use domain::skypilot::{self, DEFAULT_ACCOUNT, Feature, Level, Need, Verification, Verified};

use crate::ports::ReviewedAccount;
use crate::{Backend, Caller};

impl Backend {
    /// One row for each right of the ticked features, as the API server answers now. Without an access: what the base
    /// would need.
    ///
    /// # Errors
    /// [`domain::Error::Unavailable`] without the cluster.
    pub async fn verify_skypilot(&self, caller: &Caller, id: &str) -> Result<Verification> {
        let tenant = self.namespace(caller, id, Permission::Read).await?;
        tenant.ready()?;
        let access = self.inner.store.skypilot_access(tenant.id).await?.filter(|access| access.wanted);
        let ticked = access.as_ref().map_or_else(|| skypilot::ticked(&[]), |access| access.features.clone());
        let given = access.as_ref().map(|access| access.rights().features).unwrap_or_default();
        let needs = skypilot::needs(&ticked)?;
        let account = ReviewedAccount {
            namespace: tenant.kubernetes_name.as_str().to_owned(),
            name: access.as_ref().map_or(DEFAULT_ACCOUNT, |access| &access.service_account).to_owned(),
        };
        let cluster = &self.inner.cluster;
        let key = cluster.skypilot_key(&tenant).await?;
        let by_account = cluster.review_skypilot(&tenant, &account, &needs);
        let by_key = async {
            match &key {
                Some(key) => cluster.review_skypilot(&tenant, key, &needs).await.map(Some),
                None => Ok(None),
            }
        };
        let (by_account, by_key) = futures::try_join!(by_account, by_key)?;
        let row = |(index, need): (usize, &Need)| {
            let key = by_key.as_ref().map(|all| all.get(index).copied().unwrap_or_default());
            let account = by_account.get(index).copied().unwrap_or_default();
            let on = access.is_some();
            row(need, account, key, (on, given.contains(&need.feature)))
        };
        let rows: Vec<Verified> = needs.iter().enumerate().map(row).collect();
        Ok(Verification {
            service_account: user(&account),
            key: key.as_ref().map(user),
            complete: rows.iter().all(|row| row.level == Level::Tolerated || row.allowed()),
            rows,
        })
    }
}

fn row(need: &Need, service_account: bool, key: Option<bool>, (on, approved): (bool, bool)) -> Verified {
    // The pod's own account is the one that ends its cluster; a key never does that from outside.
    let key = key.filter(|_| need.feature != Feature::Autodown);
    let mut row = Verified {
        feature: need.feature,
        level: need.level,
        scope: need.scope.words().to_owned(),
        resource: [need.group.as_str(), &need.full_resource()].join("/").trim_start_matches('/').to_owned(),
        verb: need.verb.clone(),
        service_account,
        key,
        fix: String::new(),
    };
    if !row.allowed() {
        row.fix = need.fix(on, approved);
    }
    row
}

fn user(account: &ReviewedAccount) -> String {
    format!("system:serviceaccount:{}:{}", account.namespace, account.name)
}
