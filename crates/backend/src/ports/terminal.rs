//! A shell in a container, as the cluster gives it.

use domain::Result;
use domain::terminal::TerminalInput;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::sync::mpsc;

/// An open terminal; dropping it ends the shell.
pub struct Terminal {
    /// What the shell writes; ends with it.
    pub output: BoxStream<'static, Result<Vec<u8>>>,
    /// What a person sends; bounded, so that a paste waits for the shell to read.
    pub input: mpsc::Sender<TerminalInput>,
    /// Why the shell ended, in words; to be asked after the output is over.
    pub ended: BoxFuture<'static, String>,
}
