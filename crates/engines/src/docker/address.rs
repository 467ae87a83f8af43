//! The address of a pod that reads its own (`status.podIP`): chosen before its first start, from the end of its namespace's
//! network, and kept in a label for as long as the pod lives. Every other pod is given one by the engine.
use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
    net::Ipv4Addr,
};

use k8s_openapi::api::core::v1::Pod;
use kubelet::{ContainerRequest, ProviderError, asks_for_pod_ip};
use serde::Deserialize;

use super::{CLUSTER, Docker, POD_NAMESPACE, instances::Attempt};
use crate::POD_IP;

/// Which address a container was made with.
pub(super) const ADDRESS: &str = "remotegpu.ai/pod-ip";

/// What the engine says of a network.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Addressing {
    #[serde(rename = "IPAM")]
    ipam: Ipam,
    /// Who runs in it, by id.
    #[serde(rename = "Containers")]
    containers: Option<HashMap<String, Endpoint>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Ipam {
    #[serde(rename = "Config")]
    config: Option<Vec<Range>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Range {
    subnet: String,
    gateway: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Endpoint {
    #[serde(rename = "IPv4Address")]
    address: String,
}

/// The addresses of version 4 of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Subnet {
    first: u32,
    last: u32,
}

// === impl Docker ===

impl Docker {
    /// The address for a container that owns the network of its pod; `None` if nothing in the pod reads it. The caller holds
    /// the gate.
    pub(super) async fn address_for(
        &self,
        pod: &Pod,
        known: &[Attempt],
        network: &str,
    ) -> Result<Option<Ipv4Addr>, ProviderError> {
        if !is_read(pod) {
            return Ok(None);
        }
        let uid = pod.metadata.uid.as_deref().unwrap_or_default();
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let seen = self.addressing(network).await?;
        // What is made and does not run yet is in no list of the network.
        let of_namespace = vec![format!("{CLUSTER}={}", self.cluster), format!("{POD_NAMESPACE}={namespace}")];
        let neighbours = self.list_containers(&of_namespace).await?;
        let others = neighbours.iter().filter_map(|one| one.labels.as_ref());
        let others = others.filter(|labels| labels.get(super::POD_UID).is_none_or(|of| of != uid));
        let mut taken = seen.taken(known);
        taken.extend(others.filter_map(|labels| labels.get(ADDRESS)?.parse::<Ipv4Addr>().ok()));
        let chosen = seen.subnet().and_then(|subnet| {
            let mut earlier = known.iter().rev().filter_map(|one| one.address);
            let kept = earlier.find(|one| subnet.holds(*one) && !taken.contains(one));
            kept.or_else(|| subnet.last_free(&taken))
        });
        chosen.map(Some).ok_or_else(|| ProviderError::Waiting {
            reason: "CreateContainerError",
            message: format!("The network of namespace {namespace} on this engine has no free address"),
        })
    }

    /// How a network gives addresses, and to whom it gave some.
    pub(super) async fn addressing(&self, network: &str) -> Result<Addressing, ProviderError> {
        let found = self.get(&format!("/networks/{network}")).await?;
        found.ok_or_else(|| ProviderError::Unavailable(format!("The engine has no network {network}")))
    }
}

// === impl Addressing ===

impl Addressing {
    /// The range of version 4, as the engine writes it.
    pub(super) fn range(&self) -> Option<&str> {
        let ranges = self.ipam.config.as_deref().unwrap_or_default();
        ranges.iter().map(|one| one.subnet.as_str()).find(|subnet| Subnet::parse(subnet).is_some())
    }

    fn subnet(&self) -> Option<Subnet> {
        Subnet::parse(self.range()?)
    }

    /// Addresses of the gateway and of everybody but the pod itself.
    fn taken(&self, own: &[Attempt]) -> BTreeSet<Ipv4Addr> {
        let gateways = self.ipam.config.iter().flatten().map(|one| one.gateway.as_str());
        let others = self.containers.iter().flatten().filter(|(id, _)| own.iter().all(|one| one.id != **id));
        let others = others.map(|(_, one)| one.address.split('/').next().unwrap_or_default());
        gateways.chain(others).filter_map(|text| text.parse().ok()).collect()
    }
}

// === impl Subnet ===

impl Subnet {
    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.split_once('/')?;
        let base = u32::from(base.parse::<Ipv4Addr>().ok()?);
        let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits.parse().ok()?)?)?;
        Some(Self { first: base & mask, last: base | !mask })
    }

    fn holds(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&u32::from(address))
    }

    /// Engines give addresses from the beginning. The first two are those of the network and, nearly always, of its gateway;
    /// the last is everybody's.
    fn last_free(self, taken: &BTreeSet<Ipv4Addr>) -> Option<Ipv4Addr> {
        let mut all = (self.first.saturating_add(2)..self.last).rev().map(Ipv4Addr::from);
        all.find(|one| !taken.contains(one))
    }
}

/// Whether any container of a pod reads the pod's address.
pub(super) fn is_read(pod: &Pod) -> bool {
    let Some(spec) = pod.spec.as_ref() else { return false };
    spec.init_containers.iter().flatten().chain(&spec.containers).any(asks_for_pod_ip)
}

/// The container with its pod's address in place of the word for it. Commands have it only through a variable.
pub(super) fn told(
    wanted: &ContainerRequest,
    address: Option<Ipv4Addr>,
) -> Result<Cow<'_, ContainerRequest>, ProviderError> {
    if !wanted.env.iter().any(|(_, value)| value.contains(POD_IP)) {
        return Ok(Cow::Borrowed(wanted));
    }
    let address = address.ok_or_else(|| ProviderError::Waiting {
        reason: "CreateContainerError",
        message: format!("Container {} reads the address of its pod, which is not known", wanted.spec.name),
    })?;
    let address = address.to_string();
    let mut wanted = wanted.clone();
    let values = wanted.env.iter_mut().map(|(_, value)| value);
    for text in values.chain(&mut wanted.command).chain(&mut wanted.args) {
        *text = text.replace(POD_IP, &address);
    }
    Ok(Cow::Owned(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn addressing(subnet: &str, used: &str) -> Addressing {
        serde_json::from_value(json!({
            "Name": "rgpu-team",
            "IPAM": {"Driver": "default", "Options": null, "Config": [
                {"Subnet": "fd00::/64"}, {"Subnet": subnet, "Gateway": "10.89.3.1"}]},
            "Containers": {"c1": {"Name": "web", "IPv4Address": used, "IPv6Address": ""}},
        }))
        .unwrap()
    }

    fn attempt(id: &str) -> Attempt {
        Attempt {
            id: id.into(),
            uid: "u".into(),
            namespace: "team".into(),
            name: "web".into(),
            container: "app".into(),
            attempt: 0,
            state: "running".into(),
            address: None,
            digest: None,
            message: super::super::message::Wanted::default(),
        }
    }

    #[test]
    fn the_last_address_that_nobody_has_is_chosen() {
        let seen = addressing("10.89.3.0/29", "10.89.3.6/29");
        assert_eq!(seen.range(), Some("10.89.3.0/29"));
        let (subnet, taken) = (seen.subnet().unwrap(), seen.taken(&[]));
        assert_eq!(subnet.last_free(&taken), Some([10, 89, 3, 5].into()));
        let all = (2..7).map(|last| Ipv4Addr::from([10, 89, 3, last])).collect();
        assert_eq!(subnet.last_free(&all), None);
        assert!(subnet.holds([10, 89, 3, 6].into()) && !subnet.holds([10, 89, 3, 8].into()));
    }

    #[test]
    fn a_pods_own_address_is_not_in_its_way() {
        let seen = addressing("10.89.3.0/29", "10.89.3.6/29");
        let of_gateway = BTreeSet::from([Ipv4Addr::from([10, 89, 3, 1])]);
        assert_eq!(seen.taken(&[attempt("c1")]), of_gateway);
        assert_eq!(seen.taken(&[attempt("c2")]).len(), 2);
    }

    #[test]
    fn a_network_without_addresses_of_version_4_has_none_to_choose() {
        assert_eq!(addressing("fd01::/64", "").subnet(), None);
        for odd in ["", "10.0.0.0", "10.0.0.0/33", "10.0.0.0/x", "0.0.0.0/0"] {
            assert_eq!(Subnet::parse(odd), None, "{odd}");
        }
        let none: Addressing = serde_json::from_value(json!({"IPAM": {"Config": null}, "Containers": null})).unwrap();
        assert_eq!((none.range(), none.taken(&[]).len()), (None, 0));
    }

    #[test]
    fn the_word_for_the_address_gives_way_to_it() {
        let mut wanted = ContainerRequest {
            spec: serde_json::from_value(json!({"name": "app"})).unwrap(),
            attempt: 0,
            env: vec![("IP".into(), POD_IP.into()), ("URL".into(), format!("http://{POD_IP}:80"))],
            command: vec!["serve".into()],
            args: vec![format!("--listen={POD_IP}")],
        };
        let told_it = told(&wanted, Some([10, 0, 0, 9].into())).unwrap();
        let values: Vec<_> = told_it.env.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!((values, told_it.args[0].as_str()), (vec!["10.0.0.9", "http://10.0.0.9:80"], "--listen=10.0.0.9"));
        assert!(matches!(told(&wanted, None), Err(ProviderError::Waiting { .. })));
        wanted.env.clear();
        wanted.args.clear();
        assert!(matches!(told(&wanted, None), Ok(Cow::Borrowed(_))));
    }

    #[test]
    fn a_pod_reads_its_address_if_any_of_its_containers_does() {
        let pod = |kind: &str, path: &str| -> Pod {
            let reader =
                json!({"name": "reads", "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": path}}}]});
            let mut spec = json!({"containers": [{"name": "app"}]});
            spec[kind] = json!([reader]);
            serde_json::from_value(json!({"spec": spec})).unwrap()
        };
        assert!(is_read(&pod("initContainers", "status.podIP")) && is_read(&pod("containers", "status.podIPs")));
        assert!(!is_read(&pod("containers", "status.hostIP")) && !is_read(&Pod::default()));
    }
}
