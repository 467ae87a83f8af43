//! The annotations `runpod.io/…`: the pod's own, then those of its Job, then none. An empty text counts as none.
//! This is the only place that looks them up, so that the order holds for every key.
use std::collections::BTreeMap;

use kubelet::{InstanceRequest, ProviderError};

const PREFIX: &str = "runpod.io/";

/// The annotations that count for one pod.
pub(super) struct Annotations<'a> {
    pod: Option<&'a BTreeMap<String, String>>,
    job: &'a BTreeMap<String, String>,
}

// === impl Annotations ===

impl<'a> Annotations<'a> {
    pub(super) fn of(request: &'a InstanceRequest) -> Self {
        Self { pod: request.pod.metadata.annotations.as_ref(), job: &request.job_annotations }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let key = format!("{PREFIX}{name}");
        let of =
            |all: &'a BTreeMap<String, String>| all.get(&key).map(|text| text.trim()).filter(|text| !text.is_empty());
        self.pod.and_then(of).or_else(|| of(self.job))
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, ProviderError> {
        self.parsed(name, "a whole number")
    }

    /// Dollars per hour, in millionths.
    pub(super) fn price(&self, name: &str) -> Result<Option<i64>, ProviderError> {
        let dollars: Option<f64> = self.parsed(name, "a number of dollars per hour")?;
        Ok(dollars.map(super::api::micros))
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, ProviderError> {
        self.parsed(name, "true or false")
    }

    /// Texts separated by commas, without repeats.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        split(self.get(name).unwrap_or_default())
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, what: &str) -> Result<Option<T>, ProviderError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| wrong(name, text, what))
    }
}

/// A value that cannot be used: the pod is refused, never guessed at.
pub(super) fn wrong(name: &str, text: &str, what: &str) -> ProviderError {
    ProviderError::Unsupported(format!("The annotation {PREFIX}{name} is {text:?}; it must be {what}"))
}

/// Texts separated by commas, trimmed, without repeats.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if !all.iter().any(|known| known == part) {
            all.push(part.to_owned());
        }
    }
    all
}
