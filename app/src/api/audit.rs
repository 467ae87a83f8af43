//! The audit log: of the account, and of the platform for operators.

use domain::audit::AuditView;
use domain::page::Page;
use leptos::prelude::*;
use serde::{Deserialize, Serialize};

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// One page of the log, with what its filters can choose from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditPage {
    /// The rows, by time.
    pub rows: Page<AuditView>,
    /// Every action there is.
    pub actions: Vec<String>,
    /// Whether the caller may also read the platform's log.
    pub operator: bool,
}

/// One page; `query` is the query string of the page as it stands in the URL.
#[server(prefix = "/api", endpoint = "audit/list")]
pub async fn list_audit(query: String, platform: bool) -> Result<Packed<AuditPage>, AppError> {
    let (caller, backend) = (crate::ssr::caller().await?, crate::ssr::backend()?);
    let (filter, direction, cursor) = read_query(&query)?;
    let page = direction.page(None, cursor.filter(|c| !c.is_empty()))?;
    let rows = backend.list_audit(&caller, log(platform), filter, direction, &page).await?;
    let actions = domain::audit::Action::ALL.iter().map(|action| action.as_str().to_owned()).collect();
    let operator = caller.may(log(true).permission());
    Packed::new(&AuditPage { rows, actions, operator })
}

/// One row with all its fields.
#[server(prefix = "/api", endpoint = "audit/get")]
pub async fn get_audit(id: String, platform: bool) -> Result<Packed<AuditView>, AppError> {
    let caller = crate::ssr::caller().await?;
    Packed::new(&crate::ssr::backend()?.get_audit(&caller, log(platform), &id).await?)
}

#[cfg(feature = "ssr")]
fn log(platform: bool) -> backend::audit::Log {
    if platform { backend::audit::Log::Platform } else { backend::audit::Log::Own }
}

/// The filters of a page's URL, which way it goes, and the cursor; what else stands there is not for the log.
#[cfg(feature = "ssr")]
fn read_query(query: &str) -> Result<(domain::audit::AuditQuery, domain::order::Direction, Option<String>), AppError> {
    #[derive(Deserialize)]
    struct PageQuery {
        #[serde(flatten)]
        filter: domain::audit::AuditQuery,
        sort: Option<String>,
        cursor: Option<String>,
    }
    let PageQuery { filter, sort, cursor } = crate::ssr::query(query)?;
    Ok((filter, domain::order::Direction::in_address(sort.as_deref().unwrap_or_default()), cursor))
}
