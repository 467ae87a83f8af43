//! A shell in a container over the API server's exec, with the token of the person who asks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use backend::ports::Terminal;
use domain::namespace::KubernetesName;
use domain::terminal::{Shell, TerminalInput, TerminalOptions};
use domain::{Code, Error, Result};
use futures::channel::mpsc::Sender as SizeSender;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::Client;
use kube::api::{Api, AttachParams, AttachedProcess, TerminalSize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;

use crate::client::within;
use crate::error::translate_for_person;
use crate::log::container;
use crate::workload::call;

// The answer comes through the node, which may have to ask its engine first.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
const CHUNK: usize = 8 * 1024;
// A paste of a megabyte waits here and not in memory.
const WAITING_INPUTS: usize = 16;
/// The node says how the command ended right after its output.
const STATUS_LIMIT: Duration = Duration::from_secs(2);

/// Opens a shell.
///
/// # Errors
/// `NotFound` without such a pod or container; `Conflict NotReady` where nothing runs.
pub(crate) async fn open(
    client: Client,
    tenant: &KubernetesName,
    pod: &str,
    options: &TerminalOptions,
) -> Result<Terminal> {
    let api: Api<Pod> = Api::namespaced(client, tenant.as_str());
    let live = call("reading a pod", api.get(pod)).await?;
    let name = container(&live, options.container.as_deref()).ok_or(Error::NotFound)?;
    if !runs(&live, &name) {
        return Err(Error::conflict(Code::NotReady, format!("Container {name} does not run now")));
    }
    let params = AttachParams::interactive_tty().container(name);
    let opening = api.exec(pod, options.shell.command().iter().copied(), &params);
    let mut process = within("opening a terminal", OPEN_LIMIT, opening).await?.map_err(refused)?;
    let broken = || Error::internal("a terminal without its streams");
    let (stdin, stdout) = (process.stdin().ok_or_else(broken)?, process.stdout().ok_or_else(broken)?);
    let mut sizes = process.terminal_size().ok_or_else(broken)?;
    let typed = Arc::new(AtomicBool::new(false));
    let shell_ended = ended(process.take_status(), options.shell, typed.clone());
    if let (Some(width), Some(height)) = (options.columns, options.rows) {
        // It fails only when the shell is over already; its output says so.
        let _over = sizes.send(TerminalSize { width, height }).await;
    }
    let (input, inputs) = mpsc::channel(WAITING_INPUTS);
    tokio::spawn(feed(inputs, stdin, sizes, typed));
    let pod = pod.to_owned();
    let ended = async move {
        let why = shell_ended.await;
        // The node only knows that the command ended, not that nobody wanted it to.
        if deleted(&api, &pod, &live).await { "The pod was deleted".to_owned() } else { why }
    };
    Ok(Terminal { output: output(process, stdout), input, ended: ended.boxed() })
}

/// Whether the pod is going or gone. Where the cluster does not answer, nobody knows.
async fn deleted(api: &Api<Pod>, name: &str, seen: &Pod) -> bool {
    match call("reading a pod", api.get_opt(name)).await {
        Ok(Some(now)) => now.metadata.deletion_timestamp.is_some() || now.metadata.uid != seen.metadata.uid,
        Ok(None) => true,
        Err(_) => false,
    }
}

fn runs(pod: &Pod, container: &str) -> bool {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let mut running = statuses.filter(|s| s.state.as_ref().is_some_and(|state| state.running.is_some()));
    running.any(|status| status.name == container)
}

/// Hands on what a person sends until they are gone or the shell is.
async fn feed(
    mut inputs: mpsc::Receiver<TerminalInput>,
    mut stdin: impl AsyncWrite + Unpin,
    mut sizes: SizeSender<TerminalSize>,
    typed: Arc<AtomicBool>,
) {
    while let Some(input) = inputs.recv().await {
        let handed = match input {
            TerminalInput::Bytes(bytes) => {
                typed.store(true, Ordering::Relaxed);
                stdin.write_all(&bytes).await.is_ok() && stdin.flush().await.is_ok()
            }
            TerminalInput::Resize { columns, rows } => {
                sizes.send(TerminalSize { width: columns, height: rows }).await.is_ok()
            }
        };
        if !handed {
            return;
        }
    }
}

/// The connection lives as long as somebody reads: dropping the stream ends the shell.
fn output(
    process: AttachedProcess,
    stdout: impl AsyncRead + Unpin + Send + 'static,
) -> BoxStream<'static, Result<Vec<u8>>> {
    let open = (Ending(process), stdout, vec![0; CHUNK]);
    stream::try_unfold(open, |(process, mut stdout, mut buffer)| async move {
        let read = stdout.read(&mut buffer).await.map_err(Error::cluster)?;
        Ok((read > 0).then(|| (buffer[..read].to_vec(), (process, stdout, buffer))))
    })
    .boxed()
}

struct Ending(AttachedProcess);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ended(
    status: Option<impl Future<Output = Option<Status>> + Send + 'static>,
    shell: Shell,
    typed: Arc<AtomicBool>,
) -> BoxFuture<'static, String> {
    async move {
        let status = match status {
            Some(status) => tokio::time::timeout(STATUS_LIMIT, status).await.ok().flatten(),
            None => None,
        };
        words(status.as_ref(), shell, typed.load(Ordering::Relaxed))
    }
    .boxed()
}

/// A shell that failed before anybody typed never was one; any other exit code is that of the last command in it.
fn words(status: Option<&Status>, shell: Shell, typed: bool) -> String {
    const OVER: &str = "The shell has ended";
    let Some(status) = status else { return OVER.to_owned() };
    match (status.status.as_deref(), status.reason.as_deref()) {
        (Some("Success"), _) => OVER.to_owned(),
        (_, Some("NonZeroExitCode")) => (if typed { OVER } else { shell.missing() }).to_owned(),
        _ if typed => format!("The shell broke: {}", status.message.as_deref().unwrap_or_default()),
        _ => format!("No shell could be started: {}", status.message.as_deref().unwrap_or_default()),
    }
}

fn refused(error: kube::Error) -> Error {
    match &error {
        kube::Error::Api(status) if matches!(status.code, 400 | 501) => {
            Error::conflict(Code::NotReady, status.message.clone())
        }
        _ => translate_for_person("opening a terminal", error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_shell_is_said_and_the_exit_code_of_a_used_one_is_not() {
        let of = |reason: &str, message: &str, typed| {
            let status = Status {
                status: Some("Failure".into()),
                reason: Some(reason.into()),
                message: Some(message.into()),
                ..Status::default()
            };
            words(Some(&status), Shell::Bash, typed)
        };
        assert_eq!(of("NonZeroExitCode", "exit code 130", true), "The shell has ended");
        assert_eq!(of("NonZeroExitCode", "exit code 127", false), Shell::Bash.missing());
        assert_eq!(of("InternalError", "no such file", false), "No shell could be started: no such file");
        assert_eq!(of("InternalError", "the engine is gone", true), "The shell broke: the engine is gone");
        assert_eq!(words(None, Shell::Auto, false), "The shell has ended");
    }
}
