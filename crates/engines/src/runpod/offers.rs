//! The catalogue as somebody outside of a node wants to know it: what there is, at which price, and whether the key is
//! good at all.

use std::sync::Arc;

use super::api::micros;
use super::catalogue::Shelf;
use super::client::Client;
use super::transport::Transport;

/// A kind of GPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// For people.
    pub name: String,
    /// An hour in the secure cloud, millionths of a dollar; none = not there.
    pub secure_micros: Option<i64>,
    /// An hour in the community cloud.
    pub community_micros: Option<i64>,
    /// Where it is.
    pub data_centers: Vec<String>,
}

/// What the provider said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It does not take the key.
    Refused,
    /// It did not answer, or not in a way that can be read.
    Silent,
    /// The catalogue.
    Offers(Vec<Offer>),
}

/// Asks for the catalogue.
pub async fn offers(transport: Arc<dyn Transport>) -> Seen {
    let client = Client::new(transport);
    match Shelf::default().get(&client, true).await {
        Ok(catalogue) => {
            let offer = |gpu: &super::catalogue::GpuType| Offer {
                name: if gpu.name.is_empty() { gpu.id.clone() } else { gpu.name.clone() },
                secure_micros: gpu.secure.then(|| micros(gpu.price.secure)),
                community_micros: gpu.community.then(|| micros(gpu.price.community)),
                data_centers: gpu.places.iter().map(|place| place.id.clone()).collect(),
            };
            Seen::Offers(catalogue.gpus.iter().map(offer).collect())
        }
        Err(error) if matches!(error.status(), Some(401 | 403)) => Seen::Refused,
        Err(_) => Seen::Silent,
    }
}
