//! Rows that no cluster of the tests can be made to show: an old version, a certificate near its end, and what a host or
//! an account does not tell.

use std::net::SocketAddr;

use domain::engine_manifest::EngineFeature;
use rcgen::date_time_ymd;
use serde_json::{Value, json};

use super::*;

/// Answers everything with this JSON.
fn answer(body: &Value) -> String {
    let body = body.to_string();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Status and sentence of one row; none without such a row.
async fn row(probe: &Probe, settings: &Settings, depth: Depth, id: &str, at: Timestamp) -> Option<(RowStatus, String)> {
    let probed = probe.probe(settings, &bearer(), depth, at).await;
    probed.report.row(id).map(|row| (row.status, row.message.clone()))
}

#[tokio::test]
async fn a_version_outside_of_the_supported_ones_is_a_warning_with_both_numbers() {
    let old = "v1.27.16 is outside of the supported versions 1.28 to 1.37";
    let new = "v1.38.0 is outside of the supported versions 1.28 to 1.37";
    for (body, status, message) in [
        (json!({"major": "1", "minor": "27", "gitVersion": "v1.27.16"}), RowStatus::Warn, old),
        (json!({"major": "1", "minor": "28+", "gitVersion": "v1.28.15-eks"}), RowStatus::Pass, "v1.28.15-eks"),
        (json!({"major": "1", "minor": "37", "gitVersion": "v1.37.1"}), RowStatus::Pass, "v1.37.1"),
        (json!({"major": "1", "minor": "38", "gitVersion": "v1.38.0"}), RowStatus::Warn, new),
        (json!({"kind": "Status"}), RowStatus::Warn, "The API server does not say its version"),
    ] {
        let Server { ca_pem, config } = server("127.0.0.1");
        let (port, _) = serve(config, answer(&body)).await;
        let found = row(&open(), &cluster(port, Some(ca_pem)), Depth::Light, "version", now()).await;
        assert_eq!(found, Some((status, message.to_owned())), "{body}");
    }
}

#[tokio::test]
async fn a_certificate_that_ends_soon_is_a_warning_and_one_out_of_its_time_hears_nothing() {
    let looked_at: Timestamp = "2089-12-15T00:00:00Z".parse().unwrap();
    let valid = "The certificate is valid now";
    let soon = "Certificate of the server expires on 2090-01-01";
    for (until, status, message) in [(2091, RowStatus::Pass, valid), (2090, RowStatus::Warn, soon)] {
        let Server { ca_pem, config } =
            server_with("127.0.0.1", |params| params.not_after = date_time_ymd(until, 1, 1));
        let (port, _) = serve(config, answer(&json!({}))).await;
        let found = row(&open(), &cluster(port, Some(ca_pem)), Depth::Light, "tls-dates", looked_at).await;
        assert_eq!(found, Some((status, message.to_owned())));
    }
    let (past, future) = ("Certificate of the server has expired", "Certificate of the server is not valid yet");
    for ((from, until), message) in [((2020, 2021), past), ((2090, 2091), future)] {
        let Server { ca_pem, config } = server_with("127.0.0.1", |params| {
            (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
        });
        let (port, heard) = serve(config, answer(&json!({}))).await;
        let found = row(&open(), &cluster(port, Some(ca_pem)), Depth::Light, "tls-dates", now()).await;
        assert_eq!(found, Some((RowStatus::Fail, message.to_owned())));
        assert_eq!(heard.lock().unwrap().as_str(), "");
    }
}

#[tokio::test]
async fn a_clock_that_is_more_than_a_minute_away_is_a_warning() {
    let at: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    let agrees = (RowStatus::Pass, "Its clock agrees with ours");
    let away = (RowStatus::Warn, "Its clock is 90 s away from ours");
    for (theirs, (status, message)) in [("03:05:05", agrees), ("03:05:35", away), ("03:02:35", away)] {
        let Server { ca_pem, config } = server("127.0.0.1");
        let said = answer(&json!({"major": "1", "minor": "30", "gitVersion": "v1.30.0"}));
        let dated = format!("connection: close\r\ndate: Fri, 02 Jan 2026 {theirs} GMT");
        let (port, _) = serve(config, said.replace("connection: close", &dated)).await;
        let found = row(&open(), &cluster(port, Some(ca_pem)), Depth::Light, "clock", at).await;
        assert_eq!(found, Some((status, message.to_owned())), "{theirs}");
    }
}

#[tokio::test]
async fn a_token_without_an_end_is_a_warning() {
    // {"alg":"none"} . {"sub":"system:serviceaccount:a:b"} . x
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0.x";
    let who = json!({"userInfo": {"username": "system:serviceaccount:a:b", "groups": []}});
    let Server { ca_pem, config } = server("127.0.0.1");
    let said = json!({"major": "1", "minor": "30", "gitVersion": "v1.30.0", "status": who});
    let (port, _) = serve(config, answer(&said)).await;
    let credentials = Credentials::BearerToken { token: token.to_owned() };
    let probed = open().probe(&cluster(port, Some(ca_pem)), &credentials, Depth::Light, now()).await;
    let life = probed.report.row("token-life").map(|row| (row.status, row.message.as_str()));
    assert_eq!(life, Some((RowStatus::Warn, "This token never expires")), "{probed:?}");
}

#[tokio::test]
async fn a_host_does_not_tell_its_disk_and_that_is_no_fault() {
    let host = json!({"ApiVersion": "1.41", "Version": "5.4.0", "Name": "build-1", "ID": "a"});
    let Server { ca_pem, config } = server("127.0.0.1");
    let (port, _) = serve(config, answer(&host)).await;
    let endpoint = format!("https://127.0.0.1:{port}");
    let settings = Settings::Docker(domain::engine::settings::Docker { endpoint, ca_pem: Some(ca_pem) });
    let skipped = (RowStatus::Skip, "The host does not say how much disk is free".to_owned());
    assert_eq!(row(&open(), &settings, Depth::Full, "disk", now()).await, Some(skipped));
    assert_eq!(row(&open(), &settings, Depth::Light, "disk", now()).await, None, "a light check does not look for it");
    let probed = open().probe(&settings, &bearer(), Depth::Full, now()).await;
    assert!(probed.report.usable() && probed.report.worst().is_none(), "{probed:?}");
    assert_eq!((probed.facts.version.as_str(), probed.facts.identity.as_str()), ("5.4.0", "build-1"));
}

#[tokio::test]
async fn a_podman_that_calls_itself_something_else_each_time_is_no_other_host() {
    let docker = json!({"Name": "Engine", "Version": "28.0.0"});
    let podman = json!({"Name": "Podman Engine", "Version": "5.4.0"});
    for (component, uid) in [(docker, "a"), (podman, "")] {
        let host = json!({"ApiVersion": "1.41", "Version": "5.4.0", "ID": "a", "Components": [component]});
        let Server { ca_pem, config } = server("127.0.0.1");
        let (port, _) = serve(config, answer(&host)).await;
        let endpoint = format!("https://127.0.0.1:{port}");
        let settings = Settings::Docker(domain::engine::settings::Docker { endpoint, ca_pem: Some(ca_pem) });
        let probed = open().probe(&settings, &bearer(), Depth::Light, now()).await;
        assert_eq!(probed.facts.cluster_uid, uid);
    }
}

#[tokio::test]
async fn an_account_does_not_tell_its_balance_and_that_is_no_fault() {
    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let probe = Probe::new(AddressPolicy::default()).with_runpod(&simulator(&["rpa_good"]).await);
    let (settings, key) = (Settings::Runpod(rented("1000")), Credentials::ApiKey { key: "rpa_good".to_owned() });
    let full = probe.probe(&settings, &key, Depth::Full, now()).await.report;
    let balance = full.row("balance").map(|row| (row.status, row.message.as_str()));
    let told = "RunPod's API does not tell the balance; look at its own console";
    assert_eq!(balance, Some((RowStatus::Skip, told)));
    assert!(full.usable());
    let light = probe.probe(&settings, &key, Depth::Light, now()).await.report;
    assert_eq!(light.row("balance"), None, "a light check does not look for it");
}

/// An engine with these features whose API server answers by `says`, where it says nothing with 503.
async fn told_by(
    features: Vec<EngineFeature>,
    says: impl Fn(&str) -> Option<Value> + Send + Sync + 'static,
) -> (http::Api, OnPremise) {
    let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let Server { ca_pem, config } = server("127.0.0.1");
    let said = move |asked: &str| says(asked).map_or_else(|| busy.to_owned(), |body| answer(&body));
    let (port, _) = serve_by(config, said).await;
    let Settings::OnPremise(at) = cluster(port, Some(ca_pem)) else { panic!("it is a cluster") };
    let at = OnPremise { features, namespaces: vec!["aichor".to_owned()], ..at };
    let addresses = [SocketAddr::from(([127, 0, 0, 1], port))];
    let api = http::Api::new(&at.api_url, &addresses, at.ca_pem.as_deref(), &bearer()).unwrap();
    (api, at)
}

#[tokio::test]
async fn what_an_api_server_is_too_busy_to_say_is_not_called_missing() {
    let features = vec![EngineFeature::Argo, EngineFeature::GpuDiscovery, EngineFeature::Volumes];
    let (api, at) = told_by(features, |_| None).await;
    let mut look = look();
    rights::ask(&api, &at, &[], &mut look).await;
    features::find(&api, &at, &mut look).await;
    assert!(look.unanswered && look.rows.iter().all(|row| row.status == RowStatus::Warn), "{:?}", look.rows);
    let ids: Vec<_> = look.rows.iter().map(|row| row.id.as_str()).collect();
    let workflows = ["get", "patch"].map(|verb| format!("rbac/argoproj.io/workflows/{verb}@aichor"));
    for id in [workflows[0].as_str(), workflows[1].as_str(), "rbac-wide", "api", "gpu", "storage"] {
        assert!(ids.contains(&id), "{id}: {ids:?}");
    }
    assert_eq!(look.facts.capacity, None, "what was counted before stands");
}

#[tokio::test]
async fn a_group_whose_kinds_are_not_told_is_not_called_missing() {
    let (api, at) = told_by(vec![EngineFeature::Argo, EngineFeature::Ray], |asked| {
        let argo = json!({"name": "argoproj.io", "preferredVersion": {"groupVersion": "argoproj.io/v1alpha1"}});
        asked.starts_with("GET /apis ").then(|| json!({"groups": [argo]}))
    })
    .await;
    let mut look = look();
    features::find(&api, &at, &mut look).await;
    let found: Vec<_> = look.rows.iter().map(|row| (row.id.as_str(), row.status)).collect();
    assert_eq!(found[..2], [("api/argo", RowStatus::Warn), ("api/ray", RowStatus::Fail)]);
}

#[tokio::test]
async fn a_load_balancer_is_found_on_whatever_page_its_service_stands() {
    let (api, at) = told_by(vec![EngineFeature::Ingress], |asked| {
        let status = |ip: &str| json!({"loadBalancer": {"ingress": [{"ip": ip}]}});
        let service = |ip: &str| json!({"metadata": {"name": "front"}, "status": status(ip)});
        Some(match asked.split(' ').nth(1)? {
            second if second.ends_with("continue=two") => json!({"items": [service("203.0.113.10")]}),
            first if first.starts_with("/api/v1/services") => {
                json!({"metadata": {"continue": "two"}, "items": [service("203.0.113.20")]})
            }
            _ => json!({"items": [{}]}),
        })
    })
    .await;
    let mut look = look();
    features::find(&api, &at, &mut look).await;
    let row = &look.rows[0];
    assert_eq!((row.status, row.message.as_str()), (RowStatus::Pass, "front has the address 203.0.113.10"));
}

#[tokio::test]
async fn each_right_that_leads_to_more_is_named_once() {
    let (api, at) = told_by(vec![EngineFeature::Logs], |asked| {
        let review: Value = serde_json::from_str(asked.split_once("\r\n\r\n")?.1).ok()?;
        let asked = &review["spec"]["resourceAttributes"];
        let allowed = asked["subresource"] == "proxy" || asked["verb"] == "escalate";
        Some(json!({"status": {"allowed": allowed}}))
    })
    .await;
    let mut look = look();
    rights::ask(&api, &at, &[], &mut look).await;
    let row = look.rows.last().unwrap();
    let (nodes, any) = ("run commands in every pod through its node", "give itself any right");
    let told = format!("This identity can {nodes}, {any}; use the generated role");
    assert_eq!((row.id.as_str(), row.status, &row.message), ("rbac-wide", RowStatus::Warn, &told));
}

#[tokio::test]
async fn storage_without_a_default_class_is_a_warning() {
    let (api, at) =
        told_by(vec![EngineFeature::Volumes], |_| Some(json!({"items": [{"metadata": {"name": "slow"}}]}))).await;
    let mut look = look();
    features::find(&api, &at, &mut look).await;
    let row = look.rows.last().unwrap();
    assert_eq!((row.id.as_str(), row.status), ("storage", RowStatus::Warn));
    assert_eq!(row.message, "No default StorageClass");
}

#[tokio::test]
async fn gpus_of_another_make_and_parts_of_one_are_counted_under_their_resource() {
    let row = gpu_row(|path| {
        let node = |resource: &str, count: &str| {
            json!({"status": {"allocatable": {"cpu": "8", resource: count},
                "conditions": [{"type": "Ready", "status": "True"}]}})
        };
        let nodes = [node("amd.com/gpu", "2"), node("nvidia.com/mig-1g.10gb", "7"), node("example.com/fpga", "1")];
        match path {
            path if path.starts_with("/api/v1/nodes") => Some(json!({"items": nodes})),
            path if path.starts_with("/api/v1/pods") => Some(json!({"items": []})),
            _ => None,
        }
    })
    .await;
    let message = "2 × amd.com/gpu (2 free), 7 × nvidia.com/mig-1g.10gb (7 free); no taints; \
                   RuntimeClass nvidia unknown: it could not be read this time";
    assert_eq!(row, (RowStatus::Pass, message.to_owned()));
}

#[tokio::test]
async fn a_gpu_that_a_pod_asked_for_is_not_free_whatever_started_with_it() {
    let row = gpu_row(|path| {
        let taint = json!({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"});
        let cordon = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
        let node = json!({"metadata": {"name": "a", "labels": {"nvidia.com/gpu.product": "NVIDIA-L4"}},
            "spec": {"taints": [taint, cordon], "unschedulable": true},
            "status": {"allocatable": {"nvidia.com/gpu": "8"}}});
        let asks = |gpus: &str| json!({"resources": {"requests": {"cpu": "1", "nvidia.com/gpu": gpus}}});
        let on = |node: &str, containers: Value| json!({"spec": {"nodeName": node, "containers": containers}});
        let mut starting = on("a", json!([asks("1"), asks("1")]));
        starting["spec"]["initContainers"] = json!([asks("4")]);
        match path {
            path if path.starts_with("/api/v1/nodes") => Some(json!({"items": [node]})),
            second if second.ends_with("continue=two") => Some(json!({"items": [on("b", json!([asks("8")]))]})),
            path if path.starts_with("/api/v1/pods") => {
                let (running, waiting) = (on("a", json!([asks("1")])), json!({"spec": {"containers": [asks("8")]}}));
                Some(json!({"metadata": {"continue": "two"}, "items": [starting, running, waiting]}))
            }
            path if path.ends_with("/runtimeclasses/nvidia") => Some(json!({"handler": "nvidia"})),
            _ => None,
        }
    })
    .await;
    let message = "8 × NVIDIA-L4 (3 free); 1 of 1 nodes with GPUs not ready or cordoned; \
                   taints: nvidia.com/gpu=present:NoSchedule; RuntimeClass nvidia is there";
    assert_eq!(row, (RowStatus::Pass, message.to_owned()));
}

#[tokio::test]
async fn a_list_of_pods_that_cannot_be_read_to_its_end_leaves_it_unknown_what_is_free() {
    let row = gpu_row(|path| match path {
        path if path.starts_with("/api/v1/nodes") => {
            Some(json!({"items": [{"status": {"allocatable": {"amd.com/gpu": "2"}}}]}))
        }
        path if path.starts_with("/api/v1/pods") => Some(json!({"metadata": {"continue": "no mark"}, "items": []})),
        _ => None,
    })
    .await;
    let message = "2 × amd.com/gpu; free unknown: there are more pods than can be read; \
                   1 of 1 nodes with GPUs not ready or cordoned; no taints";
    assert_eq!(row, (RowStatus::Pass, message.to_owned()));
}

/// How GPUs are told where the API server says `says` of a path.
async fn gpu_row(says: impl Fn(&str) -> Option<Value> + Send + Sync + 'static) -> (RowStatus, String) {
    let features = vec![EngineFeature::GpuDiscovery];
    let (api, at) = told_by(features, move |asked| says(asked.split(' ').nth(1)?)).await;
    let mut look = look();
    features::find(&api, &at, &mut look).await;
    assert_eq!(look.rows[0].id, "gpu");
    (look.rows[0].status, look.rows[0].message.clone())
}

#[tokio::test]
async fn a_question_that_came_too_soon_is_asked_again() {
    let Server { ca_pem, config } = server("127.0.0.1");
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let (port, _) = serve_by(config, move |_| {
        let soon = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        if first { soon.to_owned() } else { answer(&json!({"status": {"allowed": true}})) }
    })
    .await;
    let Settings::OnPremise(at) = cluster(port, Some(ca_pem)) else { panic!("it is a cluster") };
    let addresses = [SocketAddr::from(([127, 0, 0, 1], port))];
    let api = http::Api::new(&at.api_url, &addresses, at.ca_pem.as_deref(), &bearer()).unwrap();
    let allowed = rights::allowed(&api, &json!({"verb": "list", "resource": "pods"})).await;
    assert_eq!((allowed, asked.load(Ordering::Relaxed)), (Ok(true), 2));
}

#[tokio::test]
async fn an_api_server_that_reads_passwords_itself_is_too_old() {
    let who = json!({"userInfo": {"username": "admin", "groups": []}});
    let said = json!({"major": "1", "minor": "18", "gitVersion": "v1.18.20", "status": who});
    let Server { ca_pem, config } = server("127.0.0.1");
    let (port, _) = serve(config, answer(&said)).await;
    let credentials = Credentials::Basic { username: "admin".to_owned(), password: "secret".to_owned() };
    let probed = open().probe(&cluster(port, Some(ca_pem)), &credentials, Depth::Light, now()).await;
    let found = probed.report.row("auth-basic-proxy").map(|row| (row.status, row.message.as_str()));
    let message = "Versions that read passwords themselves are not supported any more";
    assert_eq!(found, Some((RowStatus::Warn, message)), "{probed:?}");
}

#[tokio::test]
async fn whoever_is_among_the_masters_can_do_everything_whatever_a_review_says() {
    let (api, at) = told_by(vec![EngineFeature::Logs], |_| Some(json!({"status": {"allowed": false}}))).await;
    let mut look = look();
    rights::ask(&api, &at, &["system:masters".to_owned()], &mut look).await;
    let row = look.rows.last().unwrap();
    let message = "This identity can do everything; use the generated role";
    assert_eq!((row.id.as_str(), row.status, row.message.as_str()), ("rbac-wide", RowStatus::Warn, message));
}
