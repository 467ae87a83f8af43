//! Namespaces to the letter of `console-api.md` §2, and what they are in the cluster (DESIGN §5).

use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use testkit::{TestApp, eventually, unique};

use crate::CONSOLE;

const ROUTE: &str = "/v1/kubernetes/namespaces";

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_created_renamed_and_deleted() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.stranger("member").await;
    let name = unique("team");

    let created = member.post(ROUTE, json!({"name": name})).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.str("/id");
    assert_eq!(created.header("location"), format!("{ROUTE}/{id}"));
    assert_eq!(created.str("/status"), "creating");
    let kubernetes_name = created.str("/kubernetes_name");
    assert_eq!(kubernetes_name, format!("{name}-{}", &id[id.len() - 8..]));

    let path = format!("{ROUTE}/{id}");
    eventually("active", async || {
        let now = member.get(&path).await.str("/status");
        if now == "active" { Ok(()) } else { Err(now) }
    })
    .await;

    let renamed = member.patch(&path, json!({"name": "team-vision"})).await;
    assert_eq!((renamed.status, renamed.str("/name").as_str()), (200, "team-vision"));
    assert_eq!(renamed.str("/kubernetes_name"), kubernetes_name, "the cluster never renames");

    let wrong = member.send("DELETE".parse().unwrap(), &path, Some(json!({"confirm": "team-ml"}).to_string())).await;
    assert_eq!((wrong.status, wrong.str("/errors/0/field").as_str()), (400, "confirm"));
    for _ in 0..2 {
        let deleting = member.delete(&path).await;
        assert_eq!((deleting.status, deleting.str("/status").as_str()), (202, "deleting"));
    }
    eventually("gone", async || {
        let reply = member.get(&path).await;
        if reply.status == 404 { Ok(()) } else { Err(reply.text) }
    })
    .await;
    app.plane.admin(&["get", "namespace", &kubernetes_name]).await.refused();

    let again = member.post(ROUTE, json!({"name": name})).await;
    assert_ne!(again.str("/kubernetes_name"), kubernetes_name, "a re-created name is another namespace");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_carried_out_before_its_answer_is_still_accepted() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let path = format!("{ROUTE}/{}", app.namespace(&member).await["id"].as_str().unwrap());
    // The reconciler at its quickest: the row goes with the very order.
    let mut database = SqliteConnection::connect(&app.database_url()).await.unwrap();
    let quick = "CREATE TRIGGER quick AFTER UPDATE OF status ON namespaces WHEN NEW.status = 'deleting'
         BEGIN DELETE FROM namespaces WHERE id = NEW.id; END";
    sqlx::raw_sql(quick).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    let deleted = member.delete(&path).await;
    assert_eq!((deleted.status, deleted.str("/status").as_str()), (202, "deleting"), "{}", deleted.text);
    member.delete(&path).await.is_problem(404, "not_found", "Not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_names_get_the_published_sentences() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    assert_eq!(member.post(ROUTE, json!({"name": "taken"})).await.status, 201);
    for (name, status, code, sentence) in [
        ("", 400, "invalid_request", "Name must be 1 to 63 characters"),
        (&*"x".repeat(64), 400, "invalid_request", "Name must be 1 to 63 characters"),
        (
            "Team",
            400,
            "invalid_request",
            "Use lowercase letters, digits and hyphens; start and end with a letter or digit",
        ),
        ("all", 400, "invalid_request", "\"all\" is a reserved name"),
        ("taken", 409, "name_taken", "You already have a namespace with this name"),
    ] {
        member.post(ROUTE, json!({"name": name})).await.is_problem(status, code, sentence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_unknown_and_malformed_ids_tell_nothing() {
    let app = TestApp::start(CONSOLE).await;
    let (owner, stranger) = (app.operator().await, app.stranger("owner").await);
    let id = owner.post(ROUTE, json!({"name": "mine"})).await.str("/id");
    for other in [id.as_str(), "019c1b2e-7f00-7abc-8def-0123456789ab"] {
        stranger.get(&format!("{ROUTE}/{other}")).await.is_problem(404, "not_found", "Not found");
        let rename = stranger.patch(&format!("{ROUTE}/{other}"), json!({"name": "yours"})).await;
        rename.is_problem(404, "not_found", "Not found");
        stranger.delete(&format!("{ROUTE}/{other}")).await.is_problem(404, "not_found", "Not found");
    }
    let malformed = stranger.get(&format!("{ROUTE}/team-ml")).await;
    assert_eq!((malformed.status, malformed.str("/code").as_str()), (400, "invalid_request"));
    assert_eq!(stranger.get(ROUTE).await.json()["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_manage_their_own_namespaces_and_viewers_none() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.operator().await;
    let (member, viewer) = (app.member_of("default", "member").await, app.member_of("default", "viewer").await);
    let id = owner.post(ROUTE, json!({"name": "of-the-owner"})).await.str("/id");
    let path = format!("{ROUTE}/{id}");
    assert_eq!(member.get(&path).await.status, 200);
    member.delete(&path).await.is_problem(403, "forbidden", "Your role does not allow this");
    viewer.post(ROUTE, json!({"name": "x"})).await.is_problem(403, "forbidden", "Your role does not allow this");
    let own = member.post(ROUTE, json!({"name": "of-the-member"})).await.str("/id");
    assert_eq!(member.patch(&format!("{ROUTE}/{own}"), json!({"name": "renamed"})).await.status, 200);
    assert_eq!(owner.delete(&format!("{ROUTE}/{own}")).await.status, 202, "admins manage all");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    for i in 0..3 {
        assert_eq!(member.post(ROUTE, json!({"name": format!("page-{i}")})).await.status, 201);
    }
    let first = member.get(&format!("{ROUTE}?limit=2")).await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 2);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = member.get(&format!("{ROUTE}?limit=2&cursor={cursor}")).await.json();
    assert_eq!((second["items"].as_array().unwrap().len(), &second["next_cursor"]), (1, &Value::Null));
    assert_eq!(member.get(&format!("{ROUTE}?limit=0")).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cluster_holds_every_object_of_a_tenant_and_repairs_what_is_removed() {
    let app = TestApp::start(CONSOLE).await;
    let namespace = app.namespace(&app.operator().await).await;
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let object: Value =
        serde_json::from_str(&app.plane.admin(&["get", "namespace", name, "-o", "json"]).await.out()).unwrap();
    let labels = &object["metadata"]["labels"];
    assert_eq!(labels["remotegpu.ai/namespace-id"], id);
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
    let account = app.plane.admin(&["-n", name, "get", "serviceaccount", "default", "-o", "json"]).await.out();
    assert_eq!(serde_json::from_str::<Value>(&account).unwrap()["automountServiceAccountToken"], false);

    for kind in ["networkpolicies", "resourcequotas", "limitranges"] {
        let list = ["-n", name, "get", kind, "-o", "name"];
        let before = app.plane.admin(&list).await.out();
        assert!(!before.is_empty(), "{kind}");
        app.plane.admin(&["-n", name, "delete", kind, "--all"]).await.out();
        eventually("the deleted objects are back", async || {
            let now = app.plane.admin(&list).await.out();
            if now == before { Ok(()) } else { Err(format!("{kind}: {now}")) }
        })
        .await;
    }
}

/// Admission selects by the first of them; the others say who pays, and what pods may do.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_administrator_changes_on_the_namespace_itself_comes_back() {
    let app = TestApp::start(CONSOLE).await;
    let (operator, owner) = (app.operator().await, app.stranger("owner").await);
    let namespace = app.namespace(&owner).await;
    let (id, name) = (namespace["id"].as_str().unwrap(), namespace["kubernetes_name"].as_str().unwrap());
    let account = owner.get("/v1/auth/session").await.str("/account/id");
    let grants = format!("/v1/platform/accounts/{account}/skus");
    assert_eq!(operator.put(&grants, json!({"all": false, "codes": ["cpu-shared-8g"]})).await.status, 200);
    let check = json!({"deployment": {"name": "x", "sku_code": "gpu-h100-1x", "image": "x"}});
    // A watch that has not seen the object yet has nothing to compare with.
    eventually("the console has read the namespace's annotations", async || {
        let verdict = owner.post(&format!("{ROUTE}/{id}/admission-check"), check.clone()).await;
        let rules = verdict.json()["rules"].take();
        let is_refused = |rule: &Value| rule["code"] == "sku_granted" && rule["ok"] == false;
        if rules.as_array().is_some_and(|rules| rules.iter().any(is_refused)) { Ok(()) } else { Err(verdict.text) }
    })
    .await;
    let ours = async || {
        let shown = app.plane.admin(&["get", "namespace", name, "-o", "json"]).await.out();
        let metadata = serde_json::from_str::<Value>(&shown).unwrap()["metadata"].take();
        (metadata["labels"].clone(), metadata["annotations"].clone())
    };
    let before = ours().await;
    let nobody = "019c1b2e-7f00-7abc-8def-0123456789ab";
    for change in [
        json!({"labels": {"remotegpu.ai/namespace-id": null}}),
        json!({"labels": {"remotegpu.ai/namespace-id": nobody}}),
        json!({"labels": {"remotegpu.ai/namespace-id": "no-id"}}),
        json!({"labels": {"remotegpu.ai/account-id": nobody}}),
        json!({"labels": {"remotegpu.ai/account-id": null, "app.kubernetes.io/managed-by": null}}),
        json!({"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}),
        json!({"labels": {"pod-security.kubernetes.io/enforce": null}}),
        json!({"annotations": {"remotegpu.ai/skus": null}}),
    ] {
        let patch = json!({"metadata": change}).to_string();
        app.plane.admin(&["patch", "namespace", name, "--type=merge", "--patch", &patch]).await.out();
        eventually("it is as it was", async || {
            let now = ours().await;
            if now == before { Ok(()) } else { Err(format!("{patch}: {now:?}")) }
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_reports_its_quota() {
    let app = TestApp::start(CONSOLE).await;
    let member = app.operator().await;
    let id = app.namespace(&member).await["id"].as_str().unwrap().to_owned();
    eventually("the quota is shown", async || {
        let shown = member.get(&format!("{ROUTE}/{id}")).await.json();
        let gpus = shown["quota"]
            .as_array()
            .and_then(|lines| lines.iter().find(|line| line["resource"] == "requests.nvidia.com/gpu").cloned());
        gpus.filter(|line| line["used"] == "0").ok_or(shown)
    })
    .await;
}
