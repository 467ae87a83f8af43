//! Figures of instances as the newest list had them: nothing is asked for them.
//! The provider gives percentages only, so what would need a size that nobody told is left out.
use jiff::{SignedDuration, Timestamp};
use kubelet::{ContainerStats, GpuStats, InstanceStats};

use super::{
    api::{Rented, RuntimeGpu},
    engine::Engine,
    rental::Rental,
};
use crate::docker::gpus;

/// Older figures are none: a GPU that was idle then may work now.
const FRESH: SignedDuration = SignedDuration::from_mins(2);

// === impl Engine ===

impl Engine {
    pub(super) fn stats(&self) -> Vec<InstanceStats> {
        let Some(walk) = self.walk().clone() else { return Vec::new() };
        if self.clock.now().duration_since(walk.at) > FRESH {
            return Vec::new();
        }
        let fleet = self.fleet();
        walk.ours.iter().filter_map(|(uid, rented)| of(uid, rented, fleet.rentals.get(uid)?, walk.at)).collect()
    }
}

fn of(uid: &str, rented: &Rented, rental: &Rental, taken: Timestamp) -> Option<InstanceStats> {
    if !rental.up || rental.id != rented.id {
        return None;
    }
    let found = rented.runtime.as_ref()?.gpus.as_deref().unwrap_or_default();
    let product = rented.gpu.as_ref().map(|gpu| gpu.id.as_str()).unwrap_or_default();
    let make = if product.starts_with("AMD") { "amd" } else { "nvidia" };
    let model = gpus::model(product).unwrap_or_default();
    let device = |(index, gpu): (usize, &RuntimeGpu)| GpuStats {
        make: make.into(),
        model: model.clone(),
        id: format!("{}/{index}", rented.id),
        memory_total_bytes: None,
        memory_used_bytes: None,
        duty_percent: gpu.util.map(|util| util.clamp(0.0, 100.0).round() as u32),
    };
    let container = ContainerStats {
        name: rental.container.clone(),
        taken,
        started: rental.started,
        cpu_nanoseconds: None,
        memory_working_set_bytes: None,
        gpus: found.iter().enumerate().map(device).collect(),
    };
    Some(InstanceStats { uid: uid.to_owned(), containers: vec![container] })
}
