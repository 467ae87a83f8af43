//! The error of every server function: the stable code, a sentence, and the fields it belongs to.
//!
//! Travels as JSON to the browser, and in the URL back to a form posted without JavaScript.

use domain::{Code, FieldError};
use leptos::prelude::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::codec::JsonEncoding;
use serde::{Deserialize, Serialize};

/// What the browser says where no server could.
const UNREACHABLE: &str = "The console did not answer. Check your connection and try again";

/// Why a server function refused, safe to show to anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppError {
    /// Stable code, the same as in REST.
    pub code: Code,
    /// One sentence for people.
    pub detail: String,
    /// What is wrong with which field.
    #[serde(default)]
    pub errors: Vec<FieldError>,
    /// Finds the request in the log.
    #[serde(default)]
    pub request_id: Option<String>,
}

// === impl AppError ===

impl AppError {
    /// The sentence for `field`, if it is at fault. `env` also answers for `env[0].name`.
    pub fn field(&self, field: &str) -> Option<String> {
        let belongs = |e: &&FieldError| {
            e.field.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
        };
        self.errors.iter().find(belongs).map(|e| e.message.clone())
    }

    /// Nobody is signed in.
    pub fn is_unauthenticated(&self) -> bool {
        self.code == Code::MissingAccessToken
    }

    /// Allowed once one has proved again who one is.
    pub fn needs_proof(&self) -> bool {
        self.code == Code::ReauthenticationRequired
    }

    /// Unknown, or not visible to the caller.
    pub fn is_not_found(&self) -> bool {
        self.code == Code::NotFound
    }

    /// Somebody else was faster, or what is there now does not allow it.
    pub fn is_conflict(&self) -> bool {
        self.code == Code::Conflict
    }

    /// Not the caller's doing: something did not answer, or broke.
    pub fn is_fault(&self) -> bool {
        matches!(
            self.code,
            Code::Internal | Code::ClusterUnavailable | Code::AdmissionUnavailable | Code::DatabaseUnavailable
        )
    }

    /// Wrong input found before anything was sent.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = errors.first().map_or_else(|| Code::InvalidRequest.sentence().to_owned(), |e| e.message.clone());
        Self { code: Code::InvalidRequest, detail, errors, request_id: None }
    }

    /// Page and server do not understand each other.
    pub fn other_version() -> Self {
        let detail = "The console was updated meanwhile. Reload the page".to_owned();
        Self { code: Code::Internal, detail, errors: Vec::new(), request_id: None }
    }

    /// Nobody answered.
    pub fn unreachable_server() -> Self {
        Self { code: Code::Internal, detail: UNREACHABLE.to_owned(), errors: Vec::new(), request_id: None }
    }

    /// Nobody answered: the same may succeed once the line is back.
    pub fn is_unreachable(&self) -> bool {
        self.detail == UNREACHABLE
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(value: ServerFnErrorErr) -> Self {
        match value {
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) => AppError::invalid(Vec::new()),
            #[cfg(not(feature = "ssr"))]
            ServerFnErrorErr::Request(_) => Self::unreachable_server(),
            other => {
                leptos::logging::warn!("server function: {other}");
                let detail = Code::Internal.sentence().to_owned();
                Self { code: Code::Internal, detail, errors: Vec::new(), request_id: None }
            }
        }
    }
}

impl std::fmt::Display for AppError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.detail)
    }
}

#[cfg(feature = "ssr")]
mod ssr {
    use axum::http::request::Parts;
    use axum::http::{StatusCode, header};
    use domain::admission::Verdict;
    use domain::engine::{Report, RowStatus};
    use domain::{Code, Error, FieldError};
    use leptos::prelude::use_context;
    use leptos_axum::ResponseOptions;

    use super::AppError;

    impl AppError {
        /// Turns a refusal into the answer of a server function: logs its cause and sets the HTTP status once.
        pub fn refuse(error: Error) -> Self {
            let request_id = request_id();
            log(&error, request_id.as_deref());
            let code = error.code();
            set_status(code);
            let detail = error.to_string();
            let errors = match error {
                Error::Invalid(errors) => errors,
                Error::Denied(verdict) => broken_rules(&verdict),
                Error::Preflight(report) => failed_rows(&report),
                _ => Vec::new(),
            };
            Self { code, detail, errors, request_id }
        }
    }

    impl From<Error> for AppError {
        fn from(error: Error) -> Self {
            Self::refuse(error)
        }
    }

    fn broken_rules(verdict: &Verdict) -> Vec<FieldError> {
        verdict.rules.iter().filter(|r| !r.ok).map(|r| FieldError::new("plan", &r.code, r.message.clone())).collect()
    }

    fn failed_rows(report: &Report) -> Vec<FieldError> {
        let failed = report.rows.iter().filter(|row| row.status == RowStatus::Fail);
        failed.map(|row| FieldError::new(&row.id, "preflight", row.message.clone())).collect()
    }

    fn request_id() -> Option<String> {
        let parts = use_context::<Parts>()?;
        parts.headers.get("x-request-id")?.to_str().ok().map(ToOwned::to_owned)
    }

    fn log(error: &Error, request_id: Option<&str>) {
        use std::error::Error as _;
        if let Some(cause) = error.source() {
            tracing::error!(request.id = request_id, error.cause = %cause, "page request failed: {error}");
        }
    }

    /// A page keeps its own status, and a plain form post is answered with a redirect back to the form: a status set
    /// here would override that redirect (stack.md §2.2).
    fn set_status(code: Code) {
        let (Some(parts), Some(response)) = (use_context::<Parts>(), use_context::<ResponseOptions>()) else { return };
        let accept = parts.headers.get(header::ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        if parts.uri.path().starts_with("/api/") && !accept.contains("text/html") {
            response.set_status(status(code));
        }
    }

    /// The HTTP status of each code: the same table as REST (`console-api.md` §1).
    pub(super) fn status(code: Code) -> StatusCode {
        match code {
            Code::MissingAccessToken
            | Code::MissingApiKey
            | Code::InvalidApiKey
            | Code::ApiKeyRevoked
            | Code::ApiKeyExpired
            | Code::ApiKeyDisabled
            | Code::InvalidLogin
            | Code::SignInFailed
            | Code::MissingToken
            | Code::InvalidToken => StatusCode::UNAUTHORIZED,
            Code::NamespaceNotAllowed
            | Code::Forbidden
            | Code::CrossSite
            | Code::ReauthenticationRequired
            | Code::AccountSuspended => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::InvalidRequest => StatusCode::BAD_REQUEST,
            Code::NameTaken
            | Code::NotReady
            | Code::Conflict
            | Code::AdmissionDenied
            | Code::LinkInvalid
            | Code::LastOwner
            | Code::QuotaExceeded
            | Code::PreflightFailed
            | Code::ClusterNotReady
            | Code::ClusterDeleting => StatusCode::CONFLICT,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::NamespaceNotReady
            | Code::TokenWithoutExpiration
            | Code::ClusterUnavailable
            | Code::AdmissionUnavailable
            | Code::DatabaseUnavailable
            | Code::ProviderUnavailable
            | Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nested_field_error_is_shown_at_its_form_field() {
        let error = AppError::invalid(vec![FieldError::new("env[1].name", "format", "Use letters")]);
        assert_eq!(error.field("env").as_deref(), Some("Use letters"));
        assert_eq!(error.field("e"), None);
    }

    #[test]
    fn a_console_that_is_away_is_told_from_one_that_refuses_or_fails() {
        assert!(AppError::unreachable_server().is_unreachable());
        for said in [AppError::other_version(), AppError::invalid(Vec::new())] {
            assert!(!said.is_unreachable(), "{said}");
        }
    }

    #[cfg(feature = "ssr")]
    #[test]
    fn each_code_has_the_status_of_the_rest_api() {
        for (code, status) in
            [(Code::MissingAccessToken, 401), (Code::NotFound, 404), (Code::AdmissionDenied, 409), (Code::Busy, 503)]
        {
            assert_eq!(ssr::status(code).as_u16(), status, "{code:?}");
        }
    }
}
