//! Who may open which stream and download, and that an open one ends soon after the session or the right of its reader
//! does (`security.md` §4.2 and §5).

use std::collections::BTreeSet;
use std::path::Path;

use axum::http::Method;
use domain::permission::allows;
use domain::user::Role;
use serde_json::json;
use server::http::v1::permission::{Need, STREAMS};
use testkit::{Client, TestApp, in_time, read_rest, read_until};

use crate::CONSOLE;

async fn console() -> TestApp {
    TestApp::setup(CONSOLE).with("REMOTEGPU_STREAM_CHECK_SECONDS", "1").start().await
}

/// A stream whose first words have come.
pub async fn opened(app: &TestApp, reader: &Client, path: &str) -> reqwest::Response {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}{path}", app.url);
    let mut stream = http.get(url).header("cookie", reader.cookie().unwrap()).send().await.unwrap();
    assert_eq!(stream.status(), 200, "{path}");
    assert!(in_time(&format!("{path} begins"), stream.chunk()).await.unwrap().is_some(), "{path}");
    stream
}

/// Everything it still says until it ends.
async fn rest(mut stream: reqwest::Response) -> String {
    read_rest(&mut stream).await
}

const NOT_ALLOWED: &str = "event: closed\ndata: not_allowed\n\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_after_its_session_did() {
    let app = console().await;
    let (member, other) = (app.operator().await, app.operator().await);
    let namespace = app.namespace(&member).await;
    let path = format!("/live/namespaces/{}/workloads", namespace["id"].as_str().unwrap());
    let (ending, going_on) = (opened(&app, &member, &path).await, opened(&app, &other, &path).await);
    assert_eq!(member.post("/v1/auth/logout", json!({})).await.status, 204);
    assert!(rest(ending).await.ends_with(NOT_ALLOWED));
    // The other one was looked at as often and goes on until its own session ends.
    assert_eq!(other.post("/v1/auth/logout", json!({})).await.status, 204);
    assert!(rest(going_on).await.ends_with(NOT_ALLOWED));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_after_the_right_to_look_did() {
    let app = console().await;
    let owner = app.operator().await;
    let namespace = app.namespace(&owner).await;
    let live = format!("/live/namespaces/{}/workloads", namespace["id"].as_str().unwrap());
    let (admin, member) = (app.member_of("default", "admin").await, app.member_of("default", "member").await);
    let (log, list) = (opened(&app, &admin, "/live/audit?after=").await, opened(&app, &member, &live).await);
    let id = async |client: &Client| client.get("/v1/auth/session").await.str("/user/id");
    let weaker = owner.patch(&format!("/v1/members/{}", id(&admin).await), json!({"role": "viewer"})).await;
    assert_eq!(weaker.status, 200, "{}", weaker.text);
    assert_eq!(owner.delete(&format!("/v1/members/{}", id(&member).await)).await.status, 204);
    assert!(rest(log).await.ends_with(NOT_ALLOWED));
    assert!(rest(list).await.ends_with(NOT_ALLOWED));
}

/// A namespace becomes active by the loop and not by a request: whoever looks at the list sees it without asking again.
#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_namespaces_follows_what_becomes_of_them() {
    let app = console().await;
    let (owner, other) = (app.stranger("owner").await, app.stranger("owner").await);
    let mut list = opened(&app, &owner, "/live/namespaces").await;
    let theirs = opened(&app, &other, "/live/namespaces").await;
    let made = owner.post("/v1/kubernetes/namespaces", json!({"name": "watched"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = format!("/v1/kubernetes/namespaces/{}", made.str("/id"));
    read_until(&mut list, "\"status\":\"active\"").await;
    assert_eq!(owner.patch(&path, json!({"name": "watched-on"})).await.status, 200);
    read_until(&mut list, "\"name\":\"watched-on\"").await;
    assert_eq!(owner.delete(&path).await.status, 202);
    read_until(&mut list, "\"items\":[]").await;
    assert_eq!(other.post("/v1/auth/logout", json!({})).await.status, 204);
    let seen = rest(theirs).await;
    assert!(seen.ends_with(NOT_ALLOWED) && !seen.contains("watched"), "{seen}");
}

/// Its page waits for the loop to make it and to take it away, and asks for neither.
#[tokio::test(flavor = "multi_thread")]
async fn one_namespace_is_followed_until_it_is_gone() {
    let app = console().await;
    let owner = app.stranger("owner").await;
    let made = owner.post("/v1/kubernetes/namespaces", json!({"name": "alone"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let id = made.str("/id");
    // Its first words may say already that it is active; a name of its own is news in any case.
    let mut one = opened(&app, &owner, &format!("/live/namespaces/{id}")).await;
    let path = format!("/v1/kubernetes/namespaces/{id}");
    assert_eq!(owner.patch(&path, json!({"name": "alone-on"})).await.status, 200);
    read_until(&mut one, "\"name\":\"alone-on\"").await;
    let other = owner.post("/v1/kubernetes/namespaces", json!({"name": "beside"})).await;
    assert_eq!(other.status, 201, "{}", other.text);
    assert_eq!(owner.delete(&path).await.status, 202);
    let said = read_until(&mut one, "data: null\n\n").await;
    assert!(!said.contains("beside"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_for_our_own_pages_only() {
    let app = console().await;
    let member = app.operator().await;
    for (header, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")] {
        for path in [
            "/live/audit?after=",
            "/live/namespaces",
            "/live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab",
            "/live/namespaces/019c1b2e-7f00-7abc-8def-0123456789ab/workloads",
        ] {
            let reply = member.clone().with(header, value).get(path).await;
            reply.is_problem(403, "cross_site", "Requests from other sites are refused");
        }
    }
}

/// Paths of streams and downloads in the sources below `folder`: a router does not tell its routes.
fn routed(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(routed(&path));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let paths =
            text.split(".route(").skip(1).filter_map(|rest| rest.trim_start().strip_prefix('"')?.split('"').next());
        let ours = paths.filter(|path| path.starts_with("/live/") || path.starts_with("/download/"));
        found.extend(ours.filter(|path| !path.ends_with("{*rest}")).map(str::to_owned));
    }
    found
}

#[test]
fn every_stream_and_download_has_a_row() {
    let routed = routed(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/http")));
    let listed: BTreeSet<String> = STREAMS.iter().map(|(_, path, _)| (*path).to_owned()).collect();
    assert_eq!(routed, listed);
}

/// The status alone: the body of a stream has no end.
async fn status(app: &TestApp, reader: Option<&Client>, method: &str, path: &str) -> u16 {
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = http.request(method.parse::<Method>().unwrap(), format!("{}{path}", app.url));
    let request = match reader {
        Some(reader) => request.header("cookie", reader.cookie().unwrap()),
        None => request,
    };
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_and_download_asks_for_what_its_row_says() {
    let app = TestApp::start(CONSOLE).await;
    let owner = app.stranger("owner").await;
    let account = owner.get("/v1/auth/session").await.str("/account/name");
    let id = owner.post("/v1/kubernetes/namespaces", json!({"name": "swept"})).await.str("/id");
    let mut readers = vec![(Role::Owner, true, app.operator().await)];
    for role in Role::ALL {
        readers.push((role, false, app.member_of(&account, role.as_str()).await));
    }
    for (method, path, need) in STREAMS {
        let Need::Has(permission) = need else { panic!("{path} is for people with a right") };
        let pods = if path.ends_with("/log") { "?pods=absent" } else { "" };
        let filled = path.replace("{namespace_id}", &id).replace("{kind}", "deployment");
        let filled = format!("{}{pods}", filled.replace("{name}", "absent").replace("{pod}", "absent"));
        assert_eq!(status(&app, None, method, &filled).await, 401, "nobody {path}");
        for (role, operator, reader) in &readers {
            let allowed = allows(*role, *operator, *permission);
            // What is made with a POST asks for more than the right: for one's own namespace.
            if !allowed || *method == "GET" {
                let status = status(&app, Some(reader), method, &filled).await;
                let refused = if allowed { matches!(status, 401 | 403) } else { !matches!(status, 403 | 404) };
                assert!(!refused, "{role:?}, operator {operator}, {path}: {status}");
            }
        }
    }
}
