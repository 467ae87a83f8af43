//! The words of the tenant API.

use super::*;
use crate::id::{AccountId, NamespaceId, UserId};

fn namespace(status: NamespaceStatus) -> Namespace {
    Namespace {
        id: NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap(),
        account_id: AccountId::parse("019c1b2e-7f00-7aaa-8def-000000000001").unwrap(),
        name: NamespaceName::new("team-ml").unwrap(),
        kubernetes_name: KubernetesName::from_stored("team-ml-456789ab".into()),
        status,
        status_message: None,
        created_by: UserId::parse("019c1b2e-7f00-7bbb-8def-000000000001").unwrap(),
        created_at: "2024-08-12T14:46:49.127Z".parse().unwrap(),
        tenant: Some(TenantId::from_number(18)),
        label: None,
        activated_at: None,
        share: crate::account::Share::default(),
    }
}

#[test]
fn an_id_is_read_only_as_it_is_printed() {
    for (number, text) in [(1, "skg00001"), (18, "skg00018"), (99_999, "skg99999"), (100_000, "skg100000")] {
        assert_eq!(TenantId::from_number(number).to_string(), text);
        assert_eq!(TenantId::parse(text).unwrap().number(), number);
    }
    for odd in ["", "skg", "skgu00004", "SKG00018", "skg18", "skg000018", "skg0001x", "skg+0018", "skg00018/..", "18"] {
        assert!(matches!(TenantId::parse(odd), Err(Error::NotFound)), "{odd}");
    }
}

#[test]
fn a_tenant_of_this_api_is_named_after_its_id() {
    let id = TenantId::from_number(18);
    assert_eq!((id.console_name().as_str(), id.kubernetes_name().as_str()), ("skg00018", "skg00018-gpu"));
    assert!(NamespaceName::new(id.console_name().as_str()).is_ok());
}

#[test]
fn a_label_is_any_printable_text_of_64_characters() {
    for good in ["tenant-lab", "la mia nuova label", "🚀 lab", &"é".repeat(64), "  padded  "] {
        assert_eq!(TenantLabel::new(good).unwrap().as_str(), good.trim());
    }
    for bad in [
        "",
        "   ",
        &"x".repeat(65),
        "a\nb",
        "tab\tbed",
        "\u{7f}",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{2066}b",
        "\u{feff}a",
    ] {
        assert!(TenantLabel::new(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn the_wire_form_has_six_fields_in_the_published_order() {
    let view = namespace(NamespaceStatus::Active).tenant_view(&CustomerId::from_number(4)).unwrap();
    assert_eq!(
        serde_json::to_string(&view).unwrap(),
        r#"{"name":"skg00018","label":"team-ml","customer":"skgu00004","active":true,"created":true,"created_at":"2024-08-12T14:46:49.127000+00:00"}"#
    );
}

#[test]
fn two_booleans_tell_the_phases_apart() {
    let seen = |namespace: Namespace| {
        let view = namespace.tenant_view(&CustomerId::from_number(4)).unwrap();
        (view.active, view.created)
    };
    let was_ready = |status| Namespace { activated_at: Some(Timestamp::UNIX_EPOCH), ..namespace(status) };
    assert_eq!(seen(namespace(NamespaceStatus::Creating)), (true, false));
    assert_eq!(seen(namespace(NamespaceStatus::Active)), (true, true));
    assert_eq!(seen(was_ready(NamespaceStatus::Deleting)), (false, true));
    assert_eq!(seen(namespace(NamespaceStatus::Deleting)), (false, false));
    assert_eq!(seen(namespace(NamespaceStatus::Failed)), (false, false));
}

#[test]
fn what_is_going_is_not_renamed() {
    assert!(namespace(NamespaceStatus::Creating).tenant_renameable().is_ok());
    for status in [NamespaceStatus::Deleting, NamespaceStatus::Failed] {
        let refused = namespace(status).tenant_renameable().unwrap_err();
        assert_eq!(refused.code(), Code::ClusterDeleting);
    }
}

#[test]
fn a_number_is_missing_only_until_the_loop_has_come() {
    let row = Namespace { tenant: None, ..namespace(NamespaceStatus::Active) };
    assert_eq!(row.tenant_view(&CustomerId::from_number(4)), None);
}
