//! One isolated network per namespace of a cluster: tenants of one engine do not see each other, nor do two clusters.
//! Made with the first container of a namespace, removed with the last one.
use std::collections::HashMap;

use bollard::{
    models::{Ipam, IpamConfig, NetworkCreateRequest},
    query_parameters::InspectNetworkOptions,
};
use kubelet::ProviderError;
use sha2::{Digest, Sha256};

use super::{CLUSTER, Docker, NODE, POD_NAMESPACE, status_code, unavailable};

/// `rgpu-<8 hex of the cluster>-<namespace>`; a namespace has at most 63 characters, so nothing is cut.
fn name(cluster: &str, namespace: &str) -> String {
    let digest = Sha256::digest(cluster);
    let cluster: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '-' };
    format!("rgpu-{cluster}-{}", namespace.chars().take(63).map(safe).collect::<String>())
}

// === impl Docker ===

impl Docker {
    /// Makes sure that the network of a namespace exists; the caller holds the gate.
    pub(super) async fn ensure_network(&self, namespace: &str) -> Result<String, ProviderError> {
        let name = name(&self.cluster, namespace);
        match self.client.inspect_network(&name, None::<InspectNetworkOptions>).await {
            Ok(_) => return Ok(name),
            Err(error) if status_code(&error) == Some(404) => {}
            Err(error) => return Err(unavailable(error)),
        }
        let labels = [(CLUSTER, self.cluster.as_str()), (NODE, &self.node), (POD_NAMESPACE, namespace)];
        let mut wanted = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".into()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            // Podman isolates bridges from each other only when told to; Docker always does and ignores the option.
            options: Some(HashMap::from([("isolate".to_owned(), "true".to_owned())])),
            ..NetworkCreateRequest::default()
        };
        self.make_network(wanted.clone()).await?;
        // Docker takes an address that we choose only in a range that we name: the one that it has just found free.
        if !self.is_podman()
            && let Some(range) = self.addressing(&name).await?.range()
        {
            let config = IpamConfig { subnet: Some(range.to_owned()), ..IpamConfig::default() };
            wanted.ipam = Some(Ipam { config: Some(vec![config]), ..Ipam::default() });
            match self.client.remove_network(&name).await {
                Ok(()) => self.make_network(wanted).await?,
                // Another node of this engine was faster and uses it already.
                Err(error) => tracing::warn!(%error, network = name, "Pods of this network cannot choose an address"),
            }
        }
        Ok(name)
    }

    async fn make_network(&self, wanted: NetworkCreateRequest) -> Result<(), ProviderError> {
        match self.client.create_network(wanted).await {
            Ok(_) => Ok(()),
            Err(error) if status_code(&error) == Some(409) => Ok(()),
            Err(error) => Err(unavailable(error)),
        }
    }

    /// Removes the network of a namespace that has no container left; trouble here only leaves an empty network.
    pub(super) async fn drop_network(&self, namespace: &str) {
        let _gate = self.network_gate.lock().await;
        let labels = vec![format!("{CLUSTER}={}", self.cluster), format!("{POD_NAMESPACE}={namespace}")];
        match self.list_containers(&labels).await {
            Ok(left) if left.is_empty() => {
                let removed = self.client.remove_network(&name(&self.cluster, namespace)).await;
                if let Err(error) =
                    removed.or_else(|error| if status_code(&error) == Some(404) { Ok(()) } else { Err(error) })
                {
                    tracing::debug!(%error, "An empty network could not be removed");
                }
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "The containers of a namespace could not be listed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_network_is_named_after_its_cluster_and_its_namespace() {
        let (one, other) = (name("c1", "team-ml-0a1b2c3d"), name("c2", "team-ml-0a1b2c3d"));
        assert!(one.starts_with("rgpu-") && one.ends_with("-team-ml-0a1b2c3d"), "{one}");
        assert_eq!(one, name("c1", "team-ml-0a1b2c3d"));
        assert_ne!(one, other, "two installations may have namespaces of one name");
        assert!(name("c1", "a/../b").ends_with("-a----b"));
    }
}
