//! What a kubeconfig holds, how it is quoted, and what it makes kubectl run.

use super::*;
use crate::id::{AccountId, NamespaceId, UserId};
use crate::namespace::{KubernetesName, NamespaceName, NamespaceStatus};

fn namespace(name: &str) -> Namespace {
    let uuid = "019c1b2e-7f00-7abc-8def-0123456789ab";
    let id = NamespaceId::parse(uuid).unwrap();
    let name = NamespaceName::new(name).unwrap();
    Namespace {
        id,
        account_id: AccountId::parse(uuid).unwrap(),
        kubernetes_name: KubernetesName::derive(&name, id),
        name,
        status: NamespaceStatus::Active,
        status_message: None,
        created_by: UserId::parse(uuid).unwrap(),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        tenant: None,
        label: None,
        activated_at: None,
        share: crate::account::Share::default(),
    }
}

fn endpoints(console_url: &str) -> Endpoints {
    Endpoints {
        cluster_server: "https://k8s.example.com".into(),
        cluster_ca_pem: String::new(),
        console_url: console_url.into(),
    }
}

#[test]
fn a_connector_carries_its_token_and_no_program() {
    let text = render_connector(&namespace("n"), &endpoints("https://c"), "Q0E=", "skg00018", "a.b.c");
    for line in [
        "current-context: \"skg00018\"\n",
        "    server: \"https://k8s.example.com\"\n    certificate-authority-data: \"Q0E=\"\n",
        "    user: \"skg00018\"\n    namespace: \"n-456789ab\"\n",
        "users:\n- name: \"skg00018\"\n  user:\n    token: \"a.b.c\"\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let bare = render_connector(&namespace("n"), &endpoints("https://c"), "", "skg00018", "a.b.c");
    assert!(!bare.contains("certificate-authority-data"));
}

fn text(console_url: &str, access: Access) -> String {
    render(&namespace("n"), &endpoints(console_url), "Q0E=", Variant::Sh, access).unwrap().kubeconfig
}

#[test]
fn names_that_yaml_would_misread_stay_text() {
    assert!(text("https://api.example.com", Access::Edit).contains("namespace: \"n-456789ab\""));
}

#[test]
fn plain_http_is_allowed_on_loopback_only() {
    assert!(text("http://127.0.0.1:8080", Access::Edit).contains("- \"=http\""));
    assert!(text("https://api.example.com", Access::Edit).contains("- \"=https\""));
    for bad in ["http://api.example.com", "http://127.0.0.1.evil.example", "ftp://127.0.0.1"] {
        assert!(render(&namespace("n"), &endpoints(bad), "", Variant::Sh, Access::Edit).is_err(), "{bad}");
    }
}

#[test]
fn a_view_kubeconfig_asks_for_view() {
    assert!(text("https://api.example.com", Access::View).contains("/exec-credential?access=view\""));
}

#[test]
fn the_variant_cli_names_a_program_that_a_policy_can_allow() {
    let (namespace, endpoints) = (namespace("n"), endpoints("https://api.example.com"));
    let yaml = render(&namespace, &endpoints, "", Variant::Cli, Access::View).unwrap().kubeconfig;
    let url = format!("https://api.example.com/v1/kubernetes/namespaces/{}/exec-credential?access=view", namespace.id);
    assert!(yaml.contains("      command: \"kubectl-remotegpu\"\n      args:\n      - \"exec-credential\"\n"));
    assert!(yaml.ends_with(&format!("      - \"--url\"\n      - \"{url}\"\n")), "{yaml}");
    let shown = command(&namespace, &endpoints, Variant::Cli, Access::View).unwrap();
    assert_eq!(shown, format!("kubectl-remotegpu exec-credential --url '{url}'"));
}

#[test]
fn the_policy_in_the_docs_is_the_one_of_the_page() {
    let page = include_str!("../../../../docs/KUBECTL.md");
    assert!(page.contains(&format!("```yaml\n{KUBERC}```")), "docs/KUBECTL.md");
    assert!(KUBERC.contains(&format!("- name: {}\n", plugin(Variant::Cli, Access::Edit).command)));
}

fn plugin(variant: Variant, access: Access) -> Plugin {
    Plugin::new(&namespace("n"), &endpoints("https://api.example.com:8443"), variant, access).unwrap()
}

/// kubectl starts the program itself, without cmd: Go puts an argument with a blank into double quotes and leaves
/// all others alone, and nothing between the two may mean anything to either.
#[test]
fn no_argument_of_the_windows_variant_needs_escaping() {
    for access in [Access::Edit, Access::View] {
        let args = plugin(Variant::Windows, access).args;
        for arg in &args {
            assert!(!arg.contains(['"', '\\', '^', '&', '|', '<', '>', '!', '`', '$', '\n', '\t']), "{arg}");
            assert!(arg.matches('%').count() < 2, "cmd would take a pair for a variable: {arg}");
        }
        assert!(!args.iter().any(|arg| arg.contains("rgpu_")), "the key comes from the environment");
    }
}

/// `--variable` and `--expand-header` are of curl 8.3: the name is read from the environment by curl itself, fails
/// where it is not set, and stands in no list of processes.
#[test]
fn the_windows_variant_names_the_variable_before_the_header_that_expands_it() {
    let args = plugin(Variant::Windows, Access::Edit).args;
    let at = |wanted: &str| args.iter().position(|arg| arg == wanted).unwrap();
    assert_eq!(args[0], "-q", "first, or curl reads its settings before it hears of it");
    assert_eq!(args[at("--variable") + 1], "%REMOTEGPU_API_KEY");
    assert_eq!(args[at("--expand-header") + 1], "x-api-key: {{REMOTEGPU_API_KEY}}");
    assert!(at("--variable") < at("--expand-header"));
    assert!(!args.iter().any(|arg| arg == "-L" || arg == "--location"));
    assert_eq!(args[at("--proto") + 1], "=https");
}

#[test]
fn the_shown_command_of_windows_can_be_pasted_into_cmd_and_powershell() {
    let (namespace, endpoints) = (namespace("n"), endpoints("https://api.example.com"));
    let shown = command(&namespace, &endpoints, Variant::Windows, Access::View).unwrap();
    let id = namespace.id;
    assert_eq!(
        shown,
        format!(
            "curl -q -sS --fail-with-body --proto =https --connect-timeout 5 --max-time 10 -X POST --variable \
             %REMOTEGPU_API_KEY --expand-header \"x-api-key: {{{{REMOTEGPU_API_KEY}}}}\" \
             https://api.example.com/v1/kubernetes/namespaces/{id}/exec-credential?access=view"
        )
    );
}

#[test]
fn every_scalar_but_the_script_and_one_flag_is_quoted() {
    for variant in Variant::ALL {
        let yaml = render(&namespace("no"), &endpoints("https://x"), "Q0E=", variant, Access::Edit).unwrap();
        let mut in_script = false;
        for line in yaml.kubeconfig.lines() {
            in_script = line == "      - |" || (in_script && line.starts_with("        "));
            let value = line.trim_start_matches([' ', '-']).split_once(": ").map_or("", |(_, value)| value);
            let plain = value.is_empty() || value.starts_with('"') || value == "false";
            assert!(in_script || plain || line.trim_start().starts_with("- \""), "{line}");
        }
    }
}

#[test]
fn a_rename_changes_the_file_name_and_nothing_in_the_file() {
    let before = namespace("team-ml");
    let after = Namespace { name: NamespaceName::new("team-vision").unwrap(), ..before.clone() };
    let file = |n: &Namespace| render(n, &endpoints("https://x"), "", Variant::Sh, Access::Edit).unwrap();
    assert_eq!(file(&before).kubeconfig, file(&after).kubeconfig);
    assert_ne!(file(&before).filename, file(&after).filename);
}

#[test]
fn the_shown_command_can_be_pasted_into_a_shell() {
    assert_eq!(shell_word("=https"), "=https");
    assert_eq!(shell_word("it's"), "'it'\\''s'");
    assert_eq!(shell_word(""), "''");
}
