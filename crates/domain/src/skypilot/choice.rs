//! What a person chooses before there are files: how the manifest is written, its names, its ticks.
//!
//! Source: `skypilot.md` §7, RULINGS 18.

use serde::{Deserialize, Serialize};

use super::{Feature, default_account};
use crate::name::check_dns_label;
use crate::{Error, Result};

/// How the manifest is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Preset {
    /// The verbs that were seen needed, nothing else; names that no second namespace overwrites.
    #[default]
    Smallest,
    /// Object for object as SkyPilot publishes it, its broken rules mended.
    Documented,
}

/// Names in `create-sky-sa.yaml`; each is "can be changed if needed" on SkyPilot's page (RULINGS 18).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SkypilotNames {
    /// The ServiceAccount.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub service_account: String,
    /// The Role.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub role: String,
    /// The RoleBinding.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub role_binding: String,
    /// The ClusterRole.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub cluster_role: String,
    /// The ClusterRoleBinding.
    #[cfg_attr(
        feature = "openapi",
        schema(min_length = 1, max_length = 63, pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub cluster_role_binding: String,
}

/// Body of `POST …/skypilot/files`: what the files are to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct SkypilotChoice {
    /// How the manifest is written.
    pub preset: Preset,
    /// Names in it.
    pub names: SkypilotNames,
    /// What is ticked; `base` is always on.
    #[cfg_attr(feature = "openapi", schema(max_items = 9))]
    pub features: Vec<Feature>,
    /// The SKU that `config.yaml` puts on every pod; none leaves it to the GPUs a task asks for.
    #[cfg_attr(feature = "openapi", schema(max_length = 63, pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"))]
    pub sku_code: Option<String>,
}

// === impl Preset ===

impl Preset {
    /// The wire form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smallest => "smallest",
            Self::Documented => "documented",
        }
    }
}

// === impl SkypilotNames ===

impl Default for SkypilotNames {
    fn default() -> Self {
        Self {
            service_account: default_account(),
            role: "sky-sa-role".to_owned(),
            role_binding: "sky-sa-rb".to_owned(),
            cluster_role: "sky-sa-cluster-role".to_owned(),
            cluster_role_binding: "sky-sa-cluster-role-binding".to_owned(),
        }
    }
}

// === impl SkypilotChoice ===

impl Default for SkypilotChoice {
    fn default() -> Self {
        Self {
            preset: Preset::default(),
            names: SkypilotNames::default(),
            features: Feature::ALL.into_iter().filter(|feature| feature.usual()).collect(),
            sku_code: None,
        }
    }
}

impl SkypilotChoice {
    /// Checks every name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with every wrong field at once.
    pub fn check(&self) -> Result<()> {
        let names = &self.names;
        let all = [
            ("service_account", &names.service_account),
            ("role", &names.role),
            ("role_binding", &names.role_binding),
            ("cluster_role", &names.cluster_role),
            ("cluster_role_binding", &names.cluster_role_binding),
        ];
        let mut wrong: Vec<_> = all.iter().filter_map(|(field, name)| wrong_label(field, name)).flatten().collect();
        if let Some(code) = self.sku_code.as_deref().filter(|code| !code.is_empty()) {
            wrong.extend(wrong_label("sku_code", code).into_iter().flatten());
        }
        if wrong.is_empty() { Ok(()) } else { Err(Error::Invalid(wrong)) }
    }
}

impl SkypilotChoice {
    /// Reads the choice of a page's form: `preset`, the five names, `feature` once for each tick, `sku`. None when the
    /// form was not sent. What is no legal name stays as it is and is refused by [`Self::check`].
    pub fn from_query(query: &str) -> Option<Self> {
        let pairs = || query.trim_start_matches('?').split('&').filter_map(|pair| pair.split_once('='));
        pairs().find(|(key, _)| *key == "chosen")?;
        let mut choice = Self { features: vec![Feature::Base], ..Self::default() };
        for (key, value) in pairs() {
            let names = &mut choice.names;
            match key {
                "preset" if value == Preset::Documented.as_str() => choice.preset = Preset::Documented,
                "service_account" => value.clone_into(&mut names.service_account),
                "role" => value.clone_into(&mut names.role),
                "role_binding" => value.clone_into(&mut names.role_binding),
                "cluster_role" => value.clone_into(&mut names.cluster_role),
                "cluster_role_binding" => value.clone_into(&mut names.cluster_role_binding),
                // The base is always ticked, and once is enough.
                "feature" => choice.features.extend(Feature::parse(value).filter(|feature| *feature != Feature::Base)),
                "sku" if !value.is_empty() => choice.sku_code = Some(value.to_owned()),
                _ => {}
            }
        }
        Some(choice)
    }

    /// The query that [`Self::from_query`] reads back. Only for a choice that was checked: nothing is escaped.
    pub fn to_query(&self) -> String {
        let names = &self.names;
        let mut query = format!(
            "chosen=1&preset={}&service_account={}&role={}&role_binding={}&cluster_role={}&cluster_role_binding={}",
            self.preset.as_str(),
            names.service_account,
            names.role,
            names.role_binding,
            names.cluster_role,
            names.cluster_role_binding
        );
        for feature in &self.features {
            query.push_str(&format!("&feature={}", feature.as_str()));
        }
        if let Some(code) = &self.sku_code {
            query.push_str(&format!("&sku={code}"));
        }
        query
    }
}

fn wrong_label(field: &str, name: &str) -> Option<Vec<crate::FieldError>> {
    match check_dns_label(field, name) {
        Err(Error::Invalid(wrong)) => Some(wrong),
        _ => None,
    }
}
