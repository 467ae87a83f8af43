//! Lists and looks at containers without the client library: its types refuse a state that Podman reports.
//! One plain request on the socket each; only the fields that the node needs are read.
use std::{collections::HashMap, fmt::Write as _};

use kubelet::ProviderError;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
};

use super::{CALL, Docker};
use crate::bounds::WHOLE;

/// One container of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    pub(super) id: String,
    /// Podman calls a process that has just ended `stopped`.
    #[serde(default)]
    pub(super) state: String,
    pub(super) labels: Option<HashMap<String, String>>,
}

/// What one look at a container shows.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Looked {
    pub(super) image: String,
    pub(super) state: LookedState,
    pub(super) network_settings: LookedNetworks,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LookedState {
    pub(super) status: String,
    pub(super) exit_code: Option<i64>,
    /// On the engine's host; 0 if it does not run.
    pub(super) pid: u32,
    #[serde(rename = "OOMKilled")]
    pub(super) oom_killed: bool,
    pub(super) error: String,
    pub(super) started_at: String,
    pub(super) finished_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct LookedNetworks {
    pub(super) networks: Option<HashMap<String, LookedNetwork>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LookedNetwork {
    #[serde(rename = "IPAddress")]
    pub(super) ip: String,
}

// === impl Docker ===

impl Docker {
    /// All containers with these labels, whatever their state.
    pub(super) async fn list_containers(&self, labels: &[String]) -> Result<Vec<Listed>, ProviderError> {
        let filters = encoded(&serde_json::json!({"label": labels}).to_string());
        let list = self.get(&format!("/containers/json?all=true&filters={filters}")).await?;
        list.ok_or_else(|| unreadable("it has none"))
    }

    /// One container; `None` if it is gone.
    pub(super) async fn look_at(&self, id: &str) -> Result<Option<Looked>, ProviderError> {
        self.get(&format!("/containers/{id}/json")).await
    }

    /// What the engine says of its host.
    pub(super) async fn info(&self) -> Result<serde_json::Value, ProviderError> {
        self.get("/info").await?.ok_or_else(|| unreadable("it has none"))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, ProviderError> {
        let asked = tokio::time::timeout(CALL, self.ask(path)).await;
        let answer = asked
            .map_err(|_| ProviderError::Unavailable("The engine did not answer in time".into()))?
            .map_err(|error| ProviderError::Unavailable(format!("The engine could not be reached: {error}")))?;
        parse(&answer)
    }

    async fn ask(&self, path: &str) -> std::io::Result<Vec<u8>> {
        // Version 1.0 of HTTP: one answer, in one piece, until the end of the connection.
        let request = format!("GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n");
        let mut stream = UnixStream::connect(&self.socket).await?;
        stream.write_all(request.as_bytes()).await?;
        let (mut answer, most) = (Vec::new(), u64::try_from(WHOLE).unwrap_or(u64::MAX));
        stream.take(most.saturating_add(1)).read_to_end(&mut answer).await?;
        if answer.len() > WHOLE { Err(std::io::Error::other("its answer is too long")) } else { Ok(answer) }
    }
}

/// `None` is an answer of 404.
fn parse<T: DeserializeOwned>(answer: &[u8]) -> Result<Option<T>, ProviderError> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.map_or(answer.len(), |end| end + 4));
    let status = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or_default());
    match status.split(' ').nth(1) {
        Some("200") => serde_json::from_slice(body).map(Some).map_err(|error| unreadable(&error.to_string())),
        Some("404") => Ok(None),
        _ => Err(unreadable(&format!("{status} {}", String::from_utf8_lossy(body).trim()))),
    }
}

fn unreadable(why: &str) -> ProviderError {
    ProviderError::Unavailable(format!("The engine's answer about containers cannot be used: {why}"))
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02X}");
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_state_does_not_spoil_the_list() {
        let answer = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n\
            [{\"Id\":\"a\",\"State\":\"stopped\",\"Labels\":{\"x\":\"y\"}},{\"Id\":\"b\",\"State\":\"odd\",\"Labels\":null}]\n";
        let list: Vec<Listed> = parse(answer).unwrap().unwrap();
        assert_eq!((list[0].id.as_str(), list[0].state.as_str(), list[1].state.as_str()), ("a", "stopped", "odd"));
    }

    #[test]
    fn a_container_that_is_gone_is_no_error() {
        let gone: Option<Looked> = parse(b"HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"no such container\"}").unwrap();
        assert!(gone.is_none());
    }

    #[test]
    fn a_refusal_is_an_error_with_the_engines_words() {
        let error =
            parse::<Looked>(b"HTTP/1.0 500 Internal Server Error\r\n\r\n{\"message\":\"no disk\"}").unwrap_err();
        assert!(error.to_string().contains("no disk"));
        assert!(parse::<Looked>(b"").is_err());
    }
}
