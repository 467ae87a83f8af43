//! Reads of the tenant API at a steady 1,000 a second, against a bare handler that does the same two SELECTs (who calls,
//! which tenant) and writes the same answer. A call's time begins when it is due, so that a stall counts for all behind it.

use std::time::Duration;

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use backend::ports::{Tenants as _, Users as _};
use domain::tenant::{TenantId, TenantView};
use domain::user::Email;
use serde_json::json;
use store::SqlStore;
use testkit::{Client, TestApp};

use crate::{CONSOLE, Engine, bare, quantile};

/// The first argument of the bare handler's role.
pub const NAME: &str = "bare-tenant";

const RATE: u32 = 1000;
const SECONDS: u32 = 10;
/// The first user of each console that tests start.
const EMAIL: &str = "admin@remotegpu.local";
const PASSWORD: &str = "a-password-for-tests";

#[derive(Clone)]
struct Bare {
    store: SqlStore,
    email: Email,
    tenant: TenantId,
}

/// Arguments: database, e-mail of a user, id of a tenant, port.
pub async fn serve(arguments: &[String]) {
    let [database, email, tenant, port] = arguments else { panic!("four arguments") };
    let bare = Bare {
        store: crate::store(database).await,
        email: Email::new(email).unwrap(),
        tenant: TenantId::parse(tenant).unwrap(),
    };
    let router = Router::new().route("/", get(answer)).with_state(bare);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

async fn answer(State(bare): State<Bare>) -> Json<TenantView> {
    let member = bare.store.member_by_email(&bare.email).await.unwrap().unwrap();
    let found = bare.store.tenant(member.account.id, bare.tenant).await.unwrap().unwrap();
    Json(found.tenant_view(&member.account.customer).unwrap())
}

/// Prints one line for each read.
pub async fn measure(engine: &Engine) {
    let app = TestApp::setup(CONSOLE).on(&engine.url).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let tenant = namespace["tenant"].as_str().unwrap();
    let login = json!({"username": EMAIL, "password": PASSWORD});
    let token = app.anonymous().post("/k8sgpu/v1/user/login/", login).await.str("/token");
    let client = app.anonymous().with("authorization", &format!("Bearer {token}"));
    let (_child, address) = bare::start(NAME, &[&engine.url, EMAIL, tenant]).await;
    let floor = steady(&Client::anonymous(&address), "/").await;
    println!(
        "{}: bare handler with the same SELECTs at {RATE}/s: p50 {:.2} ms, p99 {:.2} ms",
        engine.name,
        quantile(&floor, 50),
        quantile(&floor, 99)
    );
    for path in [format!("/k8sgpu/v1/cluster/{tenant}"), "/k8sgpu/v1/cluster/".to_owned()] {
        let ours = steady(&client, &path).await;
        println!(
            "{}: GET {path} at {RATE}/s: p50 {:.2} ms, p99 {:.2} ms (aim 5); p99 × {:.2} of the bare handler",
            engine.name,
            quantile(&ours, 50),
            quantile(&ours, 99),
            quantile(&ours, 99) / quantile(&floor, 99)
        );
    }
}

/// What each call took, the shortest first.
async fn steady(client: &Client, path: &str) -> Vec<Duration> {
    // Connections are made, statements prepared.
    for _ in 0..RATE {
        once(client, path).await;
    }
    let (caller, place) = (client.clone(), path.to_owned());
    let call = move |_| {
        let (client, path) = (caller.clone(), place.clone());
        async move { once(&client, &path).await }
    };
    let mut times = testkit::steady(RATE, RATE * SECONDS, call).await;
    times.sort_unstable();
    times
}

async fn once(client: &Client, path: &str) {
    let reply = client.get(path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
}
