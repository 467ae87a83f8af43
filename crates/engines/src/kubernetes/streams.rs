//! Logs, exec, attach and port-forward through the API of the other cluster.
//! Each needs a right of its own; what is missing is named in the refusal.
use std::pin::Pin;

use async_trait::async_trait;
use futures::{AsyncReadExt as _, FutureExt, SinkExt, StreamExt, channel::mpsc, future::Shared, stream};
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Status};
use kube::api::{AttachParams, AttachedProcess, LogParams};
use kubelet::{
    AttachRequest, ByteStream, ExecControl, ExecOutput, ExecRequest, ExecSession, LogOptions, LogSince, PortStream,
    ProviderError, TerminalSize,
};
use tokio::{io::AsyncRead, sync::Mutex};
use tokio_util::io::ReaderStream;

use super::{
    Kubernetes,
    error::{Right, in_time},
    instances::instance,
};

/// Bytes of a log that are passed on at a time.
const PIECE: usize = 16 << 10;

type Exit = Shared<Pin<Box<dyn Future<Output = Option<Status>> + Send>>>;

struct Control {
    exit: Exit,
    resize: Mutex<Option<mpsc::Sender<kube::api::TerminalSize>>>,
    /// Ends the stream when dropped.
    _process: AttachedProcess,
}

// === impl Kubernetes ===

impl Kubernetes {
    /// Name over there of the pod that holds a container.
    fn place(&self, uid: &str, container: &str) -> Result<String, ProviderError> {
        let missing = || ProviderError::NotFound(format!("Container {container} was not started"));
        let pod = self.cache.get(uid)?.ok_or_else(missing)?;
        let spec = pod.spec.as_ref().ok_or_else(missing)?;
        let mut all = spec.init_containers.iter().flatten().chain(&spec.containers);
        all.find(|one| one.name == container).ok_or_else(missing)?;
        Ok(name(&pod))
    }

    pub(super) async fn container_log(
        &self,
        uid: &str,
        container: &str,
        options: &LogOptions,
    ) -> Result<ByteStream, ProviderError> {
        let name = self.place(uid, container)?;
        let (since_seconds, since_time) = match options.since {
            None => (None, None),
            Some(LogSince::Seconds(seconds)) => (Some(seconds), None),
            Some(LogSince::Time(time)) => (None, Some(time)),
        };
        let params = LogParams {
            container: Some(container.to_owned()),
            follow: options.follow,
            previous: options.previous,
            timestamps: options.timestamps,
            tail_lines: options.tail.and_then(|lines| i64::try_from(lines).ok()),
            since_seconds,
            since_time,
            ..LogParams::default()
        };
        let log = in_time(self.pods.log_stream(&name, &params)).await;
        let log = log.map_err(|error| match self.explain(Right("get", "pods/log"), &error) {
            // Not started yet, or no such attempt.
            ProviderError::Refused { message, .. } => ProviderError::NotFound(message),
            other => other,
        })?;
        Ok(stream::try_unfold(Box::pin(log), async |mut log| {
            let mut piece = vec![0; PIECE];
            match log.read(&mut piece).await {
                Ok(0) => Ok(None),
                Ok(read) => {
                    piece.truncate(read);
                    Ok(Some((axum::body::Bytes::from(piece), log)))
                }
                Err(error) => Err(ProviderError::Unavailable(format!("The log broke off: {error}"))),
            }
        })
        .boxed())
    }

    pub(super) async fn run_in_container(
        &self,
        uid: &str,
        container: &str,
        request: &ExecRequest,
    ) -> Result<ExecSession, ProviderError> {
        let name = self.place(uid, container)?;
        let params = AttachParams {
            container: Some(container.to_owned()),
            stdin: request.stdin,
            stdout: request.stdout || request.tty,
            stderr: request.stderr && !request.tty,
            tty: request.tty,
            ..AttachParams::default()
        };
        let process = in_time(self.pods.exec(&name, request.command.clone(), &params)).await;
        process.map(session).map_err(|error| self.explain(Right("create", "pods/exec"), &error))
    }

    pub(super) async fn join(
        &self,
        uid: &str,
        container: &str,
        request: &AttachRequest,
    ) -> Result<ExecSession, ProviderError> {
        let name = self.place(uid, container)?;
        let params = AttachParams {
            container: Some(container.to_owned()),
            stdin: request.stdin,
            stdout: request.stdout || request.tty,
            stderr: request.stderr && !request.tty,
            tty: request.tty,
            ..AttachParams::default()
        };
        let process = in_time(self.pods.attach(&name, &params)).await;
        process.map(session).map_err(|error| self.explain(Right("create", "pods/attach"), &error))
    }

    pub(super) async fn connect_inside(&self, uid: &str, port: u16) -> Result<PortStream, ProviderError> {
        let pod = self.cache.get(uid)?.ok_or_else(|| ProviderError::NotFound("The pod was not started".into()))?;
        if !instance(&pod).containers.iter().any(|one| matches!(one.run, kubelet::ContainerRun::Running { .. })) {
            return Err(ProviderError::NotFound("The pod is not running".into()));
        }
        let forwarder = in_time(self.pods.portforward(&name(&pod), &[port])).await;
        let mut forwarder = forwarder.map_err(|error| self.explain(Right("create", "pods/portforward"), &error))?;
        let stream = forwarder.take_stream(port);
        let stream = stream.ok_or_else(|| ProviderError::Unavailable("The engine gives no stream".into()))?;
        Ok(Box::new(stream))
    }
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TerminalSize) {
        let size = kube::api::TerminalSize { width: size.width, height: size.height };
        if let Some(sender) = self.resize.lock().await.as_mut()
            && let Err(error) = sender.send(size).await
        {
            tracing::debug!(%error, "A terminal could not be resized");
        }
    }

    async fn exit_code(&self) -> Result<i32, ProviderError> {
        let lost = || ProviderError::Unavailable("The engine does not say how the command ended".into());
        exit_code(&self.exit.clone().await.ok_or_else(lost)?)
    }
}

fn name(pod: &Pod) -> String {
    pod.metadata.name.clone().unwrap_or_default()
}

fn session(mut process: AttachedProcess) -> ExecSession {
    let stdout = process.stdout().map(|reader| pieces(reader, ExecOutput::Stdout));
    let stderr = process.stderr().map(|reader| pieces(reader, ExecOutput::Stderr));
    let output = stream::select_all(stdout.into_iter().chain(stderr)).boxed();
    let stdin = process.stdin().map(|writer| Box::pin(writer) as _);
    let exit: Pin<Box<dyn Future<Output = Option<Status>> + Send>> = match process.take_status() {
        Some(status) => Box::pin(status),
        None => Box::pin(async { None }),
    };
    let resize = Mutex::new(process.terminal_size());
    ExecSession { stdin, output, control: Box::new(Control { exit: exit.shared(), resize, _process: process }) }
}

fn pieces(
    reader: impl AsyncRead + Send + 'static,
    wrap: fn(axum::body::Bytes) -> ExecOutput,
) -> stream::BoxStream<'static, Result<ExecOutput, ProviderError>> {
    let broken = |error| ProviderError::Unavailable(format!("The stream broke off: {error}"));
    ReaderStream::new(reader).map(move |piece| piece.map(wrap).map_err(broken)).boxed()
}

/// As the API tells it: `Success`, or `NonZeroExitCode` with the code among its causes.
///
/// # Errors
/// [`ProviderError::Unavailable`] if the command could not be run at all.
pub(super) fn exit_code(status: &Status) -> Result<i32, ProviderError> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes.into_iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = code.and_then(|cause| cause.message.as_deref()?.parse().ok());
    let message = || status.message.clone().unwrap_or_else(|| "The command could not be run".into());
    code.ok_or_else(|| ProviderError::Unavailable(message()))
}
