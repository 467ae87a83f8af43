//! A list of workloads page by page: what needs a person first, never more rows than people read and pages draw at once.
//!
//! Source: `ui.md` §3 (Tables: keyset paging); a namespace may hold 5,000 pods.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Waits, WorkloadKind, WorkloadState, WorkloadView};
use crate::name::may_exist;
use crate::{Error, Result};

/// Most rows that one answer holds: a page of 5,000 would be slow to draw and slower to read.
pub const MOST_ROWS: usize = 200;

/// Rows of an answer where nobody says how many: what a browser makes alive at once.
pub const ROWS: usize = 100;

/// What of a list is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams))]
#[cfg_attr(feature = "openapi", into_params(parameter_in = Query))]
#[serde(deny_unknown_fields)]
pub struct WorkloadFilter {
    /// Only this kind: `deployment`, `statefulset`, `cronjob`, `job` or `pod`.
    #[serde(default)]
    pub kind: Option<WorkloadKind>,
    /// Only names, images and SKU codes that hold this text.
    #[serde(default)]
    pub q: Option<String>,
    /// Rows per page.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 200, default = 100))]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[serde(default)]
    #[cfg_attr(
        feature = "openapi",
        param(pattern = "^[0-9]-(deployment|statefulset|cronjob|job|pod)-[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$")
    )]
    pub cursor: Option<String>,
}

/// The rows that a filter leaves, what needs a person first; at most [`MOST_ROWS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkloadList {
    /// The rows, without their pods.
    pub items: Vec<WorkloadView>,
    /// Pass as `cursor` for the next page; absent on the last.
    pub next_cursor: Option<String>,
    /// How many the filter leaves, over all pages.
    pub found: u32,
    /// How many there are.
    pub total: u32,
    /// RFC 3339: since when the cluster says nothing new. Null while it does.
    #[serde(default)]
    pub stale_since: Option<String>,
}

/// Where a row stands: what needs a person first, then by kind and name. As text it is a cursor: `2-pod-train-7`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Position<'a>(u8, WorkloadKind, &'a str);

// === impl Position ===

impl<'a> Position<'a> {
    fn of(state: &'a WorkloadState, waits: &Waits) -> Self {
        let (status, _) = state.judge(state.ready(), waits);
        Self(status.urgency(), state.kind, &state.name)
    }

    fn read(cursor: &'a str) -> Option<Self> {
        let mut parts = cursor.splitn(3, '-');
        let urgency = parts.next()?.parse().ok()?;
        let kind = WorkloadKind::parse(parts.next()?)?;
        Some(Self(urgency, kind, parts.next().filter(|name| may_exist(name))?))
    }

    fn cursor(&self) -> String {
        format!("{}-{}-{}", self.0, self.1.as_str(), self.2)
    }
}

// === impl WorkloadFilter ===

impl WorkloadFilter {
    /// Checks what came in a query string.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `limit` outside 1 to 200, or a `cursor` we never gave.
    pub fn check(&self) -> Result<()> {
        if !(1..=MOST_ROWS).contains(&self.rows()) {
            return Err(Error::field("limit", "range", "limit must be between 1 and 200"));
        }
        match self.cursor.as_deref().map(Position::read) {
            Some(None) => Err(Error::field("cursor", "unknown", "Unknown cursor")),
            _ => Ok(()),
        }
    }

    fn rows(&self) -> usize {
        self.limit.map_or(ROWS, |limit| limit as usize)
    }
}

// === impl WorkloadState ===

impl WorkloadState {
    /// Whether a filter's text is in what a row shows.
    pub fn matches(&self, filter: &WorkloadFilter) -> bool {
        let text = filter.q.as_deref().unwrap_or_default().trim().to_lowercase();
        let shown = [&self.name, &self.image, &self.sku_code];
        filter.kind.is_none_or(|kind| kind == self.kind)
            && (text.is_empty() || shown.iter().any(|part| part.to_lowercase().contains(&text)))
    }
}

// === impl WorkloadList ===

impl WorkloadList {
    /// The page of `states` that `filter` asks for, at `now`. Only the rows of the page are drawn. A cursor that cannot be
    /// read begins at the start: see [`WorkloadFilter::check`].
    pub fn of(states: &[WorkloadState], filter: &WorkloadFilter, now: Timestamp, waits: &Waits) -> Self {
        let fits = states.iter().filter(|state| state.matches(filter));
        let mut fits: Vec<(Position<'_>, &WorkloadState)> =
            fits.map(|state| (Position::of(state, waits), state)).collect();
        fits.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let after = filter.cursor.as_deref().and_then(Position::read);
        // What moved since the page before was given is met on its new page, or was met on an earlier one.
        let begin = after.map_or(0, |after| fits.partition_point(|(position, _)| *position <= after));
        let rest = &fits[begin..];
        let page = &rest[..rest.len().min(filter.rows()).min(MOST_ROWS)];
        let last = page.last().filter(|_| page.len() < rest.len());
        Self {
            items: page.iter().map(|(_, state)| state.row(now, waits)).collect(),
            next_cursor: last.map(|(position, _)| position.cursor()),
            found: fits.len() as u32,
            total: states.len() as u32,
            stale_since: None,
        }
    }
}
