//! A verdict line by line: what is fine, what is refused and why, what to know.

use std::time::Duration;

use domain::admission::{Injection, QuotaCheck, RuleResult, Verdict};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::ask::{Ask, ask};
use crate::api::error::AppError;
use crate::api::packed::unpack;
use crate::features::problem::ErrorBanner;
use crate::features::{quota, sku_facts};
use crate::ui::icon::{Glyph, Icon};

/// Wait this long after the last key stroke before asking the server.
const PAUSE: Duration = Duration::from_millis(300);

/// And this long where nobody answered.
const AGAIN: Duration = Duration::from_secs(3);

/// What the server said of a form.
#[derive(Clone, Copy)]
pub struct Answered {
    /// A verdict, an error, or nothing while there is nothing to ask about.
    answer: RwSignal<Option<Result<Verdict, AppError>>>,
    /// Whether it is about an older form, and the present one is being asked about.
    older: RwSignal<bool>,
    /// The next question: there is one at a time.
    next: StoredValue<Option<TimeoutHandle>>,
}

// === impl Answered ===

impl Answered {
    /// What was said of the present form. The same once more is not drawn anew, nor read out again.
    fn keep(self, verdict: Result<Verdict, AppError>) {
        if self.answer.try_with_untracked(|had| had.as_ref() != Some(&verdict)) == Some(true) {
            self.answer.set(Some(verdict));
        }
        let _ = self.older.try_set(false);
    }

    /// Puts this question in the place of the one that waits.
    fn wait(self, question: Option<TimeoutHandle>) {
        let last = self.next.try_update_value(|next| std::mem::replace(next, question));
        if let Some(Some(last)) = last {
            last.clear();
        }
    }
}

/// The server's verdict on what stands in a form, asked for once a person pauses.
pub fn use_verdict<T, F>(asked: Memo<Option<T>>, call: fn(T) -> F) -> Answered
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Ask<Verdict> + 'static,
{
    let said = Answered { answer: RwSignal::new(None), older: RwSignal::new(false), next: StoredValue::new(None) };
    Effect::new(move || {
        let Some(now) = asked.get() else {
            said.wait(None);
            said.answer.set(None);
            said.older.set(false);
            return;
        };
        // It stays, or the button under it would jump at each key; but it is seen that it is not about this form.
        said.older.set(true);
        ask_after(PAUSE, now, asked, call, said);
    });
    said
}

/// Asks about `now` after a pause, and again until somebody answers; no more once another form stands there.
fn ask_after<T, F>(pause: Duration, now: T, asked: Memo<Option<T>>, call: fn(T) -> F, said: Answered)
where
    T: Clone + PartialEq + Send + Sync + 'static,
    F: Ask<Verdict> + 'static,
{
    let stands = move |now: &T| asked.try_with_untracked(|asked| asked.as_ref() == Some(now)) == Some(true);
    let question = move || {
        if !stands(&now) {
            return;
        }
        spawn_local(async move {
            let verdict = ask(call(now.clone())).await.and_then(|json| unpack(&json));
            // An answer about an older form says nothing about this one.
            if !stands(&now) {
                return;
            }
            let nobody = verdict.as_ref().is_err_and(AppError::is_unreachable);
            said.keep(verdict);
            if nobody {
                ask_after(AGAIN, now, asked, call, said);
            }
        });
    };
    said.wait(set_timeout_with_handle(question, pause).ok());
}

/// The verdict, or what to do to get one.
#[component]
pub fn VerdictLines(
    verdict: Answered,
    /// What to do to get one.
    hint: &'static str,
) -> impl IntoView {
    let Answered { answer, older, .. } = verdict;
    let lines = move || match answer.get() {
        None => view! { <p class="text-sm text-muted">{hint}</p> }.into_any(),
        Some(Err(error)) if error.is_unreachable() => view! {
            <ErrorBanner error=error />
            <p class="text-sm text-muted">"What you typed stays. It is checked as soon as the console answers."</p>
        }
        .into_any(),
        Some(Err(error)) => view! { <ErrorBanner error=error /> }.into_any(),
        Some(Ok(verdict)) => view! { <Lines verdict=verdict /> }.into_any(),
    };
    let faded = move || older.get() && answer.with(Option::is_some);
    view! {
        <div class="grid gap-3" class:opacity-50=faded aria-busy=move || older.get().to_string() data-testid="verdict">
            {lines}
        </div>
    }
}

#[component]
fn Lines(verdict: Verdict) -> impl IntoView {
    let (fine, refused): (Vec<RuleResult>, Vec<RuleResult>) = verdict.rules.into_iter().partition(|rule| rule.ok);
    let passed = fine.iter().filter_map(|rule| passed(&rule.code)).map(ToOwned::to_owned);
    let quota = verdict.quota.iter().filter(|line| worth_saying(line)).map(within);
    let refused = once_each(refused);
    let wait = verdict.expected_wait_seconds.map(starts_in);
    let good: Vec<String> =
        if refused.is_empty() { passed.chain(quota).chain(wait).collect() } else { passed.collect() };
    view! {
        <ul class="grid gap-1.5" aria-label="Check" data-allowed=verdict.allowed.to_string()>
            {refused.into_iter().map(|text| view! { <Line tone="text-fail" icon=Icon::Cross text=text /> }).collect_view()}
            {verdict.warnings.into_iter().map(|text| view! { <Line tone="text-wait" icon=Icon::Warning text=text /> }).collect_view()}
            {good.into_iter().map(|text| view! { <Line tone="text-ok" icon=Icon::Check text=text /> }).collect_view()}
        </ul>
        <Injected injected=verdict.injected />
    }
}

/// Requests and limits of one resource say the same sentence.
fn once_each(rules: Vec<RuleResult>) -> Vec<String> {
    let mut messages: Vec<String> = Vec::with_capacity(rules.len());
    for rule in rules {
        if !messages.contains(&rule.message) {
            messages.push(rule.message);
        }
    }
    messages
}

#[component]
fn Line(tone: &'static str, icon: Icon, text: String) -> impl IntoView {
    view! {
        <li class="flex gap-2 text-sm">
            <span class=tone>
                <Glyph icon=icon />
            </span>
            <span class="min-w-0 wrap-anywhere">{text}</span>
        </li>
    }
}

/// What a passed rule means. Passed quota rules are said with their numbers instead.
fn passed(code: &str) -> Option<&'static str> {
    match code {
        "sku_known" => Some("SKU is on sale"),
        "sku_granted" => Some("SKU is granted to this namespace"),
        "resources_fit" => Some("Resources fit the SKU"),
        "pod_fields" => Some("Every field is allowed"),
        "dry_run" => Some("The API server takes it"),
        _ => None,
    }
}

/// Requests only, and only what people count: GPUs, CPU, memory, pods.
fn worth_saying(check: &QuotaCheck) -> bool {
    let resource = check.line.resource.as_str();
    let counted = ["pods", "requests.cpu", "requests.memory"].contains(&resource) || resource.ends_with("gpu");
    counted && !resource.starts_with("limits.")
}

/// `2 of 8 GPUs (1 used)`
fn within(check: &QuotaCheck) -> String {
    let QuotaCheck { line, requested } = check;
    let [requested, limit, used] = [requested, &line.limit, &line.used].map(|q| sku_facts::readable(q));
    format!("{requested} of {limit} {} ({used} used)", quota::what(line))
}

/// `Starts in about 40 s`; what others of the SKU took is no promise.
/// How long a start will take.
pub fn starts_in(seconds: u32) -> String {
    match seconds {
        0 => "Starts at once".to_owned(),
        1..=89 => format!("Starts in about {seconds} s"),
        _ => format!("Starts in about {} min", (seconds + 30) / 60),
    }
}

#[component]
fn Injected(injected: Vec<Injection>) -> impl IntoView {
    if injected.is_empty() {
        return ().into_any();
    }
    let line = |injection: Injection| {
        let path = injection.path.replace("~1", "/").replace("~0", "~");
        view! {
            <li class="font-mono text-xs wrap-anywhere">
                <span class="text-muted">{path}</span>
                " "
                {injection.value.to_string()}
            </li>
        }
    };
    view! {
        <details>
            <summary class="cursor-pointer py-1 text-sm text-muted hover:text-ink">"What admission fills in"</summary>
            <ul class="mt-1 grid gap-1.5">{injected.into_iter().map(line).collect_view()}</ul>
        </details>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::namespace::QuotaLine;

    #[test]
    fn a_quota_line_is_said_with_its_numbers() {
        let line =
            QuotaLine { resource: "requests.memory".into(), gpu_class: None, limit: "64Gi".into(), used: "8Gi".into() };
        let check = QuotaCheck { line, requested: "16Gi".into() };
        assert_eq!(within(&check), "16 GiB of 64 GiB memory (8 GiB used)");
        assert!(worth_saying(&check));
    }

    #[test]
    fn a_wait_is_said_in_the_unit_that_people_count_in() {
        assert_eq!([0, 1, 89].map(starts_in), ["Starts at once", "Starts in about 1 s", "Starts in about 89 s"]);
        assert_eq!([90, 600].map(starts_in), ["Starts in about 2 min", "Starts in about 10 min"]);
    }
}
