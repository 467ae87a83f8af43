//! What nobody can be faster than: one handler, the same one SELECT, an answer of the same size, and nothing else.
//! Its own process, as the console is one.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use backend::ports::ApiKeys as _;
use domain::api_key::PublicId;
use domain::id::NamespaceId;
use serde_json::{Value, json};
use store::SqlStore;
use tokio::process::{Child, Command};

/// The first argument of this role.
pub const NAME: &str = "bare-handler";

#[derive(Clone)]
struct Bare {
    store: SqlStore,
    key: PublicId,
    namespace: NamespaceId,
}

/// Arguments: database, public id of a key, id of a namespace, port.
pub async fn serve(arguments: &[String]) {
    let [database, key, namespace, port] = arguments else { panic!("four arguments") };
    let bare = Bare {
        store: crate::store(database).await,
        key: PublicId::from_trusted(key.clone()),
        namespace: NamespaceId::parse(namespace).unwrap(),
    };
    let router = Router::new().route("/", post(answer)).with_state(bare);
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

async fn answer(State(bare): State<Bare>) -> Json<Value> {
    let found = bare.store.key_access(&bare.key, Some(bare.namespace)).await.unwrap();
    // As long as a token of a ServiceAccount.
    let token = if found.is_some() { "x".repeat(1000) } else { String::new() };
    Json(json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token}}))
}

/// Starts a role of this program, whose last argument is its port, and waits until it answers; gives its address.
pub async fn start(role: &str, arguments: &[&str]) -> (Child, String) {
    let port = testkit::free_port().to_string();
    let mut command = Command::new(std::env::current_exe().unwrap());
    let child = command.arg(role).args(arguments).arg(&port).kill_on_drop(true).spawn().unwrap();
    let address = format!("127.0.0.1:{port}");
    testkit::eventually("the bare handler listens", async || tokio::net::TcpStream::connect(&address).await).await;
    (child, format!("http://{address}"))
}
