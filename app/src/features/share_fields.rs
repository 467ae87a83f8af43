//! The fields of an account's total or of a namespace's share: an empty one limits nothing.

use domain::account::Share;
use leptos::prelude::*;

use crate::features::gpu_limits;
use crate::ui::field::INPUT;

/// Two columns of fields called `of`, with one for each class of GPUs.
#[component]
pub fn ShareFields(
    /// Name of the argument that reads them.
    of: &'static str,
    /// After what a field counts: whose limit it is.
    whose: &'static str,
    share: Share,
    classes: Vec<String>,
) -> impl IntoView {
    let whole = [
        ("cpu", "Cores", share.cpu),
        ("memory_gib", "Memory, GiB,", share.memory_gib),
        ("gpus", "GPUs", share.gpus),
        ("pods", "Pods", share.pods),
    ];
    let whole = whole.map(|(field, what, limit)| (format!("{of}[{field}]"), what.to_owned(), limit));
    let class = |class: String| {
        let limit = share.gpu_classes.get(&class).copied();
        (gpu_limits::field(of, &class), format!("GPUs of class {class}"), limit)
    };
    let fields: Vec<_> = whole.into_iter().chain(classes.into_iter().map(class)).collect();
    let field = |(name, what, limit): (String, String, Option<u32>)| {
        let value = limit.map(|limit| limit.to_string()).unwrap_or_default();
        view! {
            <div class="grid gap-1">
                <label for=name.clone() class="text-sm font-medium text-ink">
                    {format!("{what} {whose}")}
                </label>
                <input id=name.clone() name=name type="number" min="0" class=INPUT value=value />
            </div>
        }
    };
    view! { <div class="grid gap-3 sm:grid-cols-2">{fields.into_iter().map(field).collect_view()}</div> }
}
