//! The manifests that give a console its rights on an imported cluster: as AIchor publishes them, or the least that
//! the ticked features need. Pure text in a stable order; no secret is ever in it.
//!
//! Source: `engine-import.md` §4 and §5.

mod feature;
mod render;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::name::check_dns_label;
use crate::{Error, FieldError, Result};

pub use feature::{EngineFeature, PUBLISHED, RENEWAL, RightsRule};

/// The namespace of the published manifests.
pub const NAMESPACE: &str = "aichor";
/// The ServiceAccount of the published manifests.
pub const SERVICE_ACCOUNT: &str = "dp-cluster-service-account";
/// How long a generated file can be fetched by its URL, in seconds.
pub const KEPT_SECONDS: i64 = 3600;
/// At most so many namespaces get a Role each.
pub const MOST_NAMESPACES: usize = 20;

/// Which manifests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ManifestPreset {
    /// Reads cluster-wide, writes in the named namespaces, and only what the ticked features need.
    #[default]
    LeastRights,
    /// The four published manifests object for object, and the Namespace they forget.
    AichorExact,
}

/// Where the least rights allow writing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum WriteScope {
    /// A Role in each named namespace.
    #[default]
    ListedNamespaces,
    /// The published rules in every namespace, with what they lack: practically the rights of an administrator.
    AllNamespaces,
}

/// How the token is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TokenForm {
    /// `kubectl create token`: it ends by itself.
    #[default]
    ShortLived,
    /// A Secret that holds a token without an end.
    LongLived,
}

/// Body of `POST /v1/engine-manifests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewEngineManifest {
    /// Name of the engine; it becomes part of the file's name.
    #[cfg_attr(
        feature = "openapi",
        schema(example = "onprem-1", min_length = 1, max_length = 63, pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub engine_name: String,
    /// Which manifests.
    #[serde(default)]
    pub preset: ManifestPreset,
    /// Where the ServiceAccount lives. The published manifests have their own.
    #[serde(default = "default_namespace")]
    #[cfg_attr(
        feature = "openapi",
        schema(example = "aichor", min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub namespace: String,
    /// Name of the ServiceAccount. The published manifests have their own.
    #[serde(default = "default_service_account")]
    #[cfg_attr(
        feature = "openapi",
        schema(
            example = "dp-cluster-service-account",
            min_length = 1,
            max_length = 63,
            pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
        )
    )]
    pub service_account: String,
    /// What the engine shall do; all of it unless given.
    #[serde(default = "every_feature")]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 9))]
    pub features: Vec<EngineFeature>,
    /// Where writing is allowed.
    #[serde(default)]
    pub write_scope: WriteScope,
    /// Further namespaces in which writing is allowed; they must exist.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 20))]
    pub namespaces: Vec<String>,
    /// How the token is made.
    #[serde(default)]
    pub token: TokenForm,
    /// Let the console renew its own token, and nothing else.
    #[serde(default = "yes")]
    pub self_renewal: bool,
}

/// One file, named as AIchor names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ManifestFile {
    /// For example `clusterrole.yaml`.
    pub name: String,
    /// Its documents.
    pub yaml: String,
}

/// Commands to copy, in the order of their use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ManifestCommands {
    /// Applies the manifests from the file's URL.
    pub apply: String,
    /// Prints the token to paste.
    pub token: String,
    /// Prints the CA certificate to paste.
    pub ca: String,
    /// Takes it all back.
    pub delete: String,
}

/// The answer of `POST /v1/engine-manifests`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EngineManifestView {
    /// Where `kubectl apply -f` finds the whole file; `?part=` names one of `files`.
    pub url: String,
    /// Until when.
    pub expires_at: String,
    /// SHA-256 of the whole file, hex.
    pub sha256: String,
    /// Name for saving the whole file.
    pub filename: String,
    /// The whole file.
    pub yaml: String,
    /// The same in parts, under the published names.
    pub files: Vec<ManifestFile>,
    /// What to run.
    pub commands: ManifestCommands,
    /// What one should know before applying it.
    pub warnings: Vec<String>,
}

/// A generated file while its URL works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptManifest {
    /// Random, 32 hex digits: who knows it may read the file, which holds no secret.
    pub id: String,
    /// From what it is generated anew.
    pub input: NewEngineManifest,
}

/// A right as the API server is asked about it: one access review each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EngineRight {
    /// For example `apps`; empty for the core group.
    pub group: String,
    /// For example `pods`.
    pub resource: String,
    /// For example `exec`; often empty.
    pub subresource: String,
    /// For example `create`.
    pub verb: String,
    /// One object; none = all.
    pub name: Option<String>,
    /// Where; none = everywhere.
    pub namespace: Option<String>,
}

fn default_namespace() -> String {
    NAMESPACE.to_owned()
}

fn default_service_account() -> String {
    SERVICE_ACCOUNT.to_owned()
}

fn every_feature() -> Vec<EngineFeature> {
    EngineFeature::ALL.to_vec()
}

fn yes() -> bool {
    true
}

// === impl NewEngineManifest ===

impl NewEngineManifest {
    /// The least rights for everything, under the published names.
    pub fn for_engine(name: &str) -> Self {
        Self {
            engine_name: name.to_owned(),
            preset: ManifestPreset::default(),
            namespace: default_namespace(),
            service_account: default_service_account(),
            features: every_feature(),
            write_scope: WriteScope::default(),
            namespaces: Vec::new(),
            token: TokenForm::default(),
            self_renewal: true,
        }
    }

    /// The input with every wrong field named; the published preset forgets what it does not use.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn checked(mut self) -> Result<Self> {
        let mut wrong = Vec::new();
        let name = self.engine_name.as_str();
        let starts_with_letter = name.starts_with(|first: char| first.is_ascii_lowercase());
        if check_dns_label("engine_name", name).is_err() || !starts_with_letter {
            let message = "Use lowercase letters, digits and hyphens; start with a letter";
            wrong.push(FieldError::new("engine_name", "format", message));
        }
        let names = [("namespace", &self.namespace), ("service_account", &self.service_account)];
        let listed = self.namespaces.iter().map(|namespace| ("namespaces", namespace));
        for (field, name) in names.into_iter().chain(listed) {
            if let Err(Error::Invalid(errors)) = check_dns_label(field, name) {
                wrong.extend(errors);
            }
        }
        if self.namespaces.len() > MOST_NAMESPACES {
            let message = format!("Name at most {MOST_NAMESPACES} namespaces");
            wrong.push(FieldError::new("namespaces", "max_items", message));
        }
        if self.features.is_empty() {
            wrong.push(FieldError::new("features", "required", "Tick what the engine shall do"));
        }
        if self.features.len() > EngineFeature::ALL.len() {
            wrong.push(FieldError::new("features", "max_items", "Name each feature once"));
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        if self.preset == ManifestPreset::AichorExact {
            let token = TokenForm::LongLived;
            return Ok(Self { preset: self.preset, token, self_renewal: false, ..Self::for_engine(&self.engine_name) });
        }
        self.features.sort_unstable();
        self.features.dedup();
        self.namespaces.retain(|namespace| *namespace != self.namespace);
        self.namespaces.sort_unstable();
        self.namespaces.dedup();
        if self.write_scope == WriteScope::AllNamespaces {
            self.namespaces.clear();
        }
        Ok(self)
    }

    /// The files in the order in which they are applied.
    pub fn files(&self) -> Vec<ManifestFile> {
        render::files(self)
    }

    /// Everything in one file.
    pub fn yaml(&self) -> String {
        let about = match self.preset {
            ManifestPreset::LeastRights => "the least rights for what was ticked",
            ManifestPreset::AichorExact => "as AIchor publishes them",
        };
        let mut yaml = format!("# Rights of RemoteGPU on the cluster behind engine {}: {about}.\n", self.engine_name);
        for (at, file) in self.files().iter().enumerate() {
            // Writing into a String cannot fail.
            let _ = write!(yaml, "{}{}", if at == 0 { "" } else { "---\n" }, file.yaml);
        }
        yaml
    }

    /// Name for saving it.
    pub fn filename(&self) -> String {
        format!("engine-{}-rbac.yaml", self.engine_name)
    }

    /// Every right that the manifests give, one by one: what a preflight asks.
    pub fn rights(&self) -> Vec<EngineRight> {
        let (cluster, namespaced) = self.rules();
        let mut rights: Vec<EngineRight> = cluster.iter().flat_map(|rule| rule.rights(None, None)).collect();
        for namespace in self.write_namespaces() {
            rights.extend(namespaced.iter().flat_map(|rule| rule.rights(Some(namespace), None)));
        }
        if self.self_renewal {
            rights.extend(RENEWAL.rights(Some(&self.namespace), Some(&self.service_account)));
        }
        rights.sort_unstable();
        rights.dedup();
        rights
    }

    /// What to run, with the file's URL.
    pub fn commands(&self, url: &str) -> ManifestCommands {
        let (namespace, account) = (&self.namespace, &self.service_account);
        let token = match self.token {
            TokenForm::ShortLived => format!("kubectl -n {namespace} create token {account} --duration=24h"),
            TokenForm::LongLived => {
                format!("kubectl -n {namespace} get secret {account}-token -o=jsonpath='{{.data.token}}' | base64 -d")
            }
        };
        ManifestCommands {
            apply: format!("kubectl apply -f {url}"),
            token,
            ca: format!("kubectl -n {namespace} get configmap kube-root-ca.crt -o=jsonpath='{{.data.ca\\.crt}}'"),
            delete: format!("kubectl delete -f {}", self.filename()),
        }
    }

    /// What one should know before applying it.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.preset == ManifestPreset::AichorExact || self.write_scope == WriteScope::AllNamespaces {
            warnings.push(
                "It may write Secrets, ServiceAccounts, pods and exec in every namespace: practically the rights of a \
                 cluster administrator"
                    .to_owned(),
            );
        }
        if self.token == TokenForm::LongLived {
            warnings.push(
                "The token never expires: whoever holds it keeps these rights until the Secret is deleted".to_owned(),
            );
        }
        if self.preset == ManifestPreset::AichorExact {
            warnings.push(
                "Logs, GPU discovery, volumes and metrics are not among the published rights: the engine will be degraded"
                    .to_owned(),
            );
        }
        warnings
    }

    /// Rules that count everywhere, and those that count in each namespace of [`Self::write_namespaces`].
    fn rules(&self) -> (Vec<RightsRule>, Vec<RightsRule>) {
        if self.preset == ManifestPreset::AichorExact {
            return (PUBLISHED.to_vec(), Vec::new());
        }
        let of = |pick: fn(EngineFeature) -> &'static [RightsRule]| -> Vec<RightsRule> {
            self.features.iter().flat_map(|feature| pick(*feature)).copied().collect()
        };
        let (everywhere, inside) = (of(EngineFeature::cluster_rules), of(EngineFeature::namespaced_rules));
        match self.write_scope {
            WriteScope::ListedNamespaces => (everywhere, inside),
            WriteScope::AllNamespaces => ([PUBLISHED.to_vec(), everywhere, inside].concat(), Vec::new()),
        }
    }

    /// The ServiceAccount's own namespace, then the others; none when the rules count everywhere.
    fn write_namespaces(&self) -> Vec<&str> {
        if self.preset == ManifestPreset::AichorExact || self.write_scope == WriteScope::AllNamespaces {
            return Vec::new();
        }
        std::iter::once(&self.namespace).chain(&self.namespaces).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests;
