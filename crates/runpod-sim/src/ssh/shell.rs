//! One command: a real shell, with or without a terminal, as an SSH server runs it.
//! The container's variables are not there, as they are not in sessions of the provider's instances.
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read, Write},
    os::unix::{ffi::OsStringExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use nix::pty::{Winsize, openpty};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, server::Msg};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    sync::mpsc,
};

/// The number of the stream for standard error, RFC 4254 §5.2.
const STDERR: u32 = 1;
const PIECE: usize = 16 << 10;

/// Columns and rows.
type Size = (u32, u32);

/// Waits for a command and runs it to its end, or until the client is gone.
pub(super) async fn serve(mut channel: Channel<Msg>) {
    let mut size = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::RequestPty { col_width, row_height, .. } => size = Some((col_width, row_height)),
            ChannelMsg::Exec { command, .. } => {
                let (input, output) = channel.split();
                let command = OsString::from_vec(command);
                let ran = match size {
                    Some(size) => on_terminal(command, size, input, &output).await,
                    None => piped(command, input, &output).await,
                };
                return finish(ran, &output).await;
            }
            _ => {}
        }
    }
}

/// The exit code; nobody is told if the client is gone.
async fn finish(ran: io::Result<Option<u32>>, output: &ChannelWriteHalf<Msg>) {
    let code = ran.unwrap_or_else(|error| {
        tracing::warn!(%error, "A command could not be run");
        Some(126)
    });
    if let Some(code) = code {
        let _ = output.exit_status(code).await;
        let _ = output.eof().await;
    }
    let _ = output.close().await;
}

/// A shell as a server starts it: with a path, and nothing of its own variables.
fn shell(program: &str, arguments: &[&str], command: &OsStr) -> Command {
    let mut shell = Command::new(program);
    shell.args(arguments).arg("-c").arg(command).env_clear().kill_on_drop(true);
    shell.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    shell
}

async fn piped(
    command: OsString,
    mut input: ChannelReadHalf,
    output: &ChannelWriteHalf<Msg>,
) -> io::Result<Option<u32>> {
    let mut shell = shell("/bin/sh", &[], &command);
    let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let printed = async {
        tokio::join!(pass_on(stdout, output, None), pass_on(stderr, output, Some(STDERR)));
    };
    let typed = async {
        while let Some(message) = input.wait().await {
            match message {
                ChannelMsg::Data { data } => {
                    if let Some(pipe) = &mut stdin
                        && pipe.write_all(&data).await.is_err()
                    {
                        stdin = None;
                    }
                }
                ChannelMsg::Eof => stdin = None,
                ChannelMsg::Close => return,
                _ => {}
            }
        }
    };
    tokio::select! {
        () = printed => ended(child).await.map(Some),
        // The client is gone; dropping the child kills it.
        () = typed => Ok(None),
    }
}

async fn pass_on(from: Option<impl AsyncRead + Unpin>, to: &ChannelWriteHalf<Msg>, stream: Option<u32>) {
    let Some(mut from) = from else { return };
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        let data = piece[..read].to_vec();
        let sent = match stream {
            None => to.data_bytes(data).await,
            Some(stream) => to.extended_data_bytes(stream, data).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// How a shell tells it: the code, or 128 and the signal.
async fn ended(mut child: Child) -> io::Result<u32> {
    let status = child.wait().await?;
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    Ok(u32::try_from(code).unwrap_or(255))
}

async fn on_terminal(
    command: OsString,
    size: Size,
    mut input: ChannelReadHalf,
    output: &ChannelWriteHalf<Msg>,
) -> io::Result<Option<u32>> {
    let cells = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
    let window = Winsize { ws_row: cells(size.1), ws_col: cells(size.0), ws_xpixel: 0, ws_ypixel: 0 };
    let pair = openpty(&window, None)?;
    // Copies that no other child gets: one with this terminal would keep it open.
    let (master, slave) = (File::from(pair.master).try_clone()?, File::from(pair.slave).try_clone()?);
    let path = path_of(&slave)?;
    // A session of its own, with the terminal as its controlling one.
    let mut shell = shell("setsid", &["--ctty", "/bin/sh"], &command);
    shell.env("TERM", "xterm").stdin(slave.try_clone()?).stdout(slave.try_clone()?).stderr(slave);
    let child = shell.spawn()?;
    // It holds the terminal open: its end could not be seen otherwise.
    drop(shell);
    let (pieces, mut read) = mpsc::channel(16);
    let from = master.try_clone()?;
    tokio::task::spawn_blocking(move || read_all(from, &pieces));
    let printed = async {
        while let Some(piece) = read.recv().await {
            if output.data_bytes(piece).await.is_err() {
                return;
            }
        }
    };
    let master = Arc::new(master);
    let typed = async {
        while let Some(message) = input.wait().await {
            match message {
                ChannelMsg::Data { data } => write(master.clone(), data.to_vec()).await,
                ChannelMsg::WindowChange { col_width, row_height, .. } => resize(&path, (col_width, row_height)).await,
                ChannelMsg::Close => return,
                _ => {}
            }
        }
    };
    tokio::select! {
        () = printed => ended(child).await.map(Some),
        () = typed => Ok(None),
    }
}

/// The terminal's name, by which its size is set.
fn path_of(terminal: &File) -> io::Result<PathBuf> {
    use std::os::fd::AsRawFd;

    std::fs::read_link(format!("/proc/self/fd/{}", terminal.as_raw_fd()))
}

/// Until the last process on the terminal has ended, which the kernel tells as an error.
fn read_all(mut from: File, pieces: &mpsc::Sender<Vec<u8>>) {
    let mut piece = vec![0; PIECE];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        if pieces.blocking_send(piece[..read].to_vec()).is_err() {
            return;
        }
    }
}

async fn write(master: Arc<File>, data: Vec<u8>) {
    let written = tokio::task::spawn_blocking(move || (&*master).write_all(&data)).await;
    if !matches!(written, Ok(Ok(()))) {
        tracing::debug!("A terminal takes no more input");
    }
}

async fn resize(terminal: &Path, size: Size) {
    let mut stty = Command::new("stty");
    stty.arg("-F").arg(terminal).args(["cols", &size.0.to_string(), "rows", &size.1.to_string()]);
    if let Err(error) = stty.stdin(Stdio::null()).status().await {
        tracing::debug!(%error, "A terminal could not be resized");
    }
}
