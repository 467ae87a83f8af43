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
    AccountRenamed,
    AccountSuspended,
    AccountResumed,
    AccountDeleted,
    AccountQuotaChanged,
    OwnershipTransferred,
    SupportAccess,
    MemberAdded,
    MemberRoleChanged,
    MemberRemoved,
    InvitationCreated,
    InvitationResent,
    InvitationRevoked,
    InvitationAccepted,
    PasswordChanged,
    PasswordResetRequested,
    PasswordReset,
    Reauthenticated,
    SessionRevoked,
    SessionsEnded,
    IdentityLinked,
    IdentityUnlinked,
    CliSessionCreated,
    CliSessionRevoked,
    ApiKeyChanged,
    ApiKeyDisabled,
    ApiKeyEnabled,
    ApiKeyRotated,
    CredentialRefused,
    CredentialRevoked,
    AdmissionDenied,
    AuditExported,
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
            Self::AccountRenamed => "account.renamed",
            Self::AccountSuspended => "account.suspended",
            Self::AccountResumed => "account.resumed",
            Self::AccountDeleted => "account.deleted",
            Self::AccountQuotaChanged => "account.quota_changed",
            Self::OwnershipTransferred => "account.ownership_transferred",
            Self::SupportAccess => "account.support_access",
            Self::MemberAdded => "member.added",
            Self::MemberRoleChanged => "member.role_changed",
            Self::MemberRemoved => "member.removed",
            Self::InvitationCreated => "invitation.created",
            Self::InvitationResent => "invitation.resent",
            Self::InvitationRevoked => "invitation.revoked",
            Self::InvitationAccepted => "invitation.accepted",
            Self::PasswordChanged => "password.changed",
            Self::PasswordResetRequested => "password.reset_requested",
            Self::PasswordReset => "password.reset",
            Self::Reauthenticated => "session.reauthenticated",
            Self::SessionRevoked => "session.revoked",
            Self::SessionsEnded => "session.ended_everywhere",
            Self::IdentityLinked => "identity.linked",
            Self::IdentityUnlinked => "identity.unlinked",
            Self::CliSessionCreated => "cli_session.created",
            Self::CliSessionRevoked => "cli_session.revoked",
            Self::ApiKeyChanged => "api_key.changed",
            Self::ApiKeyDisabled => "api_key.disabled",
            Self::ApiKeyEnabled => "api_key.enabled",
            Self::ApiKeyRotated => "api_key.rotated",
            Self::CredentialRefused => "credential.refused",
            Self::CredentialRevoked => "credential.revoked",
            Self::AdmissionDenied => "admission.denied",
            Self::AuditExported => "audit.exported",
        }
    }
}
