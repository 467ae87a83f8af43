//! The API server does not answer: every call says so, in time, and what was missed is noticed afterwards.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use backend::ports::{Cluster as _, IdentityFilter, TenantRules};
use cluster::{ClusterConfig, KubeCluster};
use domain::credential::{Access, Identity};
use domain::{Code, Error};
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{Api, DeleteParams};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::given::{console_from, directory, eventually, key, next, plane, public_id, rustls, tenant};

/// Carries bytes to the real API server until it is dropped, which cuts every connection.
pub struct Proxy(JoinHandle<()>);

impl Proxy {
    pub async fn start(address: SocketAddr, target: String) -> Self {
        let listener = eventually("the proxy's port is free", async || TcpListener::bind(address).await.ok()).await;
        Self(tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut client, _)) = listener.accept().await {
                let target = target.clone();
                connections.spawn(async move {
                    let mut server = TcpStream::connect(target).await?;
                    tokio::io::copy_bidirectional(&mut client, &mut server).await
                });
            }
        }))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn kubeconfig(folder: &Path, address: SocketAddr) -> PathBuf {
    let path = folder.join(format!("{}.yaml", address.port()));
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"Config","current-context":"x",
        "clusters":[{{"name":"c","cluster":{{"server":"https://{address}","insecure-skip-tls-verify":true}}}}],
        "users":[{{"name":"u","user":{{"token":"t"}}}}],
        "contexts":[{{"name":"x","context":{{"cluster":"c","user":"u"}}}}]}}"#
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// Time is virtual here, so nothing waits.
#[tokio::test(start_paused = true)]
async fn a_silent_api_server_is_unavailable_within_the_deadline() {
    rustls();
    // Connections are accepted by the kernel and never answered.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let file = kubeconfig(Path::new(env!("CARGO_TARGET_TMPDIR")), silent.local_addr().unwrap());
    let config = ClusterConfig {
        issuer_kubeconfig: file.clone(),
        reconciler_kubeconfig: file,
        metrics: None,
        installation: "test".to_owned(),
    };
    let shutdown = CancellationToken::new();
    let cluster = KubeCluster::start(config, shutdown.clone()).await.unwrap();
    let (tenant, identity) = (tenant(), key(Access::Edit));
    let start = Instant::now();
    let answers: Vec<Error> = vec![
        cluster.ping().await.unwrap_err(),
        cluster.apply_tenant(&tenant, &TenantRules::default()).await.unwrap_err(),
        cluster.delete_tenant(&tenant).await.unwrap_err(),
        cluster.ensure_identity(&tenant, &identity).await.unwrap_err(),
        cluster.request_token(&tenant, &Identity::Console { access: Access::View }, "uid").await.err().unwrap(),
        cluster.list_identities(&IdentityFilter::Key(public_id(&identity).clone())).await.unwrap_err(),
        cluster.list_workloads(&"t".into(), &tenant.kubernetes_name, None).await.unwrap_err(),
        cluster.skus().unwrap_err(),
    ];
    assert!(start.elapsed() <= Duration::from_secs(5) * 8, "{:?}", start.elapsed());
    for answer in answers {
        assert_eq!(answer.code(), Code::ClusterUnavailable, "{answer:?}");
        assert!(answer.retryable());
    }
    assert_eq!(cluster.tenant_facts(&tenant.kubernetes_name).deployments, 0);
    shutdown.cancel();
}

/// A free address, and kubeconfigs that lead there instead of to `server`. Its port is below those that Linux gives to
/// whoever asks for any: one of those may be another's when the proxy comes back.
pub async fn detour(server: &str, name: &str) -> (SocketAddr, PathBuf) {
    static NEXT: AtomicU16 = AtomicU16::new(9200);
    let free = loop {
        let address = SocketAddr::from(([127, 0, 0, 1], NEXT.fetch_add(1, Ordering::Relaxed)));
        if TcpListener::bind(address).await.is_ok() {
            break address;
        }
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["issuer", "reconciler"] {
        let text = std::fs::read_to_string(directory().join(format!("kubeconfigs/{name}.yaml"))).unwrap();
        std::fs::write(folder.join(format!("{name}.yaml")), text.replace(server, &free.to_string())).unwrap();
    }
    (free, folder)
}

#[tokio::test]
async fn what_happened_while_the_connection_was_cut_is_noticed_afterwards() {
    let plane = plane().await;
    let tenant = plane.tenant().await;
    let server = plane.server();
    let (free, folder) = detour(&server, &tenant.id.to_string()).await;
    let proxy = Proxy::start(free, server.clone()).await;
    let console = console_from(&folder).await;
    let mut changes = console.tenant_changes();
    eventually("the watches know the tenant", async || {
        (!console.tenant_facts(&tenant.kubernetes_name).quota.is_empty()).then_some(())
    })
    .await;

    drop(proxy);
    eventually("the outage is seen", async || console.ping().await.err()).await;
    assert_eq!(
        console.apply_tenant(&tenant, &TenantRules::default()).await.unwrap_err().code(),
        Code::ClusterUnavailable
    );
    let quotas: Api<ResourceQuota> = Api::namespaced(plane.admin.clone(), tenant.kubernetes_name.as_str());
    quotas.delete("remotegpu", &DeleteParams::default()).await.unwrap();

    let _proxy = Proxy::start(free, server).await;
    while next("the deletion is reported", &mut changes).await != tenant.id {}
    console.apply_tenant(&tenant, &TenantRules::default()).await.unwrap();
    quotas.get("remotegpu").await.unwrap();
}
