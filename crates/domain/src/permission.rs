//! Who may do what: one table, used by `backend`, shown in docs, swept by a test over every route. Code asks for
//! permissions, never for role names.
//!
//! Source: `security.md` §5, RULINGS 2, 3 and 43.

use crate::user::Role;

/// Something a signed-in person may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See namespaces, workloads, SKUs, own keys, the account's members.
    Read,
    /// See usage and budgets.
    ReadUsage,
    /// Create a namespace (RULINGS 43: members may).
    CreateNamespace,
    /// Rename or delete a namespace that somebody else created.
    ManageNamespace,
    /// Create, change and delete workloads; download kubeconfigs.
    Deploy,
    /// Create, change and revoke one's own API keys.
    OwnKeys,
    /// List and revoke everybody's keys and the credentials they were given.
    ManageKeys,
    /// Invite people, change their roles, remove them.
    ManageMembers,
    /// Read and export the account's audit log.
    ReadAudit,
    /// Set budgets.
    ManageBudgets,
    /// Import engines and set their credentials.
    ManageEngines,
    /// Rename the account; set its outgoing webhooks; share out its total.
    ManageAccount,
    /// Delete the account, hand over its ownership.
    OwnAccount,
    /// Platform: create, suspend and delete accounts, set their quotas, read the platform's audit log.
    ManageAccounts,
    /// Platform: SKUs, address policy, global settings, health.
    ManagePlatform,
}

/// For whom a permission is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Members of an account with one of these roles.
    Roles(&'static [Role]),
    /// Platform operators.
    Operator,
}

impl Permission {
    /// Every permission, in the order of the table in the docs.
    pub const ALL: [Permission; 15] = [
        Self::Read,
        Self::ReadUsage,
        Self::CreateNamespace,
        Self::ManageNamespace,
        Self::Deploy,
        Self::OwnKeys,
        Self::ManageKeys,
        Self::ManageMembers,
        Self::ReadAudit,
        Self::ManageBudgets,
        Self::ManageEngines,
        Self::ManageAccount,
        Self::OwnAccount,
        Self::ManageAccounts,
        Self::ManagePlatform,
    ];

    /// What it allows, in words for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Read => "See namespaces, workloads, SKUs, own keys and the members",
            Self::ReadUsage => "See usage and budgets",
            Self::CreateNamespace => "Create a namespace; rename and delete one's own",
            Self::ManageNamespace => "Rename and delete everybody's namespaces",
            Self::Deploy => "Create, change and delete workloads; kubeconfigs with edit rights",
            Self::OwnKeys => "Create, change and revoke one's own API keys",
            Self::ManageKeys => "List and revoke everybody's API keys and credentials",
            Self::ManageMembers => "Invite people, change their roles, remove them; never above oneself",
            Self::ReadAudit => "Read and export the account's audit log",
            Self::ManageBudgets => "Set budgets",
            Self::ManageEngines => "Import engines and set their credentials",
            Self::ManageAccount => "Rename the account; set its outgoing webhooks; share out its total",
            Self::OwnAccount => "Delete the account, hand over its ownership",
            Self::ManageAccounts => "Create, suspend, limit and delete accounts; look into one, read only and audited",
            Self::ManagePlatform => "SKUs, address policy, global settings, health",
        }
    }

    /// Whether it changes something in the account; a suspended account refuses that.
    pub fn changes_account(self) -> bool {
        match self {
            Self::Read | Self::ReadUsage | Self::ReadAudit | Self::ManageAccounts | Self::ManagePlatform => false,
            Self::CreateNamespace
            | Self::ManageNamespace
            | Self::Deploy
            | Self::OwnKeys
            | Self::ManageKeys
            | Self::ManageMembers
            | Self::ManageBudgets
            | Self::ManageEngines
            | Self::ManageAccount
            | Self::OwnAccount => true,
        }
    }

    /// Who holds it: the table.
    pub fn holder(self) -> Holder {
        use Role::{Admin, Billing, Member, Owner, Viewer};
        match self {
            Self::Read => Holder::Roles(&[Owner, Admin, Member, Viewer]),
            Self::ReadUsage => Holder::Roles(&[Owner, Admin, Member, Viewer, Billing]),
            Self::CreateNamespace | Self::Deploy | Self::OwnKeys => Holder::Roles(&[Owner, Admin, Member]),
            Self::ManageNamespace
            | Self::ManageKeys
            | Self::ManageMembers
            | Self::ReadAudit
            | Self::ManageBudgets
            | Self::ManageEngines
            | Self::ManageAccount => Holder::Roles(&[Owner, Admin]),
            Self::OwnAccount => Holder::Roles(&[Owner]),
            Self::ManageAccounts | Self::ManagePlatform => Holder::Operator,
        }
    }
}

/// Whether somebody with `role` in the account, who may be a platform `operator`, holds `permission`.
pub fn allows(role: Role, operator: bool, permission: Permission) -> bool {
    match permission.holder() {
        Holder::Roles(roles) => roles.contains(&role),
        Holder::Operator => operator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_contains_the_next_weaker_one() {
        let chain = [Role::Owner, Role::Admin, Role::Member, Role::Viewer];
        for permission in Permission::ALL {
            for pair in chain.windows(2) {
                let (strong, weak) = (allows(pair[0], false, permission), allows(pair[1], false, permission));
                assert!(strong || !weak, "{permission:?} {pair:?}");
            }
        }
    }

    /// The table as it stands in the docs.
    fn page() -> String {
        let mut page = String::from(
            "# Permissions\n\nWho may do what: the table of `crates/domain/src/permission.rs`, compared with this page by a \
             test.\nA suspended account refuses everything that changes it. An operator without a role in an account sees \
             it only as\naudited, read-only support.\n\n\
             | Permission | Allows | owner | admin | member | viewer | billing | operator |\n|---|---|---|---|---|---|---|---|\n",
        );
        for permission in Permission::ALL {
            let tick = |yes: bool| if yes { "✓" } else { "–" };
            let roles = Role::ALL.map(|role| tick(allows(role, false, permission)));
            let operator = tick(permission.holder() == Holder::Operator);
            let words = permission.words();
            page += &format!("| `{permission:?}` | {words} | {} | {operator} |\n", roles.join(" | "));
        }
        page
    }

    #[test]
    fn the_page_in_the_docs_is_this_table() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/permissions.md");
        assert_eq!(std::fs::read_to_string(file).unwrap(), page(), "write the right side into docs/permissions.md");
    }

    #[test]
    fn billing_sees_usage_only() {
        let held: Vec<_> = Permission::ALL.into_iter().filter(|p| allows(Role::Billing, false, *p)).collect();
        assert_eq!(held, [Permission::ReadUsage]);
    }

    #[test]
    fn no_role_of_an_account_opens_the_platform_and_an_operator_opens_no_account() {
        for role in Role::ALL {
            assert!(
                !allows(role, false, Permission::ManageAccounts) && !allows(role, false, Permission::ManagePlatform)
            );
        }
        assert!(
            !allows(Role::Billing, true, Permission::ManageMembers)
                && allows(Role::Viewer, true, Permission::ManageAccounts)
        );
    }
}
