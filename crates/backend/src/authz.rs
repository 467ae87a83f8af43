//! Who asks, and the proof that they may: looking a thing up **is** authorising it.

use domain::account::{Account, AccountStatus};
use domain::id::SessionId;
use domain::permission::{self, Permission};
use domain::user::{Role, User};
use domain::{Code, Error, Result};
use jiff::Timestamp;

/// Where a request came from, for audit and throttling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Peer address without port.
    pub address: String,
    /// As sent, cut to 200 characters.
    pub user_agent: String,
    /// Ties audit and log together.
    pub request_id: String,
    /// Only the head of the answer is asked for: its body goes to nobody.
    pub head_only: bool,
}

/// A signed-in person acting in an account; roles are read anew for each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The person.
    pub user: User,
    /// The account they act in.
    pub account: Account,
    /// Their role in it.
    pub role: Role,
    /// They are an operator who looks in as support, not a member: `role` is viewer.
    pub support: bool,
    /// Where from.
    pub origin: Origin,
    /// How they proved who they are.
    pub proof: Proof,
}

/// A proof of identity: which session carries it, and how old it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The browser session; none for a session of the command line.
    pub session_id: Option<SessionId>,
    /// When they last showed a password, or an identity provider vouched.
    pub authenticated_at: Timestamp,
}

/// Proof that its holder may act on `T` as they asked. Only lookups of this crate make one.
#[derive(Debug)]
pub struct Grant<T> {
    value: T,
}

impl Caller {
    /// Refuses unless the role grants `permission`, and changes in a suspended account.
    ///
    /// # Errors
    /// `forbidden`, or `account_suspended`.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if !self.may(permission) {
            return Err(Error::Forbidden { code: Code::Forbidden });
        }
        match self.account.status() {
            AccountStatus::Suspended if permission.changes_account() => {
                Err(Error::Forbidden { code: Code::AccountSuspended })
            }
            AccountStatus::Suspended | AccountStatus::Active => Ok(()),
        }
    }

    /// Whether the role grants `permission`.
    pub fn may(&self, permission: Permission) -> bool {
        permission::allows(self.role, self.user.operator, permission)
    }

    /// The actor of audit rows.
    pub fn actor(&self) -> String {
        format!("user:{}", self.user.id)
    }
}

impl<T> Grant<T> {
    /// Only after the check was made.
    pub(crate) fn new(value: T) -> Self {
        Self { value }
    }

    /// Gives the thing away.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> std::ops::Deref for Grant<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
