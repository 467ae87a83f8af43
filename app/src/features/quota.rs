//! Quota lines in people's words.

use domain::namespace::QuotaLine;
use domain::quantity::parse_milli;

/// `2/8` over all GPUs; a dash where no limit is known.
pub fn gpus(quota: &[QuotaLine]) -> String {
    // Those of single classes are among them.
    let counts = |line: &&QuotaLine| line.resource.starts_with("requests.") && line.gpu_class.is_none();
    let lines = || quota.iter().filter(counts).filter(|line| line.resource.ends_with("gpu"));
    let sum =
        |text: fn(&QuotaLine) -> &str| lines().filter_map(|line| parse_milli(text(line)).ok()).sum::<i128>() / 1000;
    if lines().next().is_none() { "–".to_owned() } else { format!("{}/{}", sum(|l| &l.used), sum(|l| &l.limit)) }
}

/// Pods that are not over; none where no limit is known.
pub fn pods(quota: &[QuotaLine]) -> Option<u32> {
    let line = quota.iter().find(|line| line.resource == "pods")?;
    u32::try_from(parse_milli(&line.used).ok()? / 1000).ok()
}

/// Whole percent of a limit that is used.
pub fn percent(line: &QuotaLine) -> u32 {
    let milli = |text: &str| parse_milli(text).unwrap_or(0);
    match milli(&line.limit) {
        limit if limit > 0 => u32::try_from(milli(&line.used) * 100 / limit).unwrap_or(100),
        _ => 0,
    }
}

/// What a line counts: `GPUs`, `GPUs of class h100`, `CPU`, `memory`.
pub fn what(line: &QuotaLine) -> String {
    let all = resource(&line.resource);
    match &line.gpu_class {
        Some(class) => format!("{all} of class {class}"),
        None => all,
    }
}

fn resource(name: &str) -> String {
    let bare = name.trim_start_matches("requests.").trim_start_matches("limits.");
    match bare {
        "cpu" => "CPU".to_owned(),
        "nvidia.com/gpu" => "GPUs".to_owned(),
        "ephemeral-storage" => "disk".to_owned(),
        "storage" => "volumes".to_owned(),
        "api_keys" => "API keys".to_owned(),
        other => match other.strip_suffix("/gpu") {
            Some(class) => format!("GPUs of {class}"),
            None => other.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(resource: &str, used: &str, limit: &str) -> QuotaLine {
        QuotaLine { resource: resource.into(), gpu_class: None, limit: limit.into(), used: used.into() }
    }

    fn of_class(class: &str) -> QuotaLine {
        QuotaLine { gpu_class: Some(class.into()), ..line("requests.nvidia.com/gpu", "1", "4") }
    }

    #[test]
    fn gpus_are_summed_and_none_is_counted_twice() {
        let quota = [
            line("requests.nvidia.com/gpu", "2", "8"),
            of_class("h100"),
            line("requests.amd.com/gpu", "1", "4"),
            line("pods", "3", "50"),
        ];
        assert_eq!(gpus(&quota), "3/12");
        assert_eq!(gpus(&[]), "–");
        assert_eq!((pods(&quota), pods(&[])), (Some(3), None));
    }

    #[test]
    fn classes_of_gpus_are_told_apart() {
        let names = ["requests.nvidia.com/gpu", "requests.amd.com/gpu", "pods"].map(resource);
        assert_eq!(names, ["GPUs", "GPUs of amd.com", "pods"]);
        assert_eq!(what(&of_class("h100")), "GPUs of class h100");
    }

    #[test]
    fn a_meter_shows_whole_percent() {
        assert_eq!(percent(&line("requests.memory", "4Gi", "16Gi")), 25);
        assert_eq!(percent(&line("pods", "3", "0")), 0);
    }
}
