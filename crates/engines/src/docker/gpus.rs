//! GPUs of the engine's machine, as NVIDIA's management library (NVML) tells through its own tool, `nvidia-smi`.
//! Only where node and engine share a machine; no tool, no driver or no device means no GPU.
use kubelet::Gpu;

/// What is asked of each device, one line each.
const QUESTION: [&str; 2] = ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"];
/// Memory is sold in whole GiB; drivers keep a little for themselves.
const MIB_PER_GIB: u32 = 1024;

/// One device.
#[derive(Debug, PartialEq, Eq)]
struct Device {
    model: String,
    memory_mib: u32,
}

/// The GPUs of this machine; of several models the most numerous, because a node has one.
#[must_use]
pub fn discover() -> Option<Gpu> {
    let answer = std::process::Command::new("nvidia-smi").args(QUESTION).output().ok()?;
    let text = String::from_utf8_lossy(&answer.stdout);
    answer.status.success().then(|| gpus(&devices(&text))).flatten()
}

fn devices(text: &str) -> Vec<Device> {
    let device = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [_index, _uuid, name, memory] = fields.as_slice() else { return None };
        Some(Device { model: model(name)?, memory_mib: memory.parse().ok()? })
    };
    text.lines().filter_map(device).collect()
}

fn gpus(devices: &[Device]) -> Option<Gpu> {
    let count = |device: &Device| devices.iter().filter(|other| **other == *device).count();
    let most = devices.iter().max_by_key(|device| (count(device), device.memory_mib))?;
    if count(most) < devices.len() {
        let (model, left_out) = (&most.model, devices.len() - count(most));
        tracing::warn!(gpu.model = model, left_out, "This machine has several models of GPUs; the node offers one");
    }
    let memory_gib = most.memory_mib.div_ceil(MIB_PER_GIB);
    Some(Gpu { model: most.model.clone(), count: count(most).try_into().ok()?, memory_gib: Some(memory_gib) })
}

/// The model as SKUs name it: `NVIDIA H100 80GB HBM3` is `H100`, `NVIDIA GeForce RTX 4090` is `RTX-4090`.
pub(crate) fn model(name: &str) -> Option<String> {
    let noise = ["NVIDIA", "Tesla", "GeForce", "Quadro"];
    let mut words = name.split_whitespace().filter(|word| !noise.contains(word));
    let first = words.next()?;
    if matches!(first, "RTX" | "GTX" | "TITAN") {
        return Some(words.next().map_or_else(|| first.to_owned(), |second| format!("{first}-{second}")));
    }
    // `A100-SXM4-80GB`: the rest says how it is built in.
    first.split('-').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As recorded from drivers 535 to 570.
    const RECORDED: [(&str, &str, u32, u32); 5] = [
        ("0, GPU-1f6d0c56-8a56-9d1c-9f5b-3a7f3d1f5f10, NVIDIA H100 80GB HBM3, 81559\n", "H100", 1, 80),
        ("0, GPU-a, NVIDIA A100-SXM4-80GB, 81920\n1, GPU-b, NVIDIA A100-SXM4-80GB, 81920\n", "A100", 2, 80),
        ("0, GPU-a, Tesla T4, 15360\n", "T4", 1, 15),
        ("0, GPU-a, NVIDIA GeForce RTX 4090, 24564\n", "RTX-4090", 1, 24),
        ("0, GPU-a, NVIDIA L40S, 46068\n1, GPU-b, Tesla T4, 15360\n2, GPU-c, NVIDIA L40S, 46068\n", "L40S", 2, 45),
    ];

    #[test]
    fn recorded_devices_are_read() {
        for (text, model, count, memory_gib) in RECORDED {
            let wanted = Gpu { model: model.into(), count, memory_gib: Some(memory_gib) };
            assert_eq!(gpus(&devices(text)), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_devices_is_none() {
        for text in ["", "No devices were found\n", "0, GPU-a, NVIDIA H100, [N/A]\n", "a, b\n"] {
            assert_eq!(gpus(&devices(text)), None, "{text}");
        }
    }
}
