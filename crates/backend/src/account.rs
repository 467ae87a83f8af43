//! Accounts: made by the operator's command line and at first start.

use domain::account::{Account, AccountName, CustomerId};
use domain::audit::Action;
use domain::id::AccountId;
use domain::user::Role;
use domain::{Error, Result};
use secrecy::SecretString;

use crate::{Backend, NewUser, Origin};

/// Name of the account of the first start (RULINGS 1).
const FIRST_ACCOUNT: &str = "default";

impl Backend {
    /// First start: one user who is platform operator and owner of the account `default`. False when users exist.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unusable e-mail or password.
    pub async fn bootstrap(&self, email: &str, password: &SecretString) -> Result<bool> {
        if self.inner.store.has_users().await? {
            return Ok(false);
        }
        if self.inner.store.account_by_name(FIRST_ACCOUNT).await?.is_none() {
            self.create_account(FIRST_ACCOUNT).await?;
        }
        self.create_user(NewUser {
            email: email.to_owned(),
            account: FIRST_ACCOUNT.to_owned(),
            role: Role::Owner.as_str().to_owned(),
            password: password.clone(),
            operator: true,
        })
        .await?;
        Ok(true)
    }

    /// Adds an account with the next customer id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unusable name, `name_taken` for a taken one.
    pub async fn create_account(&self, name: &str) -> Result<Account> {
        let account = Account {
            id: AccountId::new(self.inner.random.uuid()),
            name: AccountName::new(name)?,
            customer: CustomerId::from_number(0),
            created_at: self.inner.clock.now(),
        };
        let target = format!("account:{}", account.id);
        let origin = Origin::system();
        let audit = self.audit_for(&origin, Some(account.id), "system".into(), Action::AccountCreated, target, name);
        self.inner.store.create_account(&account, &audit).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn ready(&self) -> Result<()> {
        self.inner.store.ping().await
    }

    /// Whether the home cluster answers; the console works on without it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn cluster_ready(&self) -> Result<(), Error> {
        self.inner.cluster.ping().await
    }
}
