//! Exec: a command beside the container's own process, with its streams, terminal and exit code.
//! The engine keeps a command alive when its caller leaves; a terminal hangs up, standard input ends.
use std::time::Duration;

use async_trait::async_trait;
use bollard::{
    Docker as Client,
    container::LogOutput,
    exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults},
};
use futures::{StreamExt, TryStreamExt};
use kubelet::{ExecControl, ExecOutput, ExecRequest, ExecSession, ProviderError, TerminalSize};

use super::{Docker, instances::Attempt, status_code, unavailable, words};

/// How long the engine may take to know the exit code after the output has ended.
const ASKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);
/// How often a terminal is given its size while its command starts.
const STARTS: u32 = 25;

struct Control {
    client: Client,
    id: String,
    tty: bool,
}

// === impl Docker ===

impl Docker {
    /// The running attempt of a container.
    pub(super) async fn running(&self, uid: &str, container: &str) -> Result<Attempt, ProviderError> {
        let mut attempts = self.attempts(Some(uid)).await?;
        attempts.retain(|one| one.container == container);
        let newest = attempts.into_iter().max_by_key(|one| one.attempt);
        newest.filter(|one| one.state == "running").ok_or_else(|| not_running(container))
    }

    pub(super) async fn run_in_container(
        &self,
        uid: &str,
        container: &str,
        request: &ExecRequest,
    ) -> Result<ExecSession, ProviderError> {
        let running = self.running(uid, container).await?;
        let options = CreateExecOptions {
            attach_stdin: Some(request.stdin),
            attach_stdout: Some(request.stdout || request.tty),
            attach_stderr: Some(request.stderr),
            tty: Some(request.tty),
            cmd: Some(request.command.clone()),
            ..CreateExecOptions::default()
        };
        let made = self.client.create_exec(&running.id, options).await.map_err(|error| match status_code(&error) {
            Some(404 | 409) => not_running(container),
            _ => unavailable(error),
        })?;
        let start = StartExecOptions { detach: false, tty: request.tty, output_capacity: None };
        let started = self.client.start_exec(&made.id, Some(start)).await.map_err(|error| {
            ProviderError::Unavailable(format!("The command could not be started: {}", words(&error)))
        })?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(ProviderError::Unavailable("The engine started the command without its streams".into()));
        };
        Ok(ExecSession {
            stdin: request.stdin.then_some(input),
            output: output.map_ok(piece).map_err(unavailable).boxed(),
            control: Box::new(Control { client: self.client.clone(), id: made.id, tty: request.tty }),
        })
    }
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TerminalSize) {
        if !self.tty {
            return;
        }
        // The first size arrives with the command itself, and an engine resizes only what has started: the Docker client
        // asks again too.
        for _ in 0..STARTS {
            let options = ResizeExecOptions { height: size.height, width: size.width };
            let Err(error) = self.client.resize_exec(&self.id, options).await else { return };
            tracing::debug!(%error, "A terminal could not be resized");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn exit_code(&self) -> Result<i32, ProviderError> {
        for _ in 0..ASKS {
            let found = self.client.inspect_exec(&self.id).await.map_err(unavailable)?;
            if found.running != Some(true)
                && let Some(code) = found.exit_code
            {
                return Ok(i32::try_from(code).unwrap_or(-1));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(ProviderError::Unavailable("The engine does not say how the command ended".into()))
    }
}

pub(super) fn piece(output: LogOutput) -> ExecOutput {
    match output {
        LogOutput::StdErr { message } => ExecOutput::Stderr(message),
        other => ExecOutput::Stdout(other.into_bytes()),
    }
}

fn not_running(container: &str) -> ProviderError {
    ProviderError::NotFound(format!("Container {container} is not running"))
}
