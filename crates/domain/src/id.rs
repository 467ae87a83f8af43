//! Ids as types: a bare `String` or `Uuid` never crosses a layer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Error, Result};

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Takes a fresh UUIDv7 from the Random port.
            pub fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// Reads the hyphenated form.
            ///
            /// # Errors
            /// [`Error::Invalid`] on field `id` for anything that is not a UUID.
            pub fn parse(text: &str) -> Result<Self> {
                Uuid::try_parse(text)
                    .ok()
                    .filter(|_| text.len() == 36)
                    .map(Self)
                    .ok_or_else(|| Error::field("id", "uuid", "Not a valid id: expected a UUID"))
            }

            /// The **last** 8 hex digits: the first ones are the clock (RULINGS 10).
            pub fn short(&self) -> String {
                let text = self.0.simple().to_string();
                text[text.len() - 8..].to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

uuid_id!(
    /// A customer account.
    AccountId
);
uuid_id!(
    /// A person.
    UserId
);
uuid_id!(
    /// A tenant namespace.
    NamespaceId
);
uuid_id!(
    /// An API key (its row; the public id inside the key text is [`crate::api_key::PublicId`]).
    ApiKeyId
);
uuid_id!(
    /// A credential handed out for (key, namespace).
    CredentialId
);
uuid_id!(
    /// One audit event.
    AuditId
);
uuid_id!(
    /// An invitation into an account.
    InvitationId
);
uuid_id!(
    /// A browser session, as lists show it; never the id in the cookie.
    SessionId
);
uuid_id!(
    /// A session of the command line (RULINGS 6).
    CliSessionId
);
uuid_id!(
    /// An engine.
    EngineId
);
uuid_id!(
    /// A person's account at an identity provider, linked to a user.
    IdentityId
);
uuid_id!(
    /// A usage record.
    UsageId
);
uuid_id!(
    /// A budget.
    BudgetId
);
uuid_id!(
    /// A kubeconfig issued for a SkyPilot ServiceAccount.
    SkypilotKubeconfigId
);
uuid_id!(
    /// An outgoing webhook.
    WebhookId
);
uuid_id!(
    /// An event on its way to webhooks: the id of its audit row.
    DeliveryId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        assert!(NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").is_ok());
        for bad in ["", "all", "019c1b2e7f007abc8def0123456789ab", "{019c1b2e-7f00-7abc-8def-0123456789ab}"] {
            assert!(NamespaceId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_short_form_is_the_random_end() {
        let id = NamespaceId::parse("019c1b2e-7f00-7abc-8def-0123456789ab").unwrap();
        assert_eq!(id.short(), "456789ab");
    }
}
