//! Refusals in the words of this API: the codes and sentences of `tenant-api.md` §2 where they differ from the console's.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::{Code, Dependency, Error};

use crate::http::problem::Problem;

/// A refused request on its way out.
pub struct Refused(Problem);

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        let words = words(&error);
        let problem = Problem::from(error);
        Self(match words {
            Some((status, code, Some(detail))) => problem.in_words(status, code, detail),
            Some((status, code, None)) => problem.coded(status, code),
            None => problem,
        })
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// Status, code, and a sentence of its own.
fn words(error: &Error) -> Option<(StatusCode, &'static str, Option<&'static str>)> {
    match error {
        Error::NotFound => Some((StatusCode::NOT_FOUND, "cluster_not_found", Some("Cluster not found"))),
        Error::Unauthenticated { code: Code::InvalidLogin } => {
            Some((StatusCode::UNAUTHORIZED, Code::InvalidLogin.as_str(), Some("Invalid username or password")))
        }
        Error::Conflict { code: Code::QuotaExceeded, .. } => {
            Some((StatusCode::FORBIDDEN, Code::QuotaExceeded.as_str(), None))
        }
        Error::NamespaceNotReady => {
            let code = Code::ClusterNotReady;
            Some((StatusCode::CONFLICT, code.as_str(), Some(code.sentence())))
        }
        Error::Unavailable { what: Dependency::Cluster, .. } => {
            Some((StatusCode::SERVICE_UNAVAILABLE, "backend_unavailable", None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::Value;

    use super::*;

    async fn answer(error: Error) -> (u16, String, String) {
        let response = Refused::from(error).into_response();
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(&to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
        assert_eq!(body["status"], status);
        let text = |field: &str| body[field].as_str().unwrap().to_owned();
        (status, text("code"), text("detail"))
    }

    #[tokio::test]
    async fn the_published_codes_stand_where_the_console_has_others() {
        let quota = || Error::conflict(Code::QuotaExceeded, "The account has 2 of 2 namespaces");
        for (error, status, code, detail) in [
            (Error::NotFound, 404, "cluster_not_found", "Cluster not found"),
            (Error::Unauthenticated { code: Code::InvalidLogin }, 401, "invalid_login", "Invalid username or password"),
            (Error::Unauthenticated { code: Code::MissingToken }, 401, "missing_token", "Missing access token"),
            (Error::Unauthenticated { code: Code::InvalidToken }, 401, "invalid_token", "Invalid access token"),
            (quota(), 403, "quota_exceeded", "The account has 2 of 2 namespaces"),
            (Error::NamespaceNotReady, 409, "cluster_not_ready", "Cluster is not ready"),
            (Error::cluster("secret host"), 503, "backend_unavailable", "Cluster is not reachable"),
            (Error::database("secret host"), 503, "database_unavailable", "Database is not reachable"),
        ] {
            assert_eq!(answer(error).await, (status, code.to_owned(), detail.to_owned()));
        }
    }
}
