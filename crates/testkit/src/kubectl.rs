//! One finished run of the real kubectl.

use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use crate::Scratch;

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

impl Ran {
    pub(crate) async fn feed(
        command: std::process::Command,
        arguments: &[&str],
        environment: &[(&str, &str)],
        input: &str,
    ) -> Self {
        // A home of its own: no discovery cache, no user settings.
        let home = Scratch::new();
        let mut command = tokio::process::Command::from(command);
        command.args(arguments).env("HOME", home.path()).env_remove("REMOTEGPU_API_KEY");
        command.envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("kubectl can be started");
        if let Some(mut stdin) = child.stdin.take() {
            let _closed_early = stdin.write_all(input.as_bytes()).await;
        }
        let limit = std::time::Duration::from_secs(90);
        let output = tokio::time::timeout(limit, child.wait_with_output()).await.expect("kubectl ends within 90 s");
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
