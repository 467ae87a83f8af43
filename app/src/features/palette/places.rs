//! Where the palette leads, what it does, and which of it fits what was typed.

use domain::namespace::NamespaceView;
use domain::permission::Permission;

use crate::features::right::{ANYBODY, AUDIT, ENGINES, READERS, SPENDING, WEBHOOKS};
use crate::features::theme::Theme;
use crate::paths;

const DEPLOYS: &[Permission] = &[Permission::Deploy];

/// One line of the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name.
    pub label: String,
    /// What it belongs to.
    pub area: &'static str,
    /// What choosing it does.
    pub act: Act,
    /// The letter after `g` that goes there at once.
    pub key: Option<&'static str>,
    /// One of these opens it.
    pub needs: &'static [Permission],
}

/// What choosing a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Goes to this path.
    Go(String),
    /// Shows this theme.
    Theme(Theme),
    /// Signs out, as the button does.
    SignOut,
}

fn place(label: impl Into<String>, area: &'static str, href: String) -> Place {
    Place { label: label.into(), area, act: Act::Go(href), key: None, needs: READERS }
}

fn with_key(key: &'static str, place: Place) -> Place {
    Place { key: Some(key), ..place }
}

fn takes(needs: &'static [Permission], place: Place) -> Place {
    Place { needs, ..place }
}

/// All pages that stand for themselves; those of the platform for operators only.
pub fn pages(operator: bool) -> Vec<Place> {
    let mut pages = vec![
        with_key("o", takes(ANYBODY, place("Overview", "page", paths::overview()))),
        with_key("n", place("Namespaces", "page", paths::namespaces())),
        takes(&[Permission::CreateNamespace], place("New namespace", "create", paths::new_namespace())),
        with_key("c", place("Catalogue", "page", paths::catalogue())),
        with_key("u", takes(SPENDING, place("Usage", "page", paths::usage("")))),
        takes(SPENDING, place("Usage records", "page", paths::usage_records(""))),
        takes(SPENDING, place("Budgets", "page", paths::budgets())),
        takes(&[Permission::ManageBudgets], place("New budget", "create", paths::new_budget())),
        with_key("k", place("API keys", "settings", paths::api_keys())),
        takes(&[Permission::OwnKeys], place("New API key", "create", paths::new_api_key())),
        takes(ANYBODY, place("CLI sessions", "settings", paths::cli_sessions())),
        with_key("m", place("Members", "settings", paths::members())),
        takes(&[Permission::ManageMembers], place("Invite somebody", "create", paths::new_member())),
        takes(WEBHOOKS, place("Webhooks", "settings", paths::webhooks())),
        takes(WEBHOOKS, place("New webhook", "create", paths::new_webhook())),
        with_key("e", takes(ENGINES, place("Engines", "settings", paths::engines()))),
        takes(ENGINES, place("Add engine", "create", paths::new_engine("engine"))),
        takes(ANYBODY, place("Account", "settings", paths::account_settings())),
        with_key("a", takes(AUDIT, place("Audit", "settings", paths::audit(false)))),
        with_key("p", takes(ANYBODY, place("Profile and sessions", "settings", paths::profile()))),
    ];
    if operator {
        pages.extend(of_platform().map(|place| takes(ANYBODY, place)));
    }
    pages
}

fn of_platform() -> [Place; 9] {
    [
        place("Accounts", "platform", paths::platform_accounts()),
        place("New account", "create", paths::new_platform_account()),
        place("Nodes", "platform", paths::nodes()),
        place("SKUs", "platform", paths::platform_skus()),
        place("New SKU", "create", paths::new_platform_sku()),
        place("SkyPilot of all accounts", "platform", paths::platform_skypilot()),
        place("Tenants", "platform", paths::platform_tenants()),
        place("System health", "platform", paths::platform_health()),
        place("Platform audit", "platform", paths::audit(true)),
    ]
}

/// What can be done wherever one is.
pub fn acts() -> impl Iterator<Item = Place> {
    let line = |label: String, act| Place { label, area: "do", act, key: None, needs: ANYBODY };
    let themes = Theme::ALL.map(|theme| line(format!("Theme: {}", theme.word()), Act::Theme(theme)));
    themes.into_iter().chain([line("Sign out".to_owned(), Act::SignOut)])
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
        takes(DEPLOYS, at("deploy", paths::deploy(id))),
        at("access", paths::access(id)),
        at("SkyPilot", paths::skypilot(id)),
        at("network", paths::network(id)),
        at("config", paths::config(id)),
        at("quota", paths::namespace_quota(id)),
        at("settings", paths::namespace_settings(id)),
        takes(DEPLOYS, at("paste a manifest", paths::paste_manifest(id))),
        takes(DEPLOYS, at("expose a port", paths::new_service(id))),
        takes(DEPLOYS, at("new secret", paths::new_config(id, "secret"))),
        takes(DEPLOYS, at("new pull secret", paths::new_config(id, "pull-secret"))),
        takes(DEPLOYS, at("new ConfigMap", paths::new_config(id, "config-map"))),
    ]
}

/// What is made on the page at `path`, and where: what its primary action leads to.
pub fn create_at(operator: bool, path: &str) -> Option<Place> {
    let leads_here = |act: &Act| matches!(act, Act::Go(href) if href.split('?').next() == Some(path));
    let here = |place: &Place| place.area == "create" && leads_here(&place.act);
    pages(operator).into_iter().find(here).or_else(|| {
        let mut parts = path.strip_prefix("/kubernetes/")?.split('/');
        let id = parts.next().filter(|id| !id.is_empty())?;
        let (label, href) = match parts.next() {
            Some("network") => ("Expose a port", paths::new_service(id)),
            Some("config") => ("New secret", paths::new_config(id, "secret")),
            _ => ("Deploy", paths::deploy(id)),
        };
        Some(takes(DEPLOYS, place(label, "create", href)))
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
        let made = |operator, path| match create_at(operator, path)?.act {
            Act::Go(href) => Some(href),
            Act::Theme(_) | Act::SignOut => None,
        };
        assert_eq!(made(false, "/kubernetes"), Some(paths::new_namespace()));
        assert_eq!(made(false, "/settings/api-keys"), Some(paths::new_api_key()));
        assert_eq!(made(false, "/kubernetes/7/workloads"), Some(paths::deploy("7")));
        assert_eq!(made(false, "/kubernetes/7/network"), Some(paths::new_service("7")));
        assert_eq!(made(false, "/kubernetes/7/config/secrets/a"), Some(paths::new_config("7", "secret")));
        assert_eq!(made(true, "/platform/skus"), Some(paths::new_platform_sku()));
        assert_eq!((made(false, "/"), made(false, "/platform/accounts")), (None, None));
        assert_eq!(made(true, "/platform/accounts"), Some(paths::new_platform_account()));
    }

    #[test]
    fn what_makes_something_takes_more_than_looking() {
        let makes: Vec<Place> = pages(false).into_iter().filter(|place| place.area == "create").collect();
        assert!(makes.iter().all(|place| !place.needs.contains(&Permission::Read)), "{makes:?}");
        let deploy = create_at(false, "/kubernetes/7/workloads").unwrap();
        assert_eq!(deploy.needs, [Permission::Deploy]);
    }

    #[test]
    fn a_theme_is_found_by_its_word() {
        let all: Vec<Place> = acts().collect();
        let acts = |typed| found(&all, typed).into_iter().map(|place| place.act).collect::<Vec<_>>();
        assert_eq!(acts("theme dark"), [Act::Theme(Theme::Dark)]);
        assert_eq!((acts("theme").len(), acts("sign")), (3, vec![Act::SignOut]));
    }

    #[test]
    fn the_platform_is_for_operators() {
        assert!(pages(false).iter().all(|place| place.area != "platform"));
    }
}
