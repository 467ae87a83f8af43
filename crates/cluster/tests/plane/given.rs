//! Builders: a console on the plane, tenants, keys, people; and waiting on a condition with a limit.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::time::Duration;

use backend::ports::{Cluster as _, IdentityFilter, TenantRules};
use cluster::{ClusterConfig, KubeCluster};
use domain::api_key::PublicId;
use domain::credential::{Access, Identity};
use domain::id::{AccountId, NamespaceId, UserId};
use domain::namespace::{KubernetesName, Namespace, NamespaceName, NamespaceStatus};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

// Generous: a loaded machine is no fault of the code.
const LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(25);

/// A console on the plane, and the plane's administrator beside it.
pub struct Plane {
    pub cluster: KubeCluster,
    pub admin: Client,
    config: Config,
}

pub fn directory() -> PathBuf {
    std::env::var_os("REMOTEGPU_TEST_DIR")
        .map(PathBuf::from)
        .unwrap_or_else(|| panic!("Set REMOTEGPU_TEST_DIR to the data directory of a running control plane"))
}

pub fn rustls() {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

async fn config_of(identity: &str) -> Config {
    rustls();
    let file = Kubeconfig::read_from(directory().join(format!("kubeconfigs/{identity}.yaml"))).unwrap();
    Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap()
}

/// The API server as one of our own identities meets it, by the name of its kubeconfig.
pub async fn client_of(identity: &str) -> Client {
    Client::try_from(config_of(identity).await).unwrap()
}

pub async fn plane() -> Plane {
    let config = config_of("admin").await;
    Plane { cluster: console().await, admin: Client::try_from(config.clone()).unwrap(), config }
}

/// Another console process of the same installation.
pub async fn console() -> KubeCluster {
    console_from(&directory().join("kubeconfigs")).await
}

/// A console with the kubeconfigs of a folder.
pub async fn console_from(kubeconfigs: &Path) -> KubeCluster {
    installation(kubeconfigs, &format!("test-{}", std::process::id())).await
}

/// A console of another installation on the same cluster.
pub async fn stranger() -> KubeCluster {
    installation(&directory().join("kubeconfigs"), &format!("other-{:016x}", random())).await
}

async fn installation(kubeconfigs: &Path, id: &str) -> KubeCluster {
    let file = |name: &str| kubeconfigs.join(format!("{name}.yaml"));
    let config = ClusterConfig {
        issuer_kubeconfig: file("issuer"),
        reconciler_kubeconfig: file("reconciler"),
        metrics: None,
        installation: id.to_owned(),
    };
    KubeCluster::start(config, CancellationToken::new()).await.unwrap()
}

fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A tenant that exists nowhere yet.
pub fn tenant() -> Namespace {
    let uuid = || Uuid::from_u64_pair(random(), random());
    let id = NamespaceId::new(uuid());
    let name = NamespaceName::new("test").unwrap();
    Namespace {
        kubernetes_name: KubernetesName::derive(&name, id),
        id,
        account_id: AccountId::new(uuid()),
        name,
        status: NamespaceStatus::Creating,
        status_message: None,
        created_by: UserId::new(uuid()),
        created_at: jiff::Timestamp::UNIX_EPOCH,
        tenant: None,
        label: None,
        activated_at: None,
        share: domain::account::Share::default(),
    }
}

pub fn key(access: Access) -> Identity {
    let key = PublicId::from_trusted(format!("{:016x}", random())[..8].to_owned());
    Identity::Key { key, generation: 1, access }
}

pub fn public_id(identity: &Identity) -> &PublicId {
    match identity {
        Identity::Key { key, .. } => key,
        Identity::Console { .. } | Identity::Connector { .. } => panic!("it has no key"),
    }
}

/// Tries until `probe` gives something.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// The next item, with a limit.
pub async fn next<T>(what: &str, stream: &mut (impl futures::Stream<Item = T> + Unpin)) -> T {
    let item = tokio::time::timeout(LIMIT, futures::StreamExt::next(stream)).await;
    item.unwrap_or_else(|_| panic!("never came: {what}")).unwrap_or_else(|| panic!("ended: {what}"))
}

/// Removes all that stands of a key.
pub async fn remove_key(cluster: &KubeCluster, key: &PublicId) {
    let found = cluster.list_identities(&IdentityFilter::Key(key.clone())).await.unwrap();
    cluster.remove_identities(&found).await.unwrap();
}

impl Plane {
    /// `host:port` of the API server.
    pub fn server(&self) -> String {
        self.config.cluster_url.authority().unwrap().to_string()
    }

    /// A tenant whose namespace stands.
    pub async fn tenant(&self) -> Namespace {
        let tenant = tenant();
        self.cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
        tenant
    }

    /// A token of an identity in the tenant's namespace.
    pub async fn token(&self, tenant: &Namespace, identity: &Identity) -> SecretString {
        let uid = self.cluster.ensure_identity(tenant, identity).await.unwrap();
        self.cluster.request_token(tenant, identity, &uid).await.unwrap().token
    }

    /// kubectl with that token.
    pub async fn person(&self, tenant: &Namespace, identity: &Identity) -> Client {
        let mut config = self.config.clone();
        config.auth_info = AuthInfo { token: Some(self.token(tenant, identity).await), ..AuthInfo::default() };
        Client::try_from(config).unwrap()
    }
}
