//! The id that ties one request's answer, log lines and audit rows together. Always ours: an inbound one is not trusted.

use std::future::Future;

use uuid::Uuid;

tokio::task_local! {
    static CURRENT: String;
}

/// A fresh id of fixed length.
pub fn fresh() -> String {
    Uuid::now_v7().to_string()
}

/// Runs `work` as the request `id`.
pub async fn scope<F: Future>(id: String, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the running request; empty outside of one.
pub fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}
