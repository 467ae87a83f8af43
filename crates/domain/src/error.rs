//! The one error type. It knows no HTTP, SQL or Kubernetes; adapters translate at their rim.
//! `Display` is a sentence anybody may read; causes travel in `source` and reach only the log.

use serde::{Deserialize, Serialize};

use crate::admission::Verdict;
use crate::engine::Report;

/// A cause of any kind, for the log only.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of every rule, port and use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller has not proved who they are.
    #[error("{}", code.sentence())]
    Unauthenticated {
        /// Which proof is missing or wrong.
        code: Code,
    },
    /// The caller is known and may not do this.
    #[error("{}", code.sentence())]
    Forbidden {
        /// Which rule refused.
        code: Code,
    },
    /// Unknown, or not visible to the caller: both must look the same.
    #[error("Not found")]
    NotFound,
    /// The request breaks a rule of its form; never empty.
    #[error("{}", .0.first().map_or("Invalid request", |e| e.message.as_str()))]
    Invalid(Vec<FieldError>),
    /// The request is well formed and does not fit the present state.
    #[error("{detail}")]
    Conflict {
        /// Stable code.
        code: Code,
        /// One sentence for people.
        detail: String,
    },
    /// The admission rule says no; the verdict carries every number.
    #[error("{}", .0.sentence())]
    Denied(Box<Verdict>),
    /// An engine cannot be made or changed like this; the report names every row.
    #[error("{}", .0.worst().map_or("The preflight failed", |row| row.message.as_str()))]
    Preflight(Box<Report>),
    /// Too many tries.
    #[error("Too many requests")]
    RateLimited {
        /// Seconds until the next try makes sense.
        retry_after_seconds: u32,
    },
    /// The namespace is still being created (RULINGS 8).
    #[error("Namespace is not ready yet")]
    NamespaceNotReady,
    /// A TokenRequest answer had no usable expiry (`console-api.md` §1).
    #[error("Kubernetes token response did not include an expiration")]
    TokenWithoutExpiration,
    /// Something we depend on did not answer; worth trying again.
    #[error("{what} is not reachable")]
    Unavailable {
        /// What did not answer.
        what: Dependency,
        /// Why, for the log.
        #[source]
        source: BoxError,
    },
    /// A fault of ours.
    #[error("Internal error")]
    Internal(#[source] BoxError),
}

/// Stable machine-readable reasons, the `code` of a problem document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each variant is explained by its sentence below")]
pub enum Code {
    MissingAccessToken,
    MissingApiKey,
    InvalidApiKey,
    ApiKeyRevoked,
    ApiKeyExpired,
    ApiKeyDisabled,
    InvalidLogin,
    NamespaceNotAllowed,
    Forbidden,
    CrossSite,
    NotFound,
    InvalidRequest,
    NameTaken,
    NotReady,
    Conflict,
    AdmissionDenied,
    RateLimited,
    NamespaceNotReady,
    TokenWithoutExpiration,
    ClusterUnavailable,
    AdmissionUnavailable,
    DatabaseUnavailable,
    Busy,
    Internal,
    ReauthenticationRequired,
    AccountSuspended,
    LinkInvalid,
    LastOwner,
    QuotaExceeded,
    SignInFailed,
    ProviderUnavailable,
    PreflightFailed,
    MissingToken,
    InvalidToken,
    ClusterNotReady,
    ClusterDeleting,
}

/// A thing outside this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dependency {
    /// The home cluster's API server.
    Cluster,
    /// The admission webhook, as the API server sees it.
    Admission,
    /// The database.
    Database,
    /// The bounded password-hashing pool.
    PasswordHasher,
    /// An OpenID Connect provider.
    IdentityProvider,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Path within the body, for example `scopes.kubernetes_exec.namespace_ids[0]`.
    pub field: String,
    /// Stable code such as `required` or `reserved`.
    pub code: String,
    /// One sentence that says what to write.
    pub message: String,
}

// === impl Error ===

impl Error {
    /// One wrong field.
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, code, message)])
    }

    /// A conflict with its sentence.
    pub fn conflict(code: Code, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// The one refusal of a wrong, used, ended or withdrawn link.
    pub fn link_invalid() -> Self {
        Self::conflict(Code::LinkInvalid, Code::LinkInvalid.sentence())
    }

    /// A fault of ours, with its cause for the log.
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::Internal(source.into())
    }

    /// The home cluster did not answer.
    pub fn cluster(source: impl Into<BoxError>) -> Self {
        Self::Unavailable { what: Dependency::Cluster, source: source.into() }
    }

    /// The database did not answer.
    pub fn database(source: impl Into<BoxError>) -> Self {
        Self::Unavailable { what: Dependency::Database, source: source.into() }
    }

    /// The stable code of this error.
    pub fn code(&self) -> Code {
        match self {
            Self::Unauthenticated { code } | Self::Forbidden { code } | Self::Conflict { code, .. } => *code,
            Self::NotFound => Code::NotFound,
            Self::Invalid(_) => Code::InvalidRequest,
            Self::Denied(_) => Code::AdmissionDenied,
            Self::Preflight(_) => Code::PreflightFailed,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::NamespaceNotReady => Code::NamespaceNotReady,
            Self::TokenWithoutExpiration => Code::TokenWithoutExpiration,
            Self::Unavailable { what, .. } => what.code(),
            Self::Internal(_) => Code::Internal,
        }
    }

    /// The same request may succeed later without a change.
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::NamespaceNotReady | Self::RateLimited { .. })
    }
}

// === impl Code ===

impl Code {
    /// The wire form, for example `missing_api_key`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingAccessToken => "missing_access_token",
            Self::MissingApiKey => "missing_api_key",
            Self::InvalidApiKey => "invalid_api_key",
            Self::ApiKeyRevoked => "api_key_revoked",
            Self::ApiKeyExpired => "api_key_expired",
            Self::ApiKeyDisabled => "api_key_disabled",
            Self::InvalidLogin => "invalid_login",
            Self::NamespaceNotAllowed => "namespace_not_allowed",
            Self::Forbidden => "forbidden",
            Self::CrossSite => "cross_site",
            Self::NotFound => "not_found",
            Self::InvalidRequest => "invalid_request",
            Self::NameTaken => "name_taken",
            Self::NotReady => "not_ready",
            Self::Conflict => "conflict",
            Self::AdmissionDenied => "admission_denied",
            Self::RateLimited => "rate_limited",
            Self::NamespaceNotReady => "namespace_not_ready",
            Self::TokenWithoutExpiration => "token_without_expiration",
            Self::ClusterUnavailable => "cluster_unavailable",
            Self::AdmissionUnavailable => "admission_unavailable",
            Self::DatabaseUnavailable => "database_unavailable",
            Self::Busy => "busy",
            Self::Internal => "internal",
            Self::ReauthenticationRequired => "reauthentication_required",
            Self::AccountSuspended => "account_suspended",
            Self::LinkInvalid => "link_invalid",
            Self::LastOwner => "last_owner",
            Self::QuotaExceeded => "quota_exceeded",
            Self::SignInFailed => "sign_in_failed",
            Self::ProviderUnavailable => "provider_unavailable",
            Self::PreflightFailed => "preflight_failed",
            Self::MissingToken => "missing_token",
            Self::InvalidToken => "invalid_token",
            Self::ClusterNotReady => "cluster_not_ready",
            Self::ClusterDeleting => "cluster_deleting",
        }
    }

    /// The fixed public sentence of codes that have one. Source: `console-api.md` §1.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::MissingAccessToken => "Missing access token",
            Self::MissingApiKey => "Missing API key",
            Self::InvalidApiKey => "Invalid API key",
            Self::ApiKeyRevoked => "API key revoked",
            Self::ApiKeyExpired => "API key expired",
            Self::ApiKeyDisabled => "API key disabled",
            Self::InvalidLogin => "Invalid e-mail or password",
            Self::NamespaceNotAllowed => "API key does not allow Kubernetes access to this namespace",
            Self::Forbidden => "Your role does not allow this",
            Self::CrossSite => "Requests from other sites are refused",
            Self::NotFound => "Not found",
            Self::InvalidRequest => "Invalid request",
            Self::NameTaken => "This name is taken",
            Self::NotReady => "Not ready yet",
            Self::Conflict => "Conflicts with the present state",
            Self::AdmissionDenied => "Refused by admission",
            Self::RateLimited => "Too many requests",
            Self::NamespaceNotReady => "Namespace is not ready yet",
            Self::TokenWithoutExpiration => "Kubernetes token response did not include an expiration",
            Self::ClusterUnavailable => "Cluster is not reachable",
            Self::AdmissionUnavailable => "RemoteGPU admission is not reachable",
            Self::DatabaseUnavailable => "Database is not reachable",
            Self::Busy => "Too many sign-ins at once, try again in a moment",
            Self::Internal => "Internal error",
            Self::ReauthenticationRequired => "Confirm it is you: sign in again",
            Self::AccountSuspended => "This account is suspended; ask the operator of this installation",
            Self::LinkInvalid => "This link was used, has expired or was withdrawn",
            Self::LastOwner => "An account needs an owner: hand ownership over first",
            Self::QuotaExceeded => "The account has as many as it may have",
            Self::SignInFailed => "Signing in with this provider did not work; try again",
            Self::ProviderUnavailable => "Identity provider is not reachable",
            Self::PreflightFailed => "The preflight failed",
            Self::MissingToken => "Missing access token",
            Self::InvalidToken => "Invalid access token",
            Self::ClusterNotReady => "Cluster is not ready",
            Self::ClusterDeleting => "Cluster is being deleted",
        }
    }
}

// === impl Dependency ===

impl Dependency {
    fn code(self) -> Code {
        match self {
            Self::Cluster => Code::ClusterUnavailable,
            Self::Admission => Code::AdmissionUnavailable,
            Self::Database => Code::DatabaseUnavailable,
            Self::PasswordHasher => Code::Busy,
            Self::IdentityProvider => Code::ProviderUnavailable,
        }
    }
}

impl std::fmt::Display for Dependency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Cluster => "Cluster",
            Self::Admission => "RemoteGPU admission",
            Self::Database => "Database",
            Self::PasswordHasher => "Sign-in",
            Self::IdentityProvider => "Identity provider",
        })
    }
}

// === impl FieldError ===

impl FieldError {
    /// A field, its code and its sentence.
    pub fn new(field: &str, code: &str, message: impl Into<String>) -> Self {
        Self { field: field.to_owned(), code: code.to_owned(), message: message.into() }
    }
}
