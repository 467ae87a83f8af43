//! Streams of a virtual node with every kubectl of this machine: exec, attach, cp, port-forward, logs of old attempts.
//! Old kubectls speak SPDY, which reaches the node as SPDY; new ones speak WebSocket (`virtual-node.md` §3.13), and SPDY
//! when they are told to, so that each run has both.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::json;
use testkit::{Plane, Scratch, in_time, read_rest, read_until};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::own_node::{Node, shell};

/// Keeps a kubectl from 1.31 on away from WebSocket, for commands and for ports.
const SPDY: [(&str, &str); 2] =
    [("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "false"), ("KUBECTL_PORT_FORWARD_WEBSOCKETS", "false")];

/// A kubectl and how it is made to speak.
struct Client {
    name: String,
    program: PathBuf,
    environment: &'static [(&'static str, &'static str)],
}

impl Client {
    fn pinned() -> Self {
        let program = Plane::current().kubectl_program().to_owned();
        Self { name: "kubectl (pinned)".to_owned(), program, environment: &[] }
    }

    /// Every kubectl of this machine, and ours once more with SPDY.
    fn all() -> Vec<Self> {
        let found = Plane::current().kubectls().into_iter();
        let mut all: Vec<_> = found.map(|(name, program)| Self { name, program, environment: &[] }).collect();
        all.push(Self { name: "kubectl (pinned) over SPDY".to_owned(), environment: &SPDY, ..Self::pinned() });
        all
    }
}

/// A kubectl that talks while it runs.
fn kubectl(client: &Client, node: &Node, arguments: &[&str]) -> Child {
    let mut command = Command::new(&client.program);
    command.envs(client.environment.iter().copied());
    command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin"));
    command.args(["--namespace", &node.namespace]).args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn feed(client: &Client, node: &Node, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = kubectl(client, node, arguments);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = in_time(&format!("{} ends", client.name), child.wait_with_output()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kubectl_runs_commands_with_input_output_and_exit_code() {
    let node = Node::new().await;
    let process = node.started().await;
    node.script("web", "sleep 1000").await;
    node.running("web").await;
    for client in Client::all() {
        let name = &client.name;
        let command = ["exec", "-i", "web", "--", "sh", "-c", "cat; echo oops >&2; exit 7"];
        let (code, out, err) = feed(&client, &node, &command, "hello\n").await;
        assert_eq!((code, out.as_str()), (Some(7), "hello\n"), "{name}: {err}\n{}", node.log());
        assert!(err.contains("oops"), "{name}: {err}");
        let large = ["exec", "web", "--", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"];
        let (code, out, err) = feed(&client, &node, &large, "").await;
        assert_eq!((code, out.len()), (Some(0), 3_000_000), "{name}: {err}");
        // SkyPilot sends whole scripts in the address of the call.
        let script = "x".repeat(30_000);
        let long = ["exec", "web", "--", "sh", "-c", "echo ${#1}", "sh", &script];
        let (code, out, err) = feed(&client, &node, &long, "").await;
        assert_eq!((code, out.as_str()), (Some(0), "30000\n"), "{name}: {err}");
    }
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kubectl_attaches_to_a_container_that_reads_its_input() {
    let node = Node::new().await;
    let process = node.started().await;
    let mut container = shell("app", "while read line; do echo got $line; done");
    container["stdin"] = json!(true);
    for (number, client) in Client::all().iter().enumerate() {
        let name = &client.name;
        // Each has a pod of its own: Podman closes the container's input with the first who leaves.
        let pod = format!("reader-{number}");
        node.pod(&pod, json!({"containers": [container.clone()]})).await;
        node.running(&pod).await;
        let mut child = kubectl(client, &node, &["attach", "-i", &pod]);
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut lines = BufReader::new(stdout).lines();
        // What is typed before the streams are joined would be read by nobody who answers.
        let typing = async {
            let mut again = tokio::time::interval(std::time::Duration::from_millis(300));
            loop {
                again.tick().await;
                if stdin.write_all(b"me\n").await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let said = tokio::select! { said = read_until(&mut lines, "got me\n") => said, () = typing => String::new() };
        assert!(said.lines().any(|line| line == "got me"), "{name}: {said:?}\n{}", node.log());
    }
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kubectl_forwards_ports_of_the_pods_own_localhost() {
    let node = Node::new().await;
    let process = node.started().await;
    let script = "mkdir /www && echo from the pod > /www/index.html && httpd -f -p 127.0.0.1:8080 -h /www";
    let mut container = shell("app", script);
    // That it runs does not mean that it listens yet.
    let fetch_it = json!({"command": ["wget", "-qO-", "http://127.0.0.1:8080/"]});
    container["readinessProbe"] = json!({"exec": fetch_it, "periodSeconds": 1, "timeoutSeconds": 10});
    node.pod("web", json!({"containers": [container]})).await;
    node.running("web").await;
    for client in Client::all() {
        let name = &client.name;
        let mut child = kubectl(&client, &node, &["port-forward", "pod/web", ":8080", ":9"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port: u16 = loop {
            let line = in_time(&format!("{name} forwards a port"), lines.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("{name} forwards nothing"));
            let local = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.strip_suffix(" -> 8080"));
            if let Some(port) = local {
                break port.parse().unwrap();
            }
        };
        // Several at once: each is a pair of streams of its own.
        let answers = futures::future::join_all((0..5).map(|_| fetch(port))).await;
        for answer in answers {
            assert!(answer.ends_with("from the pod\n"), "{name}: {answer}\n{}", node.log());
        }
    }
    node.end(process).await;
}

async fn fetch(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    read_rest(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_where_nobody_listens_says_so() {
    let node = Node::new().await;
    let process = node.started().await;
    node.script("web", "sleep 1000").await;
    node.running("web").await;
    let mut child = kubectl(&Client::pinned(), &node, &["port-forward", "pod/web", ":8081"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = in_time("kubectl forwards a port", lines.next_line()).await.unwrap().unwrap();
    let port = line.trim_start_matches("Forwarding from 127.0.0.1:").trim_end_matches(" -> 8081").parse().unwrap();
    assert_eq!(fetch(port).await, "");
    let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
    let error = in_time("kubectl says why", errors.next_line()).await.unwrap().unwrap();
    assert!(error.contains("nothing in the pod listens on port 8081"), "{error}");
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_copied_in_and_out() {
    let node = Node::new().await;
    let process = node.started().await;
    node.script("web", "sleep 1000").await;
    node.running("web").await;
    let scratch = Scratch::new();
    let (here, back) = (scratch.path().join("here"), scratch.path().join("back"));
    std::fs::write(&here, vec![b'y'; 2_000_000]).unwrap();
    node.kubectl(&["cp", here.to_str().unwrap(), "web:/tmp-file"]).await.out();
    node.kubectl(&["cp", "web:/tmp-file", back.to_str().unwrap()]).await.out();
    assert_eq!(std::fs::read(&back).unwrap(), std::fs::read(&here).unwrap());
    node.end(process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_have_a_past_a_beginning_and_an_end() {
    let node = Node::new().await;
    let process = node.started().await;
    node.pod("crash", json!({"containers": [shell("app", "echo one; echo two; exit 3")]})).await;
    node.until("crash", "it waits to be started again", |pod| {
        let status = &pod["status"]["containerStatuses"][0];
        status["state"]["waiting"]["reason"] == "CrashLoopBackOff" && status["lastState"]["terminated"]["exitCode"] == 3
    })
    .await;
    let logs = async |flags: &[&str]| node.kubectl(&[&["logs", "crash"][..], flags].concat()).await.out();
    assert_eq!(logs(&["--previous"]).await, "one\ntwo\n");
    assert_eq!(logs(&["--tail=1"]).await, "two\n");
    assert_eq!(logs(&["--since=1h"]).await, "one\ntwo\n");
    assert_eq!(logs(&["--since-time=2100-01-01T00:00:00Z"]).await, "");
    assert_eq!(logs(&["--limit-bytes=5"]).await, "one\nt");
    let stamped = logs(&["--timestamps", "--tail=1"]).await;
    assert!(stamped.starts_with("20") && stamped.ends_with("Z two\n"), "{stamped}");
    node.script("fresh", "echo only; sleep 1000").await;
    node.running("fresh").await;
    let refused = node.kubectl(&["logs", "fresh", "--previous"]).await.refused();
    assert!(refused.contains("no previous"), "{refused}");
    // A container that was ended ends the log that is followed.
    let followed = node.follow("fresh").await;
    node.kubectl(&["delete", "pod", "fresh", "--timeout=60s"]).await.out();
    assert_eq!(followed.rest().await, "only\n");
    node.end(process).await;
}
