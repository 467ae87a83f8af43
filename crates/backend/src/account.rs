//! Accounts: made by the operator's command line and at first start; listed, switched, renamed, handed over and deleted
//! by their people.

use domain::account::{Account, AccountName, AccountView, CustomerId, Quota};
use domain::audit::Action;
use domain::id::AccountId;
use domain::user::Role;
use domain::{Code, Error, Result};
use secrecy::SecretString;

use crate::ports::Member;
use crate::{Backend, Caller, NewUser, Origin};

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
        // Two consoles may start on one empty database: what the other one made is as good as ours.
        if self.inner.store.account_by_name(FIRST_ACCOUNT).await?.is_none() {
            unless_taken(self.create_account(FIRST_ACCOUNT).await)?;
        }
        let user = NewUser {
            email: email.to_owned(),
            account: FIRST_ACCOUNT.to_owned(),
            role: Role::Owner.as_str().to_owned(),
            password: password.clone(),
            operator: true,
        };
        Ok(unless_taken(self.create_user(user).await)?.is_some())
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
            suspended_at: None,
            quota: Quota::default(),
        };
        let target = format!("account:{}", account.id);
        let origin = Origin::system();
        let audit = self.audit_for(&origin, Some(account.id), "system".into(), Action::AccountCreated, target, name);
        let audit = audit.named(name);
        self.inner.store.create_account(&account, &audit).await
    }

    /// The caller's accounts, the first joined first. Somebody is in a few, so there are no pages.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_accounts(&self, caller: &Caller) -> Result<Vec<AccountView>> {
        let joined = self.inner.store.accounts_of(caller.user.id).await?;
        let acting = |id| id == caller.account.id && !caller.support;
        Ok(joined.iter().map(|m| m.account.view(m.role, acting(m.account.id))).collect())
    }

    /// The account a session is to act in from now on, if the caller is in it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn joined_account(&self, caller: &Caller, id: &str) -> Result<AccountId> {
        Ok(self.acting_in(caller, id).await?.account.id)
    }

    /// The caller as they stand in another of their accounts.
    pub(crate) async fn acting_in(&self, caller: &Caller, id: &str) -> Result<Caller> {
        let id = AccountId::parse(id)?;
        if caller.account.id == id && !caller.support {
            return Ok(caller.clone());
        }
        let found = self.inner.store.member(caller.user.id, Some(id)).await?;
        let Member { account, role, .. } = found.filter(|m| m.account.id == id).ok_or(Error::NotFound)?;
        Ok(Caller { account, role, support: false, ..caller.clone() })
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn ready(&self) -> Result<()> {
        self.inner.store.ping().await
    }

    /// How many passwords wait to be hashed and how many are being hashed, for the metrics.
    pub fn password_queue(&self) -> (usize, usize) {
        self.inner.passwords.load()
    }

    /// Whether the home cluster answers; the console works on without it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn cluster_ready(&self) -> Result<(), Error> {
        self.inner.cluster.ping().await
    }
}

/// None when somebody else was quicker.
fn unless_taken<T>(made: Result<T>) -> Result<Option<T>> {
    match made {
        Ok(made) => Ok(Some(made)),
        Err(Error::Conflict { code: Code::NameTaken, .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
