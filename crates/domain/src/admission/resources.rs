//! Container resources from the SKU: explicit values are kept if they fit, the rest goes to the first container
//! without any, and nothing runs without a bound. Requests equal limits, so that what is reserved is what is used.
//! Source: `console-api.md` §6, `security.md` §6.2 (1, 4).

mod asked;

use serde_json::Value;

use self::asked::{Role, Row};
use super::Refusal;
use super::patch::Draft;
use crate::quantity::{format_bytes, format_milli, parse_milli};
use crate::sku::{GPU_DEVICE, Sku};

/// What the SKU gives of one resource.
struct Share {
    /// Resource name, for example `memory`.
    name: String,
    /// Thousandths of the base unit.
    total: i128,
    /// As the SKU writes it.
    text: String,
    kind: Kind,
}

#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Cpu,
    Memory,
    Storage,
    Gpu,
}

// === impl Share ===

impl Share {
    /// A container without a limit could take the whole node. (Storage is bounded over the pod, GPUs are counted.)
    fn must_be_bounded(&self) -> bool {
        matches!(self.kind, Kind::Cpu | Kind::Memory)
    }

    /// The least that a container may ask for itself, in thousandths: kubelets and engines take nothing, and less than
    /// a byte, for no limit at all.
    fn least(&self) -> i128 {
        match self.kind {
            Kind::Cpu => 1,
            Kind::Memory => 1000,
            Kind::Storage | Kind::Gpu => 0,
        }
    }

    /// An amount as people say it.
    fn asked(&self, milli: i128) -> String {
        let amount = self.write(milli);
        match self.kind {
            Kind::Gpu => format!("{amount} GPU"),
            Kind::Cpu => format!("{amount} CPU"),
            Kind::Memory => amount,
            Kind::Storage => format!("{amount} {}", self.name),
        }
    }

    fn write(&self, milli: i128) -> String {
        if milli == self.total {
            return self.text.clone();
        }
        if matches!(self.kind, Kind::Memory | Kind::Storage) { format_bytes(milli) } else { format_milli(milli) }
    }
}

/// Whether a SKU can be sold at all: its quantities, GPU count and price can be read and are above zero.
///
/// # Errors
/// What is wrong, in words.
pub fn check_sku(sku: &Sku) -> Result<(), String> {
    shares(sku)?;
    sku.price().map(|_| ()).map_err(|error| error.to_string())
}

/// Fills in what containers leave open. `class` is the runtime class by which the pod asked for the SKU: refusals then
/// speak of what its author wrote.
pub(super) fn fill(draft: &mut Draft, sku: &Sku, class: Option<&str>, refusals: &mut Vec<Refusal>) {
    let shares = match shares(sku) {
        Ok(shares) => shares,
        Err(reason) => {
            let message = format!("SKU {} cannot be used ({reason}): tell the operator", sku.code);
            return refusals.push(Refusal::new("sku_broken", "metadata.labels", message));
        }
    };
    let rows = asked::rows(draft, &sku.code, &shares, refusals);
    for (index, share) in shares.iter().enumerate() {
        fill_share(draft, (sku, class), (index, share), &rows, refusals);
    }
}

fn shares(sku: &Sku) -> Result<Vec<Share>, String> {
    let spec = &sku.spec;
    if let Some(gpu) = spec.gpu.as_ref().filter(|gpu| gpu.resource != GPU_DEVICE) {
        return Err(format!("no quota counts {}", gpu.resource));
    }
    let mut wanted =
        vec![("cpu", Kind::Cpu, spec.resources.cpu.clone()), ("memory", Kind::Memory, spec.resources.memory.clone())];
    wanted.extend(spec.resources.ephemeral_storage.clone().map(|text| ("ephemeral-storage", Kind::Storage, text)));
    wanted.extend(spec.gpu.as_ref().map(|gpu| (gpu.resource.as_str(), Kind::Gpu, gpu.count.to_string())));
    let read = |(name, kind, text): (&str, Kind, String)| match parse_milli(&text) {
        Ok(total) if total > 0 => Ok(Share { name: name.to_owned(), total, text, kind }),
        _ => Err(format!("{name} is \"{text}\"")),
    };
    wanted.into_iter().map(read).collect()
}

fn fill_share(
    draft: &mut Draft,
    (sku, class): (&Sku, Option<&str>),
    (index, share): (usize, &Share),
    rows: &[Row],
    refusals: &mut Vec<Refusal>,
) {
    let sum =
        |roles: &[Role]| rows.iter().filter(|r| roles.contains(&r.role)).filter_map(|r| r.asks[index]).sum::<i128>();
    let (sidecars, together) = (sum(&[Role::Sidecar]), sum(&[Role::App, Role::Sidecar]));
    let highest_init = rows.iter().filter(|r| r.role == Role::Init).filter_map(|r| r.asks[index]).max().unwrap_or(0);
    let asked = together.max(sidecars + highest_init);
    if asked > share.total {
        let message = match class {
            Some(class) => over(class, sku, &share.asked(asked)),
            None => {
                format!("Containers ask for {} {}, SKU {} has {}", share.write(asked), share.name, sku.code, share.text)
            }
        };
        refusals.push(Refusal::new("resources_fit", "spec.containers", message));
        return;
    }
    let mut rest = share.total - together;
    for row in rows {
        let room = match row.role {
            _ if row.asks[index].is_some() => {
                mirror(draft, row, &share.name);
                continue;
            }
            Role::App => std::mem::take(&mut rest),
            Role::Sidecar => 0,
            Role::Init if share.must_be_bounded() => share.total - sidecars,
            Role::Init => 0,
        };
        if room > 0 {
            give(draft, row, &share.name, &share.write(room));
        } else if share.must_be_bounded() {
            let message = format!(
                "Container \"{}\" needs its own resources.limits.{}: the first container without one gets the rest of SKU {} ({})",
                row.name, share.name, sku.code, share.text
            );
            refusals.push(Refusal::new("resources_unset", format!("{}.resources.limits", row.field()), message));
        }
    }
}

/// The published ceiling in numbers, where the vendor leaves the pod Pending (`tenant-api.md` §6).
fn over(class: &str, sku: &Sku, asked: &str) -> String {
    let gpus = sku.spec.gpu.as_ref().map_or(0, |gpu| gpu.count);
    let resources = &sku.spec.resources;
    let cpu = parse_milli(&resources.cpu).map_or_else(|_| resources.cpu.clone(), format_milli);
    format!("runtime class {class} allows {gpus} GPU, {cpu} CPU, {}; the pod asks for {asked}", resources.memory)
}

/// Requests equal limits: where one is missing it takes the other's text.
fn mirror(draft: &mut Draft, row: &Row, resource: &str) {
    for (from, to) in [("limits", "requests"), ("requests", "limits")] {
        let value = draft.get(&row.path(from, resource)).cloned();
        if let (Some(value), None) = (value, draft.get(&row.path(to, resource))) {
            draft.set(&row.path(to, resource), value);
        }
    }
}

fn give(draft: &mut Draft, row: &Row, resource: &str, quantity: &str) {
    for side in ["limits", "requests"] {
        draft.set(&row.path(side, resource), Value::from(quantity));
    }
}
