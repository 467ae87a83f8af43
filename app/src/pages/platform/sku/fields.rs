//! The fields of a SKU, for a new one and for one that exists.

use leptos::prelude::*;

use crate::features::post_form::Sending;
use crate::features::problem::ErrorBanner;
use crate::features::sku_form::SkuForm;
use crate::ui::field::{Field, INPUT, TEXTAREA, invalid};
use crate::ui::panel::Panel;

/// Each field with an error of its own.
const SHOWN: &[&str] = &[
    "code",
    "title",
    "gpu_model",
    "gpu_count",
    "gpu_memory",
    "gpu_resource",
    "cpu",
    "memory",
    "storage",
    "price",
    "currency",
    "engines",
    "node_labels",
    "tolerations",
    "runtime_class",
    "priority_class",
];

/// One line: the name within the form, its label, its hint, the value.
struct Line(&'static str, &'static str, &'static str, String);

/// The fields as three panels; `new` asks for a code too.
#[component]
pub fn SkuFields(sending: Sending, form: SkuForm, new: bool) -> impl IntoView {
    let elsewhere = sending.elsewhere(SHOWN);
    let has_gpu = new || !form.gpu_model.is_empty();
    let code = match new {
        true => {
            line(sending, Line("code", "Code", "What pods write into their label, for example gpu-h100-1x.", form.code))
        }
        false => view! { <input type="hidden" name="form[code]" value=form.code /> }.into_any(),
    };
    let offer = [
        Line("title", "Title", "For people, for example 1 × H100 80 GB.", form.title),
        Line("price", "Price of an hour", "For pods from now on; running ones keep theirs.", form.price),
        Line("currency", "Currency", "", form.currency),
    ];
    let shape = [
        Line("cpu", "CPU", "Cores of one pod, for example 24 or 500m.", form.cpu),
        Line("memory", "Memory", "For example 192Gi.", form.memory),
        Line("storage", "Disk", "For example 100Gi; empty for none.", form.storage),
    ];
    let gpu = [
        Line("gpu_model", "GPU model", "Empty for a SKU without GPUs.", form.gpu_model),
        Line("gpu_count", "GPUs", "", form.gpu_count),
        Line("gpu_memory", "Memory of one GPU, GiB", "", form.gpu_memory),
        Line("gpu_resource", "Device", "nvidia.com/gpu: what virtual nodes give and quotas count.", form.gpu_resource),
    ];
    let place = [
        Line("engines", "Engines", "Names, parted by commas; empty for any.", form.engines),
        Line("runtime_class", "Runtime class", "Empty for none.", form.runtime_class),
        Line(
            "priority_class",
            "Priority class",
            "Empty for none. With one, limits count its GPUs under it and not under their model.",
            form.priority_class,
        ),
    ];
    let each = move |lines: Vec<Line>| lines.into_iter().map(|one| line(sending, one)).collect_view();
    let gpu = has_gpu.then(|| each(gpu.into()));
    view! {
        {move || elsewhere.get().map(|error| view! { <ErrorBanner error=error /> })}
        <Part title="Offer">{code} {each(offer.into())}</Part>
        <Part title="Shape">{each(shape.into())} {gpu}</Part>
        <Part title="Placement">
            {each(place.into())}
            {area(sending, Line("node_labels", "Node labels", "key=value, one a line.", form.node_labels))}
            {area(sending, Line("tolerations", "Tolerations", "key=value:Effect, one a line; value and effect may be left out.", form.tolerations))}
        </Part>
    }
}

#[component]
fn Part(title: &'static str, children: Children) -> impl IntoView {
    view! {
        <Panel title=title>
            <div class="grid items-start gap-3 p-4 sm:grid-cols-2">{children()}</div>
        </Panel>
    }
}

fn line(sending: Sending, Line(name, label, hint, value): Line) -> AnyView {
    let error = sending.field(name);
    view! {
        <Field id=name label=label error=error hint=hint>
            <input
                id=name
                name=format!("form[{name}]")
                class=INPUT
                value=value
                autocomplete="off"
                spellcheck="false"
                aria-describedby=format!("{name}-note")
                aria-invalid=invalid(error)
            />
        </Field>
    }
    .into_any()
}

fn area(sending: Sending, Line(name, label, hint, value): Line) -> AnyView {
    let error = sending.field(name);
    view! {
        <Field id=name label=label error=error hint=hint>
            <textarea
                id=name
                name=format!("form[{name}]")
                class=TEXTAREA
                rows="3"
                autocomplete="off"
                spellcheck="false"
                aria-describedby=format!("{name}-note")
                aria-invalid=invalid(error)
            >
                {value}
            </textarea>
        </Field>
    }
    .into_any()
}
