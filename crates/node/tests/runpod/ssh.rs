//! Commands and ports through the SSH server of an image, with every kubectl.

use std::path::Path;
use std::process::Stdio;

use russh::keys::{Algorithm, PrivateKey, key::safe_rng, ssh_key::LineEnding};
use serde_json::{Value, json};
use testkit::{Plane, Scratch, eventually, in_time, read_rest, shown, unique};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::account::{Account, KUBELET, Node, free_port};

/// A pod whose image has an SSH server, bound to a node that nobody else's pods come to.
fn with_ssh(name: &str, node: &str) -> String {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "annotations": {"runpod.io/ports": "22/tcp,8080/http"}},
        "spec": {"nodeName": node, "tolerations": [{"key": "virtual-kubelet.io/provider", "operator": "Exists"}],
            "containers": [{"name": "app", "image": "runpod/pytorch", "command": ["/start.sh"],
                "env": [{"name": "GREETING", "value": "it's hello"}], "resources": {"limits": {"nvidia.com/gpu": "1"}}}]}})
    .to_string()
}

/// A kubectl that talks while it runs.
fn kubectl(program: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(program);
    command.arg("--kubeconfig").arg(Plane::current().kubeconfig("admin")).args(arguments).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kubectl_runs_commands_and_forwards_ports_through_the_ssh_server_of_the_image() {
    let (plane, node, pod) = (Plane::current(), unique("ssh-node"), unique("ssh"));
    let settings = json!({"boot_seconds": 0, "port_seconds": 0});
    let (account, home) = (Account::open_with(KUBELET, &settings, &["--ssh"]).await, Scratch::new());
    let key = PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap();
    let key = home.secret("ssh-privatekey", &key.to_openssh(LineEnding::LF).unwrap());
    let health = format!("--health-server-address=127.0.0.1:{}", free_port());
    let flags = ["--max-gpu-price=0.5", "--taint-value=ssh", &health];
    let demo = Node::new(&account, &node, &flags).env("RUNPOD_SSH_PRIVATE_KEY_FILE", &key.display().to_string());
    let process = demo.started().await;
    plane.admin_apply(&with_ssh(&pod, &node)).await.out();
    eventually("the pod is ready", async || {
        let pod = shown("pod", &pod).await;
        let ready = pod["status"]["containerStatuses"][0]["ready"] == true;
        if ready { Ok(()) } else { Err((pod["status"].clone(), demo.log())) }
    })
    .await;
    // Stands for a server in the instance: the simulator's instances are on this machine.
    let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = server.local_addr().unwrap().port();
    for (name, program) in plane.kubectls() {
        let script = "cat; printf '%s|' \"$GREETING\" \"$@\"; echo oops >&2; exit 7";
        let mut child = kubectl(&program, &["exec", "-i", &pod, "--", "sh", "-c", script, "sh", "$HOME", "a  b"]);
        child.stdin.take().unwrap().write_all(b"typed\n").await.unwrap();
        let output = in_time(&format!("{name} ends"), child.wait_with_output()).await.unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(out, "typed\nit's hello|$HOME|a  b|", "{name}: {err}{}", demo.log());
        assert!(err.contains("oops") && output.status.code() == Some(7), "{name}: {err}");

        let file = Plane::current().kubeconfig("admin");
        let line = format!(
            "'{}' --kubeconfig '{}' exec -it {pod} -- sh -c 'test -t 0 && echo a terminal; exit 5'",
            program.display(),
            file.display()
        );
        // Gives kubectl a terminal of its own.
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &line, "/dev/null"]).kill_on_drop(true).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut terminal = terminal.spawn().unwrap();
        let typing = terminal.stdin.take();
        let output = in_time(&format!("{name} ends"), terminal.wait_with_output()).await.unwrap();
        drop(typing);
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(out.contains("a terminal") && output.status.code() == Some(5), "{name}: {out}{}", demo.log());

        let mut forward = kubectl(&program, &["port-forward", &pod, &format!(":{port}")]);
        let mut lines = BufReader::new(forward.stdout.take().unwrap()).lines();
        let line = in_time(&format!("{name} forwards a port"), lines.next_line()).await.unwrap();
        let line = line.unwrap_or_else(|| panic!("{name}: {}", demo.log()));
        let local = line.strip_prefix("Forwarding from 127.0.0.1:").and_then(|rest| rest.split(' ').next());
        let local: u16 = local.unwrap().parse().unwrap();
        let answered = async {
            let (mut stream, _) = server.accept().await.unwrap();
            stream.write_all(b"from the instance").await.unwrap();
        };
        let asked = async {
            let mut stream = TcpStream::connect(("127.0.0.1", local)).await.unwrap();
            read_rest(&mut stream).await
        };
        let both = futures::future::join(answered, asked);
        let ((), answer) = in_time(&format!("{name} carries a connection"), both).await;
        assert_eq!(answer, "from the instance", "{name}: {}", demo.log());
        forward.kill().await.unwrap();
    }
    assert!(!demo.log().contains("PRIVATE KEY"), "{}", demo.log());
    plane.admin(&["delete", "pod", &pod, "--timeout=60s"]).await.out();
    assert_eq!(account.billed().await, Vec::<Value>::new());
    demo.end(process).await;
}
