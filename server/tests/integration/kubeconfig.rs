//! Kubeconfigs through their variants, a rotation and a rename, with every kubectl that is found (RULINGS 9 and 50).

use std::path::{Path, PathBuf};

use serde_json::json;
use testkit::{TestApp, unique};

use crate::CONSOLE;

/// Our pinned kubectl, and of those called `kubectl.1.NN` the oldest, 1.30 and the newest.
fn programs(app: &TestApp) -> Vec<PathBuf> {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .iter()
        .flat_map(std::env::split_paths)
        .chain([PathBuf::from("/usr/lib/google-cloud-sdk/bin")])
        .collect();
    let at = |minor: u32| folders.iter().map(|dir| dir.join(format!("kubectl.1.{minor}"))).find(|file| file.is_file());
    let oldest = (27..30).find_map(at);
    let newest = (31..60).rev().find_map(at);
    let others = [oldest, at(30), newest].into_iter().flatten();
    std::iter::once(app.plane.kubectl_program().to_owned()).chain(others).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downloaded_file_survives_rotation_and_rename_under_every_kubectl() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let created = member.post("/v1/api-keys", json!({"name": "ci", "scopes": {"all": true}})).await;
    let (key_id, first) = (created.str("/id"), created.str("/key"));
    let file = app.kubeconfig(&member, id, "").await;
    let listed = async |program: &Path, key: &str| {
        let environment = [("REMOTEGPU_API_KEY", key)];
        app.plane.kubectl_with(program, &file, &["get", "pods"], &environment).await
    };
    let programs = programs(&app);
    for program in &programs {
        let ran = listed(program, &first).await;
        assert!(ran.stderr.contains(&format!("No resources found in {name} namespace")), "{program:?}: {ran:?}");
    }
    let rotated = member.post(&format!("/v1/api-keys/{key_id}/rotate"), json!({"overlap_seconds": 0})).await;
    let second = rotated.str("/key");
    let renamed = member.patch(&format!("/v1/kubernetes/namespaces/{id}"), json!({"name": unique("renamed")})).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
    for program in &programs {
        let ran = listed(program, &second).await;
        assert!(ran.stderr.contains(&format!("No resources found in {name} namespace")), "{program:?}: {ran:?}");
        let old = listed(program, &first).await.refused();
        assert!(old.contains("Invalid API key"), "{program:?}: {old}");
    }
    // Which ones ran is worth knowing: only ours is required.
    eprintln!("ran with {programs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_variant_is_read_by_kubectl_and_keeps_its_entry_names() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let id = namespace["id"].as_str().unwrap();
    let entry = format!("remotegpu-{}", &id[id.len() - 8..]);
    for (query, command) in [
        ("?variant=sh", "sh"),
        ("?variant=cli", "kubectl-remotegpu"),
        ("?variant=windows", "curl"),
        ("?variant=cli&access=view", "kubectl-remotegpu"),
    ] {
        let file = app.kubeconfig(&member, id, query).await;
        for program in programs(&app) {
            let view = ["config", "view", "-o", "json"];
            let seen = app.plane.kubectl_with(&program, &file, &view, &[]).await.out();
            let seen: serde_json::Value = serde_json::from_str(&seen).unwrap();
            assert_eq!(seen["current-context"], entry.as_str());
            assert_eq!(seen["contexts"][0]["context"]["namespace"], namespace["kubernetes_name"]);
            let exec = &seen["users"][0]["user"]["exec"];
            assert_eq!(exec["command"], command, "{query}");
            if command == "kubectl-remotegpu" {
                let arguments = exec["args"].as_array().unwrap();
                assert_eq!((&arguments[0], &arguments[1]), (&json!("exec-credential"), &json!("--url")));
                let url = arguments[2].as_str().unwrap();
                let wanted = format!("{}/v1/kubernetes/namespaces/{id}/exec-credential", app.url);
                let access = if query.contains("view") { "?access=view" } else { "" };
                assert_eq!(url, format!("{wanted}{access}"));
            }
        }
    }
    let unknown = member.get(&format!("/v1/kubernetes/namespaces/{id}/kubeconfig?variant=perl")).await;
    assert_eq!((unknown.status, unknown.str("/errors/0/field").as_str()), (400, "variant"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_program_that_is_missing_is_said_by_kubectl_with_our_hint() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let file = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "?variant=cli").await;
    let environment = [("PATH", "/nonexistent"), ("REMOTEGPU_API_KEY", "rgpu_x")];
    let refused = app.plane.kubectl(&file, &["get", "pods"], &environment).await.refused();
    assert!(refused.contains("kubectl-remotegpu") && refused.contains("Needs the program"), "{refused}");
}
