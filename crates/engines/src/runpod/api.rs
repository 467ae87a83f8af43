//! What we read of the provider's replies. Everything else is skipped, above all the environment with its secrets.
//! Unknown states, extra fields and missing blocks never spoil the rest of a list.
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// Some instance, ours or not.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Rented {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, deserialize_with = "status")]
    pub(super) status: Status,
    #[serde(default)]
    pub(super) cost: Option<f64>,
    #[serde(default, rename = "dataCenterId")]
    pub(super) data_center: Option<String>,
    #[serde(default, rename = "createdAt", deserialize_with = "time")]
    pub(super) created: Option<Timestamp>,
    #[serde(default)]
    pub(super) ports: Option<Vec<String>>,
    #[serde(default)]
    pub(super) runtime: Option<Runtime>,
    #[serde(default)]
    pub(super) gpu: Option<RentedGpu>,
    #[serde(default)]
    pub(super) env: Option<Marks>,
}

/// A network volume, as far as it matters.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Volume {
    #[serde(rename = "dataCenter")]
    pub(super) data_center: String,
}

/// States; one that we do not know changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Status {
    Starting,
    Running,
    Exited,
    Error,
    Terminated,
    #[default]
    Unknown,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Runtime {
    #[serde(default)]
    pub(super) uptime: Option<u64>,
    #[serde(default)]
    pub(super) ports: Option<Vec<RuntimePort>>,
    #[serde(default)]
    pub(super) gpus: Option<Vec<RuntimeGpu>>,
}

/// Which GPUs an instance has.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RentedGpu {
    #[serde(default)]
    pub(super) id: String,
}

/// What one of them does.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RuntimeGpu {
    /// Per cent.
    #[serde(default)]
    pub(super) util: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RuntimePort {
    /// Above 65535 for a port that is to have the same number inside and outside: a number that no socket has.
    #[serde(default)]
    pub(super) private: Option<u32>,
    #[serde(default)]
    pub(super) public: Option<u32>,
    #[serde(default)]
    pub(super) ip: Option<String>,
}

/// The variables of the marker; all others are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Marks {
    #[serde(default, rename = "REMOTEGPU_NAMESPACE")]
    pub(super) namespace: String,
    #[serde(default, rename = "REMOTEGPU_POD")]
    pub(super) pod: String,
    #[serde(default, rename = "REMOTEGPU_CONTAINER")]
    pub(super) container: String,
    #[serde(default, rename = "REMOTEGPU_ATTEMPT")]
    pub(super) attempt: String,
    #[serde(default, rename = "REMOTEGPU_POD_IP")]
    pub(super) pod_ip: String,
    #[serde(default, rename = "REMOTEGPU_TERMS")]
    pub(super) terms: String,
    #[serde(default, rename = "REMOTEGPU_EXIT_MARKER")]
    pub(super) exit_marker: Option<String>,
    #[serde(default, rename = "REMOTEGPU_UNTIL_DELETED")]
    pub(super) until_deleted: Option<String>,
}

/// A page of instances, each still as text: one that cannot be read must not hide the others.
#[derive(Deserialize)]
pub(super) struct Page<'a> {
    #[serde(borrow)]
    pub(super) pods: Vec<&'a RawValue>,
    #[serde(default)]
    pub(super) pagination: Option<Pagination>,
}

#[derive(Deserialize)]
pub(super) struct Pagination {
    #[serde(default, rename = "nextCursor")]
    pub(super) next: Option<String>,
    #[serde(default, rename = "hasNextPage")]
    pub(super) more: bool,
}

/// A problem document, or whatever a proxy put in its place.
#[derive(Default, Deserialize)]
pub(super) struct ProblemBody {
    #[serde(default)]
    pub(super) detail: String,
}

fn status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Status, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(match text.as_deref() {
        Some("PROVISIONING" | "STARTING") => Status::Starting,
        Some("RUNNING") => Status::Running,
        Some("EXITED") => Status::Exited,
        Some("ERROR") => Status::Error,
        Some("TERMINATED") => Status::Terminated,
        _ => Status::Unknown,
    })
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.and_then(|text| text.parse().ok()))
}

/// Dollars as the API writes them, in millionths; rounded up, so that no ceiling is passed by rounding.
pub(super) fn micros(dollars: f64) -> i64 {
    // A price is far below 2^53 millionths, and what is not must not look cheap.
    #[expect(clippy::cast_possible_truncation, reason = "floating point to integer conversion saturates")]
    let micros = (dollars * 1e6 - 1e-3).ceil() as i64;
    micros.max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_exact_in_millionths() {
        assert_eq!([micros(0.49), micros(0.5), micros(0.0), micros(-1.0)], [490_000, 500_000, 0, 0]);
        assert_eq!(micros(0.500_000_2), 500_001);
    }

    #[test]
    fn what_is_new_or_missing_does_not_matter() {
        let text =
            r#"{"id":"a","name":"n","status":"HIBERNATED","cost":null,"runtime":{"ports":null,"x":1},"env":null}"#;
        let rented: Rented = serde_json::from_str(text).unwrap();
        assert_eq!(rented.status, Status::Unknown);
        let text = r#"{"id":"a","status":"RUNNING","runtime":{"uptime":1,"ports":[{"private":70000,"public":null}]}}"#;
        let rented: Rented = serde_json::from_str(text).unwrap();
        assert_eq!(rented.runtime.unwrap().ports.unwrap()[0].private, Some(70000));
        let text = r#"{"id":"a","env":{"SECRET":"s","REMOTEGPU_POD":"web"},"createdAt":"not a time"}"#;
        let rented: Rented = serde_json::from_str(text).unwrap();
        assert_eq!((rented.env.unwrap().pod.as_str(), rented.created), ("web", None));
    }
}
