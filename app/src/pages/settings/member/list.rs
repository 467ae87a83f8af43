//! The people of the account, and those who are invited.

use domain::invitation::{InvitationStatus, InvitationView};
use domain::member::{MemberView, may_manage};
use domain::page::Page;
use domain::session::SessionView;
use domain::user::Role;
use leptos::prelude::*;
use leptos_router::hooks::use_query_map;

use super::change::{InvitationDialog, MemberDialog};
use super::invite::InviteDialog;
use crate::api::member::ListMembers;
use crate::features::copy_as::CopyAs;
use crate::features::head::PageHead;
use crate::features::load::load;
use crate::features::sort::{SortColumns, SortKey, use_sort};
use crate::features::visits::{cursor_of, list_key};
use crate::paths;
use crate::ui::badge::{Badge, Tone};
use crate::ui::button::{BlockableLink, ButtonLink, ButtonSize, ButtonTone};
use crate::ui::clock::{Ago, Until};
use crate::ui::icon::{Glyph, Icon};
use crate::ui::table::{CELL, Column, FIGURE, ROW, Table};

/// The list; inviting and changing are states of the URL.
#[component]
pub fn MembersPage() -> impl IntoView {
    let key = list_key(&["new", "member", "invitation"]);
    let body = load(key, |key| ListMembers { cursor: cursor_of(&key) })
        .show(|(members, invitations, me)| view! { <Body members=members invitations=invitations me=me /> }.into_any());
    view! {
        <PageHead title="Members">
            <p>"Who belongs to this account, and what they may do in it."</p>
            <CopyAs rest=paths::rest(&["members"]) />
        </PageHead>
        {body}
    }
    .into_any()
}

/// Who may; for those who may not.
const NO_RIGHT: &str = "Owners and admins invite people";

#[component]
fn Body(members: Page<MemberView>, invitations: Vec<InvitationView>, me: SessionView) -> impl IntoView {
    let query = use_query_map();
    let mine = Role::parse(&me.user.role).unwrap_or(Role::Viewer);
    let manages = matches!(mine, Role::Owner | Role::Admin) && !me.support;
    let (inviting, all, open) = (move || query.read().get("new").is_some(), members.items.clone(), invitations.clone());
    let chosen = Memo::new(move |_| query.read().get("member"));
    let pending = Memo::new(move |_| query.read().get("invitation"));
    let my_id = me.user.id.clone();
    let why = (!manages).then(|| NO_RIGHT.to_owned());
    let member = move || chosen.get().and_then(|id| all.iter().find(|m| m.user_id == id).cloned());
    let invitation = move || pending.get().and_then(|id| open.iter().find(|i| i.id == id).cloned());
    view! {
        <div>
            <BlockableLink href=paths::new_member() tone=ButtonTone::Primary blocked=why>
                <Glyph icon=Icon::Plus />
                "Invite somebody"
            </BlockableLink>
        </div>
        <MemberTable members=members me=me.user.id mine=mine manages=manages />
        {(!invitations.is_empty()).then(|| view! { <InvitationTable invitations=invitations /> })}
        {move || inviting().then(|| view! { <InviteDialog mine=mine /> })}
        {move || member().map(|member| view! { <MemberDialog itself=member.user_id == my_id member=member mine=mine /> })}
        {move || invitation().map(|invitation| view! { <InvitationDialog invitation=invitation /> })}
    }
}

const MEMBER_COLUMNS: &[Column] =
    &[Column::Words("E-mail"), Column::Words("Role"), Column::Figures("Joined"), Column::Actions("Actions")];

const MEMBER_SORTS: SortColumns<MemberView> = &[
    ("E-mail", |member| SortKey::text(&member.email)),
    ("Role", |member| SortKey::text(member.role.as_str())),
    ("Joined", |member| SortKey::time(&member.joined_at)),
];

#[component]
fn MemberTable(members: Page<MemberView>, me: String, mine: Role, manages: bool) -> impl IntoView {
    let sort = use_sort(MEMBER_SORTS).if_whole(members.next_cursor.is_none());
    let items = members.items;
    let next = members.next_cursor.map(|cursor| paths::with_query(&paths::members(), &[("cursor", &cursor)]));
    let row = move |member: MemberView| {
        let itself = member.user_id == me;
        let word = match (itself, manages && may_manage(mine, member.role).is_ok()) {
            (_, true) => Some("Change"),
            (true, false) => Some("Leave"),
            (false, false) => None,
        };
        let href = paths::with_query(&paths::members(), &[("member", &member.user_id)]);
        let label = format!("{} {}", word.unwrap_or_default(), member.email);
        view! {
            <tr class=ROW>
                <td class=CELL>{member.email} {itself.then_some(" (you)")}</td>
                <td class=CELL>{member.role.as_str()}</td>
                <td class=FIGURE>
                    <Ago at=member.joined_at />
                </td>
                <td class=FIGURE>
                    {word
                        .map(|word| {
                            view! {
                                <ButtonLink href=href tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                                    {word}
                                </ButtonLink>
                            }
                        })}
                </td>
            </tr>
        }
    };
    let rows = move || sort.rows(items.clone()).into_iter().map(&row).collect_view();
    view! {
        <Table label="Members" columns=MEMBER_COLUMNS sorts=sort.heads()>
            {rows}
        </Table>
        {next.map(|href| view! { <p><ButtonLink href=href>"Next page"</ButtonLink></p> })}
    }
}

const INVITATION_COLUMNS: &[Column] = &[
    Column::Words("E-mail"),
    Column::Words("Role"),
    Column::Words("Status"),
    Column::Figures("Ends"),
    Column::Actions("Actions"),
];

#[component]
fn InvitationTable(invitations: Vec<InvitationView>) -> impl IntoView {
    let row = |invitation: InvitationView| {
        let (tone, word) = match invitation.status {
            InvitationStatus::Open => (Tone::Wait, "Waiting"),
            InvitationStatus::Expired => (Tone::Ended, "Expired"),
            InvitationStatus::Accepted => (Tone::Ok, "Accepted"),
            InvitationStatus::Revoked => (Tone::Ended, "Withdrawn"),
        };
        let href = paths::with_query(&paths::members(), &[("invitation", &invitation.id)]);
        let label = format!("Change the invitation of {}", invitation.email);
        view! {
            <tr class=ROW>
                <td class=CELL>{invitation.email}</td>
                <td class=CELL>{invitation.role.as_str()}</td>
                <td class=CELL>
                    <Badge tone=tone label=word />
                </td>
                <td class=FIGURE>
                    <Until at=invitation.expires_at />
                </td>
                <td class=FIGURE>
                    <ButtonLink href=href tone=ButtonTone::Quiet size=ButtonSize::Small attr:aria-label=label>
                        "Change"
                    </ButtonLink>
                </td>
            </tr>
        }
    };
    view! {
        <h2 class="font-semibold">"Invitations"</h2>
        <Table label="Invitations" columns=INVITATION_COLUMNS>
            {invitations.into_iter().map(row).collect_view()}
        </Table>
    }
}
