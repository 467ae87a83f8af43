//! Exec over SSH: the command with its streams, its terminal and its exit code.
//! When the caller leaves, the connection ends: a terminal hangs up, standard input ends.
use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use futures::StreamExt;
use kubelet::{ExecControl, ExecOutput, ExecRequest, ExecSession, ProviderError, TerminalSize};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig, client};
use tokio::io::AsyncWrite;

use super::{ANSWER, HostKey, Session, quote};
use crate::runpod::engine::Engine;

/// What the container engines set, too.
const TERM: &str = "xterm";
/// Until the caller tells the real size.
const SIZE: (u32, u32) = (80, 24);
/// The number of the stream for standard error, RFC 4254 §5.2.
const STDERR: u32 = 1;
/// Exit code of what a signal ended, without the signal's number.
const SIGNALLED: i32 = 128;

/// What the command prints, until it is over.
struct Output {
    channel: ChannelReadHalf,
    exit: Arc<OnceLock<i32>>,
    stdout: bool,
    stderr: bool,
}

struct Control {
    channel: ChannelWriteHalf<client::Msg>,
    exit: Arc<OnceLock<i32>>,
    tty: bool,
    _session: Session,
}

// === impl Engine ===

impl Engine {
    pub(in crate::runpod) async fn run_in_container(
        &self,
        uid: &str,
        container: &str,
        request: &ExecRequest,
    ) -> Result<ExecSession, ProviderError> {
        let link = self.ssh(uid, Some(container)).await?;
        let command = quote::command(&link.access.env, &request.command)?;
        let started = tokio::time::timeout(ANSWER, start(&link.session.handle, command, request)).await;
        let (channel, input) = started.map_err(|_| late())?.map_err(|error| broken(&error))?;
        let stdin = request.stdin.then(|| Box::pin(input.make_writer()) as Pin<Box<dyn AsyncWrite + Send>>);
        let exit = Arc::new(OnceLock::new());
        let (stdout, stderr) = (request.stdout || request.tty, request.stderr);
        let output = Output { channel, exit: exit.clone(), stdout, stderr };
        let output = futures::stream::unfold(output, |mut output| async move {
            let piece = output.next().await?;
            Some((piece, output))
        });
        let control = Control { channel: input, exit, tty: request.tty, _session: link.session };
        Ok(ExecSession { stdin, output: output.boxed(), control: Box::new(control) })
    }
}

async fn start(
    session: &client::Handle<HostKey>,
    command: String,
    request: &ExecRequest,
) -> Result<(ChannelReadHalf, ChannelWriteHalf<client::Msg>), russh::Error> {
    let channel = session.channel_open_session().await?;
    if request.tty {
        channel.request_pty(true, TERM, SIZE.0, SIZE.1, 0, 0, &[]).await?;
    }
    channel.exec(true, command).await?;
    let (output, input) = channel.split();
    // Nobody will type: a command that reads finds the end. A terminal has none, its end would hang it up.
    if !request.stdin && !request.tty {
        input.eof().await?;
    }
    Ok((output, input))
}

// === impl Output ===

impl Output {
    /// The next piece; `None` once the command is over and all was read.
    async fn next(&mut self) -> Option<Result<ExecOutput, ProviderError>> {
        loop {
            match self.channel.wait().await? {
                ChannelMsg::Data { data } if self.stdout => return Some(Ok(ExecOutput::Stdout(data))),
                ChannelMsg::ExtendedData { data, ext: STDERR } if self.stderr => {
                    return Some(Ok(ExecOutput::Stderr(data)));
                }
                ChannelMsg::ExitStatus { exit_status } => {
                    let _ = self.exit.set(i32::try_from(exit_status).unwrap_or(SIGNALLED));
                }
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    let _ = self.exit.set(SIGNALLED + number(&signal_name));
                }
                ChannelMsg::Failure => {
                    let text = "The instance's SSH server runs no commands, or gives no terminal";
                    return Some(Err(ProviderError::Unavailable(text.into())));
                }
                ChannelMsg::Close => return None,
                _ => {}
            }
        }
    }
}

// === impl Control ===

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TerminalSize) {
        if !self.tty {
            return;
        }
        let (columns, rows) = (u32::from(size.width), u32::from(size.height));
        if let Err(error) = self.channel.window_change(columns, rows, 0, 0).await {
            tracing::debug!(%error, "A terminal could not be resized");
        }
    }

    async fn exit_code(&self) -> Result<i32, ProviderError> {
        let lost = "The connection to the instance broke before its SSH server told how the command ended";
        self.exit.get().copied().ok_or_else(|| ProviderError::Unavailable(lost.into()))
    }
}

pub(super) fn broken(error: &russh::Error) -> ProviderError {
    ProviderError::Unavailable(format!("The connection to the instance broke: {error}"))
}

pub(super) fn late() -> ProviderError {
    ProviderError::Unavailable("The instance's SSH server takes too long to answer".into())
}

/// The signal's number on Linux, RFC 4254 §6.10; 0 for others.
fn number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}
