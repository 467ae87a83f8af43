//! What is known to a test must turn up in no log line, metric or database byte; what is a tenant's, in no label.

use serde_json::{Value, json};
use testkit::{Client, eventually, read_rest, unique};
use tokio::io::AsyncWriteExt as _;

use super::{AUDIT_KEY, Console, EMAIL, PASSWORD, PEPPER, free_port, reqwest_client};

/// What a scenario leaves behind, and what it must have left nowhere.
struct Left {
    metrics: String,
    log: String,
    database: Vec<u8>,
    pages: String,
    secrets: Vec<String>,
    tenant: Vec<String>,
}

async fn scenario() -> Left {
    let metrics = format!("127.0.0.1:{}", free_port());
    let console = Console::start(&["--metrics-listen", &metrics, "--log-format", "json"]).await;
    let member = console.operator().await;
    let session: Value = member.get("/v1/auth/session").await.json();
    let name = unique("canary-team");
    let created = member.post("/v1/kubernetes/namespaces", json!({"name": name})).await;
    let (id, route) = (created.str("/id"), format!("/v1/kubernetes/namespaces/{}", created.str("/id")));
    eventually("the namespace is active", async || match member.get(&route).await.json()["status"].as_str() {
        Some("active") => Ok(()),
        other => Err(other.map(str::to_owned)),
    })
    .await;
    let key = member.post("/v1/api-keys", json!({"name": "canary-key-name", "scopes": {"all": true}})).await;
    let caller = Client::anonymous(&console.url).with("x-api-key", &key.str("/key"));
    let exec = format!("{route}/exec-credential");
    let token = caller.post(&exec, json!({})).await.str("/status/token");
    assert_eq!(caller.post(&exec, json!({})).await.status, 200);
    let id_of_key = key.str("/id");
    let rotated = member.post(&format!("/v1/api-keys/{id_of_key}/rotate"), json!({"overlap_seconds": 60})).await;
    let invitation = json!({"email": "canary.guest@example.com", "role": "viewer"});
    let invited = member.post("/v1/invitations", invitation).await.str("/link");
    let own = session["user"]["id"].as_str().unwrap();
    let reset = member.post(&format!("/v1/members/{own}/password-reset"), json!({})).await.str("/url");
    let in_link = |link: &str| link.rsplit('/').next().unwrap().to_owned();
    let wrong = testkit::one_off(&key.str("/key"));
    let mut pages = Client::anonymous(&console.url).with("x-api-key", &wrong).post(&exec, json!({})).await.text;
    let login = json!({"email": "canary.stranger@example.com", "password": "canary-wrong-password"});
    pages += &Client::anonymous(&console.url).post("/v1/auth/login", login).await.text;
    pages += &member.get("/v1/canary-path-of-nobody").await.text;
    pages += &Client::anonymous(&console.url).get("/canary-path-of-nobody").await.text;
    let url = format!("http://{metrics}/metrics");
    let text = reqwest_client().get(url).send().await.unwrap().text().await.unwrap();
    let elsewhere = reqwest_client().get(format!("http://{metrics}/v1/skus")).send().await.unwrap();
    assert_eq!(elsewhere.status(), 404, "nothing else is there");
    let cookie = member.cookie().unwrap().split_once('=').unwrap().1.to_owned();
    let files = ["console.sqlite", "console.sqlite-wal"].map(|name| console.path(name));
    let tenant =
        [&session["user"]["id"], &session["account"]["id"], &created.json()["kubernetes_name"], &key.json()["id"]];
    Left {
        metrics: text,
        log: console.log(),
        database: files.iter().filter_map(|file| std::fs::read(file).ok()).flatten().collect(),
        pages,
        secrets: vec![
            PASSWORD.into(),
            PEPPER.into(),
            AUDIT_KEY.into(),
            testkit::KEK.into(),
            key.str("/key"),
            rotated.str("/key"),
            in_link(&invited),
            in_link(&reset),
            token,
            cookie,
            "canary-wrong-password".into(),
        ],
        tenant: tenant.into_iter().filter_map(|v| v.as_str().map(str::to_owned)).chain([id, name]).collect(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_left_anywhere_and_no_tenant_in_the_metrics() {
    let left = scenario().await;
    for secret in &left.secrets {
        for (place, text) in [("metrics", &left.metrics), ("log", &left.log), ("answers", &left.pages)] {
            assert!(!text.contains(secret.as_str()), "a secret stands in the {place}");
        }
        let found = left.database.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!found, "a secret stands in the database");
    }
    assert!(left.tenant.len() >= 5, "{:?}", left.tenant);
    for text in left.tenant.iter().map(String::as_str).chain([EMAIL, "canary", "@", "rgpu_", "127.0.0.1"]) {
        let line = left.metrics.lines().find(|line| line.contains(text));
        assert!(line.is_none(), "{text} in {line:?}");
    }
    assert!(!left.log.contains(EMAIL) && !left.log.contains("canary.stranger"), "{}", left.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_say_what_happened() {
    let left = scenario().await;
    for line in [
        "remotegpu_build_info{version=",
        "remotegpu_http_request_duration_seconds_count{method=\"POST\",route=\"/v1/kubernetes/namespaces\",status=\"2xx\"} 1",
        "route=\"/v1/kubernetes/namespaces/{namespace_id}/exec-credential\",status=\"2xx\"} 2",
        "remotegpu_credentials_refused_total{code=\"invalid_api_key\"} 1",
        "remotegpu_cluster_call_duration_seconds_count{call=\"requesting a token\",answered=\"yes\"}",
        "remotegpu_reconcile_queue{kind=",
        "remotegpu_reconcile_last_success_timestamp_seconds ",
        "remotegpu_sessions_live 1",
        "remotegpu_store_connections_in_use{pool=\"read\"}",
        "remotegpu_store_wait_seconds{pool=\"write\"}",
        "remotegpu_password_hashes{state=\"waiting\"} 0",
    ] {
        assert!(left.metrics.contains(line), "{line} is missing in\n{}", left.metrics);
    }
    for outcome in ["issued", "reused"] {
        let line = left.metrics.lines().find(|l| {
            l.starts_with("remotegpu_credentials_total") && l.contains(outcome) && l.contains("holder=\"key\"")
        });
        assert!(line.is_some_and(|line| line.ends_with(" 1")), "{outcome}: {line:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_line_of_the_log_is_json_whatever_a_stranger_sends() {
    let console = Console::start(&["--log-format", "json"]).await;
    let mut stream = tokio::net::TcpStream::connect(console.url.trim_start_matches("http://")).await.unwrap();
    let agent = "evil\u{9b}31m\u{202e}agent";
    let request =
        format!("GET /canary%1b[31m\u{7f} HTTP/1.1\r\nhost: x\r\nuser-agent: {agent}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.replace('\u{7f}', "%7f").as_bytes()).await.unwrap();
    read_rest(&mut stream).await;
    let seen = eventually("the request is logged", async || {
        let log = console.log();
        let line = log.lines().find(|line| line.contains("evil")).map(str::to_owned);
        line.ok_or(log)
    })
    .await;
    assert!(!seen.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{seen:?}");
    for line in console.log().lines() {
        let line: Value = serde_json::from_str(line).expect(line);
        assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z') && at.contains('T')), "{line}");
        assert!(line["level"].is_string() && line["message"].is_string(), "{line}");
    }
    let seen: Value = serde_json::from_str(&seen).unwrap();
    assert_eq!((seen["http.method"].as_str(), seen["http.user_agent"].as_str()), (Some("GET"), Some(agent)));
    assert!(seen["request.id"].is_string() && seen["http.route"].is_string(), "{seen}");
    assert!(seen["http.status"].is_u64() && seen["duration_ms"].is_f64(), "{seen}");
}
