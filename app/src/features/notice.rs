//! What was just done, carried in the URL to the page that follows: works with and without JavaScript. With it, the
//! browser's address goes without ([`crate::features::arrival`]), and a notice is told once.
//!
//! A fixed set of sentences: a crafted link can fill in a name, never a message.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use leptos::prelude::*;
use leptos_router::hooks::{use_location, use_query_map};

use crate::features::undo::UndoButton;
use crate::paths::with_query;
use crate::ui::keyed::Keyed;
use crate::ui::toast::Toast;

/// Something that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    CliSessionRevoked,
    CredentialRevoked,
    AccountDeleted,
    InvitationRevoked,
    LimitsChanged,
    MemberRemoved,
    RoleChanged,
    ScheduleResumed,
    ScheduleSuspended,
    WorkloadChanged,
    WorkloadDeleted,
    WorkloadsDeleted,
    WorkloadRestarted,
    ManifestApplied,
    SecretCreated,
    SecretChanged,
    SecretKeyRemoved,
    SecretDeleted,
    ConfigMapCreated,
    ConfigMapChanged,
    ConfigMapKeyRemoved,
    ConfigMapDeleted,
    ServiceCreated,
    ServiceDeleted,
    KeyChanged,
    KeyDisabled,
    KeyEnabled,
    KeyRevoked,
    KeysRevoked,
    NamespaceDeleted,
    NamespaceRenamed,
    IdentityUnlinked,
    PasswordChanged,
    SessionEnded,
    SessionsEnded,
    EngineAdded,
    EngineChanged,
    EngineChecked,
    EngineDeleted,
    EngineDeleting,
    EngineDisabled,
    EngineEnabled,
    EngineRotated,
    NodeCordoned,
    NodeDrained,
    NodeUncordoned,
    SkuChanged,
    SkuCreated,
    SkuGranted,
    SkuOffered,
    SkuRetired,
    SkypilotApplied,
    SkypilotApproved,
    SkypilotKubeconfigRevoked,
    SkypilotRemoved,
    WebhookChanged,
    WebhookDisabled,
    WebhookEnabled,
    WebhookTested,
    WebhookRedelivered,
    WebhookDeleted,
    BudgetSaved,
    BudgetDeleted,
    DefaultSkuSaved,
    IdleGpuChanged,
}

impl Notice {
    const ALL: &[Notice] = &[
        Notice::CliSessionRevoked,
        Notice::CredentialRevoked,
        Notice::AccountDeleted,
        Notice::InvitationRevoked,
        Notice::LimitsChanged,
        Notice::MemberRemoved,
        Notice::RoleChanged,
        Notice::ScheduleResumed,
        Notice::ScheduleSuspended,
        Notice::WorkloadChanged,
        Notice::WorkloadDeleted,
        Notice::WorkloadsDeleted,
        Notice::WorkloadRestarted,
        Notice::IdleGpuChanged,
        Notice::ManifestApplied,
        Notice::SecretCreated,
        Notice::SecretChanged,
        Notice::SecretKeyRemoved,
        Notice::SecretDeleted,
        Notice::ConfigMapCreated,
        Notice::ConfigMapChanged,
        Notice::ConfigMapKeyRemoved,
        Notice::ConfigMapDeleted,
        Notice::ServiceCreated,
        Notice::ServiceDeleted,
        Notice::KeyChanged,
        Notice::KeyDisabled,
        Notice::KeyEnabled,
        Notice::KeyRevoked,
        Notice::KeysRevoked,
        Notice::NamespaceDeleted,
        Notice::NamespaceRenamed,
        Notice::IdentityUnlinked,
        Notice::PasswordChanged,
        Notice::SessionEnded,
        Notice::SessionsEnded,
        Notice::EngineAdded,
        Notice::EngineChanged,
        Notice::EngineChecked,
        Notice::EngineDeleted,
        Notice::EngineDeleting,
        Notice::EngineDisabled,
        Notice::EngineEnabled,
        Notice::EngineRotated,
        Notice::NodeCordoned,
        Notice::NodeDrained,
        Notice::NodeUncordoned,
        Notice::SkuChanged,
        Notice::SkuCreated,
        Notice::SkuGranted,
        Notice::SkuOffered,
        Notice::SkuRetired,
        Notice::SkypilotApplied,
        Notice::SkypilotApproved,
        Notice::SkypilotKubeconfigRevoked,
        Notice::SkypilotRemoved,
        Notice::WebhookChanged,
        Notice::WebhookDisabled,
        Notice::WebhookEnabled,
        Notice::WebhookTested,
        Notice::WebhookRedelivered,
        Notice::WebhookDeleted,
        Notice::BudgetSaved,
        Notice::BudgetDeleted,
        Notice::DefaultSkuSaved,
    ];

    /// `path` with this notice about `name`. For the server: browsers have no such clock.
    pub fn after(self, path: &str, name: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        self.after_time(path, name, now)
    }

    /// The same thing done twice leads to two addresses: else the page would not see that it was done again.
    fn after_time(self, path: &str, name: &str, now: u128) -> String {
        with_query(path, &[("done", &format!("{}.{now}", self.code())), ("name", name)])
    }

    /// What the `done` of an address says.
    fn of(done: &str) -> Option<Self> {
        let code = done.split('.').next();
        Self::ALL.iter().copied().find(|notice| Some(notice.code()) == code)
    }

    /// What it is called in the URL.
    pub fn code(self) -> &'static str {
        match self {
            Self::CliSessionRevoked => "cli-session-revoked",
            Self::CredentialRevoked => "credential-revoked",
            Self::AccountDeleted => "account-deleted",
            Self::InvitationRevoked => "invitation-revoked",
            Self::LimitsChanged => "limits-changed",
            Self::MemberRemoved => "member-removed",
            Self::RoleChanged => "role-changed",
            Self::ScheduleResumed => "schedule-resumed",
            Self::ScheduleSuspended => "schedule-suspended",
            Self::WorkloadChanged => "workload-changed",
            Self::WorkloadDeleted => "workload-deleted",
            Self::WorkloadsDeleted => "workloads-deleted",
            Self::WorkloadRestarted => "workload-restarted",
            Self::IdleGpuChanged => "idle-gpu-changed",
            Self::ManifestApplied => "manifest-applied",
            Self::SecretCreated => "secret-created",
            Self::SecretChanged => "secret-changed",
            Self::SecretKeyRemoved => "secret-key-removed",
            Self::SecretDeleted => "secret-deleted",
            Self::ConfigMapCreated => "config-map-created",
            Self::ConfigMapChanged => "config-map-changed",
            Self::ConfigMapKeyRemoved => "config-map-key-removed",
            Self::ConfigMapDeleted => "config-map-deleted",
            Self::ServiceCreated => "service-created",
            Self::ServiceDeleted => "service-deleted",
            Self::KeyChanged => "key-changed",
            Self::KeyDisabled => "key-disabled",
            Self::KeyEnabled => "key-enabled",
            Self::KeyRevoked => "key-revoked",
            Self::KeysRevoked => "keys-revoked",
            Self::NamespaceDeleted => "namespace-deleted",
            Self::NamespaceRenamed => "namespace-renamed",
            Self::IdentityUnlinked => "identity-unlinked",
            Self::PasswordChanged => "password-changed",
            Self::SessionEnded => "session-ended",
            Self::SessionsEnded => "sessions-ended",
            Self::EngineAdded => "engine-added",
            Self::EngineChanged => "engine-changed",
            Self::EngineChecked => "engine-checked",
            Self::EngineDeleted => "engine-deleted",
            Self::EngineDeleting => "engine-deleting",
            Self::EngineDisabled => "engine-disabled",
            Self::EngineEnabled => "engine-enabled",
            Self::EngineRotated => "engine-rotated",
            Self::NodeCordoned => "node-cordoned",
            Self::NodeDrained => "node-drained",
            Self::NodeUncordoned => "node-uncordoned",
            Self::SkuChanged => "sku-changed",
            Self::SkuCreated => "sku-created",
            Self::SkuGranted => "sku-granted",
            Self::SkuOffered => "sku-offered",
            Self::SkuRetired => "sku-retired",
            Self::SkypilotApplied => "skypilot-applied",
            Self::SkypilotApproved => "skypilot-approved",
            Self::SkypilotKubeconfigRevoked => "skypilot-kubeconfig-revoked",
            Self::SkypilotRemoved => "skypilot-removed",
            Self::WebhookChanged => "webhook-changed",
            Self::WebhookDisabled => "webhook-disabled",
            Self::WebhookEnabled => "webhook-enabled",
            Self::WebhookTested => "webhook-tested",
            Self::WebhookRedelivered => "webhook-redelivered",
            Self::WebhookDeleted => "webhook-deleted",
            Self::BudgetSaved => "budget-saved",
            Self::BudgetDeleted => "budget-deleted",
            Self::DefaultSkuSaved => "default-sku-saved",
        }
    }

    fn sentence(self, name: &str) -> String {
        match self {
            Self::CliSessionRevoked => format!("The session of {name} is revoked"),
            Self::CredentialRevoked => "The credential is revoked; the next command fetches a new one".to_owned(),
            Self::KeyChanged => format!("Key {name} is changed"),
            Self::KeyDisabled => format!("Key {name} is disabled"),
            Self::KeyEnabled => format!("Key {name} works again"),
            Self::AccountDeleted => format!("Account {name} is deleted"),
            Self::InvitationRevoked => format!("The invitation of {name} is withdrawn"),
            Self::LimitsChanged => "The limits are saved; namespaces follow within moments".to_owned(),
            Self::MemberRemoved => format!("{name} is no longer a member"),
            Self::RoleChanged => format!("{name} has another role now"),
            Self::ScheduleResumed => format!("{name} starts Jobs by the clock again"),
            Self::ScheduleSuspended => format!("{name} starts no Jobs by the clock"),
            Self::WorkloadChanged => format!("{name} is changed; its pods follow"),
            Self::IdleGpuChanged => "The rule about idle GPUs is saved".to_owned(),
            Self::WorkloadRestarted => format!("{name} restarts, one pod after the other"),
            Self::ManifestApplied => format!("{name} is applied; its pods follow"),
            Self::WorkloadDeleted => format!("{name} and its pods are being deleted"),
            Self::WorkloadsDeleted => format!("Being deleted with all pods: {name}"),
            Self::SecretCreated => format!("Secret {name} is created"),
            Self::SecretChanged => format!("{name} is set"),
            Self::SecretKeyRemoved => format!("{name} is removed"),
            Self::SecretDeleted => format!("Secret {name} is deleted"),
            Self::ConfigMapCreated => format!("ConfigMap {name} is created"),
            Self::ConfigMapChanged => format!("{name} is saved"),
            Self::ConfigMapKeyRemoved => format!("{name} is removed"),
            Self::ConfigMapDeleted => format!("ConfigMap {name} is deleted"),
            Self::ServiceCreated => format!("Service {name} is created"),
            Self::ServiceDeleted => format!("Service {name} is deleted"),
            Self::KeyRevoked => format!("Key {name} is revoked"),
            Self::KeysRevoked => format!("Revoked for good: {name}"),
            Self::NamespaceDeleted => format!("Namespace {name} is being deleted"),
            Self::NamespaceRenamed => format!("The namespace is called {name} now"),
            Self::IdentityUnlinked => "That account is unlinked".to_owned(),
            Self::PasswordChanged => "Your password is changed".to_owned(),
            Self::SessionEnded => "That session is ended".to_owned(),
            Self::SessionsEnded => "You are signed out everywhere else".to_owned(),
            Self::EngineAdded => format!("Engine {name} is added"),
            Self::EngineChanged => format!("Engine {name} is changed"),
            Self::EngineChecked => format!("Engine {name} is checked"),
            Self::EngineDeleted => format!("Engine {name} is deleted; its credentials are forgotten"),
            Self::EngineDeleting => format!("Engine {name} is being deleted"),
            Self::EngineDisabled => format!("Engine {name} takes no new workloads"),
            Self::EngineEnabled => format!("Engine {name} takes workloads again"),
            Self::EngineRotated => format!("The credentials of {name} are replaced"),
            Self::NodeCordoned => format!("{name} takes no new pods; those on it run on"),
            Self::NodeDrained => format!("{name} is being emptied"),
            Self::NodeUncordoned => format!("{name} takes pods again"),
            Self::SkuChanged => format!("{name} is changed; running pods keep what they were admitted with"),
            Self::SkuCreated => format!("{name} is on sale"),
            Self::SkuGranted => "The SKUs are saved; namespaces follow within moments".to_owned(),
            Self::SkuOffered => format!("{name} is sold again"),
            Self::BudgetSaved => "The budget is saved".to_owned(),
            Self::BudgetDeleted => "The budget is deleted".to_owned(),
            Self::DefaultSkuSaved => "The default SKU is saved; new pods follow within moments".to_owned(),
            Self::SkuRetired => format!("{name} is retired; running pods go on"),
            Self::SkypilotApplied => format!("SkyPilot access of {name} is applied"),
            Self::SkypilotApproved => format!("What {name} may do beyond its namespace is saved"),
            Self::SkypilotKubeconfigRevoked => format!("Kubeconfig {name} is revoked; it ends within ten seconds"),
            Self::SkypilotRemoved => format!("SkyPilot access of {name} is taken away"),
            Self::WebhookChanged => format!("Webhook {name} is changed"),
            Self::WebhookDisabled => format!("Webhook {name} is disabled: nothing is sent"),
            Self::WebhookEnabled => format!("Webhook {name} is enabled"),
            Self::WebhookTested => format!("A test is on its way to {name}"),
            Self::WebhookRedelivered => "It is sent again".to_owned(),
            Self::WebhookDeleted => format!("Webhook {name} is deleted"),
        }
    }
}

/// How often something was done on this page: what it shows is read again then, and only then. A dialog that opens after
/// it, or is closed, leaves the page as it is.
pub fn times_done() -> Memo<u32> {
    times(|_| true)
}

/// As [`times_done`], of one thing only.
pub fn times_of(notice: Notice) -> Memo<u32> {
    times(move |done| Notice::of(done) == Some(notice))
}

fn times(counts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Memo<u32> {
    let query = use_query_map();
    let seen = Memo::new(move |last: Option<&(u32, Option<String>)>| {
        let now = query.read().get("done").filter(|done| counts(done));
        let (times, before) = last.cloned().unwrap_or_else(|| (0, now.clone()));
        (times + u32::from(now.is_some() && now != before), now)
    });
    Memo::new(move |_| seen.with(|(times, _)| *times))
}

/// Shows the notice of the router's present location, if it has one.
#[component]
pub fn NoticeToast() -> impl IntoView {
    let query = use_query_map();
    let (path, search) = (use_location().pathname, use_location().search);
    let told = Memo::new(move |_| {
        let notice = query.read().get("done").and_then(|done| Notice::of(&done));
        let name = query.read().get("name").unwrap_or_default();
        notice.map(|notice| (search.get(), notice.sentence(&name))).into_iter().collect::<Vec<_>>()
    });
    // One of its own for each notice: with other words in it, one that has faded would stay unseen.
    let draw = move |_: String, text: String| {
        view! { <Toast text=text dismiss=path.get_untracked()><UndoButton /></Toast> }.into_any()
    };
    view! {
        <div role="status">
            <Keyed items=told draw=Arc::new(draw) />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_travels_in_the_query() {
        assert_eq!(
            Notice::WorkloadDeleted.after_time("/kubernetes/x/workloads", "demo", 7),
            "/kubernetes/x/workloads?done=workload-deleted.7&name=demo"
        );
        assert_eq!(
            Notice::EngineChecked.after_time(&crate::paths::engine_dialog("x", "rotate"), "demo", 8),
            "/engines/x?do=rotate&done=engine-checked.8&name=demo"
        );
    }

    #[test]
    fn an_address_says_what_was_done_with_and_without_its_time() {
        for notice in Notice::ALL.iter().copied() {
            assert_eq!(Notice::of(&format!("{}.1791234567890", notice.code())), Some(notice));
            assert_eq!(Notice::of(notice.code()), Some(notice));
        }
        assert_eq!(["", ".7", "anything.7"].map(Notice::of), [None; 3]);
    }
}
