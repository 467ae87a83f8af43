//! Which hardware a pod gets: pure rules over the catalogue, cheapest first, the same choice every time.
//! Nothing is rented on a guess: if nothing fits, the answer says which filter removed the last candidate.
use std::cmp::Reverse;

use kubelet::ProviderError;
use serde_json::{Value, json};

use super::{
    api::micros,
    catalogue::{Catalogue, CpuType, GpuType},
};

/// What a pod asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wish {
    /// 0 = a CPU instance.
    pub(super) gpus: u32,
    /// Asked for as `amd.com/gpu`; otherwise as the other make.
    pub(super) amd: bool,
    /// Of each GPU, GB.
    pub(super) gpu_memory: u32,
    /// Ids or short names in the order in which they are tried; empty = any.
    pub(super) types: Vec<String>,
    /// The model that was sold, as SKUs name it; `None` = any.
    pub(super) model: Option<String>,
    pub(super) secure: bool,
    /// Empty = any.
    pub(super) places: Vec<String>,
    /// Of the whole instance, millionths of a dollar per hour, limit included.
    pub(super) ceiling: i64,
    /// Of a CPU instance.
    pub(super) vcpus: u32,
    pub(super) memory_gb: u32,
}

/// Hardware to try, with the price of the whole instance.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Candidate {
    pub(super) id: String,
    pub(super) price: i64,
    /// `{"gpu": …}` or `{"cpu": …}` of the request.
    pub(super) hardware: (&'static str, Value),
}

/// Candidates in the order in which they are tried, at most `most`.
///
/// # Errors
/// [`ProviderError::Waiting`] with `PriceAboveLimit`, `NoCapacity` or `NoMatchingGpu`.
pub(super) fn choose(catalogue: &Catalogue, wish: &Wish, most: usize) -> Result<Vec<Candidate>, ProviderError> {
    let mut candidates = if wish.gpus > 0 { gpus(catalogue, wish)? } else { cpus(catalogue, wish)? };
    candidates.truncate(most.max(1));
    Ok(candidates)
}

fn gpus(catalogue: &Catalogue, wish: &Wish) -> Result<Vec<Candidate>, ProviderError> {
    let of_type: Vec<&GpuType> =
        catalogue.gpus.iter().filter(|gpu| rank(gpu, wish).is_some() && gpu.is_sold(wish)).collect();
    let offered: Vec<&GpuType> = of_type.into_iter().filter(|gpu| gpu.is_offered(wish.secure)).collect();
    let large: Vec<&GpuType> = offered
        .iter()
        .copied()
        .filter(|gpu| gpu.memory >= wish.gpu_memory && gpu.most(wish.secure) >= wish.gpus)
        .collect();
    if large.is_empty() {
        let best = offered.iter().map(|gpu| gpu.memory).max().unwrap_or(0);
        return Err(waiting(
            "NoMatchingGpu",
            format!(
                "No GPU type fits: asked for {} with at least {} GB each; the largest offered has {best} GB",
                wish.gpus, wish.gpu_memory
            ),
        ));
    }
    let affordable: Vec<&GpuType> = large.iter().copied().filter(|gpu| gpu.total(wish) <= wish.ceiling).collect();
    if affordable.is_empty() {
        let cheapest = large.iter().map(|gpu| gpu.total(wish)).min().unwrap_or(0);
        return Err(above(cheapest, wish.ceiling));
    }
    let mut stocked: Vec<&GpuType> = affordable.into_iter().filter(|gpu| gpu.stock(&wish.places) > 0).collect();
    if stocked.is_empty() {
        let places = if wish.places.is_empty() { "any data centre".to_owned() } else { wish.places.join(", ") };
        return Err(waiting("NoCapacity", format!("No affordable GPU type is in stock in {places}")));
    }
    stocked.sort_by_key(|gpu| (rank(gpu, wish), gpu.total(wish), Reverse(gpu.stock(&wish.places)), gpu.id.clone()));
    Ok(stocked
        .into_iter()
        .map(|gpu| Candidate {
            id: gpu.id.clone(),
            price: gpu.total(wish),
            hardware: ("gpu", json!({"id": gpu.id, "count": wish.gpus})),
        })
        .collect())
}

fn cpus(catalogue: &Catalogue, wish: &Wish) -> Result<Vec<Candidate>, ProviderError> {
    let mut fitting: Vec<Candidate> = catalogue.cpus.iter().filter_map(|cpu| cpu_candidate(cpu, wish)).collect();
    fitting.sort_by(|one, other| (one.price, &one.id).cmp(&(other.price, &other.id)));
    let Some(cheapest) = fitting.first().map(|candidate| candidate.price) else {
        let (vcpus, memory) = (wish.vcpus, wish.memory_gb);
        return Err(waiting("NoMatchingCpu", format!("No CPU type has {vcpus} vCPU and {memory} GB of memory")));
    };
    fitting.retain(|candidate| candidate.price <= wish.ceiling);
    if fitting.is_empty() { Err(above(cheapest, wish.ceiling)) } else { Ok(fitting) }
}

/// The fewest vCPUs, a power of two, with enough memory.
fn cpu_candidate(cpu: &CpuType, wish: &Wish) -> Option<Candidate> {
    let enough = |count: &u32| *count >= wish.vcpus && f64::from(*count) * cpu.ram_gb >= f64::from(wish.memory_gb);
    let counts = (1..=8).map(|power| 1_u32 << power);
    let count = counts.filter(|count| (cpu.vcpu.min..=cpu.vcpu.max).contains(count)).find(enough)?;
    let price = micros(cpu.price.secure).saturating_mul(i64::from(count));
    let hardware = ("cpu", json!({"id": cpu.id, "vcpuCount": count}));
    Some(Candidate { id: format!("{} × {count}", cpu.id), price, hardware })
}

/// Place in the pod's own order; 0 for all if it has none, `None` if it does not name this type.
fn rank(gpu: &GpuType, wish: &Wish) -> Option<usize> {
    if wish.types.is_empty() {
        // The resource says which make; only a pod that names a type may get another one.
        return ((gpu.manufacturer == "AMD") == wish.amd).then_some(0);
    }
    let short = |text: &str| text.to_lowercase().replace("nvidia ", "").replace("geforce ", "");
    wish.types.iter().position(|wanted| short(wanted) == short(&gpu.id) || short(wanted) == short(&gpu.name))
}

fn above(cheapest: i64, ceiling: i64) -> ProviderError {
    let message =
        format!("The cheapest that fits costs {} an hour; the limit is {}", dollars(cheapest), dollars(ceiling));
    waiting("PriceAboveLimit", message)
}

fn waiting(reason: &'static str, message: String) -> ProviderError {
    ProviderError::Waiting { reason, message }
}

/// Millionths of a dollar for people and annotations: `$0.490000`, without the sign for the latter.
pub(super) fn dollars(micros: i64) -> String {
    format!("${}", plain(micros))
}

/// Millionths of a dollar with six decimals.
pub(super) fn plain(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

// === impl GpuType ===

impl GpuType {
    fn unit(&self, secure: bool) -> i64 {
        micros(if secure { self.price.secure } else { self.price.community })
    }

    fn is_sold(&self, wish: &Wish) -> bool {
        let own = || crate::docker::gpus::model(&self.id).unwrap_or_default();
        wish.model.as_deref().is_none_or(|wanted| own().eq_ignore_ascii_case(wanted))
    }

    fn is_offered(&self, secure: bool) -> bool {
        let offered = if secure { self.secure } else { self.community };
        offered && self.unit(secure) > 0
    }

    fn most(&self, secure: bool) -> u32 {
        if secure { self.most.secure } else { self.most.community }
    }

    /// Of the whole instance.
    fn total(&self, wish: &Wish) -> i64 {
        self.unit(wish.secure).saturating_mul(i64::from(wish.gpus))
    }

    /// 0 (none) to 3 (high) in the best of these places. A catalogue without stock says nothing against a try.
    fn stock(&self, places: &[String]) -> usize {
        let level = |text: &str| ["NONE", "LOW", "MEDIUM", "HIGH"].iter().position(|one| *one == text).unwrap_or(1);
        if places.is_empty() {
            return self.availability.as_deref().map_or(1, level);
        }
        if self.places.is_empty() {
            return usize::from(self.availability.is_none());
        }
        let here = self.places.iter().filter(|place| places.contains(&place.id));
        here.map(|place| level(&place.availability)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let gpu = |id: &str, memory: u32, price: f64, place: &str, stock: &str| {
            json!({"id": id, "name": id.trim_start_matches("NVIDIA "), "memory": memory, "secure": true, "community": false,
                "manufacturer": id.split(' ').next(), "price": {"secure": price, "community": 0},
                "maxCount": {"secure": 4, "community": 0}, "availability": stock,
                "dataCenters": [{"id": place, "availability": stock}]})
        };
        let gpus = json!([
            gpu("NVIDIA L4", 24, 0.49, "EU-RO-1", "LOW"),
            gpu("NVIDIA A4000", 16, 0.25, "US-TX-3", "HIGH"),
            gpu("NVIDIA A4500", 20, 0.25, "EU-RO-1", "HIGH"),
            gpu("NVIDIA H100", 80, 3.29, "EU-RO-1", "NONE"),
            gpu("AMD MI300X", 192, 0.10, "EU-RO-1", "HIGH"),
            gpu("NVIDIA FREE", 99, 0.0, "EU-RO-1", "HIGH")
        ]);
        let cpus = json!([{"id": "cpu3c", "vcpu": {"min": 2, "max": 32}, "ramGbPerVcpu": 2, "price": {"securePerVcpu": 0.03}},
            {"id": "cpu3m", "vcpu": {"min": 2, "max": 32}, "ramGbPerVcpu": 8, "price": {"securePerVcpu": 0.05}}]);
        Catalogue {
            gpus: serde_json::from_value(gpus).unwrap(),
            cpus: serde_json::from_value(cpus).unwrap(),
            data_centers: Vec::new(),
        }
    }

    fn wish() -> Wish {
        Wish { gpus: 1, gpu_memory: 16, secure: true, ceiling: 500_000, vcpus: 2, memory_gb: 4, ..Wish::default() }
    }

    fn ids(wish: &Wish) -> Vec<String> {
        choose(&catalogue(), wish, 5).unwrap().into_iter().map(|candidate| candidate.id).collect()
    }

    fn reason(wish: &Wish) -> (&'static str, String) {
        match choose(&catalogue(), wish, 5) {
            Err(ProviderError::Waiting { reason, message }) => (reason, message),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_cheapest_comes_first_and_ties_are_reproducible() {
        assert_eq!(ids(&wish()), ["NVIDIA A4000", "NVIDIA A4500", "NVIDIA L4"]);
        assert_eq!(ids(&Wish { places: vec!["EU-RO-1".into()], ..wish() }), ["NVIDIA A4500", "NVIDIA L4"]);
        assert_eq!(ids(&Wish { gpus: 2, ..wish() }), ["NVIDIA A4000", "NVIDIA A4500"], "the whole instance counts");
        assert_eq!(ids(&Wish { gpu_memory: 24, ceiling: 490_000, ..wish() }), ["NVIDIA L4"], "limit included");
    }

    #[test]
    fn the_pods_own_order_wins() {
        let types = vec!["l4".into(), "NVIDIA A4000".into()];
        assert_eq!(ids(&Wish { types, ..wish() }), ["NVIDIA L4", "NVIDIA A4000"]);
        assert_eq!(ids(&Wish { types: vec!["AMD MI300X".into()], ..wish() }), ["AMD MI300X"]);
        let sold = |model: &str| Wish { model: Some(model.into()), ..wish() };
        assert_eq!(ids(&sold("L4")), ["NVIDIA L4"], "what was sold, not what is cheapest");
        let other = Wish { types: vec!["A4000".into()], ..sold("L4") };
        assert_eq!(reason(&other).0, "NoMatchingGpu", "an annotation narrows, it never widens");
        assert_eq!(ids(&Wish { amd: true, ..wish() }), ["AMD MI300X"]);
    }

    #[test]
    fn what_removed_the_last_candidate_is_said() {
        assert_eq!(reason(&Wish { gpu_memory: 100, ..wish() }).0, "NoMatchingGpu");
        assert_eq!(reason(&Wish { gpus: 5, ..wish() }).0, "NoMatchingGpu");
        let (reason_, message) = reason(&Wish { gpu_memory: 80, ..wish() });
        assert!(
            reason_ == "PriceAboveLimit" && message.contains("$3.290000") && message.contains("$0.500000"),
            "{message}"
        );
        assert_eq!(reason(&Wish { gpu_memory: 80, ceiling: 9_000_000, ..wish() }).0, "NoCapacity");
        assert_eq!(reason(&Wish { secure: false, ..wish() }).0, "NoMatchingGpu");
    }

    #[test]
    fn d22_the_memory_of_a_gpu_is_never_asked_for_as_memory_of_the_system() {
        let chosen = choose(&catalogue(), &Wish { gpu_memory: 24, ..wish() }, 5).unwrap();
        assert_eq!(chosen[0].hardware, ("gpu", json!({"id": "NVIDIA L4", "count": 1})));
        let cpus = |gpu_memory| choose(&catalogue(), &Wish { gpus: 0, gpu_memory, ..wish() }, 5).unwrap();
        assert_eq!(cpus(16), cpus(180));
    }

    #[test]
    fn a_pod_without_a_gpu_gets_the_smallest_cpu_instance_that_fits() {
        let wish = Wish { gpus: 0, vcpus: 3, memory_gb: 20, ..wish() };
        let chosen = choose(&catalogue(), &wish, 5).unwrap();
        assert_eq!((chosen[0].id.as_str(), chosen[0].price), ("cpu3m × 4", 200_000));
        assert_eq!(chosen[1].hardware.1, json!({"id": "cpu3c", "vcpuCount": 16}));
    }
}
