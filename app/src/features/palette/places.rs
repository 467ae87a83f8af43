//! Where the palette leads, and which of it fits what was typed.

use domain::namespace::NamespaceView;

use crate::paths;

/// One line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub label: String,
    /// What it belongs to.
    pub area: &'static str,
    /// Its path.
    pub href: String,
    /// The letter after `g` that goes there at once.
    pub key: Option<&'static str>,
}

fn place(label: impl Into<String>, area: &'static str, href: String) -> Place {
    Place { label: label.into(), area, href, key: None }
}

fn with_key(key: &'static str, place: Place) -> Place {
    Place { key: Some(key), ..place }
}

/// All pages that stand for themselves; those of the platform for operators only.
pub fn pages(operator: bool) -> Vec<Place> {
    let mut pages = vec![
        with_key("o", place("Overview", "page", paths::overview())),
        with_key("n", place("Namespaces", "page", paths::namespaces())),
        place("New namespace", "create", paths::new_namespace()),
        with_key("c", place("Catalogue", "page", paths::catalogue())),
        with_key("u", place("Usage", "page", paths::usage(""))),
        place("Usage records", "page", paths::usage_records("")),
        place("Budgets", "page", paths::budgets()),
        place("New budget", "create", paths::new_budget()),
        with_key("k", place("API keys", "settings", paths::api_keys())),
        place("New API key", "create", paths::new_api_key()),
        place("CLI sessions", "settings", paths::cli_sessions()),
        with_key("m", place("Members", "settings", paths::members())),
        place("Invite somebody", "create", paths::new_member()),
        place("Webhooks", "settings", paths::webhooks()),
        place("New webhook", "create", paths::new_webhook()),
        with_key("e", place("Engines", "settings", paths::engines())),
        place("Add engine", "create", paths::new_engine("engine")),
        place("Account", "settings", paths::account_settings()),
        with_key("a", place("Audit", "settings", paths::audit(false))),
        with_key("p", place("Profile and sessions", "settings", paths::profile())),
    ];
    if operator {
        pages.extend([
            place("Accounts", "platform", paths::platform_accounts()),
            place("New account", "create", paths::new_platform_account()),
            place("Nodes", "platform", paths::nodes()),
            place("SKUs", "platform", paths::platform_skus()),
            place("New SKU", "create", paths::new_platform_sku()),
            place("SkyPilot of all accounts", "platform", paths::platform_skypilot()),
            place("Tenants", "platform", paths::platform_tenants()),
            place("System health", "platform", paths::platform_health()),
            place("Audit of all accounts", "platform", paths::audit(true)),
        ]);
    }
    pages
}

/// Pages that a letter after `g` leads to.
pub fn keys(operator: bool) -> impl Iterator<Item = Place> {
    pages(operator).into_iter().filter(|place| place.key.is_some())
}

/// The pages of a namespace, then its forms.
pub fn of_namespace(namespace: &NamespaceView) -> Vec<Place> {
    let (name, id) = (&namespace.name, &namespace.id);
    let at = |tab: &str, href: String| place(format!("{name} {tab}"), "namespace", href);
    vec![
        at("workloads", paths::workloads(id)),
        at("deploy", paths::deploy(id)),
        at("access", paths::access(id)),
        at("SkyPilot", paths::skypilot(id)),
        at("network", paths::network(id)),
        at("config", paths::config(id)),
        at("settings", paths::namespace_settings(id)),
        at("paste a manifest", paths::paste_manifest(id)),
        at("expose a port", paths::new_service(id)),
        at("new secret", paths::new_config(id, "secret")),
        at("new pull secret", paths::new_config(id, "pull-secret")),
        at("new ConfigMap", paths::new_config(id, "config-map")),
    ]
}

/// What is made on the page at `path`, and where: what its primary action leads to.
pub fn create_at(operator: bool, path: &str) -> Option<String> {
    let here = |place: &Place| place.area == "create" && place.href.split('?').next() == Some(path);
    let made = pages(operator).into_iter().find(here).map(|place| place.href);
    made.or_else(|| {
        let mut parts = path.strip_prefix("/kubernetes/")?.split('/');
        let id = parts.next().filter(|id| !id.is_empty())?;
        Some(match parts.next() {
            Some("network") => paths::new_service(id),
            Some("config") => paths::new_config(id, "secret"),
            _ => paths::deploy(id),
        })
    })
}

/// Places whose words begin with the typed ones come first, then those that hold all of them somewhere.
pub fn found(places: &[Place], typed: &str) -> Vec<Place> {
    let typed = typed.to_lowercase();
    let wanted: Vec<&str> = typed.split_whitespace().collect();
    let mut found: Vec<(bool, &Place)> = places.iter().filter_map(|place| fits(place, &wanted)).collect();
    found.sort_by_key(|(inside, _)| *inside);
    found.into_iter().map(|(_, place)| place.clone()).collect()
}

/// `Some(false)` when each wanted word begins a word of the place, `Some(true)` when each is somewhere in it.
fn fits<'a>(place: &'a Place, wanted: &[&str]) -> Option<(bool, &'a Place)> {
    let text = format!("{} {}", place.label, place.area).to_lowercase();
    let begins = |want: &&str| text.split([' ', '-']).any(|word| word.starts_with(*want)) || text.starts_with(*want);
    let holds = |want: &&str| text.contains(*want);
    if wanted.iter().all(begins) { Some((false, place)) } else { wanted.iter().all(holds).then_some((true, place)) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn labels(typed: &str) -> Vec<String> {
        found(&pages(true), typed).into_iter().map(|place| place.label).collect()
    }

    #[test]
    fn nothing_typed_shows_every_page() {
        assert_eq!(labels("").len(), pages(true).len());
    }

    #[test]
    fn words_are_found_by_their_beginnings_in_any_order() {
        assert_eq!(labels("key new"), ["New API key"]);
        assert_eq!(labels("API")[0], "API keys");
    }

    #[test]
    fn a_beginning_goes_before_an_inside() {
        let found = labels("acc");
        assert_eq!(found[0], "Account");
        assert!(labels("udit").contains(&"Audit".to_owned()));
    }

    #[test]
    fn what_is_nowhere_finds_nothing() {
        assert!(labels("zebra").is_empty());
    }

    #[test]
    fn each_letter_leads_to_one_page() {
        let letters: Vec<_> = keys(true).filter_map(|place| place.key).collect();
        assert_eq!(letters.iter().collect::<HashSet<_>>().len(), letters.len());
    }

    #[test]
    fn each_page_makes_what_it_lists() {
        assert_eq!(create_at(false, "/kubernetes"), Some(paths::new_namespace()));
        assert_eq!(create_at(false, "/settings/api-keys"), Some(paths::new_api_key()));
        assert_eq!(create_at(false, "/kubernetes/7/workloads"), Some(paths::deploy("7")));
        assert_eq!(create_at(false, "/kubernetes/7/network"), Some(paths::new_service("7")));
        assert_eq!(create_at(false, "/kubernetes/7/config/secrets/a"), Some(paths::new_config("7", "secret")));
        assert_eq!(create_at(true, "/platform/skus"), Some(paths::new_platform_sku()));
        assert_eq!((create_at(false, "/"), create_at(false, "/platform/accounts")), (None, None));
        assert_eq!(create_at(true, "/platform/accounts"), Some(paths::new_platform_account()));
    }

    #[test]
    fn the_platform_is_for_operators() {
        assert!(pages(false).iter().all(|place| place.area != "platform"));
    }
}
