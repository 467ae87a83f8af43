//! Rows that no cluster of the tests can be made to show: an old version, a certificate near its end, and what a host or
//! an account does not tell.

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
