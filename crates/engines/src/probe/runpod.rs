//! A RunPod account: is the key good, and what of the catalogue do data centres and price leave over.

use std::sync::Arc;

use domain::engine::report::EngineCapacity;
use domain::engine::settings::Runpod;
use domain::engine::{Credentials, Depth};

use super::{Look, shown};
use crate::runpod::{ApiKey, HttpTransport, Offer, Seen, offers};

pub(super) async fn look(base: &str, at: &Runpod, credentials: &Credentials, look: &mut Look) {
    let Credentials::ApiKey { key } = credentials else { return look.fail("key", "There is no API key") };
    let transport = match HttpTransport::new(base, ApiKey::Text(key.clone().into())) {
        Ok(transport) => transport,
        Err(_) => return look.fail("provider", "RunPod cannot be called from here"),
    };
    match offers(Arc::new(transport)).await {
        Seen::Refused => look.fail("key", "RunPod refuses the API key: it was revoked, or lacks the right to read"),
        Seen::Silent => look.fail("provider", "RunPod does not answer"),
        Seen::Offers(offers) => {
            look.pass("provider", "RunPod answers");
            look.pass("key", "The API key is valid");
            look.facts.version = "v2".to_owned();
            if look.depth == Depth::Full {
                // Only the old interface tells it, which ends early in 2027.
                look.skip("balance", "RunPod's API does not tell the balance; look at its own console");
                catalogue(at, &offers, look);
            }
        }
    }
}

fn catalogue(at: &Runpod, offers: &[Offer], look: &mut Look) {
    // Nobody knows how many there will be: capacity follows from the node's own settings.
    look.facts.capacity = Some(EngineCapacity::default());
    let cheap = |offer: &&Offer| {
        let price = match at.cloud.as_str() {
            "community" => offer.community_micros,
            "all" => [offer.secure_micros, offer.community_micros].into_iter().flatten().min(),
            _ => offer.secure_micros,
        };
        price.is_some_and(|price| price <= at.max_gpu_price_micros)
    };
    let near = |offer: &&Offer| {
        at.datacenter_ids.is_empty() || offer.data_centers.iter().any(|one| at.datacenter_ids.contains(one))
    };
    let left: Vec<String> = offers.iter().filter(cheap).filter(near).map(|offer| shown(&offer.name)).collect();
    let total = offers.len();
    match left.len() {
        0 => look.fail("catalogue", format!("Price and data centres leave none of {total} GPU types")),
        some if some < total => {
            let named = left[..some.min(6)].join(", ");
            look.warn("catalogue", format!("Price and data centres leave {some} of {total} GPU types: {named}"));
        }
        _ => look.pass("catalogue", format!("{total} GPU types")),
    }
}
