//! Exec and port-forward against the simulator's real SSH server and its real shell, in real time.

use kubelet::{ExecOutput, TerminalSize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
};

use super::*;

const CONTAINER: &str = "gpu-container";

/// An account whose instances are up at once, and the SSH servers of those that have one.
async fn world(key: Option<SshKey>) -> (World, JoinHandle<std::io::Result<()>>) {
    let settings = Settings { boot_seconds: 0, port_seconds: 0, quota: None, ..Settings::default() };
    let world = World::with(settings, RunPodConfig { ssh: key, ..here() });
    let listener = runpod_sim::ssh::listen(&world.simulator).await.unwrap();
    let served = tokio::spawn(runpod_sim::ssh::serve(world.simulator.clone(), listener));
    (world, served)
}

fn with_ssh(pod: &mut Value) {
    pod["metadata"]["annotations"] = json!({"runpod.io/ports": "22/tcp,8080/http"});
}

fn command(words: &[&str]) -> ExecRequest {
    let command = words.iter().map(|word| (*word).to_owned()).collect();
    ExecRequest { command, stdin: false, stdout: true, stderr: true, tty: false }
}

async fn open(world: &World, request: &ExecRequest) -> ExecSession {
    world.engine.exec("a", CONTAINER, request).await.unwrap_or_else(|error| panic!("{error}"))
}

async fn refused(world: &World) -> ProviderError {
    match world.engine.exec("a", CONTAINER, &command(&["true"])).await {
        Err(error) => error,
        Ok(_) => panic!("it was let in"),
    }
}

/// Everything printed, and the exit code.
async fn ended(session: ExecSession) -> (String, String, i32) {
    let (mut out, mut err, mut output) = (Vec::new(), Vec::new(), session.output);
    while let Some(piece) = output.next().await {
        match piece.unwrap() {
            ExecOutput::Stdout(bytes) => out.extend_from_slice(&bytes),
            ExecOutput::Stderr(bytes) => err.extend_from_slice(&bytes),
        }
    }
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(out), text(err), session.control.exit_code().await.unwrap())
}

/// Until this was printed.
async fn printed(output: &mut BoxStream<'static, Result<ExecOutput, ProviderError>>, wanted: &str) {
    let mut seen = String::new();
    while !seen.contains(wanted) {
        match output.next().await {
            Some(Ok(ExecOutput::Stdout(bytes))) => seen.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {seen:?}"),
        }
    }
}

#[tokio::test]
async fn a_command_has_its_words_variables_streams_and_exit_code() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    world.engine.create(&world.request("a", with_ssh)).await.unwrap();
    let script = "cat; printf '%s|' \"$GREETING\" \"$@\"; echo oops >&2; exit 7";
    let request = ExecRequest { stdin: true, ..command(&["sh", "-c", script, "sh", "it's", "$HOME", ""]) };
    let mut session = open(&world, &request).await;
    let mut stdin = session.stdin.take().unwrap();
    stdin.write_all(b"typed\n").await.unwrap();
    stdin.shutdown().await.unwrap();
    assert_eq!(ended(session).await, ("typed\nhello|it's|$HOME||".into(), "oops\n".into(), 7));

    let silent = ended(open(&world, &command(&["cat"])).await).await;
    assert_eq!(silent, (String::new(), String::new(), 0), "input that nobody gives is at its end");
    let large = command(&["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x"]);
    assert_eq!(ended(open(&world, &large).await).await.0.len(), 5_000_000);
    assert_eq!(ended(open(&world, &command(&["no-such-program"])).await).await.2, 127);
    assert_eq!(ended(open(&world, &command(&["sh", "-c", "kill -9 $$"])).await).await.2, 137);
    world.money(&["a"]).await;
}

#[tokio::test]
async fn a_terminal_is_one_and_follows_the_size_of_the_callers() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    world.engine.create(&world.request("a", with_ssh)).await.unwrap();
    let script = "test -t 0 && stty size; read line; stty size; exit 5";
    let request = ExecRequest { stdin: true, tty: true, stderr: false, ..command(&["sh", "-c", script]) };
    let mut session = open(&world, &request).await;
    printed(&mut session.output, "24 80").await;
    session.control.resize(TerminalSize { width: 101, height: 31 }).await;
    session.stdin.as_mut().unwrap().write_all(b"go\n").await.unwrap();
    let (out, _, code) = ended(session).await;
    assert!(out.contains("31 101"), "{out}");
    assert_eq!(code, 5);
}

#[tokio::test]
async fn a_command_does_not_outlive_its_caller() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    world.engine.create(&world.request("a", with_ssh)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A pipe ends when the last process that may write to it does.
    let mut end = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&pipe).unwrap();
    let script = format!("exec 3> {}; echo open; exec sleep 1000", pipe.display());
    let mut session = open(&world, &command(&["sh", "-c", &script])).await;
    printed(&mut session.output, "open").await;
    drop(session);
    assert_eq!(end.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_port_is_reached_as_the_pods_own_localhost_sees_it() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    world.engine.create(&world.request("a", with_ssh)).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        stream.read_to_string(&mut asked).await.unwrap();
        stream.write_all(format!("you said {asked}").as_bytes()).await.unwrap();
    });
    let mut stream = world.engine.port_forward("a", port).await.unwrap_or_else(|error| panic!("{error}"));
    stream.write_all(b"hello").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "you said hello");
    server.await.unwrap();
    let closed = world.engine.port_forward("a", port).await.err().unwrap().to_string();
    assert!(closed.contains("Nobody listens at port"), "{closed}");
}

#[tokio::test]
async fn the_provider_is_asked_for_the_way_once_however_many_connections_are_made() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    world.engine.create(&world.request("a", with_ssh)).await.unwrap();
    let asked = || world.simulator.report().count("GET /v2/pods/{id}");
    let before = asked();
    for _ in 0..3 {
        assert_eq!(ended(open(&world, &command(&["true"])).await).await.2, 0);
    }
    assert_eq!(asked(), before + 1);
    world.simulator.control(Control::HostKey);
    refused(&world).await;
    refused(&world).await;
    assert_eq!(asked(), before + 2, "a way that led nowhere is asked for anew");
}

#[tokio::test]
async fn another_host_key_is_refused_until_the_container_starts_anew() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    world.engine.create(&world.request("a", with_ssh)).await.unwrap();
    world.simulator.control(Control::Advance { seconds: 60 });
    world.engine.list().await.unwrap();
    assert_eq!(ended(open(&world, &command(&["true"])).await).await.2, 0);
    world.simulator.control(Control::HostKey);
    for _ in 0..2 {
        let error = refused(&world).await.to_string();
        assert!(error.contains("shows the SSH host key SHA256:") && error.contains("stand between"), "{error}");
    }
    assert!(world.engine.port_forward("a", 80).await.is_err());
    world.simulator.control(Control::Restart { name: "rgpu-".into() });
    world.engine.list().await.unwrap();
    assert_eq!(ended(open(&world, &command(&["true"])).await).await.2, 0);
}

#[tokio::test]
async fn without_a_port_a_key_or_a_server_the_refusal_says_what_is_missing() {
    let (without_port, _served) = world(Some(SshKey::of_tests())).await;
    without_port.engine.create(&without_port.request("a", |_| {})).await.unwrap();
    let mut reports = without_port.engine.reports();
    let error = refused(&without_port).await;
    assert!(matches!(&error, ProviderError::Unsupported(text) if text.contains("add 22/tcp")), "{error}");
    let Some(Report::Event { reason, warning, .. }) = reports.next().await else { panic!("no event") };
    assert_eq!((reason, warning), ("ExecNotAvailable", true));
    let env = &without_port.simulator.report().pods[0].container["env"];
    assert!(env.get("PUBLIC_KEY").is_none(), "{env}");

    let (without_key, _served) = world(None).await;
    without_key.engine.create(&without_key.request("a", with_ssh)).await.unwrap();
    let error = refused(&without_key).await;
    assert!(matches!(&error, ProviderError::Unsupported(text) if text.contains("--runpod-ssh-key-file")), "{error}");

    let (without_server, served) = world(Some(SshKey::of_tests())).await;
    without_server.engine.create(&without_server.request("a", with_ssh)).await.unwrap();
    served.abort();
    assert!(served.await.unwrap_err().is_cancelled());
    let error = refused(&without_server).await.to_string();
    assert!(error.contains("No SSH server answers at 127.0.0.1:"), "{error}");
    let unknown = without_server.engine.exec("a", "other", &command(&["true"])).await.err().unwrap();
    assert_eq!(unknown, ProviderError::NotFound("Container other is not running".into()));
}

#[tokio::test]
async fn each_pod_has_a_key_of_its_own_unless_it_brings_one() {
    let (world, _served) = world(Some(SshKey::of_tests())).await;
    let mut own = world.request("a", with_ssh);
    own.containers[0].env.push(("PUBLIC_KEY".into(), "ssh-ed25519 AAAA mine".into()));
    for request in [own, world.request("b", with_ssh), world.request("c", with_ssh)] {
        world.engine.create(&request).await.unwrap();
    }
    let report = world.simulator.report();
    let keys: BTreeMap<&str, &str> = ["a", "b", "c"]
        .into_iter()
        .map(|uid| {
            let pod = report.pods.iter().find(|pod| pod.name.ends_with(&format!("-{uid}"))).unwrap();
            (uid, pod.container["env"]["PUBLIC_KEY"].as_str().unwrap())
        })
        .collect();
    assert_eq!(keys["a"], "ssh-ed25519 AAAA mine");
    assert!(keys["b"].starts_with("ssh-ed25519 ") && keys["b"] != keys["c"], "{keys:?}");
    let error = refused(&world).await.to_string();
    assert!(error.contains("does not take this node's key"), "{error}");
}
