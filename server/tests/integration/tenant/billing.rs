//! The invoice of a month: its two forms, its months, and a pod that ran.

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use testkit::{Reply, eventually, unique};

use super::{CLUSTERS, console, is_refused, ready, signed_in};
use crate::usage;

const BILLING: &str = "/k8sgpu/v1/billing";
const HEAD: &str = "cluster,online,local_reference_name,local_reference_namespace,remote_reference_name,\
                    remote_reference_namespace,cost,online_hour,runtime_class,active";

#[track_caller]
fn varies(reply: &Reply) {
    assert!(reply.headers.get_all("vary").iter().any(|value| value == "accept"), "{:?}", reply.headers);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_form_is_the_one_the_client_takes_rather_also_of_an_empty_month() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    let path = format!("{BILLING}/2024/11");
    for accept in ["*/*", "application/json", "text/csv, application/json", "text/csv;q=0, */*", "text/csv;q=0.5, */*"]
    {
        let reply = client.clone().with("accept", accept).get(&path).await;
        assert_eq!((reply.status, reply.header("content-type").as_str()), (200, "application/json"), "{accept}");
        assert_eq!(reply.text, r#"{"month":11,"year":2024,"pods":[]}"#);
        varies(&reply);
    }
    for accept in ["text/csv", "text/*", "application/json;q=0.5, text/csv"] {
        let reply = client.clone().with("accept", accept).get(&path).await;
        assert_eq!((reply.status, reply.header("content-type").as_str()), (200, "text/csv; charset=utf-8"), "{accept}");
        assert_eq!(reply.header("content-disposition"), "attachment; filename=\"k8sgpu-2024-11.csv\"");
        assert_eq!(reply.text, format!("{HEAD}\r\n"), "the header only");
        varies(&reply);
    }
    for accept in ["image/png", "text/csv;q=0"] {
        let reply = client.clone().with("accept", accept).get(&path).await;
        is_refused(&reply, 406, "not_acceptable", "The answer exists as application/json and text/csv");
        varies(&reply);
    }
    is_refused(&app.anonymous().get(&path).await, 401, "missing_token", "Missing access token");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invoice_taken_out_as_a_file_stands_in_the_audit_log_and_one_that_is_read_does_not() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let client = signed_in(&app, &owner).await;
    let path = format!("{BILLING}/2024/11");
    assert_eq!(client.get(&path).await.status, 200);
    let exported = async || owner.get("/v1/audit?action=usage.exported").await.json()["items"].clone();
    assert_eq!(exported().await, json!([]));
    let csv = client.clone().with("accept", "text/csv");
    let head = csv.send(Method::HEAD, &path, None).await;
    assert_eq!((head.status, head.header("content-type").as_str()), (200, "text/csv; charset=utf-8"));
    assert_eq!(exported().await, json!([]), "of a file nobody was given");
    assert_eq!(csv.get(&path).await.status, 200);
    let rows = exported().await;
    assert_eq!((rows.as_array().unwrap().len(), &rows[0]["detail"]), (1, &json!("2024-11, tenant API")), "{rows}");
}

#[tokio::test(flavor = "multi_thread")]
async fn months_are_one_or_two_digits_of_a_year_of_four() {
    let app = console().await;
    let client = signed_in(&app, &app.stranger("owner").await).await;
    for wrong in ["2024/0", "2024/13", "24/11", "2024/001", "2024/x", "2019/12", "2101/1"] {
        let reply = client.get(&format!("{BILLING}/{wrong}")).await;
        is_refused(&reply, 400, "invalid_request", "Give a year from 2020 to 2100 and a month from 1 to 12");
    }
    for same in ["2024/1", "2024/01", "2024/1/", "2024/01/"] {
        let reply = client.get(&format!("{BILLING}/{same}")).await;
        assert_eq!((reply.status, reply.text.as_str()), (200, r#"{"month":1,"year":2024,"pods":[]}"#), "{same}");
    }
    let future = client.get(&format!("{BILLING}/2100/12")).await;
    assert_eq!((future.status, &future.json()["pods"]), (200, &json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_usage_reads_it() {
    let app = console().await;
    let account = unique("account");
    app.admin(&["create-account", "--name", &account]).await;
    for role in ["billing", "viewer"] {
        let client = signed_in(&app, &app.member_of(&account, role).await).await;
        assert_eq!(client.get(&format!("{BILLING}/2024/11")).await.status, 200, "{role}");
    }
}

/// A pod that stands for one in the customer's cluster, as their virtual node makes it.
fn pod(namespace: &str) -> String {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": "billed", "namespace": namespace, "labels": {"remotegpu.ai/sku-code": "gpu-h100-1x"},
            "annotations": {"remotegpu.ai/pod-name": "inference-1", "remotegpu.ai/pod-namespace": "remote-gpu"},
        },
        "spec": {
            "containers": [{"name": "app", "image": "localhost/remotegpu-test:1"}],
            "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
        },
    })
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_ran_is_billed_alike_in_both_forms_and_to_its_account_only() {
    let since = Timestamp::now();
    let app = console().await;
    let (owner, other) = (app.stranger("owner").await, app.stranger("owner").await);
    let (client, other) = (signed_in(&app, &owner).await, signed_in(&app, &other).await);
    let cluster = ready(&client).await;
    let namespace = format!("{cluster}-gpu");
    let ran = app.plane.admin_apply(&pod(&namespace)).await;
    assert!(ran.ok, "{ran:?}");
    let record: Value = eventually("the pod is metered", async || {
        usage::records(&owner, since).await.first().cloned().ok_or("no record")
    })
    .await;
    // The end of a month cuts the row of a pod that runs: it is the one of the last month that has any.
    let billed = async || {
        let (mut path, mut bill) = (String::new(), Value::Null);
        for month in usage::months(since) {
            let next = format!("{BILLING}/{}/{}", month.year(), month.month());
            let found = client.get(&next).await.json();
            if found["pods"] != json!([]) {
                (path, bill) = (next, found);
            }
        }
        (path, bill)
    };
    let (_, running) = billed().await;
    let row = |online: bool| {
        json!({
            "cluster": cluster, "online": online,
            "local_reference_name": record["pod_uid"], "local_reference_namespace": namespace,
            "remote_reference_name": "inference-1", "remote_reference_namespace": "remote-gpu",
        })
    };
    assert_eq!((running["pods"].as_array().unwrap().len(), &running["pods"][0]["pod"]), (1, &row(true)), "{running}");

    app.plane.admin(&["delete", "pod", "billed", "--namespace", &namespace, "--wait=true"]).await.out();
    let (path, ended) = eventually("the row ends", async || {
        let (path, bill) = billed().await;
        if bill["pods"][0]["pod"]["online"] == false { Ok((path, bill["pods"][0].clone())) } else { Err(bill) }
    })
    .await;
    assert_eq!(ended["pod"], row(false));
    assert_eq!((&ended["runtime_class"], &ended["active"]), (&json!("remotegpu-nvidia-1xh100"), &json!(true)));
    let file = client.clone().with("accept", "text/csv").get(&path).await;
    let lines: Vec<&str> = file.text.split_terminator("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (2, HEAD), "{}", file.text);
    let cells: Vec<&str> = lines[1].split(',').collect();
    let uid = record["pod_uid"].as_str().unwrap();
    assert_eq!(cells[..6], [cluster.as_str(), "false", uid, &namespace, "inference-1", "remote-gpu"]);
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!((number(cells[6]), number(cells[7])), (ended["cost"].clone(), ended["online_hour"].clone()));
    assert_eq!(cells[8..], ["remotegpu-nvidia-1xh100", "true"]);
    assert_eq!(other.get(&path).await.json()["pods"], json!([]), "a foreign account sees nothing of it");

    assert_eq!(client.delete(&format!("{CLUSTERS}{cluster}")).await.status, 202);
    eventually("the tenant is gone", async || {
        let now = client.get(&format!("{CLUSTERS}{cluster}")).await;
        if now.status == 404 { Ok(()) } else { Err(now.text) }
    })
    .await;
    assert_eq!(client.get(&path).await.json()["pods"], json!([ended]), "and stays in its months");
}
