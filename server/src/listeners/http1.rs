//! Connections that speak HTTP/1 and may be upgraded to WebSockets. The listener's library offers one or the other:
//! told to speak HTTP/1 only it drops upgraded connections, and with upgrades it looks for HTTP/2 without any time limit.

use std::future::{Ready, ready};
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Takes every connection as HTTP/1.
#[derive(Debug, Clone, Copy)]
pub struct Http1;

/// A connection whose first read is empty. That read is the library's look for the preface of HTTP/2: without one it goes
/// on with HTTP/1 at once, whose limit on slow heads then holds from the first moment.
#[derive(Debug)]
pub struct Http1Stream<S> {
    stream: S,
    looked: bool,
}

// === impl Http1 ===

impl<S> Accept<TcpStream, S> for Http1 {
    type Stream = Http1Stream<TcpStream>;
    type Service = S;
    type Future = Ready<Result<(Self::Stream, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(Ok((Http1Stream { stream, looked: false }, service)))
    }
}

// === impl Http1Stream ===

impl<S: AsyncRead + Unpin> AsyncRead for Http1Stream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.looked, true) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Http1Stream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn the_look_for_another_version_finds_nothing_and_loses_nothing() {
        let mut stream = Http1Stream { stream: &b"PRI * HTTP/2.0"[..], looked: false };
        let mut buffer = [0; 64];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 14);
        assert_eq!(&buffer[..14], b"PRI * HTTP/2.0");
    }
}
