//! "Tell me when it is free": SKUs that a person waits for, followed while a page is open, told of in the page and, where
//! the person allowed it, by the browser. Kept in the browser only.

use domain::permission::Permission;
use domain::sku::SkuView;
use leptos::prelude::*;
use web_sys::{Notification, NotificationPermission};

use crate::api::packed::unpack;
use crate::features::live::use_news;
use crate::features::right::use_holds;
use crate::features::theme::storage;
use crate::paths;
use crate::ui::badge::Tone;
use crate::ui::banner::Banner;
use crate::ui::button::{Button, ButtonSize, ButtonTone};

const KEY: &str = "wanted-skus";

/// What a person waits for, by code.
#[derive(Clone, Copy)]
pub struct Wanted {
    codes: RwSignal<Vec<String>>,
    /// Those that have become free since.
    freed: RwSignal<Vec<String>>,
}

// === impl Wanted ===

impl Wanted {
    fn keep(self, codes: Vec<String>) {
        if let Some(storage) = storage() {
            // A full or forbidden storage only means that the wish ends with the page.
            let _ = storage.set_item(KEY, &codes.join(","));
        }
        let _ = self.codes.try_set(codes);
    }

    fn switch(self, code: &str) {
        let mut codes = self.codes.get_untracked();
        match codes.iter().position(|one| one == code) {
            Some(at) => drop(codes.remove(at)),
            None => {
                codes.push(code.to_owned());
                ask_for_permission();
            }
        }
        self.keep(codes);
    }

    /// Tells of those of `codes` that are free by now, and waits for the others.
    fn tell(self, codes: Vec<String>, skus: &[SkuView]) {
        let (freed, waiting) = sorted(codes, skus);
        if freed.is_empty() {
            return;
        }
        for code in &freed {
            notify(&sentence(code));
        }
        self.keep(waiting);
        let _ = self.freed.try_update(|all| all.extend(freed));
    }
}

/// For the frame of all pages, after the rights: follows the catalogue as long as somebody waits for something.
pub fn provide_wanted() -> Wanted {
    let wanted = Wanted { codes: RwSignal::new(Vec::new()), freed: RwSignal::new(Vec::new()) };
    provide_context(wanted);
    Effect::new(move || {
        let stored = storage().and_then(|storage| storage.get_item(KEY).ok().flatten()).unwrap_or_default();
        wanted.codes.set(stored.split(',').filter(|code| !code.is_empty()).map(str::to_owned).collect());
    });
    // A browser keeps its wishes when somebody else signs in, who may see no SKUs.
    let sees = use_holds(Permission::Read);
    let waits = Memo::new(move |_| wanted.codes.with(|codes| !codes.is_empty()) && sees.get() == Some(true));
    let url = Memo::new(move |_| if waits.get() { paths::live_skus() } else { String::new() });
    let news = use_news(url.into());
    // What a stream said before it was closed is no news to who waits for something else later.
    let skus = RwSignal::new(None::<Vec<SkuView>>);
    Effect::new(move || {
        let told: Option<Vec<SkuView>> = news.with(|news| unpack(news.as_deref()?).ok());
        skus.set(told.filter(|_| waits.get_untracked()));
    });
    Effect::new(move || {
        if !waits.get() {
            skus.set(None);
        }
    });
    Effect::new(move || {
        let codes = wanted.codes.get();
        skus.with(|skus| skus.iter().for_each(|skus| wanted.tell(codes.clone(), skus)));
    });
    wanted
}

/// The switch beside a SKU of which nothing is free.
#[component]
pub fn TellMe(code: String) -> impl IntoView {
    let wanted = use_context::<Wanted>()?;
    let mine = code.clone();
    let on = Memo::new(move |_| wanted.codes.with(|codes| codes.contains(&mine)));
    let label = format!("Tell me when {code} is free");
    let word = move || if on.get() { "You will be told" } else { "Tell me when free" };
    Some(view! {
        <span class="js-only">
            <Button
                kind="button"
                tone=ButtonTone::Quiet
                size=ButtonSize::Small
                attr:aria-label=label
                attr:aria-pressed=move || on.get().to_string()
                on:click=move |_| wanted.switch(&code)
            >
                {word}
            </Button>
        </span>
    })
}

/// What became free, until it is dismissed.
#[component]
pub fn FreedBanner(wanted: Wanted) -> impl IntoView {
    let title = move |codes: &[String]| codes.iter().map(|code| sentence(code)).collect::<Vec<_>>().join(". ");
    move || {
        let codes = wanted.freed.get();
        (!codes.is_empty()).then(|| {
            view! {
                <Banner tone=Tone::Ok title=title(&codes)>
                    <span class="flex flex-wrap items-center gap-3">
                        <a href=paths::catalogue() class="link">
                            "Catalogue"
                        </a>
                        <Button
                            kind="button"
                            tone=ButtonTone::Quiet
                            size=ButtonSize::Small
                            on:click=move |_| wanted.freed.set(Vec::new())
                        >
                            "Dismiss"
                        </Button>
                    </span>
                </Banner>
            }
        })
    }
}

/// Those of `codes` that are free now, and those that are still waited for; one that is no longer sold is neither.
fn sorted(codes: Vec<String>, skus: &[SkuView]) -> (Vec<String>, Vec<String>) {
    let free = |code: &String| skus.iter().find(|sku| sku.code == *code).map(|sku| sku.available.free > 0);
    let (freed, others): (Vec<String>, Vec<String>) = codes.into_iter().partition(|code| free(code) == Some(true));
    (freed, others.into_iter().filter(|code| free(code).is_some()).collect())
}

fn sentence(code: &str) -> String {
    format!("{code} is free now")
}

/// Some browsers have none.
fn can_notify() -> bool {
    window().get("Notification").is_some()
}

fn ask_for_permission() {
    if can_notify() && Notification::permission() == NotificationPermission::Default {
        // Whatever a person answers: the page tells them anyway.
        let _ = Notification::request_permission();
    }
}

fn notify(text: &str) {
    if can_notify() && Notification::permission() == NotificationPermission::Granted {
        // Phones allow none from a page; the page itself tells.
        let _ = Notification::new(text);
    }
}

#[cfg(test)]
mod tests {
    use domain::sku::{AvailabilityView, PriceView};

    use super::*;

    fn sku(code: &str, free: u32) -> SkuView {
        SkuView {
            code: code.into(),
            title: code.into(),
            kind: "gpu".into(),
            gpu: None,
            cpu: "2".into(),
            memory: "8Gi".into(),
            storage: None,
            price: PriceView { amount: "0.05".into(), currency: "EUR".into(), unit: "hour".into() },
            available: AvailabilityView { free, total: 4, as_of: None },
            granted: true,
            engines: Vec::new(),
            runtime_class: None,
            usual_start_seconds: None,
        }
    }

    #[test]
    fn what_is_free_is_told_once_and_what_is_gone_is_not_waited_for() {
        let wanted = ["free", "full", "gone"].map(str::to_owned).to_vec();
        let (freed, waiting) = sorted(wanted, &[sku("free", 1), sku("full", 0), sku("other", 3)]);
        assert_eq!((freed, waiting), (vec!["free".to_owned()], vec!["full".to_owned()]));
    }
}
