//! A shell in a container: with the person's own rights, in the audit log when it opens and when it closes.
//!
//! Source: RULINGS 34, `security.md` §4.2 and §5.

use domain::audit::Action;
use domain::permission::Permission;
use domain::terminal::TerminalOptions;
use domain::workload::WorkloadKind;
use domain::{Error, Result};
use jiff::Timestamp;

use crate::ports::Terminal;
use crate::workload::{possible, target};
use crate::{Backend, Caller};

/// A terminal that is open, as the audit log knows it.
pub struct OpenTerminal {
    target: String,
    pod: String,
    since: Timestamp,
}

impl Backend {
    /// Opens a shell in a container of a pod. What is given beside it must be handed back to
    /// [`Self::terminal_closed`].
    ///
    /// # Errors
    /// [`domain::Error::NotFound`] without such a pod or container; `not_ready` while nothing runs in it.
    pub async fn open_terminal(
        &self,
        caller: &Caller,
        id: &str,
        pod: &str,
        options: &TerminalOptions,
    ) -> Result<(Terminal, OpenTerminal)> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        options.check()?;
        possible(pod)?;
        let terminal = self.inner.cluster.open_terminal(&token, &tenant.kubernetes_name, pod, options).await?;
        let open = OpenTerminal {
            target: target(&tenant, WorkloadKind::Pod, pod),
            pod: pod.to_owned(),
            since: self.inner.clock.now(),
        };
        let container = options.container.as_deref().map(|name| format!("container {name}")).unwrap_or_default();
        let event = self.audit(caller, Action::TerminalOpened, open.target.clone(), container);
        // A shell that cannot be recorded is not handed out; dropped here, it ends.
        self.inner.store.record(&event.named(pod)).await?;
        Ok((terminal, open))
    }

    /// Whether a terminal could be opened, as far as that is known without opening one.
    ///
    /// # Errors
    /// As [`Self::open_terminal`].
    pub async fn check_terminal(&self, caller: &Caller, id: &str, pod: &str, options: &TerminalOptions) -> Result<()> {
        let (tenant, token) = self.workspace(caller, id, Permission::Deploy).await?;
        options.check()?;
        possible(pod)?;
        let found = self.inner.cluster.get_workload(&token, &tenant.kubernetes_name, WorkloadKind::Pod, pod).await?;
        let has = |name: &String| {
            let pods = found.iter().flat_map(|state| &state.pods);
            pods.flat_map(|pod| &pod.containers).any(|container| container.name == *name)
        };
        let there = found.is_some() && options.container.as_ref().is_none_or(has);
        there.then_some(()).ok_or(Error::NotFound)
    }

    /// Records that a terminal was closed and why.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn terminal_closed(&self, caller: &Caller, open: OpenTerminal, why: &str) -> Result<()> {
        let seconds = self.inner.clock.now().as_second() - open.since.as_second();
        let event = self.audit(caller, Action::TerminalClosed, open.target, format!("after {seconds} s: {why}"));
        self.inner.store.record(&event.named(open.pod)).await
    }
}
