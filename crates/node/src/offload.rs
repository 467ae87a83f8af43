//! Flags of the provider kubernetes: pods of the node run in a namespace of another cluster.
//! Which of its nodes, and how much they offer, is read from them; what may not be read is given by flags.
use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use clap::Args;
use engines::kubernetes::{Class, Kubernetes, KubernetesConfig, Renewal, classes, unread};
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

    /// Where the renewed token is kept, for example on a volume; default: beside the kubeconfig, FILE.token
    #[arg(long, requires = "provider_kubeconfig", value_name = "FILE")]
    pub(crate) provider_token_file: Option<PathBuf>,

    /// Namespace there that holds the pods; default: that of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub(crate) provider_namespace: Option<String>,

    /// Keep RuntimeClasses in the node's own cluster for the SKUs that the tenant of the kubeconfig may use: the other
    /// cluster sells SKUs, and the node may write RuntimeClasses
    #[arg(long)]
    pub(crate) mirror_runtime_classes: bool,
}

/// The cluster that runs the pods.
pub(crate) struct Offload {
    client: Client,
    namespace: String,
    /// The nodes that run them.
    class: Class,
    /// Whether they may be read there, so that their size is known.
    read: bool,
    /// Whether the node's own cluster gets its RuntimeClasses.
    mirror: bool,
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
        let (client, namespace) = Renewal::connect(path, self.provider_token_file.as_deref()).await?;
        let namespace = self.provider_namespace.clone().unwrap_or(namespace);
        let (class, read) = loop {
            match look(&client).await {
                Ok(Some(found)) => break (choose(found, model)?, true),
                Ok(None) => match unread(&client).await {
                    Ok(class) => break (class, false),
                    Err(error) => tracing::warn!(%error, "Trying again"),
                },
                Err(error) => tracing::warn!(%error, "Trying again"),
            }
            tokio::select! {
                () = shutdown.cancelled() => return Ok(None),
                () = tokio::time::sleep(AGAIN) => {}
            }
        };
        Ok(Some(Offload { client, namespace, class, read, mirror: self.mirror_runtime_classes }))
    }
}

/// The kinds of nodes there; `None` if they may not be read.
async fn look(client: &Client) -> Result<Option<Vec<Class>>, ProviderError> {
    match classes(client).await {
        Ok(found) => Ok(Some(found)),
        Err(error @ ProviderError::Unavailable(_)) => Err(error),
        Err(error) => {
            tracing::warn!(%error, "The size of the engine is what the flags say");
            Ok(None)
        }
    }
}

// === impl Offload ===

impl Offload {
    /// What the nodes offer, unless flags say otherwise.
    pub(crate) fn class(&self) -> Option<&Class> {
        self.read.then_some(&self.class)
    }

    /// The engine, for one node of one cluster.
    pub(crate) fn provider(self, home: &Client, cluster: &str, node: &str) -> Kubernetes {
        let config = KubernetesConfig {
            namespace: self.namespace,
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            node_selector: self.class.node_selector,
            tolerations: self.class.tolerations,
        };
        let engine = Kubernetes::new(self.client, config);
        if self.mirror { engine.mirroring(home.clone()) } else { engine }
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
