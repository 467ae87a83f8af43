//! The log of a container as a stream of chunks: read as fast as the reader takes them, never more.

use std::time::Duration;

use domain::log::LogOptions;
use domain::namespace::KubernetesName;
use domain::{Code, Error, Result};
use futures::stream::{self, BoxStream};
use futures::{AsyncReadExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::{Api, LogParams};

use crate::client::within;
use crate::error::translate_for_person;
use crate::workload::call;

// The answer comes through the node, which may have to ask its engine first.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
const CHUNK: usize = 8 * 1024;

/// Opens the log.
///
/// # Errors
/// `NotFound` without such a pod or container; `Conflict NotReady` while its container has no log yet.
pub(crate) async fn open(
    client: Client,
    tenant: &KubernetesName,
    pod: &str,
    options: &LogOptions,
) -> Result<BoxStream<'static, Result<Vec<u8>>>> {
    let api: Api<Pod> = Api::namespaced(client, tenant.as_str());
    // The API server wants the container's name as soon as there are two.
    let live = call("reading a pod", api.get(pod)).await?;
    let params = LogParams {
        container: Some(container(&live, options.container.as_deref()).ok_or(Error::NotFound)?),
        follow: options.follow,
        previous: options.previous,
        tail_lines: options.tail_lines.map(i64::from),
        since_seconds: options.since_seconds.map(i64::from),
        timestamps: options.timestamps,
        ..LogParams::default()
    };
    let opened = within("opening a log", OPEN_LIMIT, api.log_stream(pod, &params)).await?;
    let reader = Box::pin(opened.map_err(no_log)?);
    let chunks = stream::try_unfold((reader, vec![0; CHUNK]), |(mut reader, mut buffer)| async move {
        let read = reader.read(&mut buffer).await.map_err(Error::cluster)?;
        Ok((read > 0).then(|| (buffer[..read].to_vec(), (reader, buffer))))
    });
    Ok(chunks.boxed())
}

/// The container of that name, or the first one.
pub(crate) fn container(pod: &Pod, wanted: Option<&str>) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let mut all = spec.containers.iter().chain(spec.init_containers.iter().flatten());
    all.find(|container| wanted.is_none_or(|name| name == container.name)).map(|container| container.name.clone())
}

fn no_log(error: kube::Error) -> Error {
    match &error {
        kube::Error::Api(status) if status.code == 400 => Error::conflict(Code::NotReady, status.message.clone()),
        _ => translate_for_person("opening a log", error),
    }
}
