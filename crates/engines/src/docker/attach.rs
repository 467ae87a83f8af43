//! Attach: the streams of the container's own process.
//! What it printed before stays in its log; what it prints from now on comes here.
use async_trait::async_trait;
use bollard::{
    Docker as Client,
    query_parameters::{AttachContainerOptionsBuilder, ResizeContainerTTYOptionsBuilder},
};
use futures::{StreamExt, TryStreamExt};
use kubelet::{AttachRequest, ExecControl, ExecSession, ProviderError, TerminalSize};

use super::{Docker, exec::piece, unavailable};

struct Control {
    client: Client,
    id: String,
    tty: bool,
}

// === impl Docker ===

impl Docker {
    pub(super) async fn join(
        &self,
        uid: &str,
        container: &str,
        request: &AttachRequest,
    ) -> Result<ExecSession, ProviderError> {
        let running = self.running(uid, container).await?;
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdin(request.stdin)
            .stdout(request.stdout)
            .stderr(request.stderr || request.tty)
            .build();
        let joined = self.client.attach_container(&running.id, Some(options)).await.map_err(unavailable)?;
        Ok(ExecSession {
            stdin: request.stdin.then_some(joined.input),
            output: joined.output.map_ok(piece).map_err(unavailable).boxed(),
            control: Box::new(Control { client: self.client.clone(), id: running.id, tty: request.tty }),
        })
    }
}

#[async_trait]
impl ExecControl for Control {
    async fn resize(&self, size: TerminalSize) {
        if !self.tty {
            return;
        }
        let options = ResizeContainerTTYOptionsBuilder::new().h(size.height.into()).w(size.width.into()).build();
        if let Err(error) = self.client.resize_container_tty(&self.id, options).await {
            tracing::debug!(%error, "A terminal could not be resized");
        }
    }

    async fn exit_code(&self) -> Result<i32, ProviderError> {
        // How the container ended is told by the pod's status.
        Ok(0)
    }
}
