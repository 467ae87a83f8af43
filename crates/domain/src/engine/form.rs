//! The form of an engine: what is typed, every rule of its fields with the sentence that a person reads. Runs in the
//! browser and on the server.
//!
//! Source: `engine-import.md` §2, RULINGS 28 to 31. The labels on the page are those of the published form.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::settings::{Docker, OnPremise, Runpod};
use super::{ApiUrl, Authority, Credentials, EngineKind, GpuCount, Settings, address, certificate, token};
use crate::engine_manifest::{EngineFeature, MOST_NAMESPACES};
use crate::money::{Currency, Money};
use crate::name::check_dns_label;
use crate::{Error, FieldError, Result};

/// The published default of the provider's kubelet.
pub const MAX_GPU_PRICE: &str = "0.5";

/// What is typed; which fields count follows from `kind`. Never shown by `Debug`: it holds secrets.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EngineForm {
    /// Which kind.
    pub kind: EngineKind,
    /// Lower-case letters, digits and hyphens; starts with a letter.
    #[cfg_attr(feature = "openapi", schema(example = "onprem-1", max_length = 63))]
    pub name: String,
    /// For everybody instead of one's own account; operators only.
    pub platform: bool,
    /// Tag for infrastructure-as-code tools; may be empty.
    #[cfg_attr(feature = "openapi", schema(max_length = 64))]
    pub ecosystem: String,
    /// On premise: `https://host:port` of the API server.
    #[cfg_attr(feature = "openapi", schema(example = "https://k8s.example.com:6443", max_length = 300))]
    pub api_url: String,
    /// On premise: external IP address of the ingress controller.
    #[cfg_attr(feature = "openapi", schema(example = "203.0.113.10", max_length = 64))]
    pub load_balancer_ip: String,
    /// PEM; empty = the system's trusted roots. Verification is never switched off.
    #[cfg_attr(feature = "openapi", schema(max_length = 65536))]
    pub ca_data: String,
    /// On premise, option A.
    #[cfg_attr(feature = "openapi", schema(max_length = 16400, write_only))]
    pub bearer_token: String,
    /// On premise, option B.
    #[cfg_attr(feature = "openapi", schema(max_length = 256, write_only))]
    pub basic_username: String,
    /// On premise, option B.
    #[cfg_attr(feature = "openapi", schema(max_length = 1024, write_only))]
    pub basic_password: String,
    /// On premise: what it shall do; empty = everything.
    #[cfg_attr(feature = "openapi", schema(max_items = 9))]
    pub features: Vec<EngineFeature>,
    /// On premise: where its identity may write, the namespace of our pods first; empty = everywhere.
    #[cfg_attr(feature = "openapi", schema(max_items = 21))]
    pub namespaces: Vec<String>,
    /// On premise: GPUs of a cluster whose nodes may not be read.
    #[cfg_attr(feature = "openapi", schema(max_items = 32))]
    pub gpus: Vec<GpuCount>,
    /// On premise: make a small pod with each full check and run a command in it; it is deleted at once.
    pub exec_probe: bool,
    /// Docker: `unix:///path` or `https://host:port`.
    #[cfg_attr(feature = "openapi", schema(max_length = 300))]
    pub endpoint: String,
    /// Docker over https: client certificate, PEM.
    #[cfg_attr(feature = "openapi", schema(max_length = 65536, write_only))]
    pub client_certificate: String,
    /// Docker over https: its key, PEM.
    #[cfg_attr(feature = "openapi", schema(max_length = 65536, write_only))]
    pub client_key: String,
    /// RunPod: the key of the account.
    #[cfg_attr(feature = "openapi", schema(max_length = 512, write_only))]
    pub api_key: String,
    /// RunPod: allowed data centres; empty = all.
    #[cfg_attr(feature = "openapi", schema(max_items = 64))]
    pub datacenter_ids: Vec<String>,
    /// RunPod: `secure` (also when empty), `community` or `all`.
    #[cfg_attr(feature = "openapi", schema(example = "secure", max_length = 16))]
    pub cloud: String,
    /// RunPod: most that an instance may cost an hour in US dollars, its GPUs together; empty = 0.5.
    #[cfg_attr(feature = "openapi", schema(example = "0.5", max_length = 20))]
    pub max_gpu_price: String,
}

/// A form that breaks no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedEngine {
    /// Its name.
    pub name: String,
    /// Its tag; may be empty.
    pub ecosystem: String,
    /// Where it is.
    pub settings: Settings,
    /// What opens it.
    pub credentials: Credentials,
    /// What is shown of a given CA.
    pub authority: Option<Authority>,
}

/// Collects what is wrong, so that every field says it at once.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

// === impl EngineForm ===

impl std::fmt::Debug for EngineForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EngineForm({} {})", self.kind.as_str(), self.name)
    }
}

impl EngineForm {
    /// Checks every field at `now`; `ecosystem_required` says whether the tag may be empty.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each wrong field.
    pub fn check(&self, now: Timestamp, ecosystem_required: bool) -> Result<CheckedEngine> {
        let mut wrong = Wrong::default();
        wrong.take(check_name(&self.name));
        wrong.take(check_ecosystem(&self.ecosystem, ecosystem_required));
        let ca = wrong.take(certificate::check("ca_data", &self.ca_data, now)).flatten();
        let (ca_pem, authority) = ca.map_or((None, None), |(pem, authority)| (Some(pem), Some(authority)));
        let settings = match self.kind {
            EngineKind::OnPremise => self.on_premise(ca_pem, &mut wrong).map(Settings::OnPremise),
            EngineKind::Docker => self.docker(ca_pem, &mut wrong).map(Settings::Docker),
            EngineKind::Runpod => self.runpod(&mut wrong).map(Settings::Runpod),
        };
        let credentials = wrong.take(self.credentials(now));
        match (settings, credentials) {
            (Some(settings), Some(credentials)) if wrong.0.is_empty() => {
                let (name, ecosystem) = (self.name.clone(), self.ecosystem.clone());
                Ok(CheckedEngine { name, ecosystem, settings, credentials, authority })
            }
            _ => Err(Error::Invalid(wrong.0)),
        }
    }

    /// What opens the engine, alone: for a rotation.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming each wrong field.
    pub fn credentials(&self, now: Timestamp) -> Result<Credentials> {
        match self.kind {
            EngineKind::OnPremise => self.cluster_credentials(now),
            EngineKind::Docker => self.client_certificate(),
            EngineKind::Runpod => {
                let key = self.api_key.trim();
                let good = (1..=512).contains(&key.len()) && key.bytes().all(|letter| letter.is_ascii_graphic());
                let message = "Paste the API key of the RunPod account";
                good.then(|| Credentials::ApiKey { key: key.to_owned() })
                    .ok_or_else(|| Error::field("api_key", "required", message))
            }
        }
    }

    fn cluster_credentials(&self, now: Timestamp) -> Result<Credentials> {
        let (bearer, name, password) =
            (!self.bearer_token.trim().is_empty(), &self.basic_username, &self.basic_password);
        let basic = !name.is_empty() || !password.is_empty();
        match (bearer, basic) {
            (false, false) => {
                let message = "Choose a bearer token or basic authentication";
                Err(Error::field("bearer_token", "required", message))
            }
            (true, true) => {
                let message = "Send either a bearer token or basic credentials, not both";
                Err(Error::field("bearer_token", "exclusive", message))
            }
            (true, false) => {
                let token = token::check("bearer_token", &self.bearer_token, now)?;
                Ok(Credentials::BearerToken { token })
            }
            (false, true) => {
                let mut wrong = Wrong::default();
                if name.is_empty() || name.chars().count() > 256 {
                    wrong.add("basic_username", "length", "Enter the user name");
                } else if name.contains(':') || name.chars().any(char::is_control) {
                    wrong.add("basic_username", "format", "User name must not contain a colon");
                }
                if password.is_empty() || password.chars().count() > 1024 || password.chars().any(char::is_control) {
                    wrong.add("basic_password", "length", "Enter the password");
                }
                wrong.end(Credentials::Basic { username: name.clone(), password: password.clone() })
            }
        }
    }

    fn client_certificate(&self) -> Result<Credentials> {
        if self.endpoint.trim().starts_with("unix:") {
            return Ok(Credentials::None);
        }
        let (certificate, key) = (self.client_certificate.trim(), self.client_key.trim());
        let mut wrong = Wrong::default();
        if !certificate.contains("-----BEGIN CERTIFICATE-----") || certificate.len() > 65536 {
            wrong.add("client_certificate", "required", "Paste the client certificate in PEM");
        }
        if !key.contains("PRIVATE KEY-----") || key.len() > 65536 {
            wrong.add("client_key", "required", "Paste the private key of the client certificate in PEM");
        }
        wrong.end(Credentials::ClientCertificate { certificate: certificate.to_owned(), key: key.to_owned() })
    }

    fn on_premise(&self, ca_pem: Option<String>, wrong: &mut Wrong) -> Option<OnPremise> {
        let api_url = wrong.take(ApiUrl::parse("api_url", &self.api_url));
        let load_balancer_ip = wrong.take(address::load_balancer_ip("load_balancer_ip", &self.load_balancer_ip));
        for namespace in &self.namespaces {
            wrong.take(check_dns_label("namespaces", namespace));
        }
        if self.namespaces.len() > MOST_NAMESPACES + 1 {
            wrong.add("namespaces", "max_items", "Too many namespaces");
        }
        let gpu = |gpu: &GpuCount| {
            let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
            (1..=63).contains(&gpu.model.len()) && gpu.model.bytes().all(legal) && (1..=100_000).contains(&gpu.count)
        };
        if self.gpus.len() > 32 || !self.gpus.iter().all(gpu) {
            wrong.add("gpus", "format", "Name each model as its nodes would, with how many there are");
        }
        let mut features = self.features.clone();
        features.sort_unstable();
        features.dedup();
        if features.is_empty() {
            features = EngineFeature::ALL.to_vec();
        }
        let (namespaces, gpus) = (self.namespaces.clone(), self.gpus.clone());
        let (api_url, load_balancer_ip, exec_probe) = (api_url?, load_balancer_ip?, self.exec_probe);
        Some(OnPremise { api_url, load_balancer_ip, ca_pem, features, namespaces, gpus, exec_probe })
    }

    fn docker(&self, ca_pem: Option<String>, wrong: &mut Wrong) -> Option<Docker> {
        let endpoint = self.endpoint.trim();
        if let Some(path) = endpoint.strip_prefix("unix://") {
            let good = path.starts_with('/') && path.len() <= 108 && !path.contains("..") && path.is_ascii();
            if !good {
                wrong.add("endpoint", "format", "Use unix:///var/run/docker.sock or https://host:2376");
            }
            return Some(Docker { endpoint: endpoint.to_owned(), ca_pem: None });
        }
        let url =
            wrong.take(ApiUrl::parse("endpoint", endpoint).map_err(|_| {
                Error::field("endpoint", "format", "Use unix:///var/run/docker.sock or https://host:2376")
            }));
        Some(Docker { endpoint: url?.to_string(), ca_pem })
    }

    fn runpod(&self, wrong: &mut Wrong) -> Option<Runpod> {
        let place =
            |id: &String| (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if self.datacenter_ids.len() > 64 || !self.datacenter_ids.iter().all(place) {
            wrong.add("datacenter_ids", "format", "Name data centres such as EU-RO-1");
        }
        let cloud = if self.cloud.is_empty() { "secure" } else { self.cloud.as_str() };
        if !["secure", "community", "all"].contains(&cloud) {
            wrong.add("cloud", "unknown", "Choose secure, community or all");
        }
        let price = if self.max_gpu_price.trim().is_empty() { MAX_GPU_PRICE } else { self.max_gpu_price.trim() };
        let price = Currency::new("USD").and_then(|dollars| Money::parse(price, dollars)).ok();
        let price = price.map(|price| price.micros).filter(|micros| (1..=1_000_000_000).contains(micros));
        if price.is_none() {
            wrong.add("max_gpu_price", "format", "Write US dollars an hour, for example 0.5");
        }
        let (datacenter_ids, cloud) = (self.datacenter_ids.clone(), cloud.to_owned());
        Some(Runpod { datacenter_ids, cloud, max_gpu_price_micros: price? })
    }
}

/// The rule of an engine's name.
///
/// # Errors
/// [`Error::Invalid`] on field `name`.
pub fn check_name(name: &str) -> Result<()> {
    let message = "Use lowercase letters, digits and hyphens; start with a letter";
    let good = check_dns_label("name", name).is_ok() && name.starts_with(|first: char| first.is_ascii_lowercase());
    if good { Ok(()) } else { Err(Error::field("name", "format", message)) }
}

/// The rule of the tag.
///
/// # Errors
/// [`Error::Invalid`] on field `ecosystem`.
pub fn check_ecosystem(tag: &str, required: bool) -> Result<()> {
    if required && tag.is_empty() {
        return Err(Error::field("ecosystem", "required", "Your account requires an ecosystem for each engine"));
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let message = "Use up to 64 letters, digits, dots, hyphens, underscores";
    if tag.len() <= 64 && tag.bytes().all(legal) { Ok(()) } else { Err(Error::field("ecosystem", "format", message)) }
}

// === impl Wrong ===

impl Wrong {
    fn add(&mut self, field: &str, code: &str, message: &str) {
        self.0.push(FieldError::new(field, code, message));
    }

    fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(Error::Invalid(errors)) => {
                self.0.extend(errors);
                None
            }
            Err(other) => {
                self.0.push(FieldError::new("form", "invalid", other.to_string()));
                None
            }
        }
    }

    fn end<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(Error::Invalid(self.0)) }
    }
}
