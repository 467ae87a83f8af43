//! The contract of engines (`kubelet::conformance`) on the real Docker or Podman of this machine.

use std::sync::Arc;
use std::time::Duration;

use engines::docker::Docker;
use kubelet::{Provider, conformance};
use testkit::{engine_socket, local_image, unique};

#[tokio::test(flavor = "multi_thread")]
async fn docker_keeps_the_contract_of_engines() {
    let endpoint = format!("unix://{}", engine_socket().display());
    let docker = Docker::connect(Some(&endpoint), &unique("cluster"), "conformance").unwrap();
    // Which limits the engine can set is asked once, before the first container.
    docker.describe().await.unwrap();
    let image = local_image().await.to_owned();
    let subject =
        conformance::Subject { provider: Arc::new(docker), image, runs: true, patience: Duration::from_secs(60) };
    assert_eq!(conformance::check(&subject).await, Ok(()));
}
