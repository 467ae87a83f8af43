//! The tenant API: the same accounts, people and namespaces in the words of another system.
//!
//! Source: `tenant-api.md` §3 and §4, RULINGS 7 and 19. It adds no rule of its own to a namespace but numbers and labels.

use domain::audit::Action;
use domain::jwt::{Claims, LIFE, LoginAnswer, expire_text};
use domain::namespace::{DeleteNamespace, Namespace, NamespaceStatus};
use domain::order::OrderedRequest;
use domain::page::{Page, PageRequest};
use domain::permission::Permission;
use domain::tenant::{
    NewTenant, PlatformTenantView, RenameTenant, TenantId, TenantLabel, TenantOrdered, TenantUse, TenantView, deleting,
};
use domain::user::Email;
use domain::{Code, Error, Result};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use crate::ports::Member;
use crate::{Backend, Caller, Grant, JwtKeys, Origin, Proof, namespace};

// As many as one look at the table reads; an account rarely has more.
const BATCH: u32 = 200;

impl Backend {
    /// Whether this installation offers the tenant API.
    pub fn offers_tenant_api(&self) -> bool {
        self.inner.jwt.is_some()
    }

    /// A token for somebody's e-mail and password, under the soft lock of every sign-in.
    ///
    /// # Errors
    /// `invalid_login`, or [`Error::RateLimited`] while the soft lock holds.
    pub async fn tenant_login(&self, origin: &Origin, username: &str, password: &SecretString) -> Result<LoginAnswer> {
        let (member, subjects) = self.proved(origin, username, password).await?;
        let now = self.inner.clock.now();
        let claims = self.claims(&member, now);
        let token = self.jwt()?.sign(&claims)?;
        let user = member.user.email.as_str().to_owned();
        let caller = tenant_caller(member, origin, now);
        let audit = self.audit(&caller, Action::SignedIn, caller.actor(), "tenant API").jti(Some(claims.jti));
        let [name, address] = &subjects;
        self.inner.store.record_login(name, address, &audit).await?;
        Ok(LoginAnswer {
            token: token.expose_secret().to_owned(),
            expire: expire_text(now),
            user,
            max_age: LIFE.as_secs(),
        })
    }

    /// Who holds a token; person, role and account are read anew for each request.
    ///
    /// # Errors
    /// `invalid_token`, also when the person is gone or disabled, changed their password or signed out everywhere, or
    /// when their first account is another one now.
    pub async fn tenant_caller(&self, origin: &Origin, token: &str) -> Result<Caller> {
        let invalid = || Error::Unauthenticated { code: Code::InvalidToken };
        let claims = self.jwt()?.read(token)?;
        if !claims.live(self.inner.clock.now()) {
            return Err(invalid());
        }
        let email = Email::new(&claims.username).map_err(|_| invalid())?;
        let member = self.inner.store.member_by_email(&email).await?.ok_or_else(invalid)?;
        let same = member.user.id.to_string() == claims.sub && member.account.customer.as_str() == claims.cust;
        if !same || member.user.disabled || member.token_version != claims.pwv {
            return Err(invalid());
        }
        let since = Timestamp::from_second(claims.iat).map_err(|_| invalid())?;
        Ok(tenant_caller(member, origin, since))
    }

    /// Replaces the caller's own password and ends every session and token of theirs, this one too.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `password`; `invalid_token` when their tokens were ended at this moment.
    pub async fn tenant_change_password(&self, caller: &Caller, new: &SecretString) -> Result<()> {
        if new.expose_secret().trim().eq_ignore_ascii_case(caller.user.email.as_str()) {
            return Err(Error::field("password", "username", "Password must not be the user name"));
        }
        let invalid = || Error::Unauthenticated { code: Code::InvalidToken };
        let member = self.inner.store.member(caller.user.id, None).await?.ok_or_else(invalid)?;
        let hash = self.inner.passwords.hash_field("password", new).await?;
        let audit = self.audit(caller, Action::PasswordChanged, caller.actor(), "tenant API");
        let user = (caller.user.id, member.token_version);
        let changed = self.inner.store.change_password(user, &hash, None, &audit).await?;
        changed.then_some(()).ok_or_else(invalid)
    }

    /// The account's active tenants, oldest first. The published list has no pages.
    ///
    /// # Errors
    /// `forbidden` for roles that see no namespaces.
    pub async fn list_tenants(&self, caller: &Caller) -> Result<Vec<TenantView>> {
        caller.require(Permission::Read)?;
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest { limit: BATCH, after };
            let mut rows = self.inner.store.list_namespaces(caller.account.id, &page).await?;
            let more = rows.len() > BATCH as usize;
            rows.truncate(BATCH as usize);
            after = rows.last().map(|row| row.id.to_string());
            let active = rows.iter().filter(|row| row.tenant_active());
            found.extend(active.filter_map(|row| row.tenant_view(&caller.account.customer)));
            if !more {
                return Ok(found);
            }
        }
    }

    /// One tenant, active or not.
    ///
    /// # Errors
    /// [`Error::NotFound`] for unknown, foreign and malformed ids alike.
    pub async fn get_tenant(&self, caller: &Caller, id: &str) -> Result<TenantView> {
        self.tenant_view(caller, &*self.tenant(caller, id, Permission::Read).await?)
    }

    /// Orders a tenant: a namespace named after its id.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `label`, `quota_exceeded`.
    pub async fn create_tenant(&self, caller: &Caller, new: NewTenant) -> Result<TenantOrdered> {
        caller.require(Permission::CreateNamespace)?;
        let label = new.label.as_deref().map(TenantLabel::new).transpose()?;
        // What is refused takes no number.
        self.inner.store.check_namespace(caller.account.id, None).await?;
        loop {
            let (tenant, namespace) = self.new_tenant(caller, label.clone()).await?;
            let name = namespace.name.as_str();
            let audit = self.audit(caller, Action::NamespaceCreated, namespace::target(namespace.id), name).named(name);
            match self.inner.store.create_namespace(&namespace, &audit).await {
                // Somebody gave a namespace of the console this very name: take the next number.
                Err(Error::Conflict { code: Code::Conflict | Code::NameTaken, .. }) => {}
                Err(other) => return Err(other),
                Ok(_) => {
                    self.inner.wake.notify_one();
                    return Ok(ordered("Cluster in creation", tenant));
                }
            }
        }
    }

    /// Changes the label; nothing in the cluster and no name of the console notices.
    ///
    /// # Errors
    /// [`Error::Invalid`] on field `label`, `cluster_deleting`, `forbidden` for members who did not create it.
    pub async fn rename_tenant(&self, caller: &Caller, id: &str, new: RenameTenant) -> Result<TenantView> {
        let namespace = self.managed_tenant(caller, id).await?;
        let label = TenantLabel::new(&new.label)?;
        namespace.tenant_renameable()?;
        if namespace.label() != label.as_str() {
            let detail = format!("{} → {}", namespace.label(), label.as_str());
            let audit = self.audit(caller, Action::TenantRenamed, namespace::target(namespace.id), detail);
            let audit = audit.named(namespace.name.as_str());
            if !self.inner.store.set_tenant_label(namespace.id, &label, &audit).await? {
                return Err(deleting());
            }
        }
        self.get_tenant(caller, id).await
    }

    /// Orders the end of a tenant with every pod in it; repeating it changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`] as above, `forbidden` for members who did not create it.
    pub async fn delete_tenant(&self, caller: &Caller, id: &str) -> Result<TenantOrdered> {
        let namespace = self.managed_tenant(caller, id).await?;
        let tenant = namespace.tenant.ok_or(Error::NotFound)?;
        let deletion = self.delete_namespace(caller, &namespace.id.to_string(), DeleteNamespace::default()).await;
        match deletion {
            // Gone between the two looks: as good as ordered.
            Ok(_) | Err(Error::NotFound) => Ok(ordered("Cluster in deletion", tenant)),
            Err(other) => Err(other),
        }
    }

    /// Tenants of every account, for operators.
    ///
    /// # Errors
    /// `forbidden` for everybody but operators.
    pub async fn list_platform_tenants(
        &self,
        caller: &Caller,
        page: &OrderedRequest,
    ) -> Result<Page<PlatformTenantView>> {
        caller.require(Permission::ManageAccounts)?;
        let rows = self.inner.store.list_tenants(page).await?;
        let cursor = |row: &TenantUse| page.order.cursor(row.namespace.label(), &row.namespace.id.to_string());
        Ok(Page::from_rows(rows, page.limit, cursor).map(|row| row.view()))
    }

    /// From the operator's command line: ids from now on are `next` at least, for consoles that share a cluster.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn continue_tenants_at(&self, next: u64) -> Result<TenantId> {
        self.inner.store.continue_tenants_at(TenantId::from_number(next)).await
    }

    /// Finds a tenant of the caller's account and proves `permission` on it.
    pub(crate) async fn tenant(&self, caller: &Caller, id: &str, permission: Permission) -> Result<Grant<Namespace>> {
        let found = self.inner.store.tenant(caller.account.id, TenantId::parse(id)?).await?;
        let namespace = found.filter(|_| caller.may(Permission::Read)).ok_or(Error::NotFound)?;
        caller.require(permission)?;
        Ok(Grant::new(namespace))
    }

    /// Finds a tenant and proves that the caller may change or remove it.
    pub(crate) async fn managed_tenant(&self, caller: &Caller, id: &str) -> Result<Grant<Namespace>> {
        let found = self.tenant(caller, id, Permission::CreateNamespace).await?;
        self.managed_namespace(caller, &found.id.to_string()).await
    }

    fn tenant_view(&self, caller: &Caller, namespace: &Namespace) -> Result<TenantView> {
        namespace.tenant_view(&caller.account.customer).ok_or(Error::NotFound)
    }

    async fn new_tenant(&self, caller: &Caller, label: Option<TenantLabel>) -> Result<(TenantId, Namespace)> {
        let tenant = self.inner.store.next_tenant().await?;
        let namespace = Namespace {
            id: domain::id::NamespaceId::new(self.inner.random.uuid()),
            account_id: caller.account.id,
            name: tenant.console_name(),
            kubernetes_name: tenant.kubernetes_name(),
            status: NamespaceStatus::Creating,
            status_message: None,
            created_by: caller.user.id,
            created_at: self.inner.clock.now(),
            tenant: Some(tenant),
            label,
            activated_at: None,
            share: domain::account::Share::default(),
        };
        Ok((tenant, namespace))
    }

    fn claims(&self, member: &Member, now: Timestamp) -> Claims {
        let second = now.as_second();
        Claims {
            exp: second + LIFE.as_secs(),
            nbf: second,
            username: member.user.email.as_str().to_owned(),
            iat: second,
            jti: self.inner.random.uuid().to_string(),
            sub: member.user.id.to_string(),
            cust: member.account.customer.as_str().to_owned(),
            pwv: member.token_version,
        }
    }

    fn jwt(&self) -> Result<&JwtKeys> {
        self.inner.jwt.as_ref().ok_or(Error::NotFound)
    }
}

fn ordered(message: &str, tenant: TenantId) -> TenantOrdered {
    TenantOrdered { message: message.to_owned(), cluster: tenant.to_string() }
}

/// Somebody who acts in the account they joined first (RULINGS 7); they showed their password at `since`.
fn tenant_caller(member: Member, origin: &Origin, since: Timestamp) -> Caller {
    let Member { user, account, role, .. } = member;
    let proof = Proof { session_id: None, authenticated_at: since };
    Caller { user, account, role, support: false, origin: origin.clone(), proof }
}
