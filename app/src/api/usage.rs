//! Usage of the account: sums and records.

use domain::page::Page;
use domain::usage::{UsageSummary, UsageView};
use leptos::prelude::*;

use crate::api::error::AppError;
use crate::api::packed::Packed;

/// Sums; `query` is the query string of the page as it stands in the URL.
#[server(prefix = "/api", endpoint = "usage/summary")]
pub async fn get_usage(query: String) -> Result<Packed<UsageSummary>, AppError> {
    // What else stands in the URL is not for the sums.
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct PageQuery {
        since: Option<String>,
        until: Option<String>,
        namespace: Option<String>,
        sku: Option<String>,
        member: Option<String>,
        key: Option<String>,
    }
    let (caller, asked) = (crate::ssr::caller().await?, crate::ssr::query::<PageQuery>(&query)?);
    let PageQuery { since, until, namespace, sku, member, key } = asked;
    let [since, until, namespace, sku, member, key] = [since, until, namespace, sku, member, key].map(chosen);
    let query = domain::usage::UsageQuery { since, until, namespace, sku, member, key };
    Packed::new(&crate::ssr::backend()?.usage_summary(&caller, &query).await?)
}

/// One page of a month's records; `query` as above.
#[server(prefix = "/api", endpoint = "usage/list")]
pub async fn list_usage(query: String) -> Result<Packed<Page<UsageView>>, AppError> {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct PageQuery {
        month: Option<String>,
        namespace: Option<String>,
        sku: Option<String>,
        sort: Option<String>,
        cursor: Option<String>,
    }
    let (caller, asked) = (crate::ssr::caller().await?, crate::ssr::query::<PageQuery>(&query)?);
    let PageQuery { month, namespace, sku, sort, cursor } = asked;
    let [month, namespace, sku, cursor] = [month, namespace, sku, cursor].map(chosen);
    let order = Some(domain::order::Direction::in_address(sort.as_deref().unwrap_or_default()));
    let query = domain::usage::UsageListQuery { month, namespace, sku, limit: None, cursor, order };
    Packed::new(&crate::ssr::backend()?.list_usage(&caller, query).await?)
}

/// A form that filters sends its empty fields too.
#[cfg(feature = "ssr")]
fn chosen(field: Option<String>) -> Option<String> {
    field.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}
