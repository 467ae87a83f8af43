//! Logs, exec and figures of instances: the values that cross between the kubelet API and an engine.
//! They are transport-neutral: no WebSocket, no HTTP.
use std::pin::Pin;

use async_trait::async_trait;
use axum::body::Bytes;
use futures::stream::BoxStream;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::ProviderError;

/// Bytes as the engine produces them.
pub type ByteStream = BoxStream<'static, Result<Bytes, ProviderError>>;

/// Which part of a container's log is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Keep sending what comes, until the container ends.
    pub follow: bool,
    /// The log of the attempt before the newest one.
    pub previous: bool,
    /// An RFC 3339 time and a space before each line.
    pub timestamps: bool,
    /// Only the last lines.
    pub tail: Option<u64>,
    /// Only lines since then.
    pub since: Option<LogSince>,
}

/// Start of the wanted part of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSince {
    /// That many seconds ago.
    Seconds(i64),
    /// At that moment.
    Time(Timestamp),
}

/// A command to run inside a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// Program and arguments, not passed through a shell.
    pub command: Vec<String>,
    /// The caller will send standard input.
    pub stdin: bool,
    /// The caller wants standard output.
    pub stdout: bool,
    /// The caller wants standard error; never together with `tty`.
    pub stderr: bool,
    /// Run on a terminal.
    pub tty: bool,
}

/// Which of a running container's own streams are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachRequest {
    /// The caller will send standard input; only a container with `stdin` reads it.
    pub stdin: bool,
    /// The caller wants standard output.
    pub stdout: bool,
    /// The caller wants standard error; never together with `tty`.
    pub stderr: bool,
    /// The container runs on a terminal.
    pub tty: bool,
}

/// A connection into an instance: bytes both ways.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// A connection to one port of an instance.
pub type PortStream = Box<dyn Wire>;

/// The way of an HTTP request to one port of an instance.
pub struct HttpWay {
    /// Carries the request; TLS to a proxy, if that speaks it, is spoken already.
    pub wire: PortStream,
    /// What stands before the port; `None` = the container itself answers.
    pub proxy: Option<HttpProxy>,
}

/// A proxy before a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProxy {
    /// The name by which it knows the port: the header `Host`.
    pub host: String,
    /// Before the path of each request; empty, or begins with a slash and ends without one.
    pub prefix: String,
    /// It may not know the instance yet: its own errors say nothing of the container.
    pub fresh: bool,
}

/// A running command, or a running container somebody is attached to.
pub struct ExecSession {
    /// Standard input; shutting it down closes it for the command. `None` if it was not asked for.
    pub stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    /// What the command prints; ends when the command does.
    pub output: BoxStream<'static, Result<ExecOutput, ProviderError>>,
    /// Terminal size and exit code.
    pub control: Box<dyn ExecControl>,
}

/// One piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecOutput {
    /// Standard output, or the terminal.
    Stdout(Bytes),
    /// Standard error.
    Stderr(Bytes),
}

/// Size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// The side channel of a running command.
#[async_trait]
pub trait ExecControl: Send + Sync {
    /// Tells the terminal its new size; ignored without a terminal.
    async fn resize(&self, size: TerminalSize);
    /// The exit code, asked for once the output has ended; 0 for a container somebody was attached to.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if the engine does not say.
    async fn exit_code(&self) -> Result<i32, ProviderError>;
}

/// Figures of one instance. What the engine does not measure is left out, never invented.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceStats {
    /// UID of the pod.
    pub uid: String,
    /// One entry for each running container.
    pub containers: Vec<ContainerStats>,
}

/// Figures of one container.
#[derive(Clone, Debug, PartialEq)]
pub struct ContainerStats {
    /// Name of the container in the pod.
    pub name: String,
    /// When the figures were taken.
    pub taken: Timestamp,
    /// Start of the container.
    pub started: Option<Timestamp>,
    /// CPU time used since the start, in nanoseconds.
    pub cpu_nanoseconds: Option<u64>,
    /// Memory that cannot be given back, in bytes.
    pub memory_working_set_bytes: Option<u64>,
    /// The GPUs that it may use.
    pub gpus: Vec<GpuStats>,
}

/// Figures of one GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GpuStats {
    /// Who made it, `nvidia` or `amd`.
    pub make: String,
    /// Model as SKUs name it, `H100`.
    pub model: String,
    /// The device's own id.
    pub id: String,
    /// All its memory, in bytes.
    pub memory_total_bytes: Option<u64>,
    /// What of it is in use, in bytes.
    pub memory_used_bytes: Option<u64>,
    /// Per cent of the time of the last sample in which it worked.
    pub duty_percent: Option<u32>,
}
