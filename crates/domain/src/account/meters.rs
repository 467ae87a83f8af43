//! An account's limits with what is used of them: its counts, and the sums over its namespaces.

use std::collections::BTreeMap;

use super::{Quota, Share};
use crate::namespace::QuotaLine;
use crate::platform_account::AccountUse;
use crate::quantity::{format_bytes, format_milli, parse_milli};

/// Namespaces, members and keys against the account's own limits; then each resource summed over its namespaces. Of
/// those the limit is the account's total; where it has none, what all its namespaces may use together now: Kubernetes
/// enforces them one by one.
pub fn meters(account: &AccountUse, namespaces: &[Vec<QuotaLine>]) -> Vec<QuotaLine> {
    let Quota { namespaces: most_namespaces, members, api_keys, ref total, .. } = account.account.quota;
    let counts = [
        ("namespaces", account.namespaces, most_namespaces),
        ("members", account.members, members),
        ("api_keys", account.api_keys, api_keys),
    ];
    let count = |(resource, used, limit): (&str, u32, u32)| QuotaLine {
        resource: resource.to_owned(),
        gpu_class: None,
        limit: limit.to_string(),
        used: used.to_string(),
    };
    counts.into_iter().map(count).chain(sums(namespaces, total)).collect()
}

fn sums(namespaces: &[Vec<QuotaLine>], total: &Share) -> Vec<QuotaLine> {
    type What<'a> = (&'a str, Option<&'a str>);
    let mut order: Vec<What<'_>> = Vec::new();
    let mut sums: BTreeMap<What<'_>, (i128, i128)> = BTreeMap::new();
    for line in namespaces.iter().flatten().filter(|line| !line.resource.starts_with("limits.")) {
        let milli = |text: &str| parse_milli(text).unwrap_or(0);
        let what = (line.resource.as_str(), line.gpu_class.as_deref());
        if !order.contains(&what) {
            order.push(what);
        }
        let sum = sums.entry(what).or_default();
        *sum = (sum.0 + milli(&line.used), sum.1 + milli(&line.limit));
    }
    let lines = order.into_iter().map(|(name, class)| {
        let (used, limit) = sums.get(&(name, class)).copied().unwrap_or_default();
        let bytes = name.ends_with("memory") || name.ends_with("storage");
        let show = |milli| if bytes { format_bytes(milli) } else { format_milli(milli) };
        let gpu_class = class.map(ToOwned::to_owned);
        let line = QuotaLine { resource: name.to_owned(), gpu_class, limit: show(limit), used: show(used) };
        QuotaLine { limit: total.of_line(&line).map_or_else(|| line.limit.clone(), show), ..line }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(resource: &str, used: &str, limit: &str) -> QuotaLine {
        QuotaLine { resource: resource.into(), gpu_class: None, limit: limit.into(), used: used.into() }
    }

    fn of_class(class: &str, used: &str, limit: &str) -> QuotaLine {
        QuotaLine { gpu_class: Some(class.into()), ..line("requests.nvidia.com/gpu", used, limit) }
    }

    #[test]
    fn each_class_of_gpu_is_summed_by_itself() {
        let namespaces = [
            vec![
                line("requests.nvidia.com/gpu", "2", "8"),
                of_class("h100", "1", "4"),
                line("requests.memory", "1Gi", "4Gi"),
                line("limits.memory", "1Gi", "4Gi"),
            ],
            vec![
                line("requests.nvidia.com/gpu", "1", "8"),
                of_class("h100", "0", "4"),
                of_class("l4", "1", "2"),
                line("requests.amd.com/gpu", "1", "2"),
            ],
        ];
        let expected = [
            line("requests.nvidia.com/gpu", "3", "16"),
            of_class("h100", "1", "8"),
            line("requests.memory", "1Gi", "4Gi"),
            of_class("l4", "1", "2"),
            line("requests.amd.com/gpu", "1", "2"),
        ];
        assert_eq!(sums(&namespaces, &Share::default()), expected);
    }

    #[test]
    fn what_has_a_total_is_shown_against_it() {
        let namespaces = [
            vec![line("requests.nvidia.com/gpu", "2", "5"), of_class("h100", "1", "5"), line("pods", "1", "50")],
            vec![line("requests.nvidia.com/gpu", "1", "2"), of_class("h100", "0", "1"), line("pods", "1", "50")],
        ];
        let total = Share { gpus: Some(8), gpu_classes: [("h100".to_owned(), 6)].into(), ..Share::default() };
        let expected =
            [line("requests.nvidia.com/gpu", "3", "8"), of_class("h100", "1", "6"), line("pods", "2", "100")];
        assert_eq!(sums(&namespaces, &total), expected);
    }
}
