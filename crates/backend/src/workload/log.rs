//! The logs of pods as they are followed: one whose container is started again goes on with the log of the new run.

use std::pin::pin;
use std::time::Duration;

use domain::log::{AfterEnd, LogOptions, LogPiece, MOST_PODS, Restart, after_end, first_unread};
use domain::namespace::{KubernetesName, Namespace};
use domain::permission::Permission;
use domain::workload::WorkloadKind;
use domain::{Error, Result};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use secrecy::SecretString;

use super::possible;
use crate::{Backend, Caller};

/// How long the cluster may take to report that a container has ended whose log has: after that the log was cut off.
const REPORTED: Duration = Duration::from_secs(60);

/// The log of one of several pods.
pub type PodLog = (String, BoxStream<'static, Result<LogPiece>>);

/// A log that is followed, run after run.
struct Follow {
    backend: Backend,
    caller: Caller,
    id: String,
    tenant: KubernetesName,
    pod: String,
    /// How the log of a further run is opened.
    options: LogOptions,
    /// The first run that was not read.
    next: u32,
    log: BoxStream<'static, Result<Vec<u8>>>,
}

impl Backend {
    /// The logs of several pods, each as its own stream. One that is followed ends with its pod: when its container is
    /// started again, the log of the new run follows.
    ///
    /// # Errors
    /// As [`Self::pod_log`] for the first pod that has none; [`Error::Invalid`] for none or more than [`MOST_PODS`].
    pub async fn pod_logs(
        &self,
        caller: &Caller,
        id: &str,
        pods: &[String],
        options: &LogOptions,
    ) -> Result<Vec<PodLog>> {
        if pods.is_empty() || pods.len() > MOST_PODS {
            return Err(Error::field("pod", "range", format!("Name 1 to {MOST_PODS} pods")));
        }
        options.check()?;
        let (tenant, token) = self.workspace(caller, id, Permission::Read).await?;
        let mut logs = Vec::new();
        for pod in pods {
            possible(pod)?;
            let log = if options.follow {
                self.followed_log(caller, id, (&*tenant, &token), pod, options).await?
            } else {
                let log = self.inner.cluster.pod_log(&token, &tenant.kubernetes_name, pod, options).await?;
                log.map_ok(LogPiece::Bytes).boxed()
            };
            logs.push((pod.clone(), log));
        }
        Ok(logs)
    }

    async fn followed_log(
        &self,
        caller: &Caller,
        id: &str,
        (tenant, token): (&Namespace, &SecretString),
        pod: &str,
        options: &LogOptions,
    ) -> Result<BoxStream<'static, Result<LogPiece>>> {
        let (cluster, name) = (&self.inner.cluster, &tenant.kubernetes_name);
        // Before its log is opened: what is started again between the two is read on, never passed over.
        let state = cluster.get_workload(token, name, WorkloadKind::Pod, pod).await?.ok_or(Error::NotFound)?;
        let next = state.pods.first().map_or(0, |pod| first_unread(pod, options.container.as_deref()));
        let follow = Follow {
            backend: self.clone(),
            caller: caller.clone(),
            id: id.to_owned(),
            tenant: name.clone(),
            pod: pod.to_owned(),
            options: LogOptions { tail_lines: None, since_seconds: None, ..options.clone() },
            next,
            log: cluster.pod_log(token, name, pod, options).await?,
        };
        Ok(stream::try_unfold(follow, Follow::next).boxed())
    }
}

// === impl Follow ===

impl Follow {
    async fn next(mut self) -> Result<Option<(LogPiece, Self)>> {
        if let Some(bytes) = self.log.try_next().await? {
            return Ok(Some((LogPiece::Bytes(bytes), self)));
        }
        let Some(restart) = self.started_again().await? else { return Ok(None) };
        match self.open().await {
            Ok(log) => self.log = log,
            // The pod went meanwhile.
            Err(Error::NotFound) => return Ok(None),
            Err(other) => return Err(other),
        }
        Ok(Some((LogPiece::Restarted(restart), self)))
    }

    /// Waits until the container runs again; none once it never will.
    async fn started_again(&mut self) -> Result<Option<Restart>> {
        let mut states = self.backend.inner.cluster.watch_workload(&self.tenant, WorkloadKind::Pod, &self.pod);
        let mut reported = pin!(tokio::time::sleep(REPORTED));
        let mut runs = true;
        loop {
            let known = tokio::select! {
                known = states.next() => known.ok_or_else(|| Error::cluster("The watch of pods has ended"))?,
                () = &mut reported, if runs => return Err(Error::cluster("The log ended, and its container runs")),
            };
            let Some((state, _)) = known else { return Ok(None) };
            let Some(pod) = state.pods.first() else { return Ok(None) };
            match after_end(pod, self.options.container.as_deref(), self.next) {
                AfterEnd::Running => runs = true,
                AfterEnd::Waiting => runs = false,
                AfterEnd::Over => return Ok(None),
                AfterEnd::Again(restarts, restart) => {
                    self.next = restarts.saturating_add(1);
                    return Ok(Some(restart));
                }
            }
        }
    }

    /// The log of the run that has begun. By then the first token may be too old, and the right to look may be gone.
    async fn open(&mut self) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
        let (tenant, token) = self.backend.workspace(&self.caller, &self.id, Permission::Read).await?;
        self.backend.inner.cluster.pod_log(&token, &tenant.kubernetes_name, &self.pod, &self.options).await
    }
}
