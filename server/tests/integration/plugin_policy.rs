//! What people may set in their own settings of kubectl since 1.35: which credential plugins run, by name.
//!
//! Source: `security.md` §1.6, docs/KUBECTL.md.

use std::path::{Path, PathBuf};

use domain::kubeconfig::KUBERC;
use serde_json::json;
use testkit::{Ran, Scratch, TestApp, earlier_kubectl};

use crate::CONSOLE;
use crate::cli::program;

const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";
const NOT_ON_THE_LIST: &str = "is not permitted by the credential plugin allowlist";

struct Stage {
    app: TestApp,
    key: String,
    /// Kubeconfigs of the variants sh and cli.
    sh: PathBuf,
    cli: PathBuf,
    folder: Scratch,
}

impl Stage {
    async fn new() -> Self {
        let app = TestApp::start(CONSOLE).await;
        let member = app.operator().await;
        let namespace = app.namespace(&member).await;
        let id = namespace["id"].as_str().unwrap();
        let (sh, cli) = (app.kubeconfig(&member, id, "").await, app.kubeconfig(&member, id, "?variant=cli").await);
        Self { key: app.key(&member, json!({"all": true})).await, sh, cli, folder: Scratch::new(), app }
    }

    /// `get pods` by somebody with these settings, whose PATH has our program.
    async fn run(&self, kubectl: &Path, kubeconfig: &Path, kuberc: &str) -> Ran {
        let kuberc = self.folder.secret("kuberc", kuberc).display().to_string();
        let path = format!("{}:{}", program().parent().unwrap().display(), std::env::var("PATH").unwrap());
        let environment = [("KUBERC", &*kuberc), ("PATH", &*path), ("REMOTEGPU_API_KEY", &*self.key)];
        self.app.plane.kubectl_with(kubectl, kubeconfig, &["get", "pods"], &environment).await
    }

    /// Those that know the policy.
    fn kubectls(&self) -> Vec<&Path> {
        std::iter::once(self.app.plane.kubectl_program()).chain(earlier_kubectl()).collect()
    }
}

fn allowing(field: &str, plugin: &str) -> String {
    format!("{HEAD}credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- {field}: {plugin:?}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_named_program_runs_where_a_policy_allows_it_by_name_or_by_path() {
    let stage = Stage::new().await;
    let path = program().display().to_string();
    for kubectl in stage.kubectls() {
        for kuberc in [KUBERC, &allowing("name", &path)] {
            let ran = stage.run(kubectl, &stage.cli, kuberc).await;
            assert!(ran.ok && ran.stderr.contains("No resources found"), "{kubectl:?}: {kuberc}: {ran:?}");
        }
        let refused = stage.run(kubectl, &stage.cli, &allowing("name", "another-plugin")).await.refused();
        assert!(refused.contains(NOT_ON_THE_LIST), "{kubectl:?}: {refused}");
    }
}

/// To allow a shell is to allow every script: such a person takes the other variant.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_runs_only_where_the_shell_is_allowed() {
    let stage = Stage::new().await;
    for kubectl in stage.kubectls() {
        let refused = stage.run(kubectl, &stage.sh, KUBERC).await.refused();
        assert!(refused.contains(NOT_ON_THE_LIST) && refused.contains("sh\""), "{kubectl:?}: {refused}");
        let ran = stage.run(kubectl, &stage.sh, &allowing("name", "sh")).await;
        assert!(ran.ok, "{kubectl:?}: {}", ran.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_denies_all_names_the_program_and_asks_nobody() {
    let stage = Stage::new().await;
    let deny = format!("{HEAD}credentialPluginPolicy: DenyAll\n");
    for kubectl in stage.kubectls() {
        for (kubeconfig, plugin) in [(&stage.sh, "sh"), (&stage.cli, "kubectl-remotegpu")] {
            let refused = stage.run(kubectl, kubeconfig, &deny).await.refused();
            let sentence = format!("plugin \"{plugin}\" not allowed: policy set to \"DenyAll\"");
            assert!(refused.contains(&sentence), "{kubectl:?}: {refused}");
        }
    }
}

/// Why our page and our docs spell an entry with `name`.
#[tokio::test(flavor = "multi_thread")]
async fn entries_spelled_as_of_1_36_are_no_entries_for_1_35() {
    let stage = Stage::new().await;
    let newer = allowing("command", "kubectl-remotegpu");
    let pinned = stage.app.plane.kubectl_program();
    assert!(stage.run(pinned, &stage.cli, &newer).await.ok, "the pinned one takes both spellings");
    if let Some(earlier) = earlier_kubectl() {
        let refused = stage.run(earlier, &stage.cli, &newer).await.refused();
        assert!(refused.contains("empty allowlist entry #1"), "{refused}");
    }
}
