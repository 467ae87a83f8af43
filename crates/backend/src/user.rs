//! People: made by the operator's command line in this slice.

use domain::audit::Action;
use domain::id::UserId;
use domain::user::{Email, Role, User};
use domain::{Error, Result};
use secrecy::SecretString;

use crate::Backend;

/// What makes a user.
pub struct NewUser {
    /// Sign-in name.
    pub email: String,
    /// Name of the account they join.
    pub account: String,
    /// Role in it.
    pub role: String,
    /// First password, 12 to 1024 characters.
    pub password: SecretString,
    /// Platform operator.
    pub operator: bool,
}

impl Backend {
    /// Adds a user to an account.
    ///
    /// # Errors
    /// [`Error::Invalid`] for unusable fields or an unknown account, `name_taken` for a taken e-mail.
    pub async fn create_user(&self, new: NewUser) -> Result<User> {
        let (email, role) = (Email::new(&new.email)?, Role::parse(&new.role)?);
        let account = self.inner.store.account_by_name(&new.account).await?;
        let account = account.ok_or_else(|| Error::field("account", "unknown", "There is no account of this name"))?;
        let hash = self.inner.passwords.hash(&new.password).await?;
        let user = User {
            id: UserId::new(self.inner.random.uuid()),
            email,
            operator: new.operator,
            disabled: false,
            created_at: self.inner.clock.now(),
        };
        let target = format!("user:{}", user.id);
        let audit = self.audit_system(account.id, Action::UserCreated, target, role.as_str());
        let audit = audit.named(user.email.as_str());
        self.inner.store.create_user(&user, Some(&hash), account.id, role, &audit).await?;
        Ok(user)
    }
}
