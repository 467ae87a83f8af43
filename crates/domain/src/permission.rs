//! Who may do what: one table, used by `backend` and shown in docs. Code asks for permissions, never for role names.
//!
//! Source: `security.md` §5, RULINGS 3 and 43.

use crate::user::Role;

/// Something a member of an account may be allowed to do inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See namespaces, workloads, SKUs, own keys.
    Read,
    /// Create a namespace (RULINGS 43: members may).
    CreateNamespace,
    /// Rename or delete a namespace that somebody else created.
    ManageNamespace,
    /// Create, change and delete workloads; download kubeconfigs.
    Deploy,
    /// Create and revoke one's own API keys.
    OwnKeys,
    /// List and revoke everybody's keys.
    ManageKeys,
}

/// Whether `role` grants `permission`.
pub fn allows(role: Role, permission: Permission) -> bool {
    use Permission::{CreateNamespace, Deploy, ManageKeys, ManageNamespace, OwnKeys, Read};
    match permission {
        Read => role != Role::Billing,
        CreateNamespace | Deploy | OwnKeys => matches!(role, Role::Owner | Role::Admin | Role::Member),
        ManageNamespace | ManageKeys => matches!(role, Role::Owner | Role::Admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_contains_the_next_weaker_one() {
        use Permission::{CreateNamespace, Deploy, ManageKeys, ManageNamespace, OwnKeys, Read};
        let chain = [Role::Owner, Role::Admin, Role::Member, Role::Viewer];
        for permission in [Read, CreateNamespace, ManageNamespace, Deploy, OwnKeys, ManageKeys] {
            for pair in chain.windows(2) {
                assert!(!allows(pair[1], permission) || allows(pair[0], permission), "{permission:?} {pair:?}");
            }
            assert!(!allows(Role::Billing, permission), "billing sees usage only");
        }
    }
}
