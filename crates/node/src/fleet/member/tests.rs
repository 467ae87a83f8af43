use engines::{ENGINE_LABEL, RUN_BY_FLEET, RUN_BY_LABEL, kubernetes::Login};
use serde_json::{Value, json};
use testkit::Scratch;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::*;
use crate::fleet::{Cluster, HomeConfig, Reach};

const ENGINE: &str = "on-prem";
const NODE: &str = "on-prem-h100";

/// The Nodes of an API server, by name.
type Nodes = Arc<Mutex<BTreeMap<String, Value>>>;

fn node() -> Value {
    let labels = json!({(RUN_BY_LABEL): RUN_BY_FLEET, (ENGINE_LABEL): ENGINE});
    let metadata = json!({"name": NODE, "resourceVersion": "1", "labels": labels});
    json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {"taints": []}})
}

fn listed(all: Vec<Value>) -> Value {
    let (version, kind) = ("meta.k8s.io/v1", "PartialObjectMetadata");
    let item = |metadata: Value| json!({"apiVersion": version, "kind": kind, "metadata": metadata});
    let items: Vec<Value> = all.into_iter().map(item).collect();
    json!({"apiVersion": version, "kind": format!("{kind}List"), "metadata": {}, "items": items})
}

/// What an API server says that has Nodes and no pods. To the engine, which does not ask by label, it says nothing.
fn answer(nodes: &Nodes, head: &str, body: &[u8]) -> (u16, Value) {
    let words: Vec<&str> = head.split_whitespace().collect();
    let (path, query) = words[1].split_once('?').unwrap_or((words[1], ""));
    let name = path.strip_prefix("/api/v1/nodes/").unwrap_or_default();
    let mut nodes = nodes.lock().unwrap();
    match (words[0], nodes.contains_key(name)) {
        ("GET", true) => (200, nodes[name].clone()),
        ("PATCH", true) => {
            let change: Value = serde_json::from_slice(body).unwrap();
            let mut node = nodes[name].clone();
            node["spec"]["taints"] = change["spec"]["taints"].clone();
            nodes.insert(name.to_owned(), node.clone());
            (200, node)
        }
        ("DELETE", true) => (200, nodes.remove(name).unwrap()),
        ("GET", false) if path == "/api/v1/pods" => (200, listed(Vec::new())),
        ("GET", false) if query.contains("labelSelector") => {
            (200, listed(nodes.values().map(|node| node["metadata"].clone()).collect()))
        }
        _ => (500, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 500})),
    }
}

/// One call for each connection.
async fn serve(listener: TcpListener, nodes: Nodes) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let nodes = nodes.clone();
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { return };
                head.push(byte);
            }
            let head = String::from_utf8(head).unwrap();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            stream.read_exact(&mut body).await.unwrap();
            let (status, said) = answer(&nodes, &head, &body);
            let said = said.to_string();
            let head = format!("HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", said.len());
            stream.write_all(format!("{head}{said}").as_bytes()).await.unwrap();
        });
    }
}

/// A home cluster with these Nodes.
async fn home_with(nodes: &Nodes) -> Arc<Home> {
    let _installed_before = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, nodes.clone()));
    let folder = Scratch::new();
    let cluster = json!({"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": true}});
    let context = json!({"name": "x", "context": {"cluster": "c", "user": "u"}});
    let user = json!({"name": "u", "user": {"token": "t"}});
    let file = json!({"apiVersion": "v1", "kind": "Config", "current-context": "x", "clusters": [cluster],
        "contexts": [context], "users": [user]});
    let config = HomeConfig {
        kubeconfig: folder.secret("home.yaml", &file.to_string()),
        address: [127, 0, 0, 1].into(),
        tls: None,
        client_ca: None,
        require_pod_label: None,
        pod_api_server: None,
    };
    Arc::new(Home::open(config).await.unwrap())
}

/// An engine that was deleted, with nothing at work yet.
fn forgotten(home: Arc<Home>) -> Work {
    let at = Cluster {
        server: "https://192.0.2.1:6443".to_owned(),
        address: None,
        ca: None,
        login: Login::Token("t".to_owned().into()),
        namespace: "aichor".to_owned(),
        typed: Vec::new(),
        uid: String::new(),
        ingress: None,
    };
    let site = Site::Cluster { client: home.client.clone(), cluster: "home".to_owned(), at: Box::new(at.clone()) };
    let engine = Engine {
        id: "1".to_owned(),
        name: ENGINE.to_owned(),
        account: None,
        ecosystem: String::new(),
        reach: Reach::Cluster(at),
        stage: Stage::Forgotten,
    };
    let (nodes, stop) = (BTreeMap::new(), CancellationToken::new());
    Work { home, engine, site, nodes, waits: false, exposing: None, stop }
}

#[tokio::test]
async fn a_node_that_registers_while_its_engine_is_being_forgotten_goes_too() {
    let nodes = Nodes::default();
    let mut work = forgotten(home_with(&nodes).await);
    let (class, stop, registers) = (Class::default(), CancellationToken::new(), nodes.clone());
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        // Its create was under way, and comes true before it ends.
        stopped.cancelled().await;
        registers.lock().unwrap().insert(NODE.to_owned(), node());
    });
    let size = watch::Sender::new(home::size(&class));
    work.nodes.insert(NODE.to_owned(), Running { class, size, stop, task });
    let seen = Mutex::new(Seen::default());
    // Found late, closed, and seen closed.
    for _ in 0..3 {
        work.look(&seen).await;
    }
    let left: Vec<String> = nodes.lock().unwrap().keys().cloned().collect();
    assert_eq!((left, seen.lock().unwrap().gone), (Vec::new(), true));
}
