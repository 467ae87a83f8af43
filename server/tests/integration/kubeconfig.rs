//! Kubeconfigs through their variants, a rotation and a rename, with every kubectl that is found (RULINGS 9 and 50).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use testkit::{Client, FaultProxy, Scratch, TestApp, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

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

/// The variant for Windows has no shell in it, so it runs wherever curl knows `--variable`.
#[tokio::test(flavor = "multi_thread")]
async fn the_windows_variant_runs_with_curl_8_3_and_an_older_curl_says_what_it_misses() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key = app.key(&member, json!({"all": true})).await;
    let file = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "?variant=windows").await;
    let pods = async |key: &str| app.plane.kubectl(&file, &["get", "pods"], &[("REMOTEGPU_API_KEY", key)]).await;
    let said = tokio::process::Command::new("curl").arg("--version").output().await.unwrap();
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let version = said.split_whitespace().nth(1).unwrap();
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or_default());
    if (numbers.next(), numbers.next()) >= (Some(8), Some(3)) {
        let ran = pods(&key).await;
        assert!(ran.stderr.contains("No resources found"), "curl {version}: {ran:?}");
        let wrong = testkit::one_off(&key);
        let refused = pods(&wrong).await.refused();
        assert!(refused.contains("executable curl failed with exit code 22"), "curl {version}: {refused}");
        assert!(!refused.contains(&wrong), "the key is not printed");
    } else {
        let refused = pods(&key).await.refused();
        assert!(refused.contains("option --variable: is unknown"), "curl {version}: {refused}");
        assert!(refused.contains("executable curl failed with exit code 2"), "curl {version}: {refused}");
        testkit::left_out(&format!("the Windows variant of the kubeconfig: curl is {version}, it needs 8.3"));
    }
}

/// Every user of a machine may read what its programs were started with.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_in_no_list_of_processes_while_curl_waits() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let key = app.key(&member, json!({"all": true})).await;
    let (file, proxy) = through_a_proxy(&app, &member, namespace["id"].as_str().unwrap()).await;
    proxy.hold();
    let run = tokio::spawn({
        let (plane, key) = (app.plane, key.clone());
        async move { plane.kubectl(&file, &["get", "pods"], &[("REMOTEGPU_API_KEY", &key)]).await }
    });
    proxy.holding().await;
    let started: Vec<String> = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| std::fs::read(entry.ok()?.path().join("cmdline")).ok())
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect();
    assert!(started.iter().all(|line| !line.contains(&key)), "the key stands in the list of processes");
    let curl = started.iter().find(|line| line.starts_with("curl ") && line.contains(&proxy.address()));
    let curl = curl.unwrap_or_else(|| panic!("curl is not running: {started:?}"));
    for part in ["curl -q ", " --proto =", " --connect-timeout 5 ", " --max-time 10 ", " -H @- "] {
        assert!(curl.contains(part), "{part}: {curl}");
    }
    proxy.pass();
    run.await.unwrap().out();
}

async fn through_a_proxy(app: &TestApp, member: &Client, namespace: &str) -> (PathBuf, FaultProxy) {
    let address = app.url.trim_start_matches("http://");
    let proxy = FaultProxy::to(address).await;
    let file = app.kubeconfig(member, namespace, "").await;
    let text = std::fs::read_to_string(&file).unwrap().replace(address, &proxy.address());
    std::fs::write(&file, text).unwrap();
    (file, proxy)
}

/// The script of the kubeconfig under each shell that is found, with a home whose settings of curl follow redirects.
#[tokio::test(flavor = "multi_thread")]
async fn the_script_follows_no_redirect_under_any_shell() {
    let (app, home) = (TestApp::start(CONSOLE).await, Scratch::new());
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let file = app.kubeconfig(&member, namespace["id"].as_str().unwrap(), "").await;
    let view = app.plane.kubectl(&file, &["config", "view", "-o", "json"], &[]).await.out();
    let view: serde_json::Value = serde_json::from_str(&view).unwrap();
    let exec = &view["users"][0]["user"]["exec"];
    assert_eq!(exec["interactiveMode"], "Never");
    let script = exec["args"][1].as_str().unwrap();
    home.secret(".curlrc", "location\n");
    let elsewhere = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".into()).await;
    let head = format!("HTTP/1.1 302 Found\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.0);
    let console = answering(head).await;
    let mut ran = Vec::new();
    for shell in [&["sh"][..], &["dash"], &["bash"], &["busybox", "sh"]] {
        let mut command = tokio::process::Command::new(shell[0]);
        command.args(&shell[1..]).args(["-c", script, "remotegpu", &format!("http://{}/exec-credential", console.0)]);
        command.env("HOME", home.path()).env("CURL_HOME", home.path()).env("REMOTEGPU_API_KEY", "rgpu_any");
        let Ok(output) = command.stdin(std::process::Stdio::null()).output().await else {
            testkit::left_out(&format!("the script of the kubeconfig under {}: not installed", shell.join(" ")));
            continue;
        };
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{shell:?}: {said}");
        assert!(said.contains("remotegpu: HTTP 302"), "{shell:?}: {said}");
        assert!(output.stdout.is_empty(), "{shell:?}");
        ran.push(shell[0]);
    }
    assert!(ran.len() >= 2, "{ran:?}");
    assert_eq!(elsewhere.1.load(Ordering::SeqCst), 0, "nobody was sent on");
    assert_eq!(console.1.load(Ordering::SeqCst), ran.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_named_program_follows_no_redirect_and_prints_no_key() {
    let (app, home) = (TestApp::start(CONSOLE).await, Scratch::new());
    let key = app.key(&app.operator().await, json!({"all": true})).await;
    let elsewhere = answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".into()).await;
    let head = format!("HTTP/1.1 307 Elsewhere\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.0);
    let console = answering(head).await;
    let mut command = tokio::process::Command::new(crate::cli::program());
    command.args(["exec-credential", "--no-cache", "--url", &format!("http://{}/exec-credential", console.0)]);
    command.env("HOME", home.path()).env("REMOTEGPU_API_KEY", &key).env_remove("REMOTEGPU_SERVER");
    let output = command.stdin(std::process::Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("remotegpu: HTTP 307") && !said.contains(&key), "{said}");
    assert!(output.stdout.is_empty());
    assert_eq!(elsewhere.1.load(Ordering::SeqCst), 0, "nobody was sent on");
}

/// Somebody who says the same to everybody: the address, and how many came.
async fn answering(answer: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (address, came) = (listener.local_addr().unwrap().to_string(), Arc::new(AtomicUsize::new(0)));
    let count = came.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _request = stream.read(&mut [0; 4096]).await;
            let _gone = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, came)
}
