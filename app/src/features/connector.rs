//! The connector of a customer's own cluster: the tenant's id, its kubeconfig, and the commands that use them.

use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::permission::Permission;
use domain::tenant::{install_command, runtime_class_command, vendor_command};
use leptos::prelude::*;

use crate::features::right::use_refusal;
use crate::paths;
use crate::ui::button::Button;
use crate::ui::code::CodeBlock;
use crate::ui::copy::CopyLine;
use crate::ui::icon::{Glyph, Icon};
use crate::ui::panel::Panel;

/// A plain form: a file comes back, and no link makes a credential. Nothing for a namespace that is not there.
#[component]
pub fn Connector(namespace: NamespaceView) -> impl IntoView {
    let tenant = namespace.tenant.filter(|_| namespace.status == NamespaceStatus::Active);
    let why = use_refusal(Permission::CreateNamespace);
    tenant.map(|tenant| {
        let (shown, action) = (tenant.clone(), paths::connector(&namespace.id));
        view! {
            <Panel title="Connect a cluster of your own">
                <div class="grid gap-3 p-4">
                    <p class="max-w-prose text-muted">
                        "Pods of a virtual node in your cluster then run here. This namespace is tenant "
                        <span class="inline-flex align-bottom"><CopyLine text=shown label="tenant id" /></span>
                        ". Each download is a credential of its own for 90 days. It renews itself until somebody revokes it in the list above."
                    </p>
                    <form method="post" action=action>
                        <Button blocked=why>
                            <Glyph icon=Icon::Download />
                            "Download connector kubeconfig"
                        </Button>
                    </form>
                    <ConnectorCommands tenant=tenant />
                </div>
            </Panel>
        }
    })
}

/// What somebody types in a cluster of theirs: our node, the shapes by name, or another vendor's connector.
#[component]
pub fn ConnectorCommands(#[prop(into)] tenant: String) -> impl IntoView {
    let file = format!("{tenant}.kubeconfig");
    let blocks = [
        ("The node of this console", install_command(&file)),
        ("The runtime classes, where that node does not keep them", runtime_class_command(&file)),
        ("Or the vendor's connector", vendor_command(&tenant, &file)),
    ];
    let block = |(label, code): (&'static str, String)| view! { <CodeBlock code=code label=label /> };
    view! {
        {blocks.map(block).collect_view()}
        <p class="max-w-prose text-muted">
            "The sizes are what the node offers: say yours. The classes are for pods that pick their shape by "
            <code>"runtimeClassName"</code>
            ". With "
            <code>"mirrorRuntimeClasses=true"</code>
            " the node keeps them as the SKUs change; copies made by hand stay as they are, so delete those first. The node renews its token and keeps the newest in the claim; without the claim, a pod of it that starts anew takes the first token, which may have ended by then."
        </p>
    }
}
