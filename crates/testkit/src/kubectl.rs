//! One finished run of the real kubectl, and one that follows a log.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::Scratch;

/// Longer than any command may take, and than any log that is followed says nothing.
const LIMIT: Duration = Duration::from_secs(90);

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Ran {
    /// Exit code 0.
    pub ok: bool,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// A run of kubectl with a home of its own, which must outlive it: no discovery cache, no user settings.
fn prepared(
    command: std::process::Command,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> (tokio::process::Command, Scratch) {
    let home = Scratch::new();
    let mut command = tokio::process::Command::from(command);
    command.args(arguments).env("HOME", home.path()).env_remove("REMOTEGPU_API_KEY");
    command.envs(environment.iter().copied()).kill_on_drop(true);
    (command, home)
}

impl Ran {
    pub(crate) async fn feed(
        command: std::process::Command,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: &str,
    ) -> Self {
        let (mut command, _home) = prepared(command, arguments, environment);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl can be started");
        if let Some(mut stdin) = child.stdin.take() {
            let _closed_early = stdin.write_all(input.as_bytes()).await;
        }
        let output = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("kubectl ends within 90 s");
        let output = output.unwrap();
        Self {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output of a run that must have succeeded.
    #[track_caller]
    pub fn out(self) -> String {
        assert!(self.ok, "kubectl failed: {}", self.stderr);
        self.stdout
    }

    /// Standard error of a run that must have failed.
    #[track_caller]
    pub fn refused(self) -> String {
        assert!(!self.ok, "kubectl should have been refused, but printed: {}", self.stdout);
        self.stderr
    }
}

/// A log that the real kubectl follows. Dropping it ends the run.
pub struct Followed {
    said: String,
    lines: Lines<BufReader<ChildStdout>>,
    _kubectl: Child,
    _home: Scratch,
}

impl Followed {
    /// Starts it and waits for its first line: what comes then is not missed, whatever becomes of the pod.
    pub(crate) async fn start(
        command: std::process::Command,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let (mut command, home) = prepared(command, arguments, environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut kubectl = command.spawn().expect("kubectl can be started");
        let lines = BufReader::new(kubectl.stdout.take().expect("its output is piped")).lines();
        let mut followed = Self { said: String::new(), lines, _kubectl: kubectl, _home: home };
        assert!(followed.next().await, "kubectl {arguments:?} said nothing");
        followed
    }

    /// Waits for the end of the log; everything that it said.
    pub async fn rest(mut self) -> String {
        while self.next().await {}
        self.said
    }

    async fn next(&mut self) -> bool {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
        let line = line.unwrap_or_else(|_| panic!("the log goes on: not within 90 s; it said {:?}", self.said));
        let Some(line) = line.expect("the log is text") else { return false };
        self.said.push_str(&line);
        self.said.push('\n');
        true
    }
}
