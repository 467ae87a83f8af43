//! Flags of the provider kubernetes: pods of the node run in a namespace of another cluster.
//! Which of its nodes, and how much they offer, is read from them; what may not be read is given by flags.
use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use engines::kubernetes::{Class, Kubernetes, KubernetesConfig, Renewal, classes};
use kube::Client;
use kubelet::ProviderError;
use tokio_util::sync::CancellationToken;

/// Pause before asking a cluster again that does not answer.
const AGAIN: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
#[command(next_help_heading = "Provider kubernetes")]
pub(crate) struct OffloadArgs {
    /// Kubeconfig of the cluster that runs the pods; a ServiceAccount token in it is renewed at half its life
    #[arg(long, value_name = "FILE")]
    pub(crate) provider_kubeconfig: Option<PathBuf>,

    /// Namespace there that holds the pods; default: that of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) provider_namespace: Option<String>,
}

/// The cluster that runs the pods.
pub(crate) struct Offload {
    client: Client,
    namespace: String,
    /// The nodes that run them; `None` if nodes may not be read there.
    class: Option<Class>,
}

// === impl OffloadArgs ===

impl OffloadArgs {
    /// Waits for the cluster, which may start later than we do; `None` if told to stop meanwhile.
    ///
    /// # Errors
    /// What is wrong with the flags, the kubeconfig or the choice of the nodes.
    pub(crate) async fn connect(&self, model: Option<&str>, shutdown: &CancellationToken) -> Result<Option<Offload>> {
        let path = self.provider_kubeconfig.as_ref();
        let path = path.context("The provider kubernetes needs --provider-kubeconfig")?;
        let (client, namespace) = Renewal::connect(path).await?;
        let namespace = self.provider_namespace.clone().unwrap_or(namespace);
        let class = loop {
            match classes(&client).await {
                Ok(found) => break Some(choose(found, model)?),
                Err(ProviderError::Unavailable(error)) => tracing::warn!(error, "Trying again"),
                Err(error) => {
                    tracing::warn!(%error, "The size of the engine is what the flags say");
                    break None;
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                () = tokio::time::sleep(AGAIN) => {}
            }
        };
        Ok(Some(Offload { client, namespace, class }))
    }
}

// === impl Offload ===

impl Offload {
    /// What the nodes offer, unless flags say otherwise.
    pub(crate) fn class(&self) -> Option<&Class> {
        self.class.as_ref()
    }

    /// The engine, for one node of one cluster.
    pub(crate) fn provider(self, cluster: &str, node: &str) -> Kubernetes {
        let class = self.class.unwrap_or_else(Class::unread);
        let config = KubernetesConfig {
            namespace: self.namespace,
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            node_selector: class.node_selector,
            tolerations: class.tolerations,
        };
        Kubernetes::new(self.client, config)
    }
}

/// The nodes with this model of GPU; without one the only kind there is, or those without GPUs.
fn choose(mut found: Vec<Class>, model: Option<&str>) -> Result<Class> {
    let of = |class: &Class| class.gpu.as_ref().map(|gpu| gpu.model.clone());
    let models = found.iter().filter_map(of).collect::<Vec<_>>().join(", ");
    let wanted = match model {
        Some(_) => found.iter().position(|class| of(class).as_deref() == model),
        None if found.len() == 1 => Some(0),
        None => found.iter().position(|class| class.gpu.is_none()),
    };
    match (wanted, model) {
        (Some(index), _) => Ok(found.swap_remove(index)),
        (None, _) if found.is_empty() => bail!("No node of the engine's cluster is ready"),
        (None, Some(model)) => bail!("No node of the engine's cluster has GPUs of model {model}; there are: {models}"),
        (None, None) => {
            bail!("The engine's cluster has GPUs of several models, one node offers one: give --gpu-model of {models}")
        }
    }
}

#[cfg(test)]
mod tests {
    use kubelet::Gpu;

    use super::*;

    fn class(model: Option<&str>) -> Class {
        Class { gpu: model.map(|model| Gpu { model: model.into(), count: 8, memory_gib: None }), ..Class::default() }
    }

    #[test]
    fn a_node_stands_for_the_nodes_of_one_kind() {
        let all = || vec![class(Some("A100")), class(Some("H100")), class(None)];
        assert_eq!(choose(all(), Some("H100")).unwrap(), class(Some("H100")));
        assert_eq!(choose(all(), None).unwrap(), class(None));
        assert_eq!(choose(vec![class(Some("H100"))], None).unwrap(), class(Some("H100")));
        let error = choose(all(), Some("L40S")).unwrap_err().to_string();
        assert!(error.contains("L40S") && error.ends_with("there are: A100, H100"), "{error}");
        assert!(choose(vec![class(Some("A100")), class(Some("H100"))], None).is_err());
        assert!(choose(Vec::new(), None).is_err());
    }
}
