//! `/exec` and `/attach`: a command in a container, or the container's own streams.
//! Over a WebSocket as the API server passes it through, or over SPDY as API servers before 1.36 speak it.
use axum::{
    extract::{Path, Query, Request, State},
    response::Response,
};

use super::{
    Api, Problem,
    logs::{find, find_pod},
    spdy_command,
    upgrade::{COMMAND, Opened, Upgrade},
    websocket,
};
use crate::{AttachRequest, ExecRequest, ExecSession, ProviderError};

type Pairs = Vec<(String, String)>;

/// `/exec/{namespace}/{pod}/{container}`
pub(super) async fn exec(
    State(api): State<Api>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    request: Request,
) -> Result<Response, Problem> {
    start_command(&api, Place { namespace, pod, uid: None, container }, &query, request).await
}

/// `/exec/{namespace}/{pod}/{uid}/{container}`
pub(super) async fn exec_by_uid(
    State(api): State<Api>,
    Path((namespace, pod, uid, container)): Path<(String, String, String, String)>,
    Query(query): Query<Pairs>,
    request: Request,
) -> Result<Response, Problem> {
    start_command(&api, Place { namespace, pod, uid: Some(uid), container }, &query, request).await
}

/// `/attach/{namespace}/{pod}/{container}`
pub(super) async fn attach(
    State(api): State<Api>,
    Path((namespace, pod, container)): Path<(String, String, String)>,
    Query(query): Query<Pairs>,
    request: Request,
) -> Result<Response, Problem> {
    start_attach(&api, Place { namespace, pod, uid: None, container }, &query, request).await
}

/// `/attach/{namespace}/{pod}/{uid}/{container}`
pub(super) async fn attach_by_uid(
    State(api): State<Api>,
    Path((namespace, pod, uid, container)): Path<(String, String, String, String)>,
    Query(query): Query<Pairs>,
    request: Request,
) -> Result<Response, Problem> {
    start_attach(&api, Place { namespace, pod, uid: Some(uid), container }, &query, request).await
}

/// Which container is meant.
struct Place {
    namespace: String,
    pod: String,
    uid: Option<String>,
    container: String,
}

// === impl Place ===

impl Place {
    /// UID of the pod, if it and the container are on this node.
    fn uid(&self, api: &Api) -> Result<String, Problem> {
        find_pod(api, &self.namespace, &self.pod, self.uid.as_deref())?;
        let view = find(api, &self.namespace, &self.pod, &self.container)?;
        Ok(view.pod.metadata.uid.clone().unwrap_or_default())
    }
}

async fn start_command(
    api: &Api,
    place: Place,
    query: &[(String, String)],
    request: Request,
) -> Result<Response, Problem> {
    let streams = streams(query)?;
    let command: Vec<String> =
        query.iter().filter(|(key, _)| key == "command").map(|(_, value)| value.clone()).collect();
    if command.is_empty() {
        return Err(Problem::bad_request("exec needs a command"));
    }
    let AttachRequest { stdin, stdout, stderr, tty } = streams.clone();
    let wanted = ExecRequest { command, stdin, stdout, stderr, tty };
    let uid = place.uid(api)?;
    let upgrade = Upgrade::accept(request, &COMMAND).await?;
    // A refusal travels inside the stream too: before the upgrade kubectl would hide it and try another protocol.
    let session = api.shared.provider.exec(&uid, &place.container, &wanted).await;
    Ok(serve(api, upgrade, streams, session))
}

async fn start_attach(
    api: &Api,
    place: Place,
    query: &[(String, String)],
    request: Request,
) -> Result<Response, Problem> {
    let streams = streams(query)?;
    let uid = place.uid(api)?;
    let upgrade = Upgrade::accept(request, &COMMAND).await?;
    let session = api.shared.provider.attach(&uid, &place.container, &streams).await;
    Ok(serve(api, upgrade, streams, session))
}

fn serve(api: &Api, upgrade: Upgrade, streams: AttachRequest, session: Result<ExecSession, ProviderError>) -> Response {
    upgrade.serve(api.shared.shutdown.clone(), async move |opened| match opened {
        Opened::WebSocket(socket) => websocket::serve(*socket, session).await,
        Opened::Spdy(connection) => spdy_command::serve(connection, streams, session).await,
    })
}

fn streams(query: &[(String, String)]) -> Result<AttachRequest, Problem> {
    let mut wanted = AttachRequest::default();
    for (key, value) in query {
        let on = matches!(value.as_str(), "1" | "true");
        match key.as_str() {
            "input" | "stdin" => wanted.stdin |= on,
            "output" | "stdout" => wanted.stdout |= on,
            "error" | "stderr" => wanted.stderr |= on,
            "tty" => wanted.tty |= on,
            _ => {}
        }
    }
    // A terminal has one stream for both.
    wanted.stderr &= !wanted.tty;
    if !(wanted.stdin || wanted.stdout || wanted.stderr) {
        return Err(Problem::bad_request("At least one of input, output and error must be asked for"));
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(query: &[(&str, &str)]) -> Result<AttachRequest, Problem> {
        let pairs: Pairs = query.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        streams(&pairs)
    }

    #[test]
    fn a_terminal_has_no_separate_error_stream() {
        let wanted = parsed(&[("command", "sh"), ("tty", "1"), ("input", "1"), ("output", "1"), ("error", "1")]);
        assert_eq!(wanted.unwrap(), AttachRequest { stdin: true, stdout: true, stderr: false, tty: true });
    }

    #[test]
    fn a_request_without_streams_is_refused() {
        assert!(parsed(&[("command", "ls")]).is_err());
        assert!(parsed(&[("command", "ls"), ("stdout", "true")]).unwrap().stdout);
    }
}
