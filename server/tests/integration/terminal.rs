//! A shell in a container over the console's WebSocket: opened by who may, recorded, closed with its connection.

use serde_json::{Value, json};
use testkit::{Client, TestApp, eventually, in_time, local_image, read_rest, read_until};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::CONSOLE;

struct Shell {
    app: TestApp,
    owner: Client,
    deployment: String,
    path: String,
}

impl Shell {
    /// A pod that runs.
    async fn new() -> Self {
        let app = TestApp::setup(CONSOLE).with("REMOTEGPU_STREAM_CHECK_SECONDS", "1").start().await;
        let owner = app.operator().await;
        let namespace = app.namespace(&owner).await;
        let id = namespace["id"].as_str().unwrap();
        let route = format!("/v1/kubernetes/namespaces/{id}/deployments");
        let plan = json!({"name": "shell", "sku_code": "cpu-shared-8g", "replicas": 1, "image": local_image().await});
        assert_eq!(owner.post(&route, plan).await.status, 201);
        let deployment = format!("{route}/shell");
        let running = eventually("it runs", async || {
            let reply = owner.get(&deployment).await;
            if reply.json()["status"] == "running" { Ok(reply.json()) } else { Err(reply.text) }
        })
        .await;
        let pod = running["pods"][0]["name"].as_str().unwrap();
        let path = format!("/live/namespaces/{id}/pods/{pod}/exec?container=app&columns=80&rows=24");
        Self { app, owner, deployment, path }
    }

    /// The connection after the answer to its handshake, and the status of that answer.
    async fn connect(&self, cookie: &str, origin: &str) -> (TcpStream, u16) {
        self.connect_to("auto", cookie, origin).await
    }

    async fn connect_to(&self, shell: &str, cookie: &str, origin: &str) -> (TcpStream, u16) {
        let address = self.app.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "GET {}&shell={shell} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            self.path
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // No byte more: frames follow.
        let head = async {
            while !answer.ends_with(b"\r\n\r\n") {
                answer.push(stream.read_u8().await.unwrap());
            }
        };
        in_time("the handshake is answered", head).await;
        let status = String::from_utf8(answer).unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        (stream, status)
    }

    async fn audited(&self, action: &str) -> Value {
        eventually(&format!("{action} is in the audit log"), async || {
            let rows = self.owner.get("/v1/audit?limit=20").await.json();
            let row = rows["items"].as_array().unwrap().iter().find(|row| row["action"] == action).cloned();
            row.ok_or(rows)
        })
        .await
    }
}

const BINARY: u8 = 0x82;
const TEXT: u8 = 0x81;

/// One frame; the mask that clients must send is zero.
async fn frame(stream: &mut TcpStream, kind: u8, text: &str) {
    assert!(text.len() < 126);
    let head = [kind, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    stream.write_all(&[&head[..], text.as_bytes()].concat()).await.unwrap();
}

async fn send(stream: &mut TcpStream, keys: &str) {
    frame(stream, BINARY, keys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_answers_ends_and_stands_in_the_audit_log() {
    let shell = Shell::new().await;
    let cookie = shell.owner.cookie().unwrap().to_owned();
    let (mut stream, status) = shell.connect(&cookie, &shell.app.url).await;
    assert_eq!(status, 101);
    send(&mut stream, "echo answer $((6*7))\n").await;
    read_until(&mut stream, "answer 42").await;
    send(&mut stream, "exit\n").await;
    read_until(&mut stream, "The shell has ended").await;
    shell.audited("terminal.opened").await;
    let closed = shell.audited("terminal.closed").await;
    assert!(closed["detail"].as_str().unwrap().ends_with("The shell has ended"), "{closed}");

    let (mut second, _) = shell.connect(&cookie, &shell.app.url).await;
    send(&mut second, "echo two\n").await;
    read_until(&mut second, "two").await;
    drop(second);
    eventually("the end of the second is recorded", async || {
        let rows = shell.owner.get("/v1/audit?limit=20").await.json();
        let closed = rows["items"].as_array().unwrap().iter().filter(|row| row["action"] == "terminal.closed").count();
        if closed == 2 { Ok(()) } else { Err(rows) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_pages_other_accounts_and_viewers_get_no_shell() {
    let shell = Shell::new().await;
    let cookie = shell.owner.cookie().unwrap().to_owned();
    assert_eq!(shell.connect(&cookie, "https://evil.example").await.1, 403);
    assert_eq!(shell.connect("none=1", &shell.app.url).await.1, 401);
    let viewer = shell.app.member_of("default", "viewer").await;
    assert_eq!(shell.connect(viewer.cookie().unwrap(), &shell.app.url).await.1, 403);
    let stranger = shell.app.stranger("owner").await;
    assert_eq!(shell.connect(stranger.cookie().unwrap(), &shell.app.url).await.1, 404);
    let why = viewer.get(&shell.path).await;
    why.is_problem(403, "forbidden", "Your role does not allow this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_follows_the_size_of_the_screen_and_ends_with_the_session() {
    let shell = Shell::new().await;
    let cookie = shell.owner.cookie().unwrap().to_owned();
    let (mut stream, _) = shell.connect(&cookie, &shell.app.url).await;
    // A size goes another way through the cluster than keys do: asked until it has arrived.
    send(&mut stream, "until busybox stty size | busybox grep '24 80'; do sleep 0.1; done; echo begins $((1+1))\n")
        .await;
    read_until(&mut stream, "begins 2").await;
    frame(&mut stream, TEXT, r#"{"columns":101,"rows":33}"#).await;
    send(&mut stream, "until busybox stty size | busybox grep '33 101'; do sleep 0.1; done; echo fits $((1+1))\n")
        .await;
    read_until(&mut stream, "fits 2").await;
    assert_eq!(shell.owner.post("/v1/auth/logout", json!({})).await.status, 204);
    read_until(&mut stream, "Your session or your right to do this has ended").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_whose_pod_is_deleted_is_told_so_and_closed() {
    let shell = Shell::new().await;
    let cookie = shell.owner.cookie().unwrap().to_owned();
    let (mut stream, _) = shell.connect(&cookie, &shell.app.url).await;
    send(&mut stream, "echo works $((6*7))\n").await;
    read_until(&mut stream, "works 42").await;
    assert_eq!(shell.owner.delete(&shell.deployment).await.status, 204);
    let last = read_rest(&mut stream).await;
    // A frame of text, then the empty one that closes a WebSocket in good order.
    assert!(last.ends_with("{\"end\":\"The pod was deleted\"}\u{fffd}\0"), "{last:?}");
    let closed = shell.audited("terminal.closed").await;
    assert!(closed["detail"].as_str().unwrap().ends_with("The pod was deleted"), "{closed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_without_the_shell_says_so() {
    let shell = Shell::new().await;
    let cookie = shell.owner.cookie().unwrap().to_owned();
    let (mut stream, status) = shell.connect_to("bash", &cookie, &shell.app.url).await;
    assert_eq!(status, 101);
    read_until(&mut stream, "No shell could be started").await;
    shell.owner.get(&shell.path.replace("container=app", "container=none")).await.is_problem(
        404,
        "not_found",
        "Not found",
    );
}
