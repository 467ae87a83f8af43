//! GPUs of the engine's machine, as NVIDIA's management library (NVML) tells through its own tool, `nvidia-smi`.
//! Only where node and engine share a machine; no tool, no driver or no device means no GPU.
use std::time::Duration;

use kubelet::{Gpu, GpuStats};
use serde_json::Value;

/// What is asked of each device, one line each.
const QUESTION: [&str; 2] = ["--query-gpu=index,uuid,name,memory.total", "--format=csv,noheader,nounits"];
/// As [`QUESTION`], with what each device does now.
const FIGURES: [&str; 2] =
    ["--query-gpu=index,uuid,name,memory.total,memory.used,utilization.gpu", "--format=csv,noheader,nounits"];
/// A driver in trouble never answers; figures are not worth waiting for.
const ANSWER: Duration = Duration::from_secs(5);
/// A driver that nothing keeps loaded needs its time for the first question.
const FIRST_ANSWER: Duration = Duration::from_secs(60);
/// Memory is sold in whole GiB; drivers keep a little for themselves.
const MIB_PER_GIB: u32 = 1024;

/// One device.
#[derive(Debug, PartialEq, Eq)]
struct Device {
    model: String,
    memory_mib: u32,
}

/// The GPUs of this machine; of several models the most numerous, because a node has one.
pub async fn discover() -> Option<Gpu> {
    gpus(&devices(&ask(QUESTION, FIRST_ANSWER).await?))
}

/// How many GPUs an engine's answer about its host names: devices of the container device interface (`nvidia.com/gpu=0`).
pub(crate) fn named(info: &Value) -> u32 {
    let devices = info["DiscoveredDevices"].as_array().map(Vec::as_slice).unwrap_or_default();
    let gpu = |device: &&Value| {
        let id = device["ID"].as_str().unwrap_or_default();
        id.strip_prefix("nvidia.com/gpu=").is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit()))
    };
    u32::try_from(devices.iter().filter(gpu).count()).unwrap_or(u32::MAX)
}

/// What each device of this machine does now, in the order in which the engine gives them out; none without a driver.
pub(super) async fn figures() -> Vec<GpuStats> {
    ask(FIGURES, ANSWER).await.map(|text| all_figures(&text)).unwrap_or_default()
}

/// What the tool says; it is killed when it takes too long.
async fn ask(question: [&str; 2], patience: Duration) -> Option<String> {
    let asked = tokio::process::Command::new("nvidia-smi").args(question).kill_on_drop(true).output();
    match tokio::time::timeout(patience, asked).await {
        Ok(Ok(answer)) => answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).into_owned()),
        // No such tool: a machine without GPUs.
        Ok(Err(_)) => None,
        Err(_) => {
            tracing::warn!(?patience, "nvidia-smi has not answered in time: nothing is known of the GPUs here");
            None
        }
    }
}

fn all_figures(text: &str) -> Vec<GpuStats> {
    let mib = |text: &str| text.parse::<u64>().ok().map(|mib| mib << 20);
    let figure = |line: &str| {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let [_index, uuid, name, total, used, busy] = fields.as_slice() else { return None };
        Some(GpuStats {
            make: "nvidia".into(),
            model: model(name)?,
            id: (*uuid).to_owned(),
            memory_total_bytes: mib(total),
            memory_used_bytes: mib(used),
            duty_percent: busy.parse().ok(),
        })
    };
    text.lines().filter_map(figure).collect()
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
    let noise = ["NVIDIA", "Tesla", "GeForce", "Quadro", "AMD", "Instinct"];
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
        assert_eq!(model("AMD Instinct MI300X OAM").as_deref(), Some("MI300X"), "as RunPod names it");
    }

    #[test]
    fn recorded_figures_are_read_and_what_a_device_does_not_tell_is_left_out() {
        let text = "0, GPU-a, NVIDIA H100 80GB HBM3, 81559, 70020, 97\n1, GPU-b, NVIDIA H100 80GB HBM3, 81559, 4, 0\n\
                    2, GPU-c, NVIDIA A100-SXM4-80GB, 81920, 3, [N/A]\n";
        let all = all_figures(text);
        let told: Vec<_> = all.iter().map(|gpu| (gpu.id.as_str(), gpu.memory_used_bytes, gpu.duty_percent)).collect();
        let wanted = [
            ("GPU-a", Some(70_020 << 20), Some(97)),
            ("GPU-b", Some(4 << 20), Some(0)),
            ("GPU-c", Some(3 << 20), None),
        ];
        assert_eq!(told, wanted);
        assert_eq!((all[0].model.as_str(), all[0].memory_total_bytes), ("H100", Some(81_559 << 20)));
        assert!(all_figures("No devices were found\n").is_empty());
    }

    #[test]
    fn what_is_no_list_of_devices_is_none() {
        for text in ["", "No devices were found\n", "0, GPU-a, NVIDIA H100, [N/A]\n", "a, b\n"] {
            assert_eq!(gpus(&devices(text)), None, "{text}");
        }
    }
}
