//! A new token for a known identity against a direct TokenRequest, one after the other in turns.
//! In one process: a use case layer without a cache of tokens is made for each call, over one cluster and one database.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use backend::ports::{Clock, Cluster as _, Credentials as _, Leadership};
use backend::{Backend, Envelope, Origin, Parts, Pepper};
use cluster::{ClusterConfig, KubeCluster};
use domain::api_key::{KeyText, PublicId};
use domain::credential::{Access, Identity};
use domain::id::NamespaceId;
use domain::kubeconfig::Endpoints;
use domain::outbound::AddressPolicy;
use engines::probe::Probe;
use serde_json::json;
use server::system::{SystemClock, SystemRandom};
use store::SqlStore;
use testkit::{Plane, TestApp};
use tokio_util::sync::CancellationToken;

use crate::{CONSOLE, Engine, p50};

const TURNS: usize = 500;

struct Nobody;

#[async_trait]
impl Leadership for Nobody {
    fn leads(&self) -> bool {
        false
    }

    async fn lost(&self) {}
}

/// Prints both and their ratio.
pub async fn measure(engine: &Engine) {
    let app = TestApp::setup(CONSOLE).on(&engine.url).start().await;
    let member = app.operator().await;
    let namespace = app.namespace(&member).await;
    let id = NamespaceId::parse(namespace["id"].as_str().unwrap()).unwrap();
    let text = member.post("/v1/api-keys", json!({"name": "b", "scopes": {"all": true}})).await.str("/key");
    let store = Arc::new(crate::store(&engine.url).await);
    let (plane, shutdown) = (Plane::current(), CancellationToken::new());
    let config = ClusterConfig {
        issuer_kubeconfig: plane.kubeconfig("issuer"),
        reconciler_kubeconfig: plane.kubeconfig("reconciler"),
        metrics: None,
        installation: store.installation_id("never used: the console made one").await.unwrap(),
    };
    let cluster = Arc::new(KubeCluster::start(config, shutdown.clone()).await.unwrap());
    let tenant = backend::ports::Namespaces::namespace_by_id(&*store, id).await.unwrap().unwrap();
    let key = PublicId::from_trusted(KeyText::parse(&text).unwrap().public_id.as_str().to_owned());
    let identity = Identity::Key { key, generation: 1, access: Access::Edit };
    let uid = cluster.ensure_identity(&tenant, &identity).await.unwrap();
    let (mut ours, mut direct) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let begun = Instant::now();
        cluster.request_token(&tenant, &identity, &uid).await.unwrap();
        direct.push(begun.elapsed());
        let fresh = backend(store.clone(), cluster.clone());
        let begun = Instant::now();
        fresh.issue_credential(&Origin::system(), Some(&text), &id.to_string(), Access::Edit).await.unwrap();
        ours.push(begun.elapsed());
    }
    shutdown.cancel();
    let (ours, direct) = (p50(ours), p50(direct));
    println!(
        "{}: new token for a known identity: p50 {ours:.2} ms; direct TokenRequest {direct:.2} ms; ratio {:.2} (aim 1.3)",
        engine.name,
        ours / direct
    );
}

fn backend(store: Arc<SqlStore>, cluster: Arc<KubeCluster>) -> Backend {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (leadership, random) = (Arc::new(Nobody), Arc::new(SystemRandom));
    let pepper = Pepper::from_hex(testkit::PEPPER).unwrap();
    let endpoints =
        Endpoints { cluster_server: String::new(), cluster_ca_pem: String::new(), console_url: String::new() };
    let envelope = Envelope::from_hex_lines(testkit::KEK).unwrap();
    let probe = Arc::new(Probe::new(AddressPolicy::default()));
    Backend::new(Parts { store, cluster, leadership, clock, random, pepper, envelope, probe, endpoints, jwt: None })
}
