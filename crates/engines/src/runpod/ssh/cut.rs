//! A connection that ends with whoever uses it. The SSH library looks at its own end of a session neither while keys are
//! exchanged nor while the server takes no data: a server that stalls there would keep the connection for ever.
use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, DropGuard};

/// For what was written last to go out.
const LINGER: Duration = Duration::from_secs(5);

/// Passes everything on until a little after its guard was dropped; then it is at its end.
pub(super) struct Cut<S> {
    stream: S,
    /// Ready when it is time; `None` from then on.
    end: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

// === impl Cut ===

impl<S> Cut<S> {
    /// The connection, and what must be kept as long as it is used.
    pub(super) fn new(stream: S) -> (Self, DropGuard) {
        let token = CancellationToken::new();
        let unused = token.clone().cancelled_owned();
        let end = async move {
            unused.await;
            tokio::time::sleep(LINGER).await;
        };
        (Self { stream, end: Some(Box::pin(end)) }, token.drop_guard())
    }

    fn is_over(&mut self, context: &mut Context<'_>) -> bool {
        if self.end.as_mut().is_some_and(|end| end.as_mut().poll(context).is_ready()) {
            self.end = None;
        }
        self.end.is_none()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cut<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over(context) { Poll::Ready(Ok(())) } else { Pin::new(&mut this.stream).poll_read(context, buffer) }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cut<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.is_over(context) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut this.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_over(context) { Poll::Ready(Ok(())) } else { Pin::new(&mut this.stream).poll_flush(context) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_nobody_uses_ends_though_the_other_side_stalls() {
        let (near, mut far) = tokio::io::duplex(8);
        let (mut stream, used) = Cut::new(near);
        far.write_all(b"hello").await.unwrap();
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"hello");
        drop(used);
        stream.write_all(b"last").await.unwrap();
        far.read_exact(&mut bytes[..4]).await.unwrap();
        assert_eq!(&bytes[..4], b"last", "what was under way goes out");
        assert_eq!(stream.read(&mut bytes).await.unwrap(), 0);
        assert!(stream.write_all(b"more").await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_ends_as_well() {
        let (near, _far) = tokio::io::duplex(1);
        let (mut stream, used) = Cut::new(near);
        drop(used);
        assert!(stream.write_all(b"more than fits").await.is_err());
    }
}
