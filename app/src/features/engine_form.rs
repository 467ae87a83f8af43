//! The import form as an HTML form sends it, and how it becomes the body of `POST /v1/engines`.

use domain::engine::view::{ChangeEngine, NewEngineCredentials};
use domain::engine::{EngineForm, EngineKind, GpuCount};
use domain::engine_manifest::EngineFeature;
use domain::{Error, FieldError, Result};
use serde::{Deserialize, Serialize};

/// Everything is text; fields of another kind are simply not there. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineEntry {
    /// `on_premise`, `docker` or `runpod`.
    pub kind: String,
    /// Engine Name.
    pub name: String,
    /// `true` when ticked: for everybody.
    pub platform: String,
    /// Ecosystem.
    pub ecosystem: String,
    /// API Hostname.
    pub api_url: String,
    /// Load Balancer IP.
    pub load_balancer_ip: String,
    /// CA Data.
    pub ca_data: String,
    /// `basic`, or else a token.
    pub auth: String,
    /// Bearer Token.
    pub bearer_token: String,
    /// Basic Username.
    pub basic_username: String,
    /// Basic Password.
    pub basic_password: String,
    /// Ticked features.
    pub features: Vec<String>,
    /// Names parted by blanks or commas.
    pub namespaces: String,
    /// `model=count`, one a line.
    pub gpus: String,
    /// `true` when ticked: a command is tried in a probe pod.
    pub exec_probe: String,
    /// Of a container host.
    pub endpoint: String,
    /// Of a container host.
    pub client_certificate: String,
    /// Of a container host.
    pub client_key: String,
    /// Of a RunPod account.
    pub api_key: String,
    /// Names parted by blanks or commas.
    pub datacenter_ids: String,
    /// Of a RunPod account.
    pub cloud: String,
    /// US dollars an hour.
    pub max_gpu_price: String,
}

/// What of an engine may be changed in place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineChange {
    /// Engine Name.
    pub name: String,
    /// Ecosystem.
    pub ecosystem: String,
    /// Load Balancer IP; empty for kinds without one.
    pub load_balancer_ip: String,
    /// CA Data; empty = as it is.
    pub ca_data: String,
}

// === impl EngineEntry ===

impl std::fmt::Debug for EngineEntry {
    /// Without what was typed: it holds secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EngineEntry({} {})", self.kind, self.name)
    }
}

impl EngineEntry {
    /// The form of `POST /v1/engines`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a kind that is none and for GPUs that are no `model=count`; the other rules are checked
    /// where REST checks them too.
    pub fn into_form(self) -> Result<EngineForm> {
        let basic = self.auth == "basic";
        let only = |wanted: bool, text: String| if wanted { text } else { String::new() };
        Ok(EngineForm {
            kind: EngineKind::parse(&self.kind)?,
            name: self.name.trim().to_owned(),
            platform: self.platform == "true",
            ecosystem: self.ecosystem.trim().to_owned(),
            gpus: gpus(&self.gpus)?,
            api_url: self.api_url,
            load_balancer_ip: self.load_balancer_ip,
            ca_data: self.ca_data,
            bearer_token: only(!basic, self.bearer_token),
            basic_username: only(basic, self.basic_username),
            basic_password: only(basic, self.basic_password),
            features: self.features.iter().filter_map(|feature| EngineFeature::parse(feature)).collect(),
            namespaces: words(&self.namespaces),
            exec_probe: self.exec_probe == "true",
            endpoint: self.endpoint,
            client_certificate: self.client_certificate,
            client_key: self.client_key,
            api_key: self.api_key,
            datacenter_ids: words(&self.datacenter_ids),
            cloud: self.cloud,
            max_gpu_price: self.max_gpu_price,
        })
    }

    /// The body of `PUT /v1/engines/{id}/credentials`.
    pub fn into_credentials(self) -> NewEngineCredentials {
        let basic = self.auth == "basic";
        let only = |wanted: bool, text: String| if wanted { text } else { String::new() };
        NewEngineCredentials {
            api_url: Some(self.api_url).filter(|url| !url.trim().is_empty()),
            bearer_token: only(!basic, self.bearer_token),
            basic_username: only(basic, self.basic_username),
            basic_password: only(basic, self.basic_password),
            client_certificate: self.client_certificate,
            client_key: self.client_key,
            api_key: self.api_key,
        }
    }
}

// === impl EngineChange ===

impl EngineChange {
    /// The body of `PATCH /v1/engines/{id}`.
    pub fn into_change(self) -> ChangeEngine {
        ChangeEngine {
            name: Some(self.name.trim().to_owned()),
            ecosystem: Some(self.ecosystem.trim().to_owned()),
            load_balancer_ip: Some(self.load_balancer_ip).filter(|address| !address.trim().is_empty()),
            ca_data: Some(self.ca_data).filter(|pem| !pem.trim().is_empty()),
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split([' ', ',', '\n', '\r', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn gpus(text: &str) -> Result<Vec<GpuCount>> {
    let read = |line: &str| {
        let (model, count) = line.rsplit_once('=')?;
        Some(GpuCount { model: model.trim().to_owned(), count: count.trim().parse().ok()? })
    };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let all: Option<Vec<GpuCount>> = lines.map(read).collect();
    all.ok_or_else(|| {
        let message = "Write GPUs as model=count, one a line, for example NVIDIA-H100-80GB-HBM3=8";
        Error::Invalid(vec![FieldError::new("gpus", "format", message)])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> EngineEntry {
        EngineEntry {
            kind: "on_premise".into(),
            name: " onprem-1 ".into(),
            bearer_token: "token".into(),
            basic_username: "ada".into(),
            basic_password: "secret".into(),
            features: vec!["logs".into()],
            namespaces: "aichor, train".into(),
            gpus: "A100=4\n\nH100 = 8\n".into(),
            ..EngineEntry::default()
        }
    }

    #[test]
    fn only_the_chosen_way_to_sign_in_is_sent() {
        let token = entry().into_form().unwrap();
        assert_eq!(
            (token.name.as_str(), token.bearer_token.as_str(), token.basic_username.as_str()),
            ("onprem-1", "token", "")
        );
        let basic = EngineEntry { auth: "basic".into(), ..entry() };
        assert_eq!(basic.clone().into_form().unwrap().bearer_token, "");
        assert_eq!(basic.into_credentials().basic_username, "ada");
    }

    #[test]
    fn a_ca_that_was_not_typed_stays_as_it_is() {
        let change = EngineChange { name: "onprem-1".into(), ca_data: " \n".into(), ..EngineChange::default() };
        assert_eq!(change.clone().into_change().ca_data, None);
        let other = EngineChange { ca_data: "-----BEGIN CERTIFICATE-----".into(), ..change };
        assert_eq!(other.into_change().ca_data.as_deref(), Some("-----BEGIN CERTIFICATE-----"));
    }

    #[test]
    fn lists_are_read_as_people_type_them() {
        let form = entry().into_form().unwrap();
        assert_eq!(
            (form.features, form.namespaces),
            (vec![EngineFeature::Logs], vec!["aichor".into(), "train".into()])
        );
        let models: Vec<_> = form.gpus.iter().map(|gpu| (gpu.model.as_str(), gpu.count)).collect();
        assert_eq!(models, [("A100", 4), ("H100", 8)]);
        for wrong in [EngineEntry { gpus: "many".into(), ..entry() }, EngineEntry { kind: "cloud".into(), ..entry() }] {
            assert!(matches!(wrong.into_form(), Err(Error::Invalid(_))));
        }
    }
}
