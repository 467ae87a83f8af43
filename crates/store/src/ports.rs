//! The ports `Store` and `Sessions` on [`SqlStore`]: each method is one call into its noun's file.

use async_trait::async_trait;
use backend::ports::{KeyAccess, Member, Sessions, Store};
use domain::Result;
use domain::account::Account;
use domain::api_key::{ApiKey, PublicId};
use domain::audit::AuditEvent;
use domain::credential::Credential;
use domain::id::{AccountId, ApiKeyId, CredentialId, NamespaceId, UserId};
use domain::namespace::{Namespace, NamespaceName, NamespaceStatus};
use domain::page::PageRequest;
use domain::session::{LoginCounter, SessionRecord};
use domain::user::{Email, Role, User};
use jiff::Timestamp;

use crate::error::translate;
use crate::pool::on_db;
use crate::{SqlStore, account, api_key, audit, credential, key_access, login, namespace, session, user};

#[async_trait]
impl Store for SqlStore {
    // --- accounts and users ---
    async fn create_account(&self, account: &Account, audit: &AuditEvent) -> Result<Account> {
        account::create(&self.pool, account, audit).await
    }

    async fn account_by_name(&self, name: &str) -> Result<Option<Account>> {
        account::by_name(&self.pool, name).await
    }

    async fn create_user(
        &self,
        user: &User,
        password_hash: Option<&str>,
        account: AccountId,
        role: Role,
        audit: &AuditEvent,
    ) -> Result<()> {
        user::create(&self.pool, user, password_hash, account, role, audit).await
    }

    async fn has_users(&self) -> Result<bool> {
        user::any(&self.pool).await
    }

    async fn member_by_email(&self, email: &Email) -> Result<Option<Member>> {
        user::member_by_email(&self.pool, email).await
    }

    async fn member(&self, user: UserId) -> Result<Option<Member>> {
        user::member(&self.pool, user).await
    }

    async fn set_password_hash(&self, user: UserId, hash: &str) -> Result<()> {
        user::set_password_hash(&self.pool, user, hash).await
    }

    // --- sign-in throttle ---
    async fn login_counters(&self, subjects: &[String]) -> Result<Vec<LoginCounter>> {
        login::counters(&self.pool, subjects).await
    }

    async fn record_login_failure(&self, subjects: &[String], at: Timestamp, audit: &AuditEvent) -> Result<()> {
        login::record_failure(&self.pool, subjects, at, audit).await
    }

    async fn record_login(&self, subjects: &[String], audit: &AuditEvent) -> Result<()> {
        login::record_success(&self.pool, subjects, audit).await
    }

    async fn record(&self, audit: &AuditEvent) -> Result<()> {
        audit::record(&self.pool, audit).await
    }

    // --- namespaces ---
    async fn create_namespace(&self, namespace: &Namespace, audit: &AuditEvent) -> Result<()> {
        namespace::create(&self.pool, namespace, audit).await
    }

    async fn namespace(&self, account: AccountId, id: NamespaceId) -> Result<Option<Namespace>> {
        namespace::of_account(&self.pool, account, id).await
    }

    async fn namespace_by_id(&self, id: NamespaceId) -> Result<Option<Namespace>> {
        namespace::by_id(&self.pool, id).await
    }

    async fn list_namespaces(&self, account: AccountId, page: &PageRequest) -> Result<Vec<Namespace>> {
        namespace::list(&self.pool, account, page).await
    }

    async fn owned_namespaces(&self, account: AccountId, ids: &[NamespaceId]) -> Result<Vec<NamespaceId>> {
        namespace::owned(&self.pool, account, ids).await
    }

    async fn rename_namespace(&self, id: NamespaceId, name: &NamespaceName, audit: &AuditEvent) -> Result<bool> {
        namespace::rename(&self.pool, id, name, audit).await
    }

    async fn set_namespace_status(
        &self,
        id: NamespaceId,
        from: NamespaceStatus,
        to: NamespaceStatus,
        message: Option<&str>,
        audit: &AuditEvent,
    ) -> Result<bool> {
        namespace::set_status(&self.pool, id, (from, to), message, audit).await
    }

    async fn remove_namespace(&self, id: NamespaceId, audit: &AuditEvent) -> Result<()> {
        namespace::remove(&self.pool, id, audit).await
    }

    async fn namespaces_in(
        &self,
        states: &[NamespaceStatus],
        after: Option<NamespaceId>,
        limit: u32,
    ) -> Result<Vec<Namespace>> {
        namespace::in_states(&self.pool, states, after, limit).await
    }

    // --- API keys and credentials ---
    async fn create_api_key(&self, key: &ApiKey, audit: &AuditEvent) -> Result<()> {
        api_key::create(&self.pool, key, audit).await
    }

    async fn api_key(&self, account: AccountId, id: ApiKeyId) -> Result<Option<ApiKey>> {
        api_key::of_account(&self.pool, account, id).await
    }

    async fn list_api_keys(
        &self,
        account: AccountId,
        owner: Option<UserId>,
        page: &PageRequest,
    ) -> Result<Vec<ApiKey>> {
        api_key::list(&self.pool, account, owner, page).await
    }

    async fn key_access(&self, key: &PublicId, namespace: Option<NamespaceId>) -> Result<Option<KeyAccess>> {
        key_access::find(&self.pool, key, namespace).await
    }

    async fn revoke_api_key(&self, id: ApiKeyId, at: Timestamp, audit: &AuditEvent) -> Result<bool> {
        api_key::revoke(&self.pool, id, at, audit).await
    }

    async fn keys_to_remove(&self, limit: u32) -> Result<Vec<ApiKey>> {
        api_key::to_remove(&self.pool, limit).await
    }

    async fn key_removed(&self, id: ApiKeyId) -> Result<()> {
        api_key::removed(&self.pool, id).await
    }

    async fn record_credential(&self, credential: &Credential, audit: &AuditEvent) -> Result<bool> {
        credential::record(&self.pool, credential, audit).await
    }

    async fn touch_credential(&self, id: CredentialId, at: Timestamp, address: &str, audit: &AuditEvent) -> Result<()> {
        credential::touch(&self.pool, id, at, address, audit).await
    }

    // --- audit ---
    async fn list_audit(&self, account: AccountId, page: &PageRequest) -> Result<Vec<AuditEvent>> {
        audit::list(&self.pool, account, page).await
    }

    async fn ping(&self) -> Result<()> {
        on_db!(read &self.pool, db => sqlx::query("SELECT 1").execute(db).await.map(drop)).map_err(translate)
    }
}

#[async_trait]
impl Sessions for SqlStore {
    async fn create_session(&self, session: &SessionRecord) -> Result<bool> {
        session::create(&self.pool, session).await
    }

    async fn save_session(&self, id_hash: &str, data: &str) -> Result<bool> {
        session::save(&self.pool, id_hash, data).await
    }

    async fn load_session(&self, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>> {
        session::load(&self.pool, id_hash, now).await
    }

    async fn delete_session(&self, id_hash: &str) -> Result<()> {
        session::delete(&self.pool, id_hash).await
    }

    async fn delete_expired_sessions(&self, now: Timestamp, limit: u32) -> Result<u64> {
        session::delete_expired(&self.pool, now, limit).await
    }
}
