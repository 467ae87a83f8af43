//! Audit events: written in the same transaction as the change they describe (RULINGS 39).

use jiff::Timestamp;

use crate::id::{AccountId, AuditId};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is its wire form below")]
pub enum Action {
    AccountCreated,
    UserCreated,
    SignedIn,
    SignInFailed,
    SignedOut,
    NamespaceCreated,
    NamespaceActivated,
    NamespaceRenamed,
    NamespaceDeletionRequested,
    NamespaceDeleted,
    NamespaceFailed,
    ApiKeyCreated,
    ApiKeyRevoked,
    KubeconfigDownloaded,
    CredentialIssued,
    CredentialReused,
    DeploymentCreated,
    DeploymentDeleted,
}

/// One row of the audit log. Never holds a secret, token or password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Its id (time-ordered).
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// In which account; none before anybody is known.
    pub account_id: Option<AccountId>,
    /// Who: `user:<id>`, `key:<public id>`, `system`, `anonymous`.
    pub actor: String,
    /// What.
    pub action: Action,
    /// On what, for example `namespace:<id>`.
    pub target: String,
    /// Further facts in words, for example a name; escaped where it is shown.
    pub detail: String,
    /// Where from.
    pub address: String,
    /// Ties it to the log lines.
    pub request_id: String,
}

impl Action {
    /// The stored form, `noun.verb`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccountCreated => "account.created",
            Self::UserCreated => "user.created",
            Self::SignedIn => "session.created",
            Self::SignInFailed => "session.refused",
            Self::SignedOut => "session.ended",
            Self::NamespaceCreated => "namespace.created",
            Self::NamespaceActivated => "namespace.activated",
            Self::NamespaceRenamed => "namespace.renamed",
            Self::NamespaceDeletionRequested => "namespace.deletion_requested",
            Self::NamespaceDeleted => "namespace.deleted",
            Self::NamespaceFailed => "namespace.failed",
            Self::ApiKeyCreated => "api_key.created",
            Self::ApiKeyRevoked => "api_key.revoked",
            Self::KubeconfigDownloaded => "kubeconfig.downloaded",
            Self::CredentialIssued => "credential.issued",
            Self::CredentialReused => "credential.reused",
            Self::DeploymentCreated => "deployment.created",
            Self::DeploymentDeleted => "deployment.deleted",
        }
    }
}
