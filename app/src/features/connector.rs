//! The connector of a customer's own cluster: the tenant's id, its kubeconfig, and the commands that use them.

use domain::namespace::{NamespaceStatus, NamespaceView};
use domain::tenant::install_command;
use leptos::prelude::*;

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
    tenant.map(|tenant| {
        let file = format!("{tenant}.kubeconfig");
        let (install, action) = (commands(&tenant, &file), paths::connector(&namespace.id));
        view! {
            <Panel title="Connect a cluster of your own">
                <div class="grid gap-3 p-4">
                    <p class="text-muted">
                        "Pods of a virtual node in your cluster then run here. This namespace is tenant "
                        <span class="inline-flex align-bottom"><CopyLine text=tenant label="tenant id" /></span>
                        ". Each download is a credential of its own for 90 days. It renews itself until somebody ends it in the list above."
                    </p>
                    <form method="post" action=action>
                        <Button>
                            <Glyph icon=Icon::Download />
                            "Download connector kubeconfig"
                        </Button>
                    </form>
                    <CodeBlock code=install label="In your cluster" />
                </div>
            </Panel>
        }
    })
}

/// The vendor's connector, and ours.
fn commands(tenant: &str, file: &str) -> String {
    format!(
        "{}\n\n# or the node of this console; what it offers is for you to say\n\
         remotegpu-kubelet --provider kubernetes --provider-kubeconfig {file} \\\n  \
         --nodename k8s.gpu --capacity-cpu 63 --capacity-memory 256Gi --gpu-model H100 --gpu-count 8\n",
        install_command(tenant, file)
    )
}
