//! A key through its life on a clock of the test's own.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::error::Error;
use crate::namespace::{KubernetesName, Namespace, NamespaceName, NamespaceStatus};

const UUID: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
const OTHER: &str = "019c1b2e-7f00-7abc-8def-0123456789ac";
const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn namespace_id(text: &str) -> NamespaceId {
    NamespaceId::parse(text).unwrap()
}

fn secret(generation: u32) -> KeySecret {
    KeySecret { generation, digest: "d".into(), pepper_id: "p".into(), hash_version: HASH_VERSION }
}

fn key() -> ApiKey {
    ApiKey {
        id: ApiKeyId::parse(UUID).unwrap(),
        account_id: AccountId::parse(UUID).unwrap(),
        owner_id: UserId::parse(UUID).unwrap(),
        name: "ci".into(),
        public_id: PublicId::from_trusted("a1b2c3d4".into()),
        secret: secret(1),
        old_secret: None,
        scope: Scope::AllNamespaces,
        access: Access::Edit,
        expires_at: None,
        disabled: false,
        revoked_at: None,
        created_at: at(0),
        last_used_at: None,
        last_used_ip: None,
        revision: 1,
        removal_pending: false,
    }
}

fn namespace(id: &str, status: NamespaceStatus) -> Namespace {
    let (id, name) = (namespace_id(id), NamespaceName::new("team-ml").unwrap());
    Namespace {
        id,
        account_id: AccountId::parse(UUID).unwrap(),
        kubernetes_name: KubernetesName::derive(&name, id),
        name,
        status,
        status_message: None,
        created_by: UserId::parse(UUID).unwrap(),
        created_at: at(0),
        tenant: None,
        label: None,
        activated_at: None,
        share: crate::account::Share::default(),
    }
}

#[test]
fn a_key_is_dead_from_the_very_second_it_expires() {
    let key = ApiKey { expires_at: Some(at(10)), ..key() };
    assert_eq!((key.status(at(9)), key.status(at(10))), (KeyStatus::Active, KeyStatus::Expired));
    assert!(key.opens(Some(Role::Owner), namespace_id(UUID), at(10)).is_none());
}

#[test]
fn the_old_secret_works_until_the_overlap_is_over_and_not_a_moment_longer() {
    let old_secret = Some(OldSecret { secret: secret(1), ends_at: at(60) });
    let key = ApiKey { secret: secret(2), old_secret, ..key() };
    let live = |now| key.live_secrets(at(now)).map(|s| s.generation).collect::<Vec<_>>();
    assert_eq!(live(59), [2, 1]);
    assert_eq!(live(60), [2]);
    let keeps = |generation, now| key.keeps(Some(Role::Member), generation, namespace_id(UUID), Access::Edit, at(now));
    assert_eq!([keeps(1, 59), keeps(1, 60), keeps(2, 60), keeps(3, 60)], [true, false, true, false]);
    assert_eq!(key.view(at(59)).overlap_ends_at.as_deref(), Some("1970-01-01T00:01:00Z"));
    assert_eq!(key.view(at(60)).overlap_ends_at, None);
}

#[test]
fn the_owner_is_the_ceiling_and_without_an_owner_nothing_opens() {
    let opens = |role| key().opens(role, namespace_id(UUID), at(0));
    assert_eq!(opens(Some(Role::Member)), Some(Access::Edit));
    assert_eq!(opens(Some(Role::Viewer)), Some(Access::View));
    assert_eq!(opens(Some(Role::Billing)), None);
    assert_eq!(opens(None), None);
}

#[test]
fn a_warning_comes_two_weeks_before_the_end_of_a_life_that_was_longer() {
    let ends = |day| ApiKey { expires_at: Some(at(day * DAY)), ..key() };
    assert!(!ends(30).expires_soon(at(16 * DAY - 1)));
    assert!(ends(30).expires_soon(at(16 * DAY)));
    assert!(!ends(30).expires_soon(at(30 * DAY)), "dead keys warn of nothing");
    assert!(!ends(14).expires_soon(at(13 * DAY)), "born with the warning");
    assert!(!key().expires_soon(at(0)));
}

#[test]
fn only_a_change_that_takes_something_away_ends_tokens() {
    let listed =
        |ids: &[&str]| ApiKey { scope: Scope::Namespaces(ids.iter().map(|i| namespace_id(i)).collect()), ..key() };
    assert!(key().loses(&listed(&[UUID])) && !listed(&[UUID]).loses(&key()));
    assert!(listed(&[UUID, OTHER]).loses(&listed(&[UUID])) && !listed(&[UUID]).loses(&listed(&[UUID, OTHER])));
    assert!(key().loses(&ApiKey { access: Access::View, ..key() }));
    assert!(key().loses(&ApiKey { disabled: true, ..key() }));
    assert!(!ApiKey { disabled: true, ..key() }.loses(&key()));
    assert!(!key().loses(&ApiKey { name: "other".into(), expires_at: Some(at(9)), ..key() }));
}

fn changed(body: Value) -> Result<ApiKey, Error> {
    serde_json::from_value::<ApiKeyChanges>(body).unwrap().apply(&ApiKey { expires_at: Some(at(9)), ..key() }, at(0))
}

#[test]
fn a_patch_changes_what_it_names_and_null_means_never() {
    assert_eq!(changed(json!({})).unwrap().expires_at, Some(at(9)));
    assert_eq!(changed(json!({"expires_at": null})).unwrap().expires_at, None);
    assert_eq!(changed(json!({"name": " ci 2 "})).unwrap().name, "ci 2");
    assert_eq!(changed(json!({"access": "view", "disabled": true})).unwrap().access, Access::View);
    for unknown in [json!({"owner_id": UUID}), json!({"status": "active"}), json!({"generation": 1})] {
        assert!(serde_json::from_value::<ApiKeyChanges>(unknown).is_err());
    }
}

#[test]
fn an_end_is_taken_in_the_whole_milliseconds_that_are_kept() {
    let kept: Timestamp = "1970-01-01T00:01:00.123Z".parse().unwrap();
    assert_eq!(changed(json!({"expires_at": "1970-01-01T00:01:00.123456789Z"})).unwrap().expires_at, Some(kept));
    assert!(changed(json!({"expires_at": "1970-01-01T00:00:00.000999Z"})).is_err(), "that is now, when it is kept");
}

#[test]
fn a_patch_names_every_wrong_field_at_once() {
    let body = json!({"name": "x".repeat(101), "scopes": {}, "expires_at": "1970-01-01T00:00:00Z"});
    let Err(Error::Invalid(wrong)) = changed(body) else { panic!("must be refused") };
    assert_eq!(wrong.iter().map(|w| &*w.field).collect::<Vec<_>>(), ["name", "scopes", "expires_at"]);
}

#[test]
fn a_revoked_key_changes_and_rotates_no_more() {
    let revoked = ApiKey { revoked_at: Some(at(1)), ..key() };
    assert!(matches!(ApiKeyChanges::default().apply(&revoked, at(2)), Err(Error::Conflict { .. })));
    let rotate = RotateApiKey { overlap_seconds: 0 };
    assert!(matches!(rotate.check(&revoked, at(2)), Err(Error::Conflict { .. })));
}

#[test]
fn the_overlap_is_at_most_a_week() {
    let end = |overlap_seconds| RotateApiKey { overlap_seconds }.check(&key(), at(0));
    assert_eq!(end(0).unwrap(), None);
    assert_eq!(end(604_800).unwrap(), Some(at(604_800)));
    assert!(matches!(end(604_801), Err(Error::Invalid(_))));
}

#[test]
fn changes_are_said_in_words_without_any_secret() {
    let after = ApiKey { name: "ci 2".into(), access: Access::View, secret: secret(2), ..key() };
    assert_eq!(ApiKeyChanges::in_words(&key(), &after), "name: ci → ci 2; access: edit → view");
}

#[test]
fn the_report_says_for_each_namespace_why_not() {
    let key = ApiKey { scope: Scope::Namespaces(vec![namespace_id(UUID), namespace_id(OTHER)]), ..key() };
    let report = KeyReport::of(&key, Some(Role::Viewer), &[namespace(UUID, NamespaceStatus::Active)], at(0));
    assert!(report.works);
    assert_eq!(report.namespaces[0].access, Some(Access::View));
    assert!(report.namespaces[0].reason.as_deref().unwrap().contains("role of its owner"));
    assert_eq!((report.namespaces[1].allowed, report.namespaces[1].name.as_deref()), (false, None));
    let dead = KeyReport::of(&ApiKey { disabled: true, ..key }, Some(Role::Owner), &[], at(0));
    assert_eq!((dead.works, dead.reason.as_deref()), (false, Some("The key is disabled")));
    assert!(dead.rights.iter().all(|right| !right.allowed));
}

proptest! {
    #[test]
    fn the_report_never_promises_what_the_rule_refuses(
        disabled: bool, view: bool, role in 0_usize..6, status in 0_usize..4, scope in 0_usize..5,
    ) {
        let scopes = [
            Scope::All,
            Scope::Inference,
            Scope::AllNamespaces,
            Scope::Namespaces(vec![namespace_id(UUID)]),
            Scope::Namespaces(vec![namespace_id(OTHER)]),
        ];
        let states =
            [NamespaceStatus::Active, NamespaceStatus::Creating, NamespaceStatus::Deleting, NamespaceStatus::Failed];
        let owner = Role::ALL.get(role).copied();
        let access = if view { Access::View } else { Access::Edit };
        let key = ApiKey { disabled, access, scope: scopes[scope].clone(), ..key() };
        let report = KeyReport::of(&key, owner, &[namespace(UUID, states[status])], at(0));
        let opens = key.opens(owner, namespace_id(UUID), at(0));
        let active = states[status] == NamespaceStatus::Active;
        prop_assert_eq!(report.namespaces[0].allowed, opens.is_some() && active);
        prop_assert!(report.namespaces[0].allowed || report.namespaces[0].reason.is_some());
        prop_assert_eq!(report.namespaces[0].access, opens.filter(|_| active));
    }
}
