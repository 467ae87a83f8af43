//! The way from outside: Services of the home cluster, reached at the ingress controller of this one.
//! Each is a Service and an Ingress here, and a label on the pods that it means. Their names are a digest of what is meant,
//! so that create and delete are rights enough, and a repeated call or a restart ends in the same objects.
use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use domain::service::{Outside, outside_host};
use futures::{StreamExt as _, stream};
use k8s_openapi::{
    api::{
        core::v1::{Pod, Service},
        networking::v1::{Ingress, IngressClass},
    },
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{
    Api, Client,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use kubelet::ProviderError;

mod objects;

use super::{
    CLUSTER, POD_UID,
    delete::of_nodes,
    error::{Right, code, explain, in_time},
    label_value,
};
use crate::ENGINE_LABEL;
use objects::{Objects, choose, marks};

/// Calls about that many exposures are under way at the same time.
const AT_ONCE: usize = 8;

/// A Service of the home cluster and its pods on this engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// UID of the Service.
    pub uid: String,
    /// Its name.
    pub service: String,
    /// Its namespace.
    pub namespace: String,
    /// The port of the containers.
    pub target: IntOrString,
    /// UIDs of the pods, at home.
    pub pods: BTreeSet<String>,
}

/// What is exposed at one engine.
pub struct Exposures {
    client: Client,
    namespace: String,
    cluster: String,
    engine: String,
    address: Option<IpAddr>,
    /// Nothing of ours is there.
    clean: bool,
}

// === impl Exposures ===

impl Exposures {
    /// What is exposed in a namespace over there, for the pods of one engine of the home `cluster`; `address` is that of the
    /// ingress controller, none while the engine's feature is off. Connects to nothing yet.
    #[must_use]
    pub fn new(client: Client, namespace: &str, cluster: &str, engine: &str, address: Option<IpAddr>) -> Self {
        let [namespace, cluster, engine] = [namespace, cluster, engine].map(str::to_owned);
        Self { client, namespace, cluster, engine, address, clean: false }
    }

    /// Makes exactly what is wanted, removes all else that was made for this engine, and says for each, in order, how it is
    /// reached; `nodes` are the virtual nodes whose pods may be meant.
    ///
    /// # Errors
    /// [`ProviderError::Unavailable`] if the cluster does not answer; nothing is concluded from that.
    pub async fn keep(&mut self, nodes: &[String], wanted: &[Exposure]) -> Result<Vec<Outside>, ProviderError> {
        let possible = if self.address.is_some() { wanted } else { &[] };
        let settled =
            if possible.is_empty() && self.clean { Ok(Vec::new()) } else { self.settle(nodes, possible).await };
        self.clean = possible.is_empty()
            && match &settled {
                // Who may not list them has not made any.
                Ok(_) | Err(ProviderError::Unsupported(_)) => true,
                Err(_) => self.clean,
            };
        let Some(address) = self.address else {
            if let Err(error @ ProviderError::Unavailable(_)) = settled {
                return Err(error);
            }
            return Ok(wanted.iter().map(|_| self.off()).collect());
        };
        let made = |(one, made): (&Exposure, Result<bool, ProviderError>)| match made {
            Ok(confirmed) => Outside::made(&self.engine, &self.host(one), address, confirmed),
            Err(error) => self.refused(&error),
        };
        match settled {
            Ok(outcomes) => Ok(wanted.iter().zip(outcomes).map(made).collect()),
            Err(error @ ProviderError::Unavailable(_)) => Err(error),
            Err(error) => Ok(wanted.iter().map(|_| self.refused(&error)).collect()),
        }
    }

    /// For each that is wanted whether an ingress controller has confirmed it, or why it cannot be.
    async fn settle(
        &self,
        nodes: &[String],
        wanted: &[Exposure],
    ) -> Result<Vec<Result<bool, ProviderError>>, ProviderError> {
        let mut found = self.found().await?;
        let class = match self.class(wanted).await {
            // What was made serves nobody without a class; after any other error it stays.
            Err(error) if !matches!(error, ProviderError::Refused { .. }) => return Err(error),
            class => class,
        };
        let objects: Vec<Objects> = match &class {
            Ok(class) => wanted.iter().map(|one| self.objects(one, class.as_deref())).collect(),
            Err(_) => Vec::new(),
        };
        for name in found.keys().filter(|name| !objects.iter().any(|one| one.name == **name)) {
            self.remove(name).await?;
        }
        class?;
        self.mark(nodes, wanted).await?;
        let all: Vec<_> = objects.iter().map(|one| self.make(one, found.remove(&one.name))).collect();
        let (mut made, mut outcomes) = (stream::iter(all).buffered(AT_ONCE), Vec::new());
        while let Some(outcome) = made.next().await {
            match outcome {
                Err(error @ ProviderError::Unavailable(_)) => return Err(error),
                outcome => outcomes.push(outcome),
            }
        }
        Ok(outcomes)
    }

    fn host(&self, one: &Exposure) -> String {
        outside_host(&one.service, &one.namespace, &self.engine)
    }

    fn off(&self) -> Outside {
        let why =
            format!("The feature Ingress of the engine is off: import it again with Ingress ticked{}", self.yaml());
        Outside::refused(&self.engine, why)
    }

    /// What gives the rights, by the name under which it is downloaded.
    fn yaml(&self) -> String {
        let name = self.engine.split('.').next().unwrap_or_default();
        format!(" (apply engine-{name}-rbac.yaml, generated with the feature Ingress, to its cluster)")
    }

    fn refused(&self, error: &ProviderError) -> Outside {
        let cure = if matches!(error, ProviderError::Unsupported(_)) { self.yaml() } else { String::new() };
        Outside::refused(&self.engine, format!("{error}{cure}"))
    }

    fn objects(&self, one: &Exposure, class: Option<&str>) -> Objects {
        let labels = [(CLUSTER, label_value(&self.cluster)), (ENGINE_LABEL, label_value(&self.engine))];
        Objects::new(labels, one, &self.host(one), class)
    }

    /// Names and UIDs of the Services that were made for this engine.
    async fn found(&self) -> Result<BTreeMap<String, String>, ProviderError> {
        let (cluster, engine) = (label_value(&self.cluster), label_value(&self.engine));
        let ours = ListParams::default().labels(&format!("{CLUSTER}={cluster},{ENGINE_LABEL}={engine}"));
        let found = in_time(self.api::<Service>().list_metadata(&ours)).await;
        let found = found.map_err(|error| self.explain(Right("list", "services"), &error))?;
        Ok(found.items.into_iter().filter_map(|one| Some((one.metadata.name?, one.metadata.uid?))).collect())
    }

    /// The class of ingresses; none where classes may not be read: the cluster then takes its default.
    async fn class(&self, wanted: &[Exposure]) -> Result<Option<String>, ProviderError> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let api: Api<IngressClass> = Api::all(self.client.clone());
        match in_time(api.list(&ListParams::default())).await {
            Ok(classes) => choose(&classes.items).map(Some),
            Err(error) => match explain("(all)", Right("list", "ingressclasses"), &error) {
                ProviderError::Unsupported(_) => Ok(None),
                error => Err(error),
            },
        }
    }

    /// The Ingress is owned by the Service and goes with it.
    async fn remove(&self, name: &str) -> Result<(), ProviderError> {
        match in_time(self.api::<Service>().delete(name, &DeleteParams::background())).await {
            Ok(_) => Ok(()),
            Err(error) if code(&error) == Some(404) => Ok(()),
            Err(error) => Err(self.explain(Right("delete", "services"), &error)),
        }
    }

    /// Puts the labels by which Services here select on the pods that they mean, and takes them off all others.
    async fn mark(&self, nodes: &[String], wanted: &[Exposure]) -> Result<(), ProviderError> {
        if nodes.is_empty() {
            return Ok(());
        }
        let ours = ListParams::default().labels(&of_nodes(&self.cluster, nodes));
        let api = self.api::<Pod>();
        let pods = in_time(api.list_metadata(&ours)).await;
        for pod in pods.map_err(|error| self.explain(Right("list", "pods"), &error))?.items {
            let labels = pod.metadata.labels.unwrap_or_default();
            let uid = labels.get(POD_UID).map(String::as_str).unwrap_or_default();
            let Some(change) = marks(&labels, wanted.iter().filter(|one| one.pods.contains(uid))) else { continue };
            let name = pod.metadata.name.unwrap_or_default();
            match in_time(api.patch_metadata(&name, &PatchParams::default(), &Patch::Merge(change))).await {
                Ok(_) => {}
                Err(error) if code(&error) == Some(404) => {}
                Err(error) => return Err(self.explain(Right("patch", "pods"), &error)),
            }
        }
        Ok(())
    }

    /// Whether an ingress controller has confirmed it.
    async fn make(&self, objects: &Objects, service: Option<String>) -> Result<bool, ProviderError> {
        let owner = match service {
            Some(uid) => uid,
            None => {
                let made = in_time(self.api::<Service>().create(&PostParams::default(), &objects.service)).await;
                let made = made.map_err(|error| self.explain(Right("create", "services"), &error))?;
                made.metadata.uid.unwrap_or_default()
            }
        };
        let api = self.api::<Ingress>();
        let found = in_time(api.get_opt(&objects.name)).await;
        if let Some(found) = found.map_err(|error| self.explain(Right("get", "ingresses"), &error))? {
            let points = found.status.and_then(|status| status.load_balancer).and_then(|all| all.ingress);
            return Ok(points.is_some_and(|points| !points.is_empty()));
        }
        let made = in_time(api.create(&PostParams::default(), &objects.ingress(&owner))).await;
        made.map_err(|error| self.explain(Right("create", "ingresses"), &error))?;
        Ok(false)
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
        K::DynamicType: Default,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    fn explain(&self, right: Right, error: &kube::Error) -> ProviderError {
        explain(&self.namespace, right, error)
    }
}
