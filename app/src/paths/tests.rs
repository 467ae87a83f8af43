//! Every path as it is spelled, and what never becomes one.

use super::*;

#[test]
fn every_path_of_the_console() {
    let id = "019c1b2e-7f00-7abc-8def-0123456789ab";
    let all = [
        overview(),
        login(None),
        login(Some("/kubernetes?new=namespace")),
        reauthenticate("/settings/profile"),
        provider_start("corp", "link", "/settings/profile"),
        provider_logout("corp"),
        signed_out("corp"),
        sign_in_failed(id),
        namespaces(),
        new_namespace(),
        workloads(id),
        deploy(id),
        access(id),
        skypilot(id),
        skypilot_file(id, "config", "chosen=1"),
        config(id),
        config_map(id, "settings"),
        secret(id, "database"),
        network(id),
        new_service(id),
        new_config(id, "pull-secret"),
        namespace_quota(id),
        namespace_settings(id),
        deployment(id, "demo"),
        catalogue(),
        api_keys(),
        new_api_key(),
        api_key(id),
        api_key_dialog(id, "rotate"),
        profile(),
        cli_sessions(),
        api_reference(),
        cli_authorize(),
        audit(false),
        audit_row(true, id),
        audit_page(false, "action=session.created", id),
        audit_export(false, "csv", "action=session.created&actor=&cursor=1"),
        live_audit(true, "", id),
        usage(""),
        usage_of("since=2026-11-01&sku=a", "namespace", id),
        usage_records("month=2026-11"),
        usage_records_page("month=2026-11&cursor=1", id),
        usage_file("month=2026-11&cursor=1&sku="),
        budgets(),
        new_budget(),
        budgets_page("0"),
        budget_dialog("", "change", id),
        budget_dialog("0", "delete", id),
        members(),
        new_member(),
        webhooks(),
        new_webhook(),
        webhook(id),
        webhook_dialog(id, "rotate"),
        account_settings(),
        invite("0a1b"),
        platform_accounts(),
        new_platform_account(),
        platform_account(id),
        platform_skypilot(),
        platform_skus(),
        new_platform_sku(),
        platform_sku("gpu-h100-1x"),
        engines(),
        new_engine("on_premise"),
        engine(id),
        engine_dialog(id, "rotate"),
        nodes(),
        node("simulated-h100"),
        drain_node("simulated-h100"),
        live_preflight(),
        live_nodes(None),
        live_nodes(Some("simulated-h100")),
        live_skus(),
        manifest_part("https://console.example.com/v1/engine-manifests/0a.yaml", "role.yaml"),
        platform_tenants(),
        platform_health(),
        connector(id),
        kubeconfig(id, "view", "sh"),
        workload_tab(id, WorkloadKind::StatefulSet, "db", "logs"),
        workload_dialog(id, WorkloadKind::Job, "train", "delete"),
        live_namespaces(""),
        live_namespaces(id),
        live_namespace(id),
        live_workloads(id, "kind=job"),
        live_workload(id, WorkloadKind::Pod, "demo-7d4b9"),
        live_log(id, &["a".to_owned(), "b".to_owned()], &[("tail", "500")]),
        paste_manifest(id),
        terminal(id, "demo-7d4b9", "app", "auto"),
        pod_log(id, "demo-7d4b9", &[("previous", "true")]),
    ];
    insta::assert_snapshot!(all.join("\n"), @r"
    /
    /login
    /login?next=%2Fkubernetes%3Fnew%3Dnamespace
    /reauthenticate?next=%2Fsettings%2Fprofile
    /auth/oidc/corp/start?purpose=link&next=%2Fsettings%2Fprofile
    /auth/oidc/corp/logout
    /login?signed-out=corp
    /sign-in-failed?request_id=019c1b2e-7f00-7abc-8def-0123456789ab
    /kubernetes
    /kubernetes?new=namespace
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/deploy
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/access
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/skypilot
    /download/skypilot/019c1b2e-7f00-7abc-8def-0123456789ab?chosen=1&file=config
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config/config-maps/settings
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config/secrets/database
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/network
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/network?new=service
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/config?new=pull-secret
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/quota
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/settings
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/deployment/demo
    /catalogue
    /settings/api-keys
    /settings/api-keys?new=key
    /settings/api-keys/019c1b2e-7f00-7abc-8def-0123456789ab
    /settings/api-keys/019c1b2e-7f00-7abc-8def-0123456789ab?do=rotate
    /settings/profile
    /settings/cli
    /docs/api
    /cli/authorize
    /settings/audit
    /platform/audit/019c1b2e-7f00-7abc-8def-0123456789ab
    /settings/audit?action=session.created&cursor=019c1b2e-7f00-7abc-8def-0123456789ab
    /v1/audit/export?action=session.created&format=csv
    /live/platform/audit?after=019c1b2e-7f00-7abc-8def-0123456789ab
    /usage
    /usage?since=2026-11-01&namespace=019c1b2e-7f00-7abc-8def-0123456789ab
    /usage/records?month=2026-11
    /usage/records?month=2026-11&cursor=019c1b2e-7f00-7abc-8def-0123456789ab
    /download/usage?month=2026-11
    /usage/budgets
    /usage/budgets?new=budget
    /usage/budgets?cursor=0
    /usage/budgets?change=019c1b2e-7f00-7abc-8def-0123456789ab
    /usage/budgets?cursor=0&delete=019c1b2e-7f00-7abc-8def-0123456789ab
    /settings/members
    /settings/members?new=member
    /settings/webhooks
    /settings/webhooks?new=webhook
    /settings/webhooks/019c1b2e-7f00-7abc-8def-0123456789ab
    /settings/webhooks/019c1b2e-7f00-7abc-8def-0123456789ab?do=rotate
    /settings/account
    /invite/0a1b
    /platform/accounts
    /platform/accounts?new=account
    /platform/accounts/019c1b2e-7f00-7abc-8def-0123456789ab
    /platform/skypilot
    /platform/skus
    /platform/skus?new=sku
    /platform/skus/gpu-h100-1x
    /engines
    /engines?new=on_premise
    /engines/019c1b2e-7f00-7abc-8def-0123456789ab
    /engines/019c1b2e-7f00-7abc-8def-0123456789ab?do=rotate
    /platform/nodes
    /platform/nodes/simulated-h100
    /platform/nodes/simulated-h100?do=drain
    /live/engine-preflight
    /live/nodes
    /live/nodes/simulated-h100
    /live/skus
    https://console.example.com/v1/engine-manifests/0a.yaml?part=role.yaml
    /platform/tenants
    /platform/health
    /download/connector/019c1b2e-7f00-7abc-8def-0123456789ab
    /download/kubeconfig/019c1b2e-7f00-7abc-8def-0123456789ab?access=view&variant=sh
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/statefulset/db/logs
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/job/train?do=delete
    /live/namespaces
    /live/namespaces?cursor=019c1b2e-7f00-7abc-8def-0123456789ab
    /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab
    /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/workloads?kind=job
    /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/workloads/pod/demo-7d4b9
    /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/log?pods=a%2Cb&tail=500
    /kubernetes/019c1b2e-7f00-7abc-8def-0123456789ab/manifest
    /live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/pods/demo-7d4b9/exec?container=app&shell=auto
    /v1/kubernetes/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/pods/demo-7d4b9/logs?previous=true
    ");
}

#[test]
fn a_file_and_a_stream_have_an_order_of_their_own() {
    let query = "action=session.created&sort=created&cursor=asc-1";
    assert_eq!(audit_export(false, "csv", query), "/v1/audit/export?action=session.created&format=csv");
    assert_eq!(live_audit(false, query, "1"), "/live/audit?action=session.created&after=1");
    assert_eq!(usage_file("month=2026-11&sort=created"), "/download/usage?month=2026-11");
    assert_eq!(audit_page(false, "sort=created", "asc-1"), "/settings/audit?sort=created&cursor=asc-1");
}

#[test]
fn the_way_back_after_sign_in_never_leaves_this_site() {
    for good in ["/", "/kubernetes?new=namespace", "/kubernetes/a%20b"] {
        assert_eq!(local(good), Some(good));
    }
    for bad in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "kubernetes", "/é"]
    {
        assert_eq!(local(bad), None, "{bad:?}");
    }
}
