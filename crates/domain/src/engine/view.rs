//! Engines on the wire: nothing secret, and nothing that was secret.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::{Check, EngineCapacity, FeatureRights};
use super::{AuthMethod, Engine, EngineForm, EngineKind, EngineStatus, GpuCount, Report, Row, Settings, certificate};
use crate::node::{NodeState, NodeView};

/// An engine as its managers see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EngineView {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Which kind.
    pub kind: EngineKind,
    /// Whether it belongs to the platform.
    pub platform: bool,
    /// Its tag; may be empty.
    pub ecosystem: String,
    /// Where it is; empty for a provider.
    pub api_url: String,
    /// Where its ingress controller is reached; empty for other kinds.
    pub load_balancer_ip: String,
    /// Where its identity may write; empty = everywhere.
    pub namespaces: Vec<String>,
    /// GPUs that were typed by hand.
    pub gpus: Vec<GpuCount>,
    /// How it is opened.
    pub auth: AuthView,
    /// What signs its certificate; none for a provider and for a socket.
    pub ca: Option<CaView>,
    /// How it is.
    pub status: EngineStatus,
    /// Why; empty when there is nothing to say.
    pub status_reason: String,
    /// Its credentials end soon.
    pub credentials_expiring: bool,
    /// Version of the other side.
    pub version: String,
    /// What it can run; none = not known.
    pub capacity: Option<EngineCapacity>,
    /// Its virtual nodes: what of it is offered here, and how much of that is taken. Empty before they have started.
    pub nodes: Vec<NodeView>,
    /// RFC 3339; none = never.
    pub last_check_at: Option<String>,
    /// UID of the cluster's namespace `kube-system`.
    pub cluster_uid: String,
    /// RFC 3339.
    pub created_at: String,
}

/// How an engine is opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AuthView {
    /// The way.
    pub method: AuthMethod,
    /// As whom the other side sees us.
    pub identity: String,
    /// RFC 3339; none = never, or not said.
    pub expires_at: Option<String>,
    /// RFC 3339: when it was given.
    pub set_at: String,
    /// The console asks for the next token itself, at half of the life of this one.
    pub renewable: bool,
}

/// What signs an engine's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CaView {
    /// `given` or `system`.
    pub source: String,
    /// Of the given certificate that ends first.
    pub subject: Option<String>,
    /// RFC 3339.
    pub not_after: Option<String>,
}

/// The answer to a preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PreflightView {
    /// Goes with the form, so that nothing is checked twice; none when the engine could not be made like this.
    #[cfg_attr(feature = "openapi", schema(format = "sealed"))]
    pub preflight_id: Option<String>,
    /// How the engine would be.
    pub status: EngineStatus,
    /// What was checked.
    pub report: Report,
    /// The rights by feature.
    pub features: Vec<FeatureRights>,
}

/// One check of an engine's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CheckView {
    /// RFC 3339.
    pub at: String,
    /// `light` or `full`.
    pub depth: String,
    /// What was checked.
    pub rows: Vec<Row>,
}

/// Body of `POST /v1/engines`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewEngine {
    /// Of the preflight with the same form; without it the preflight runs first.
    #[cfg_attr(feature = "openapi", schema(max_length = 32768, format = "sealed"))]
    pub preflight_id: Option<String>,
    /// What was typed.
    pub engine: EngineForm,
}

/// Body of `PATCH /v1/engines/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangeEngine {
    /// Another name.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 63))]
    pub name: Option<String>,
    /// Another tag; empty or `null` = none.
    #[serde(default, deserialize_with = "crate::change::sent_or_empty", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 64))]
    pub ecosystem: Option<String>,
    /// Another address of the ingress controller.
    #[serde(default, deserialize_with = "crate::change::sent", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false, max_length = 64))]
    pub load_balancer_ip: Option<String>,
    /// Another CA; empty or `null` = the system's trusted roots.
    #[serde(default, deserialize_with = "crate::change::sent_or_empty", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(max_length = 65536))]
    pub ca_data: Option<String>,
}

/// Body of `DELETE /v1/engines/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteEngine {
    /// The engine's name, typed again.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 63))]
    pub confirm: String,
    /// Also while pods run on it: on an imported cluster they are ended.
    #[serde(default)]
    pub force: bool,
    /// Of an engine that is on its way out already, or behind whose address is another cluster: forget it now. What still
    /// runs there is left to whoever has it.
    #[serde(default)]
    pub abandon: bool,
}

/// Body of `PUT /v1/engines/{id}/credentials`. With `api_url` the engine moves there: a stored token must not follow to a
/// host that somebody else named.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NewEngineCredentials {
    /// On premise: another address of the same cluster.
    #[cfg_attr(feature = "openapi", schema(max_length = 300))]
    pub api_url: Option<String>,
    /// On premise, option A.
    #[cfg_attr(feature = "openapi", schema(max_length = 16400, write_only))]
    pub bearer_token: String,
    /// On premise, option B.
    #[cfg_attr(feature = "openapi", schema(max_length = 256, write_only))]
    pub basic_username: String,
    /// On premise, option B.
    #[cfg_attr(feature = "openapi", schema(max_length = 1024, write_only))]
    pub basic_password: String,
    /// Docker over https.
    #[cfg_attr(feature = "openapi", schema(max_length = 65536, write_only))]
    pub client_certificate: String,
    /// Docker over https.
    #[cfg_attr(feature = "openapi", schema(max_length = 65536, write_only))]
    pub client_key: String,
    /// RunPod.
    #[cfg_attr(feature = "openapi", schema(max_length = 512, write_only))]
    pub api_key: String,
}

impl std::fmt::Debug for NewEngineCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NewEngineCredentials")
    }
}

impl NewEngineCredentials {
    /// As a form of that kind, for its rules.
    pub fn form(&self, settings: &Settings) -> EngineForm {
        EngineForm {
            kind: settings.kind(),
            endpoint: settings.address(),
            bearer_token: self.bearer_token.clone(),
            basic_username: self.basic_username.clone(),
            basic_password: self.basic_password.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            api_key: self.api_key.clone(),
            ..EngineForm::default()
        }
    }
}

impl Engine {
    /// As its managers see it at `now`, with those of `nodes` that are its own.
    pub fn view(&self, now: Timestamp, nodes: &[NodeState]) -> EngineView {
        let cluster = match &self.settings {
            Settings::OnPremise(one) => Some(one),
            Settings::Docker(_) | Settings::Runpod(_) => None,
        };
        let text = |at: Option<Timestamp>| at.map(|at| at.to_string());
        EngineView {
            id: self.id.to_string(),
            name: self.name.clone(),
            kind: self.settings.kind(),
            platform: self.account_id.is_none(),
            ecosystem: self.ecosystem.clone(),
            api_url: self.settings.address(),
            load_balancer_ip: cluster.map(|one| one.load_balancer_ip.to_string()).unwrap_or_default(),
            namespaces: cluster.map(|one| one.namespaces.clone()).unwrap_or_default(),
            gpus: cluster.map(|one| one.gpus.clone()).unwrap_or_default(),
            auth: AuthView {
                method: self.auth.method,
                identity: self.auth.identity.clone(),
                expires_at: text(self.auth.expires_at),
                set_at: self.auth.set_at.to_string(),
                renewable: self.auth.renewable,
            },
            ca: self.ca(now),
            status: self.status,
            status_reason: self.status_reason.clone(),
            credentials_expiring: self.auth.expiring(now),
            version: self.facts.version.clone(),
            capacity: self.facts.capacity.clone(),
            nodes: self.own(nodes).map(NodeState::view).collect(),
            last_check_at: text(self.last_check_at),
            cluster_uid: self.facts.cluster_uid.clone(),
            created_at: self.created_at.to_string(),
        }
    }

    fn ca(&self, now: Timestamp) -> Option<CaView> {
        let pem = match &self.settings {
            Settings::OnPremise(one) => one.ca_pem.as_deref(),
            Settings::Docker(one) if one.endpoint.starts_with("https://") => one.ca_pem.as_deref(),
            Settings::Docker(_) | Settings::Runpod(_) => return None,
        };
        // One that ended meanwhile is still shown; the check says that it ended.
        let given = pem.and_then(|pem| certificate::check("ca_data", pem, now.min(self.created_at)).ok().flatten());
        let source = if pem.is_some() { "given" } else { "system" };
        Some(CaView {
            source: source.to_owned(),
            subject: given.as_ref().map(|(_, authority)| authority.subject.clone()),
            not_after: given.map(|(_, authority)| authority.not_after.to_string()),
        })
    }
}

impl Check {
    /// On the wire.
    pub fn view(&self) -> CheckView {
        let (at, depth) = (self.at.to_string(), self.depth.as_str().to_owned());
        CheckView { at, depth, rows: self.report.rows.clone() }
    }
}
