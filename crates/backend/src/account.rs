//! Accounts: made by the operator's command line and at first start; listed, switched, renamed, handed over and deleted
//! by their people.

mod quota;

use domain::account::{Account, AccountChange, AccountName, AccountView, CustomerId, Quota, TransferAccount};
use domain::audit::Action;
use domain::id::AccountId;
use domain::permission::Permission;
use domain::sku::SkuGrants;
use domain::user::Role;
use domain::version::{stale, unchanged};
use domain::{Code, Error, Result};
use secrecy::SecretString;

use crate::member::changed_meanwhile;
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

    /// Adds an account with the next customer id, from the command line.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unusable name, `name_taken` for a taken one.
    pub async fn create_account(&self, name: &str) -> Result<Account> {
        self.create_account_as(&Origin::system(), "system".to_owned(), name).await
    }

    pub(crate) async fn create_account_as(&self, origin: &Origin, actor: String, name: &str) -> Result<Account> {
        let account = Account {
            id: AccountId::new(self.inner.random.uuid()),
            name: AccountName::new(name)?,
            customer: CustomerId::from_number(0),
            created_at: self.inner.clock.now(),
            suspended_at: None,
            quota: Quota::default(),
            skus: SkuGrants::default(),
            ecosystem_required: false,
        };
        let audit = self.audit_for(origin, Some(account.id), actor, Action::AccountCreated, target(account.id), name);
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

    /// One of the caller's accounts.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown and foreign ids alike.
    pub async fn get_account(&self, caller: &Caller, id: &str) -> Result<AccountView> {
        let there = self.acting_in(caller, id).await?;
        Ok(there.account.view(there.role, there.account.id == caller.account.id && !caller.support))
    }

    /// Another name, or other settings. `saw` is what the person saw.
    ///
    /// # Errors
    /// [`Error::Invalid`] or `name_taken`, `conflict` when somebody was faster, `forbidden` for all but its admins.
    pub async fn change_account(
        &self,
        caller: &Caller,
        id: &str,
        change: &AccountChange,
        saw: Option<&AccountView>,
    ) -> Result<AccountView> {
        let there = self.acting_in(caller, id).await?;
        there.require(Permission::ManageAccount)?;
        unchanged(saw, &there.account.view(there.role, true))?;
        let old = &there.account;
        let mut new = old.clone();
        if let Some(name) = &change.name {
            new.name = AccountName::new(name)?;
        }
        new.ecosystem_required = change.ecosystem_required.unwrap_or(old.ecosystem_required);
        if new != *old {
            let action = if new.name == old.name { Action::AccountChanged } else { Action::AccountRenamed };
            let audit = self.audit(&there, action, target(old.id), differences(old, &new));
            let changed = self.inner.store.change_account(old, &new, &audit).await?;
            changed.then_some(()).ok_or_else(stale)?;
        }
        self.account_now(caller, old.id).await
    }

    /// Hands ownership over to another member; the caller stays as an admin.
    ///
    /// # Errors
    /// `forbidden` for everybody but owners, [`Error::Invalid`] for a person who is no member or a name that was not
    /// typed, `reauthentication_required`.
    pub async fn transfer_account(&self, caller: &Caller, id: &str, to: TransferAccount) -> Result<AccountView> {
        let there = self.acting_in(caller, id).await?;
        there.require(Permission::OwnAccount)?;
        there.account.confirm(&to.confirm)?;
        self.require_recent_login(caller)?;
        let unknown = || Error::field("user_id", "unknown", "Choose another member of the account");
        let heir = match self.member_of(&there, &to.user_id).await {
            Ok(member) if member.user_id != caller.user.id => member,
            Ok(_) | Err(Error::NotFound | Error::Invalid(_)) => return Err(unknown()),
            Err(other) => return Err(other),
        };
        let detail = format!("{} → {}", caller.user.email.as_str(), heir.email.as_str());
        let audit = self.audit(&there, Action::OwnershipTransferred, target(there.account.id), detail);
        let (account, from) = (there.account.id, caller.user.id);
        let changed = self.inner.store.transfer_ownership(account, from, heir.user_id, &audit).await?;
        changed.then_some(()).ok_or_else(changed_meanwhile)?;
        self.account_now(caller, there.account.id).await
    }

    /// Deletes an account for good, with its members, invitations and keys.
    ///
    /// # Errors
    /// `forbidden` for everybody but owners, [`Error::Invalid`] on field `confirm`, `conflict` while it has namespaces
    /// or engines on which something may run, `reauthentication_required`.
    pub async fn delete_account(&self, caller: &Caller, id: &str, confirm: &str) -> Result<()> {
        let there = self.acting_in(caller, id).await?;
        there.require(Permission::OwnAccount)?;
        there.account.confirm(confirm)?;
        self.require_recent_login(caller)?;
        let (id, name) = (there.account.id, there.account.name.as_str());
        let audit = self.audit(&there, Action::AccountDeleted, target(id), name);
        self.inner.store.delete_account(id, &audit).await.map(drop)
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

    /// The account as a change left it; the caller knows it as it was.
    async fn account_now(&self, caller: &Caller, id: AccountId) -> Result<AccountView> {
        let found = self.inner.store.member(caller.user.id, Some(id)).await?;
        let Member { account, role, .. } = found.filter(|m| m.account.id == id).ok_or(Error::NotFound)?;
        Ok(account.view(role, account.id == caller.account.id && !caller.support))
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

/// What changed, in words.
fn differences(old: &Account, new: &Account) -> String {
    let renamed = (old.name != new.name).then(|| format!("{} → {}", old.name.as_str(), new.name.as_str()));
    let tag = if new.ecosystem_required { "ecosystem required" } else { "ecosystem optional" };
    let required = (old.ecosystem_required != new.ecosystem_required).then(|| tag.to_owned());
    renamed.into_iter().chain(required).collect::<Vec<_>>().join(", ")
}

/// The audit target of an account.
pub(crate) fn target(id: AccountId) -> String {
    format!("account:{id}")
}
