//! What each operation, server function, stream and download asks of its caller: one table, shown in the API document
//! as `x-permission`, swept by `tests/integration/permission.rs` and `stream.rs`. What has no row fails the tests.
//!
//! Source: `security.md` §5. The use case decides; this table says what it must decide.

use domain::permission::Permission::{
    self, CreateNamespace, Deploy, ManageAccount, ManageAccounts, ManageBudgets, ManageEngines, ManageMembers,
    ManagePlatform, OwnAccount, OwnKeys, Read, ReadAudit, ReadUsage,
};
use serde_json::{Value, json};

use Need::{Everybody, Has, Key, Session};

/// What a caller needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: works without signing in.
    Everybody,
    /// An API key.
    Key,
    /// To be signed in, with any role.
    Session,
    /// To be signed in with a role that has this permission.
    Has(Permission),
}

/// Operations of the API document by their id, in the order of the contract.
pub const OPERATIONS: &[(&str, Need)] = &[
    // document
    ("get_openapi", Everybody),
    // auth
    ("login", Everybody),
    ("logout", Session),
    ("reauthenticate", Session),
    ("get_session", Session),
    ("switch_account", Session),
    // sessions
    ("list_sessions", Session),
    ("end_session", Session),
    ("end_sessions", Session),
    // identities at providers
    ("list_providers", Everybody),
    ("list_identities", Session),
    ("unlink_identity", Session),
    // passwords
    ("change_password", Session),
    ("create_password_reset", Has(ManageMembers)),
    ("reset_password", Everybody),
    // accounts
    ("list_accounts", Session),
    ("get_account", Session),
    ("change_account", Has(ManageAccount)),
    ("delete_account", Has(OwnAccount)),
    ("transfer_account", Has(OwnAccount)),
    ("get_account_quota", Has(Read)),
    // members: one finds and removes oneself with any role
    ("list_members", Has(Read)),
    ("get_member", Session),
    ("change_member", Has(ManageMembers)),
    ("remove_member", Session),
    // invitations
    ("list_invitations", Has(ManageMembers)),
    ("create_invitation", Has(ManageMembers)),
    ("get_invitation_offer", Everybody),
    ("accept_invitation", Everybody),
    ("get_invitation", Has(ManageMembers)),
    ("revoke_invitation", Has(ManageMembers)),
    ("resend_invitation", Has(ManageMembers)),
    // the platform's accounts
    ("list_platform_accounts", Has(ManageAccounts)),
    ("create_platform_account", Has(ManageAccounts)),
    ("get_platform_account", Has(ManageAccounts)),
    ("change_platform_account", Has(ManageAccounts)),
    ("delete_platform_account", Has(ManageAccounts)),
    ("invite_into_account", Has(ManageAccounts)),
    ("begin_support", Has(ManageAccounts)),
    ("leave_support", Session),
    // the platform's SKUs
    ("list_platform_skus", Has(ManagePlatform)),
    ("create_platform_sku", Has(ManagePlatform)),
    ("get_platform_sku", Has(ManagePlatform)),
    ("change_platform_sku", Has(ManagePlatform)),
    ("get_sku_grants", Has(ManageAccounts)),
    ("set_sku_grants", Has(ManageAccounts)),
    // engines
    // an operator manages the platform's as well
    ("list_engines", Has(ManageEngines)),
    ("create_engine", Has(ManageEngines)),
    ("preflight_engine", Has(ManageEngines)),
    ("get_engine", Has(ManageEngines)),
    ("change_engine", Has(ManageEngines)),
    ("delete_engine", Has(ManageEngines)),
    ("rotate_engine_credentials", Has(ManageEngines)),
    ("check_engine", Has(ManageEngines)),
    ("list_engine_checks", Has(ManageEngines)),
    ("disable_engine", Has(ManageEngines)),
    ("enable_engine", Has(ManageEngines)),
    ("create_engine_manifest", Has(ManageEngines)),
    ("get_engine_manifest", Everybody),
    // virtual nodes
    ("list_nodes", Has(ManagePlatform)),
    ("get_node", Has(ManagePlatform)),
    ("cordon_node", Has(ManagePlatform)),
    ("uncordon_node", Has(ManagePlatform)),
    ("drain_node", Has(ManagePlatform)),
    // the platform's tenants
    ("list_platform_tenants", Has(ManageAccounts)),
    // how the installation is
    ("get_health", Has(ManagePlatform)),
    // namespaces
    ("list_namespaces", Has(Read)),
    ("create_namespace", Has(CreateNamespace)),
    ("get_namespace", Has(Read)),
    ("rename_namespace", Has(CreateNamespace)),
    ("delete_namespace", Has(CreateNamespace)),
    ("get_default_sku", Has(Read)),
    ("set_default_sku", Has(CreateNamespace)),
    ("check_deployment", Has(Read)),
    ("get_kubeconfig", Has(Read)),
    // the key route
    ("issue_credential", Key),
    // api keys
    ("list_api_keys", Has(Read)),
    ("create_api_key", Has(OwnKeys)),
    ("get_api_key", Has(Read)),
    ("update_api_key", Has(OwnKeys)),
    ("revoke_api_key", Has(OwnKeys)),
    ("rotate_api_key", Has(OwnKeys)),
    ("test_api_key", Has(Read)),
    // credentials handed out
    ("list_credentials", Has(Read)),
    ("get_credential", Has(Read)),
    ("revoke_credential", Has(OwnKeys)),
    // sessions of the command line
    ("create_cli_session", Everybody),
    ("list_cli_sessions", Session),
    ("revoke_cli_session", Session),
    // skus
    ("list_skus", Has(Read)),
    ("get_sku", Has(Read)),
    // deployments
    ("list_deployments", Has(Read)),
    ("create_deployment", Has(Deploy)),
    ("get_deployment", Has(Read)),
    ("change_deployment", Has(Deploy)),
    ("delete_deployment", Has(Deploy)),
    ("list_pods", Has(Read)),
    ("list_deployment_events", Has(Read)),
    ("get_deployment_log", Has(Read)),
    // workloads
    ("list_workloads", Has(Read)),
    ("create_workload", Has(Deploy)),
    ("get_workload", Has(Read)),
    ("delete_workload", Has(Deploy)),
    ("get_pod_log", Has(Read)),
    ("get_pod_metrics", Has(Read)),
    ("get_workload_metrics", Has(Read)),
    ("get_idle_gpu", Has(Read)),
    ("set_idle_gpu", Has(Deploy)),
    ("change_workload", Has(Deploy)),
    ("restart_workload", Has(Deploy)),
    ("run_workload", Has(Deploy)),
    ("list_workload_revisions", Has(Read)),
    ("roll_back_workload", Has(Deploy)),
    ("get_workload_manifest", Has(Read)),
    ("edit_workload", Has(Deploy)),
    // config of a namespace: values of Secrets are for those who may run pods
    ("list_config_maps", Has(Read)),
    ("create_config_map", Has(Deploy)),
    ("get_config_map", Has(Read)),
    ("change_config_map", Has(Deploy)),
    ("delete_config_map", Has(Deploy)),
    ("list_secrets", Has(Deploy)),
    ("create_secret", Has(Deploy)),
    ("get_secret", Has(Deploy)),
    ("change_secret", Has(Deploy)),
    ("delete_secret", Has(Deploy)),
    // network
    ("list_services", Has(Read)),
    ("create_service", Has(Deploy)),
    ("get_service", Has(Read)),
    ("delete_service", Has(Deploy)),
    // SkyPilot
    ("get_skypilot", Has(Read)),
    ("set_skypilot", Has(Deploy)),
    ("remove_skypilot", Has(Deploy)),
    ("render_skypilot_files", Has(Read)),
    ("verify_skypilot", Has(Read)),
    ("list_skypilot_kubeconfigs", Has(Read)),
    ("issue_skypilot_kubeconfig", Has(Deploy)),
    ("get_skypilot_kubeconfig", Has(Read)),
    ("revoke_skypilot_kubeconfig", Has(Deploy)),
    ("list_skypilot_requests", Has(ManagePlatform)),
    ("approve_skypilot", Has(ManagePlatform)),
    // outgoing webhooks
    ("list_webhooks", Has(ManageAccount)),
    ("create_webhook", Has(ManageAccount)),
    ("get_webhook", Has(ManageAccount)),
    ("change_webhook", Has(ManageAccount)),
    ("delete_webhook", Has(ManageAccount)),
    ("rotate_webhook_secret", Has(ManageAccount)),
    ("switch_webhook", Has(ManageAccount)),
    ("test_webhook", Has(ManageAccount)),
    ("list_webhook_deliveries", Has(ManageAccount)),
    ("redeliver_webhook", Has(ManageAccount)),
    // audit
    ("list_audit", Has(ReadAudit)),
    ("get_audit", Has(ReadAudit)),
    ("export_audit", Has(ReadAudit)),
    ("list_platform_audit", Has(ManageAccounts)),
    ("get_platform_audit", Has(ManageAccounts)),
    ("export_platform_audit", Has(ManageAccounts)),
    // usage
    ("get_usage_summary", Has(ReadUsage)),
    ("list_usage", Has(ReadUsage)),
    ("list_budgets", Has(ReadUsage)),
    ("create_budget", Has(ManageBudgets)),
    ("get_budget", Has(ReadUsage)),
    ("change_budget", Has(ManageBudgets)),
    ("delete_budget", Has(ManageBudgets)),
];

/// Server functions of the pages by their path.
pub const FUNCTIONS: &[(&str, Need)] = &[
    // sessions
    ("/api/session/sign-in", Everybody),
    ("/api/session/sign-out", Session),
    ("/api/session/current", Session),
    ("/api/session/reauthenticate", Session),
    ("/api/session/profile", Session),
    ("/api/session/providers", Everybody),
    ("/api/session/unlink-identity", Session),
    ("/api/session/end", Session),
    ("/api/session/end-others", Session),
    ("/api/password/create-reset", Has(ManageMembers)),
    ("/api/password/change", Session),
    ("/api/password/reset", Everybody),
    ("/api/cli-session/list", Session),
    ("/api/cli-session/revoke", Session),
    // accounts
    ("/api/account/switch", Session),
    ("/api/account/get", Has(Read)),
    ("/api/account/quota", Has(Read)),
    ("/api/account/rename", Has(ManageAccount)),
    ("/api/account/ecosystem", Has(ManageAccount)),
    ("/api/account/transfer", Has(OwnAccount)),
    ("/api/account/delete", Has(OwnAccount)),
    // members: one removes oneself with any role
    ("/api/member/list", Has(Read)),
    ("/api/member/change", Has(ManageMembers)),
    ("/api/member/remove", Session),
    // invitations
    ("/api/invitation/create", Has(ManageMembers)),
    ("/api/invitation/resend", Has(ManageMembers)),
    ("/api/invitation/revoke", Has(ManageMembers)),
    ("/api/invitation/offer", Everybody),
    ("/api/invitation/accept", Everybody),
    // the platform's accounts
    ("/api/platform-account/list", Has(ManageAccounts)),
    ("/api/platform-account/get", Has(ManageAccounts)),
    ("/api/platform-account/create", Has(ManageAccounts)),
    ("/api/platform-account/invite", Has(ManageAccounts)),
    ("/api/platform-account/suspend", Has(ManageAccounts)),
    ("/api/platform-account/quota", Has(ManageAccounts)),
    ("/api/platform-account/delete", Has(ManageAccounts)),
    ("/api/platform-account/support", Has(ManageAccounts)),
    ("/api/platform-account/leave-support", Session),
    ("/api/platform-account/grant", Has(ManageAccounts)),
    // the platform's SKUs
    ("/api/platform-sku/list", Has(ManagePlatform)),
    ("/api/platform-sku/get", Has(ManagePlatform)),
    ("/api/platform-sku/create", Has(ManagePlatform)),
    ("/api/platform-sku/change", Has(ManagePlatform)),
    ("/api/platform-sku/retire", Has(ManagePlatform)),
    // virtual nodes
    ("/api/node/list", Has(ManagePlatform)),
    ("/api/node/get", Has(ManagePlatform)),
    ("/api/node/cordon", Has(ManagePlatform)),
    ("/api/node/drain", Has(ManagePlatform)),
    // engines
    ("/api/engine/list", Has(ManageEngines)),
    ("/api/engine/get", Has(ManageEngines)),
    ("/api/engine/add", Has(ManageEngines)),
    ("/api/engine/change", Has(ManageEngines)),
    ("/api/engine/rotate", Has(ManageEngines)),
    ("/api/engine/check", Has(ManageEngines)),
    ("/api/engine/switch", Has(ManageEngines)),
    ("/api/engine/delete", Has(ManageEngines)),
    ("/api/engine-manifest/create", Has(ManageEngines)),
    ("/api/platform-tenant/list", Has(ManageAccounts)),
    ("/api/health/get", Has(ManagePlatform)),
    ("/api/overview/get", Has(Read)),
    // namespaces
    ("/api/namespace/list", Has(Read)),
    ("/api/namespace/create", Has(CreateNamespace)),
    ("/api/namespace/get", Has(Read)),
    ("/api/namespace/rename", Has(CreateNamespace)),
    ("/api/namespace/share", Has(ManageAccount)),
    ("/api/namespace/delete", Has(CreateNamespace)),
    ("/api/default-sku/get", Has(Read)),
    ("/api/default-sku/set", Has(CreateNamespace)),
    // api keys
    ("/api/api-key/list", Has(Read)),
    ("/api/api-key/create", Has(OwnKeys)),
    ("/api/api-key/get", Has(Read)),
    ("/api/api-key/update", Has(OwnKeys)),
    ("/api/api-key/switch", Has(OwnKeys)),
    ("/api/api-key/rotate", Has(OwnKeys)),
    ("/api/api-key/revoke", Has(OwnKeys)),
    ("/api/api-key/revoke-many", Has(OwnKeys)),
    ("/api/credential/list", Has(Read)),
    ("/api/credential/revoke", Has(OwnKeys)),
    ("/api/kubeconfig/facts", Has(Read)),
    // skus
    ("/api/sku/list", Has(Read)),
    // deployments
    ("/api/deployment/check", Has(Read)),
    ("/api/deployment/create", Has(Deploy)),
    ("/api/deployment/sources", Has(Read)),
    // workloads
    ("/api/workload/list", Has(Read)),
    ("/api/workload/get", Has(Read)),
    ("/api/workload/delete", Has(Deploy)),
    ("/api/workload/delete-many", Has(Deploy)),
    ("/api/workload/scale", Has(Deploy)),
    ("/api/workload/image", Has(Deploy)),
    ("/api/workload/restart", Has(Deploy)),
    ("/api/workload/suspend", Has(Deploy)),
    ("/api/workload/run", Has(Deploy)),
    ("/api/workload/revisions", Has(Read)),
    ("/api/workload/roll-back", Has(Deploy)),
    ("/api/workload/manifest", Has(Read)),
    ("/api/workload/preview", Has(Deploy)),
    ("/api/workload/apply", Has(Deploy)),
    ("/api/metric/get", Has(Read)),
    ("/api/idle-gpu/get", Has(Read)),
    ("/api/idle-gpu/set", Has(Deploy)),
    ("/api/manifest/check", Has(Read)),
    ("/api/manifest/apply", Has(Deploy)),
    // config of a namespace
    ("/api/config-map/list", Has(Read)),
    ("/api/config-map/get", Has(Read)),
    ("/api/config-map/create", Has(Deploy)),
    ("/api/config-map/set", Has(Deploy)),
    ("/api/config-map/remove", Has(Deploy)),
    ("/api/config-map/delete", Has(Deploy)),
    ("/api/secret/list", Has(Deploy)),
    ("/api/secret/get", Has(Deploy)),
    ("/api/secret/create", Has(Deploy)),
    ("/api/secret/create-pull", Has(Deploy)),
    ("/api/secret/set", Has(Deploy)),
    ("/api/secret/set-pull", Has(Deploy)),
    ("/api/secret/remove", Has(Deploy)),
    ("/api/secret/delete", Has(Deploy)),
    // network
    ("/api/service/list", Has(Read)),
    ("/api/service/create", Has(Deploy)),
    ("/api/service/delete", Has(Deploy)),
    // SkyPilot
    ("/api/skypilot/get", Has(Read)),
    ("/api/skypilot/verification", Has(Read)),
    ("/api/skypilot/apply", Has(Deploy)),
    ("/api/skypilot/remove", Has(Deploy)),
    ("/api/skypilot/issue", Has(Deploy)),
    ("/api/skypilot/revoke", Has(Deploy)),
    ("/api/platform-skypilot/list", Has(ManagePlatform)),
    ("/api/platform-skypilot/approve", Has(ManagePlatform)),
    // outgoing webhooks
    ("/api/webhook/list", Has(ManageAccount)),
    ("/api/webhook/get", Has(ManageAccount)),
    ("/api/webhook/create", Has(ManageAccount)),
    ("/api/webhook/change", Has(ManageAccount)),
    ("/api/webhook/rotate", Has(ManageAccount)),
    ("/api/webhook/switch", Has(ManageAccount)),
    ("/api/webhook/test", Has(ManageAccount)),
    ("/api/webhook/redeliver", Has(ManageAccount)),
    ("/api/webhook/delete", Has(ManageAccount)),
    // audit; the platform's log is refused to others by the use case
    ("/api/audit/list", Has(ReadAudit)),
    ("/api/audit/get", Has(ReadAudit)),
    // usage
    ("/api/usage/summary", Has(ReadUsage)),
    ("/api/usage/list", Has(ReadUsage)),
    ("/api/budget/list", Has(ReadUsage)),
    ("/api/budget/create", Has(ManageBudgets)),
    ("/api/budget/change", Has(ManageBudgets)),
    ("/api/budget/delete", Has(ManageBudgets)),
];

/// What pages open beside server functions, streams and downloads, by method and path.
pub const STREAMS: &[(&str, &str, Need)] = &[
    ("GET", "/live/namespaces", Has(Read)),
    ("GET", "/live/namespaces/{namespace_id}", Has(Read)),
    ("GET", "/live/namespaces/{namespace_id}/workloads", Has(Read)),
    ("GET", "/live/namespaces/{namespace_id}/workloads/{kind}/{name}", Has(Read)),
    ("GET", "/live/namespaces/{namespace_id}/workloads/{kind}/{name}/metrics", Has(Read)),
    ("GET", "/live/namespaces/{namespace_id}/log", Has(Read)),
    ("GET", "/live/namespaces/{namespace_id}/pods/{pod}/exec", Has(Deploy)),
    // an operator checks the platform's as well
    ("GET", "/live/engine-preflight", Has(ManageEngines)),
    ("GET", "/live/nodes", Has(ManagePlatform)),
    ("GET", "/live/nodes/{name}", Has(ManagePlatform)),
    ("GET", "/live/skus", Has(Read)),
    ("GET", "/live/audit", Has(ReadAudit)),
    ("GET", "/live/platform/audit", Has(ManageAccounts)),
    ("GET", "/download/kubeconfig/{namespace_id}", Has(Read)),
    ("GET", "/download/skypilot/{namespace_id}", Has(Read)),
    ("GET", "/download/usage", Has(ReadUsage)),
    ("POST", "/download/connector/{namespace_id}", Has(CreateNamespace)),
    ("POST", "/download/api-key", Has(OwnKeys)),
];

// === impl Need ===

impl Need {
    /// What the operation `id` needs; none when it has no row.
    pub fn of(id: &str) -> Option<Self> {
        OPERATIONS.iter().find(|(known, _)| *known == id).map(|(_, need)| *need)
    }

    /// The text of `x-permission`.
    pub fn text(self) -> String {
        match self {
            Everybody => "none".to_owned(),
            Key => "api_key".to_owned(),
            Session => "signed_in".to_owned(),
            Has(permission) => snake_case(&format!("{permission:?}")),
        }
    }

    /// The `security` of the operation in the API document.
    pub fn security(self) -> Value {
        match self {
            Everybody => json!([{}]),
            Key => json!([{"api_key": []}, {"api_key_bearer": []}]),
            Session | Has(_) => json!([{"session": []}, {"cli_session": []}]),
        }
    }
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
