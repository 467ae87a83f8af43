//! Audit events: written in the same transaction as the change they describe (RULINGS 39), each sealed to the one
//! before it. Fields of `security.md` §5; a row never holds a secret.

pub mod chain;
pub mod export;
pub mod filter;
pub mod record;

use jiff::Timestamp;

use crate::Code;
use crate::id::{AccountId, AuditId};

pub use chain::{Broken, BrokenKind, ChainReport, Head, Segment};
pub use export::ExportFormat;
pub use filter::{AuditFilter, AuditQuery, AuditScope};
pub use record::{AuditRecord, AuditView};

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
    NamespaceDefaultSkuChanged,
    NamespaceShareChanged,
    ApiKeyCreated,
    ApiKeyRevoked,
    KubeconfigDownloaded,
    CredentialIssued,
    CredentialReused,
    DeploymentCreated,
    DeploymentDeleted,
    SecretCreated,
    SecretChanged,
    SecretDeleted,
    ConfigMapCreated,
    ConfigMapChanged,
    ConfigMapDeleted,
    ServiceCreated,
    ServiceDeleted,
    SkypilotChanged,
    SkypilotRemoved,
    SkypilotApproved,
    SkypilotKubeconfigIssued,
    SkypilotKubeconfigRevoked,
    AccountRenamed,
    AccountChanged,
    AccountSuspended,
    AccountResumed,
    AccountDeleted,
    AccountQuotaChanged,
    OwnershipTransferred,
    SupportAccess,
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
    SkuCreated,
    SkuChanged,
    SkuRetired,
    SkuOffered,
    AccountSkusChanged,
    NodeCordoned,
    NodeUncordoned,
    NodeDrained,
    AuditExported,
    AuditPruned,
    DatabaseRestored,
    WorkloadCreated,
    WorkloadDeleted,
    WorkloadChanged,
    WorkloadRestarted,
    WorkloadRolledBack,
    WorkloadEdited,
    TerminalOpened,
    TerminalClosed,
    BudgetCreated,
    BudgetChanged,
    BudgetDeleted,
    BudgetReached,
    BudgetStopped,
    BudgetResumed,
    UsageExported,
    EngineCreated,
    EngineChanged,
    EngineCredentialsChanged,
    EngineCredentialsExpiring,
    EngineChecked,
    EngineStatusChanged,
    EngineDisabled,
    EngineEnabled,
    EngineDeleted,
    SecretRewrapped,
    WebhookCreated,
    WebhookChanged,
    WebhookSecretRotated,
    WebhookDisabled,
    WebhookEnabled,
    WebhookDeleted,
    WebhookTested,
    WebhookRedelivered,
    ApiKeyExpiring,
    TenantRenamed,
    ConnectorIssued,
    IdleGpuChanged,
    WorkloadStopped,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was done.
    Success,
    /// A rule said no; `code` says which.
    Refused,
    /// It was allowed and did not work; `code` says why.
    Failed,
}

/// One event on its way into the audit log. Never holds a secret, token or password.
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
    /// What people called them then: an e-mail address, the name of a key.
    pub actor_name: String,
    /// What.
    pub action: Action,
    /// On what, for example `namespace:<id>`.
    pub target: String,
    /// What people called it then.
    pub target_name: String,
    /// How it went.
    pub outcome: Outcome,
    /// Why it was refused or failed.
    pub code: Option<Code>,
    /// Further facts in words; escaped where it is shown.
    pub detail: String,
    /// Where from.
    pub address: String,
    /// The program that asked, as it called itself.
    pub user_agent: String,
    /// Ties it to the log lines.
    pub request_id: String,
    /// Credential id of the Kubernetes token, as the cluster's own audit log shows it.
    pub jti: Option<String>,
}

// === impl AuditEvent ===

impl AuditEvent {
    /// With the name of the one who acts.
    #[must_use]
    pub fn by(mut self, actor_name: impl Into<String>) -> Self {
        self.actor_name = actor_name.into();
        self
    }

    /// With the name of the target.
    #[must_use]
    pub fn named(mut self, target_name: impl Into<String>) -> Self {
        self.target_name = target_name.into();
        self
    }

    /// A rule said no.
    #[must_use]
    pub fn refused(mut self, code: Code) -> Self {
        (self.outcome, self.code) = (Outcome::Refused, Some(code));
        self
    }

    /// It was allowed and did not work.
    #[must_use]
    pub fn failed(mut self, code: Code) -> Self {
        (self.outcome, self.code) = (Outcome::Failed, Some(code));
        self
    }

    /// With the credential id of the token it speaks of.
    #[must_use]
    pub fn jti(mut self, jti: Option<String>) -> Self {
        self.jti = jti;
        self
    }
}

// === impl Outcome ===

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 3] = [Self::Success, Self::Refused, Self::Failed];

    /// The stored and wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// Reads the stored form.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }
}

// === impl Action ===

/// Every action by name; the match without `_` does not compile when one is missing.
macro_rules! every_action {
    ($($action:ident)*) => {
        /// Every action.
        pub const ALL: &[Self] = &[$(Self::$action),*];
        const _COMPLETE: fn(Self) = |action| match action { $(Self::$action => (),)* };
    };
}

impl Action {
    every_action! {
        AccountCreated UserCreated SignedIn SignInFailed SignedOut NamespaceCreated NamespaceActivated NamespaceRenamed
        NamespaceDeletionRequested NamespaceDeleted NamespaceFailed NamespaceDefaultSkuChanged NamespaceShareChanged ApiKeyCreated ApiKeyRevoked KubeconfigDownloaded
        CredentialIssued CredentialReused DeploymentCreated DeploymentDeleted SecretCreated SecretChanged SecretDeleted ConfigMapCreated ConfigMapChanged ConfigMapDeleted ServiceCreated ServiceDeleted SkypilotChanged SkypilotRemoved SkypilotApproved SkypilotKubeconfigIssued SkypilotKubeconfigRevoked AccountRenamed AccountSuspended
        AccountChanged
        AccountResumed AccountDeleted AccountQuotaChanged OwnershipTransferred SupportAccess MemberRoleChanged
        MemberRemoved InvitationCreated InvitationResent InvitationRevoked InvitationAccepted PasswordChanged
        PasswordResetRequested PasswordReset Reauthenticated SessionRevoked SessionsEnded IdentityLinked IdentityUnlinked
        CliSessionCreated CliSessionRevoked ApiKeyChanged ApiKeyDisabled ApiKeyEnabled ApiKeyRotated CredentialRefused
        CredentialRevoked AdmissionDenied AuditExported AuditPruned DatabaseRestored WorkloadCreated WorkloadDeleted
        WorkloadChanged WorkloadRestarted WorkloadRolledBack WorkloadEdited TerminalOpened TerminalClosed
        TenantRenamed ConnectorIssued
        SkuCreated SkuChanged SkuRetired SkuOffered AccountSkusChanged
        NodeCordoned NodeUncordoned NodeDrained
        BudgetCreated BudgetChanged BudgetDeleted BudgetReached BudgetStopped BudgetResumed UsageExported
        EngineCreated EngineChanged EngineCredentialsChanged EngineChecked EngineStatusChanged EngineDisabled EngineEnabled
        EngineDeleted EngineCredentialsExpiring SecretRewrapped
        WebhookCreated WebhookChanged WebhookSecretRotated WebhookDisabled WebhookEnabled WebhookDeleted WebhookTested
        WebhookRedelivered ApiKeyExpiring IdleGpuChanged WorkloadStopped
    }

    /// How it went unless the event says otherwise: some actions say it by their name.
    pub fn usual_outcome(self) -> Outcome {
        match self {
            Self::SignInFailed | Self::CredentialRefused | Self::AdmissionDenied => Outcome::Refused,
            Self::NamespaceFailed => Outcome::Failed,
            _ => Outcome::Success,
        }
    }

    /// Reads the stored form; none for one of a newer version.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text)
    }

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
            Self::NamespaceDefaultSkuChanged => "namespace.default_sku_changed",
            Self::NamespaceShareChanged => "namespace.share_changed",
            Self::ApiKeyCreated => "api_key.created",
            Self::ApiKeyRevoked => "api_key.revoked",
            Self::KubeconfigDownloaded => "kubeconfig.downloaded",
            Self::CredentialIssued => "credential.issued",
            Self::CredentialReused => "credential.reused",
            Self::DeploymentCreated => "deployment.created",
            Self::DeploymentDeleted => "deployment.deleted",
            Self::SecretCreated => "secret.created",
            Self::SecretChanged => "secret.changed",
            Self::SecretDeleted => "secret.deleted",
            Self::ConfigMapCreated => "config_map.created",
            Self::ConfigMapChanged => "config_map.changed",
            Self::ConfigMapDeleted => "config_map.deleted",
            Self::ServiceCreated => "service.created",
            Self::ServiceDeleted => "service.deleted",
            Self::SkypilotChanged => "skypilot.changed",
            Self::SkypilotRemoved => "skypilot.removed",
            Self::SkypilotApproved => "skypilot.approved",
            Self::SkypilotKubeconfigIssued => "skypilot_kubeconfig.issued",
            Self::SkypilotKubeconfigRevoked => "skypilot_kubeconfig.revoked",
            Self::AccountRenamed => "account.renamed",
            Self::AccountChanged => "account.changed",
            Self::AccountSuspended => "account.suspended",
            Self::AccountResumed => "account.resumed",
            Self::AccountDeleted => "account.deleted",
            Self::AccountQuotaChanged => "account.quota_changed",
            Self::OwnershipTransferred => "account.ownership_transferred",
            Self::SupportAccess => "account.support_access",
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
            Self::SkuCreated => "sku.created",
            Self::SkuChanged => "sku.changed",
            Self::SkuRetired => "sku.retired",
            Self::SkuOffered => "sku.offered",
            Self::AccountSkusChanged => "account.skus_changed",
            Self::NodeCordoned => "node.cordoned",
            Self::NodeUncordoned => "node.uncordoned",
            Self::NodeDrained => "node.drained",
            Self::AuditExported => "audit.exported",
            Self::AuditPruned => "audit.pruned",
            Self::DatabaseRestored => "database.restored",
            Self::WorkloadCreated => "workload.created",
            Self::WorkloadDeleted => "workload.deleted",
            Self::WorkloadChanged => "workload.changed",
            Self::WorkloadRestarted => "workload.restarted",
            Self::WorkloadRolledBack => "workload.rolled_back",
            Self::WorkloadEdited => "workload.edited",
            Self::TerminalOpened => "terminal.opened",
            Self::TerminalClosed => "terminal.closed",
            Self::BudgetCreated => "budget.created",
            Self::BudgetChanged => "budget.changed",
            Self::BudgetDeleted => "budget.deleted",
            Self::BudgetReached => "budget.reached",
            Self::BudgetStopped => "budget.stopped",
            Self::BudgetResumed => "budget.resumed",
            Self::UsageExported => "usage.exported",
            Self::EngineCreated => "engine.created",
            Self::EngineChanged => "engine.changed",
            Self::EngineCredentialsChanged => "engine.credentials_changed",
            Self::EngineCredentialsExpiring => "engine.credentials_expiring",
            Self::EngineChecked => "engine.checked",
            Self::EngineStatusChanged => "engine.status_changed",
            Self::EngineDisabled => "engine.disabled",
            Self::EngineEnabled => "engine.enabled",
            Self::EngineDeleted => "engine.deleted",
            Self::SecretRewrapped => "sealed_secret.rewrapped",
            Self::WebhookCreated => "webhook.created",
            Self::WebhookChanged => "webhook.changed",
            Self::WebhookSecretRotated => "webhook.secret_rotated",
            Self::WebhookDisabled => "webhook.disabled",
            Self::WebhookEnabled => "webhook.enabled",
            Self::WebhookDeleted => "webhook.deleted",
            Self::WebhookTested => "webhook.tested",
            Self::WebhookRedelivered => "webhook.redelivered",
            Self::ApiKeyExpiring => "api_key.expiring",
            Self::IdleGpuChanged => "idle_gpu.changed",
            Self::WorkloadStopped => "workload.stopped",
            Self::TenantRenamed => "tenant.renamed",
            Self::ConnectorIssued => "connector.issued",
        }
    }
}
