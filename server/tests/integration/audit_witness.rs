//! That no action of the audit log is left without a test that does it and reads its row: the walks of `audit_walk.rs`, and
//! for what takes more than a request, the tests named here.

use std::collections::BTreeSet;
use std::path::Path;

use domain::audit::Action;

use crate::audit_walk;

/// Actions that no walk comes by: the file and the test that reads the row of each.
const ELSEWHERE: &[(&str, &str, &[&str])] = &[
    (
        "audit.rs",
        "each_action_of_the_product_has_its_row_and_no_row_has_a_secret",
        &[
            "session.created",
            "session.ended",
            "namespace.activated",
            "namespace.renamed",
            "namespace.deletion_requested",
            "namespace.deleted",
            "api_key.revoked",
            "kubeconfig.downloaded",
            "credential.issued",
            "deployment.deleted",
            "admission.denied",
            "audit.exported",
        ],
    ),
    (
        "account.rs",
        "an_account_total_is_shared_among_its_namespaces_and_kubernetes_holds_each_to_its_share",
        &["namespace.share_changed"],
    ),
    ("credential.rs", "one_bad_command_is_one_row_of_the_audit", &["credential.refused"]),
    (
        "default_sku.rs",
        "pods_that_name_no_sku_run_under_the_chosen_one_and_skypilots_under_that_of_their_gpus",
        &["namespace.default_sku_changed"],
    ),
    ("engine.rs", "new_credentials_are_tried_before_the_old_ones_go", &["engine.checked", "sealed_secret.rewrapped"]),
    ("engine.rs", "a_revoked_identity_and_an_absent_cluster_change_the_status", &["engine.status_changed"]),
    (
        "engine_renewal.rs",
        "a_token_is_renewed_before_it_ends_where_its_identity_may_do_that",
        &["engine.credentials_changed"],
    ),
    (
        "engine_renewal.rs",
        "a_token_that_may_not_renew_itself_is_announced_with_the_rule_that_lets_it",
        &["engine.credentials_expiring"],
    ),
    ("fault_clock.rs", "a_token_that_is_handed_out_again_after_a_minute_is_told_once", &["credential.reused"]),
    ("manifest.rs", "a_pasted_manifest_makes_a_workload_and_a_second_one_changes_it", &["workload.edited"]),
    ("metric.rs", "idle_gpus_are_spoken_of_and_then_stopped_by_the_rule_of_their_namespace", &["workload.stopped"]),
    (
        "nodes.rs",
        "an_operator_closes_empties_and_opens_a_node_and_the_log_says_so",
        &["node.cordoned", "node.drained", "node.uncordoned"],
    ),
    ("oidc.rs", "a_person_links_and_unlinks_an_identity_from_a_page_of_ours_only", &["identity.linked"]),
    ("operations/backup.rs", "what_was_revoked_after_the_backup_stays_dead", &["database.restored"]),
    (
        "sku.rs",
        "an_operator_sells_changes_and_retires_a_sku_and_the_log_says_so",
        &["sku.created", "sku.changed", "sku.retired", "sku.offered"],
    ),
    (
        "skypilot.rs",
        "an_issued_kubeconfig_is_listed_once_shown_and_ends_when_it_is_revoked",
        &["skypilot_kubeconfig.issued", "skypilot_kubeconfig.revoked"],
    ),
    ("tenant.rs", "a_tenant_is_ordered_seen_renamed_and_removed", &["tenant.renamed"]),
    (
        "tenant.rs",
        "a_tenant_whose_name_is_taken_in_the_cluster_fails_and_goes_when_it_is_removed",
        &["namespace.failed"],
    ),
    (
        "tenant/billing.rs",
        "an_invoice_taken_out_as_a_file_stands_in_the_audit_log_and_one_that_is_read_does_not",
        &["usage.exported"],
    ),
    ("tenant/connector.rs", "it_is_listed_with_its_end_audited_and_revocable", &["connector.issued"]),
    ("terminal.rs", "a_shell_answers_ends_and_stands_in_the_audit_log", &["terminal.opened", "terminal.closed"]),
    (
        "usage.rs",
        "a_spent_budget_refuses_new_pods_until_there_is_more",
        &["budget.reached", "budget.stopped", "budget.resumed"],
    ),
    ("webhook.rs", "a_key_that_ends_soon_is_told_once_and_only_to_its_own_account", &["api_key.expiring"]),
    (
        "workload.rs",
        "a_deployment_is_scaled_restarted_given_another_image_and_rolled_back",
        &["workload.changed", "workload.restarted", "workload.rolled_back"],
    ),
];

#[test]
fn each_action_is_walked_or_has_a_test_of_its_own() {
    let walked = audit_walk::actions();
    let named: Vec<&str> = ELSEWHERE.iter().flat_map(|(.., actions)| *actions).copied().collect();
    let once: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(once.len(), named.len(), "an action is named twice");
    let both: Vec<_> = walked.intersection(&once).collect();
    assert!(both.is_empty(), "walked, so they need not be named: {both:?}");
    let known: BTreeSet<&str> = Action::ALL.iter().map(|action| action.as_str()).collect();
    let seen: BTreeSet<&str> = walked.union(&once).copied().collect();
    let unseen: Vec<_> = known.difference(&seen).collect();
    assert!(unseen.is_empty(), "nothing shows that these are written: {unseen:?}");
    let unknown: Vec<_> = seen.difference(&known).collect();
    assert!(unknown.is_empty(), "there are no such actions: {unknown:?}");
}

#[test]
fn each_test_that_is_named_speaks_of_its_actions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration");
    for (file, test, actions) in ELSEWHERE {
        let text = std::fs::read_to_string(folder.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let body = body_of(&text, test).unwrap_or_else(|| panic!("{file} has no test {test}"));
        for action in *actions {
            assert!(speaks_of(body, action), "{file}::{test} does not speak of {action}");
        }
    }
}

/// A test's text, up to the brace that closes it.
fn body_of<'a>(text: &'a str, test: &str) -> Option<&'a str> {
    let marked = format!("#[tokio::test(flavor = \"multi_thread\")]\nasync fn {test}() {{\n");
    let (_, body) = text.split_once(&marked)?;
    body.split_once("\n}\n").map(|(body, _)| body)
}

/// Whether the name stands there whole: one action may begin like another.
fn speaks_of(body: &str, action: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_lowercase() || c == '_';
    body.split(action).skip(1).any(|rest| !rest.starts_with(goes_on))
}
