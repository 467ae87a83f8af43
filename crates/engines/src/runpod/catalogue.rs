//! The provider's catalogue, kept for some minutes: what there is, what it costs, where it is in stock.
//! It orders candidates and reserves nothing; after a refusal for capacity it is read anew.
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use serde::Deserialize;
use tokio::time::Instant;

use super::{
    client::{ApiError, Client},
    pace::Urgency,
};

const FRESH: Duration = Duration::from_secs(300);

/// Everything that can be rented.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalogue {
    pub(super) gpus: Vec<GpuType>,
    pub(super) cpus: Vec<CpuType>,
    pub(super) data_centers: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct GpuType {
    pub(super) id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) manufacturer: String,
    #[serde(default)]
    pub(super) memory: u32,
    #[serde(default)]
    pub(super) secure: bool,
    #[serde(default)]
    pub(super) community: bool,
    #[serde(default)]
    pub(super) price: GpuPrice,
    #[serde(default, rename = "maxCount")]
    pub(super) most: Most,
    #[serde(default)]
    pub(super) availability: Option<String>,
    #[serde(default, rename = "dataCenters")]
    pub(super) places: Vec<Place>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct GpuPrice {
    #[serde(default)]
    pub(super) secure: f64,
    #[serde(default)]
    pub(super) community: f64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(super) struct Most {
    #[serde(default)]
    pub(super) secure: u32,
    #[serde(default)]
    pub(super) community: u32,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Place {
    pub(super) id: String,
    #[serde(default)]
    pub(super) availability: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CpuType {
    pub(super) id: String,
    pub(super) vcpu: VcpuRange,
    #[serde(rename = "ramGbPerVcpu")]
    pub(super) ram_gb: f64,
    pub(super) price: CpuPrice,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct VcpuRange {
    pub(super) min: u32,
    pub(super) max: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct CpuPrice {
    #[serde(rename = "securePerVcpu")]
    pub(super) secure: f64,
}

#[derive(Deserialize)]
struct Gpus {
    gpus: Vec<GpuType>,
}

#[derive(Deserialize)]
struct Cpus {
    cpus: Vec<CpuType>,
}

#[derive(Deserialize)]
struct DataCenters {
    #[serde(rename = "dataCenters")]
    data_centers: Vec<Place>,
}

/// A catalogue and when it was read.
type Dated = Option<(Instant, Arc<Catalogue>)>;

/// The catalogues last read, one for each cloud.
#[derive(Default)]
pub(super) struct Shelf {
    read: Mutex<[Dated; 2]>,
}

// === impl Shelf ===

impl Shelf {
    /// The catalogue with the stock of one cloud, at most some minutes old.
    pub(super) async fn get(&self, client: &Client, secure: bool) -> Result<Arc<Catalogue>, ApiError> {
        let known = self.lock()[usize::from(secure)].clone();
        if let Some((_, catalogue)) = known.filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(catalogue);
        }
        let catalogue = Arc::new(read(client, secure).await?);
        self.lock()[usize::from(secure)] = Some((Instant::now(), catalogue.clone()));
        Ok(catalogue)
    }

    /// What was read says more than there is.
    pub(super) fn distrust(&self) {
        *self.lock() = [None, None];
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, [Dated; 2]> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(client: &Client, secure: bool) -> Result<Catalogue, ApiError> {
    let cloud = if secure { "SECURE" } else { "COMMUNITY" };
    let gpus = format!("/v2/catalog/gpus?include=AVAILABILITY&product=POD&cloud={cloud}");
    let gpus: Gpus = get(client, &gpus).await?;
    let cpus: Cpus = get(client, "/v2/catalog/cpus").await?;
    let centers: DataCenters = get(client, "/v2/catalog/datacenters").await?;
    let data_centers = centers.data_centers.into_iter().map(|place| place.id).collect();
    Ok(Catalogue { gpus: gpus.gpus, cpus: cpus.cpus, data_centers })
}

async fn get<T: serde::de::DeserializeOwned>(client: &Client, path: &str) -> Result<T, ApiError> {
    let body = client.get(path, Urgency::Usual).await?;
    serde_json::from_slice(&body).map_err(|_| ApiError::NotDone("the catalogue could not be read".into()))
}
