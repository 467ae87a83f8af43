//! Figures of what does not run: made up, and the same at each look, so that charts and warnings can be tried.
//! A container says how busy its GPUs shall seem by the variable [`PERCENT`].
use domain::quantity::parse_milli;
use jiff::Timestamp;
use kubelet::{
    ContainerRequest, ContainerRun, ContainerStats, Gpu, GpuStats, Instance, InstanceRequest, InstanceStats,
};

/// Variable of a container: how busy its GPUs seem, 0 to 100.
const PERCENT: &str = "SIMULATED_GPU_PERCENT";
/// Without that variable.
const USUAL_PERCENT: u32 = 50;
/// One tenth of a core.
const CPU_SHARE: u128 = 10;
const MEMORY: u64 = 256 << 20;

/// The GPUs of one container.
pub(super) struct Held {
    container: String,
    count: u32,
    percent: u32,
}

/// Which containers of a request have GPUs.
pub(super) fn held(request: &InstanceRequest) -> Vec<Held> {
    request.containers.iter().filter_map(of_container).collect()
}

fn of_container(wanted: &ContainerRequest) -> Option<Held> {
    let limits = wanted.spec.resources.as_ref()?.limits.as_ref()?;
    let milli = parse_milli(&limits.get(Gpu::RESOURCE)?.0).ok()?;
    let count = u32::try_from(milli / 1000).ok().filter(|count| *count > 0)?;
    let said = wanted.env.iter().rev().find(|(name, _)| name == PERCENT).and_then(|(_, value)| value.parse().ok());
    Some(Held { container: wanted.spec.name.clone(), count, percent: said.unwrap_or(USUAL_PERCENT).min(100) })
}

/// Figures of one instance.
pub(super) fn stats(instance: &Instance, held: &[Held], gpu: Option<&Gpu>, now: Timestamp) -> InstanceStats {
    let containers = instance.containers.iter().filter_map(|container| {
        let ContainerRun::Running { started } = &container.run else { return None };
        let lived = u128::try_from(now.duration_since(*started).as_nanos()).unwrap_or(0);
        let gpus = held.iter().filter(|held| held.container == container.name);
        Some(ContainerStats {
            name: container.name.clone(),
            taken: now,
            started: Some(*started),
            cpu_nanoseconds: u64::try_from(lived / CPU_SHARE).ok(),
            memory_working_set_bytes: Some(MEMORY),
            gpus: gpus.flat_map(|held| devices(&instance.uid, held, gpu)).collect(),
        })
    });
    InstanceStats { uid: instance.uid.clone(), containers: containers.collect() }
}

fn devices(uid: &str, held: &Held, gpu: Option<&Gpu>) -> Vec<GpuStats> {
    let total = gpu.and_then(|gpu| gpu.memory_gib).map(|gib| u64::from(gib) << 30);
    let device = |index: u32| GpuStats {
        make: "simulated".into(),
        model: gpu.map(|gpu| gpu.model.clone()).unwrap_or_default(),
        id: format!("{uid}/{}/{index}", held.container),
        memory_total_bytes: total,
        memory_used_bytes: total.map(|total| total / 100 * u64::from(held.percent)),
        duty_percent: Some(held.percent),
    };
    (0..held.count).map(device).collect()
}
