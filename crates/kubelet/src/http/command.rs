//! One client of a running command or container, whatever it speaks: its input goes in, output and ending come out.
//! Knows neither WebSocket nor SPDY; both only bring the bytes.
use std::pin::Pin;

use axum::body::Bytes;
use futures::{Stream, StreamExt};
use serde_json::json;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::frames::FromClient;
use crate::{ExecControl, ExecOutput, ExecSession, ProviderError};

/// The client's side of a transport.
pub(super) trait Client {
    /// Sends a piece of output; false if the client is gone.
    async fn send(&mut self, piece: ExecOutput) -> bool;
    /// Sends how it ended, a `Status` object, and closes.
    async fn finish(self, status: Vec<u8>);
}

/// Runs until the command or the client is gone; `input` ends with the client.
pub(super) async fn run(
    session: Result<ExecSession, ProviderError>,
    input: impl Stream<Item = FromClient> + Unpin,
    mut client: impl Client,
) {
    let ExecSession { stdin, output, control } = match session {
        Ok(session) => session,
        Err(error) => return client.finish(failure(&error.to_string())).await,
    };
    let ended = tokio::select! {
        ended = copy_output(&mut client, output) => ended,
        // The client is gone; dropping the session ends what can be ended.
        () = copy_input(input, stdin, control.as_ref()) => return,
    };
    let status = match ended {
        Ok(()) => match control.exit_code().await {
            Ok(code) => exit(code),
            Err(error) => failure(&error.to_string()),
        },
        Err(Some(error)) => failure(&error.to_string()),
        Err(None) => return,
    };
    client.finish(status).await;
}

/// `Err(None)`: the client is gone.
async fn copy_output(
    client: &mut impl Client,
    mut output: impl Stream<Item = Result<ExecOutput, ProviderError>> + Unpin,
) -> Result<(), Option<ProviderError>> {
    while let Some(piece) = output.next().await {
        if !client.send(piece.map_err(Some)?).await {
            return Err(None);
        }
    }
    Ok(())
}

async fn copy_input(
    mut input: impl Stream<Item = FromClient> + Unpin,
    mut stdin: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    control: &dyn ExecControl,
) {
    while let Some(event) = input.next().await {
        match event {
            FromClient::Stdin(data) => pass_on(&mut stdin, &data).await,
            FromClient::CloseStdin => {
                if let Some(mut writer) = stdin.take() {
                    let _ = writer.shutdown().await;
                }
            }
            FromClient::Resize(size) => control.resize(size).await,
            FromClient::Nothing => {}
        }
    }
}

async fn pass_on(stdin: &mut Option<Pin<Box<dyn AsyncWrite + Send>>>, data: &Bytes) {
    if let Some(writer) = stdin
        && (writer.write_all(data).await.is_err() || writer.flush().await.is_err())
    {
        // The command no longer reads; it may still print.
        *stdin = None;
    }
}

/// How the command ended, as a `Status` object.
fn exit(code: i32) -> Vec<u8> {
    let status = match code {
        0 => json!({"metadata": {}, "status": "Success"}),
        _ => json!({
            "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
            "message": format!("command terminated with non-zero exit code: exit status {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
        }),
    };
    status.to_string().into_bytes()
}

/// The command could not be run to its end.
fn failure(message: &str) -> Vec<u8> {
    let status = json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "message": message, "code": 500,
    });
    status.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_exit_code_travels_as_a_status() {
        let status = |json: Vec<u8>| -> Value { serde_json::from_slice(&json).unwrap() };
        assert_eq!(status(exit(0))["status"], "Success");
        let failed = status(exit(3));
        assert_eq!(failed["reason"], "NonZeroExitCode");
        assert_eq!(failed["details"]["causes"][0], json!({"reason": "ExitCode", "message": "3"}));
    }
}
