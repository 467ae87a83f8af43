//! How often each route of the provider was called, and what it answered: for the node's own metrics.
//! Ids are taken out of the paths, so that there are no more routes than the provider's schema has.
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use kubelet::RouteCalls;

/// Calls by route and status; no status = no answer.
#[derive(Default)]
pub(super) struct Counts(Mutex<BTreeMap<(String, Option<u16>), u64>>);

// === impl Counts ===

impl Counts {
    pub(super) fn add(&self, method: &str, path: &str, status: Option<u16>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((route(method, path), status)).or_default() += 1;
    }

    pub(super) fn all(&self) -> Vec<RouteCalls> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .iter()
            .map(|((route, status), count)| RouteCalls { route: route.clone(), status: *status, count: *count })
            .collect()
    }
}

/// `GET /v2/pods/{id}/logs`: what follows the noun is an id, except in the catalogue.
fn route(method: &str, path: &str) -> String {
    let path = path.split('?').next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').collect();
    let is_catalog = parts.get(2) == Some(&"catalog");
    if let Some(id) = parts.get_mut(3).filter(|_| !is_catalog) {
        *id = "{id}";
    }
    format!("{method} {}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_holds_no_id_and_no_query() {
        for (path, expected) in [
            ("/v2/pods?cursor=abc", "GET /v2/pods"),
            ("/v2/pods/k3x", "GET /v2/pods/{id}"),
            ("/v2/pods/k3x/logs?source=container&tail=10", "GET /v2/pods/{id}/logs"),
            ("/v2/registries/r1", "GET /v2/registries/{id}"),
            ("/v2/catalog/gpus?include=AVAILABILITY", "GET /v2/catalog/gpus"),
        ] {
            assert_eq!(route("GET", path), expected);
        }
    }
}
