//! The order of a list that comes in pages: `?sort=name&order=desc`, and cursors that know which order they belong to.
//!
//! Ids begin with the time they were made at, so the order of ids is that of making and needs no column of its own.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::page::PageRequest;
use crate::{Error, Result};

// Hyphenated UUIDs.
const ID_LENGTH: usize = 36;
// Before the id in cursors of what happened, the oldest first. Without it they lead to what is older, as ever.
const UPWARDS: &str = "asc-";

/// What a list is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum SortBy {
    /// When it was made.
    #[default]
    Created,
    /// What people call it, small and capital letters alike.
    Name,
}

/// Which way a list goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Upwards: the oldest first, or A.
    #[default]
    Asc,
    /// Downwards: the newest first, or Z.
    Desc,
}

/// The order of a list; things made at the same moment or of one name follow by their ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Order {
    /// What it is sorted by.
    pub by: SortBy,
    /// Which way it goes.
    pub direction: Direction,
}

/// The last row of the page before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its name, as it was then; empty where the order is not by name.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// What part of a list in an order is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderedRequest {
    /// Rows per page, 1 to 200.
    pub limit: u32,
    /// The order.
    pub order: Order,
    /// The row after which to go on.
    pub after: Option<Place>,
}

// === impl SortBy ===

impl SortBy {
    const ALL: [Self; 2] = [Self::Created, Self::Name];

    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Name => "name",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.as_str() == word)
    }
}

// === impl Direction ===

impl Direction {
    const ALL: [Self; 2] = [Self::Asc, Self::Desc];

    /// The word in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asc => "asc",
            Self::Desc => "desc",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|direction| direction.as_str() == word)
    }

    /// Of a list of what happened, as the console's addresses have it: `created` for the oldest first, else the newest.
    pub fn in_address(sort: &str) -> Self {
        if sort == SortBy::Created.as_str() { Self::Asc } else { Self::Desc }
    }

    /// Of a list of what happened, which can go by time alone: the cursor after the row of this id.
    pub fn cursor(self, id: &str) -> String {
        match self {
            Self::Asc => format!("{UPWARDS}{id}"),
            Self::Desc => id.to_owned(),
        }
    }

    /// The page of such a list that came in a query string.
    ///
    /// # Errors
    /// As [`OrderedRequest::new`].
    pub fn page(self, limit: Option<u32>, cursor: Option<String>) -> Result<PageRequest> {
        let Some(cursor) = cursor else { return PageRequest::new(limit, None) };
        let upwards = cursor.strip_prefix(UPWARDS).map(str::to_owned);
        match (self, upwards) {
            (Self::Asc, Some(id)) => PageRequest::new(limit, Some(id)),
            (Self::Desc, None) => PageRequest::new(limit, Some(cursor)),
            _ => Err(of_another_order()),
        }
    }
}

// === impl Order ===

impl Order {
    /// As the console's addresses have it: `name` upwards, `-name` downwards. What is no order is the usual one.
    pub fn in_address(text: &str) -> Self {
        let (direction, word) = match text.strip_prefix('-') {
            Some(word) => (Direction::Desc, word),
            None => (Direction::Asc, text),
        };
        SortBy::parse(word).map_or_else(Self::default, |by| Self { by, direction })
    }

    /// Where the next page begins: after the row of this name and id.
    pub fn cursor(self, name: &str, id: &str) -> String {
        let direction = self.direction.as_str();
        match self.by {
            // As cursors were before lists had orders: what programs keep stays good.
            SortBy::Created if self.direction == Direction::Asc => id.to_owned(),
            SortBy::Created => format!("created-{direction}-{id}"),
            // With the name, because the row may have another one, or be gone, when the next page is asked for.
            SortBy::Name => format!("name-{direction}-{id}-{}", hex(name)),
        }
    }

    /// The place that a cursor of this order names.
    fn place(self, cursor: &str) -> Result<Place> {
        match Place::read(cursor) {
            Some((order, place)) if order == self => Ok(place),
            Some(_) => Err(of_another_order()),
            None => Err(Error::field("cursor", "unknown", "Unknown cursor")),
        }
    }
}

fn of_another_order() -> Error {
    let message = "This cursor belongs to another order: ask in the order of the page it came with";
    Error::field("cursor", "order", message)
}

// === impl Place ===

impl Place {
    /// What [`Order::cursor`] wrote.
    fn read(cursor: &str) -> Option<(Order, Self)> {
        if is_id(cursor) {
            return Some((Order::default(), Self { name: String::new(), id: cursor.to_owned() }));
        }
        let (by, rest) = cursor.split_once('-')?;
        let (direction, rest) = rest.split_once('-')?;
        let order = Order { by: SortBy::parse(by)?, direction: Direction::parse(direction)? };
        let (id, rest) = rest.split_at_checked(ID_LENGTH)?;
        let name = match order.by {
            SortBy::Created => rest.is_empty().then(String::new)?,
            SortBy::Name => unhex(rest.strip_prefix('-')?)?,
        };
        is_id(id).then(|| (order, Self { name, id: id.to_owned() }))
    }
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH && Uuid::try_parse(text).is_ok()
}

/// Names hold what no address may; cursors are letters, digits and `-`.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// Nothing for what is no name: a database would refuse some of it.
fn unhex(text: &str) -> Option<String> {
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let bytes = (0..text.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>()?;
    String::from_utf8(bytes).ok().filter(|name| !name.chars().any(char::is_control))
}

// === impl OrderedRequest ===

impl Default for OrderedRequest {
    fn default() -> Self {
        PageRequest::default().into()
    }
}

impl From<PageRequest> for OrderedRequest {
    /// In the usual order.
    fn from(page: PageRequest) -> Self {
        let after = page.after.map(|id| Place { name: String::new(), id });
        Self { limit: page.limit, order: Order::default(), after }
    }
}

impl OrderedRequest {
    /// Checks what came in a query string.
    ///
    /// # Errors
    /// [`Error::Invalid`] on `limit` outside 1 to 200, on a `cursor` we never gave, and on one of another order.
    pub fn new(limit: Option<u32>, cursor: Option<String>, order: Order) -> Result<Self> {
        let limit = PageRequest::new(limit, None)?.limit;
        let after = cursor.map(|cursor| order.place(&cursor)).transpose()?;
        Ok(Self { limit, order, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "019c1b2e-7f00-7abc-8def-0123456789ab";
    const ORDERS: [&str; 4] = ["created", "-created", "name", "-name"];

    fn refusal(cursor: &str, order: Order) -> String {
        OrderedRequest::new(None, Some(cursor.to_owned()), order).unwrap_err().to_string()
    }

    #[test]
    fn a_cursor_leads_on_in_its_own_order_and_is_refused_in_every_other() {
        for given in ORDERS.map(Order::in_address) {
            let cursor = given.cursor("Ünder – 100 %", ID);
            assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{cursor}");
            for asked in ORDERS.map(Order::in_address) {
                let answer = OrderedRequest::new(None, Some(cursor.clone()), asked);
                if asked == given {
                    let name = if given.by == SortBy::Name { "Ünder – 100 %" } else { "" };
                    assert_eq!(answer.unwrap().after, Some(Place { name: name.into(), id: ID.into() }));
                } else {
                    assert!(answer.unwrap_err().to_string().contains("another order"), "{given:?} {asked:?}");
                }
            }
        }
    }

    #[test]
    fn a_cursor_from_before_lists_had_orders_stays_good() {
        assert_eq!(Order::default().cursor("any", ID), ID);
        let before = PageRequest { limit: 50, after: Some(ID.to_owned()) };
        assert_eq!(OrderedRequest::new(None, Some(ID.to_owned()), Order::default()).unwrap(), before.into());
    }

    #[test]
    fn a_cursor_of_what_happened_leads_one_way_only() {
        for way in Direction::ALL {
            let page = way.page(Some(7), Some(way.cursor(ID))).unwrap();
            assert_eq!(page, PageRequest { limit: 7, after: Some(ID.to_owned()) });
            let other = if way == Direction::Asc { Direction::Desc } else { Direction::Asc };
            assert!(other.page(None, Some(way.cursor(ID))).unwrap_err().to_string().contains("another order"));
        }
        assert_eq!(Direction::Desc.cursor(ID), ID, "as it was before lists had orders");
    }

    #[test]
    fn what_no_list_gave_is_no_cursor() {
        let name = |hex: &str| format!("name-asc-{ID}-{hex}");
        let made_up = [
            String::new(),
            "nonsense".into(),
            format!("size-asc-{ID}"),
            format!("name-up-{ID}-61"),
            format!("name-asc-{ID}"),
            format!("created-desc-{ID}-61"),
            format!("created-desc-{}", &ID[1..]),
            "name-asc-019c1b2e-7f00-7abc-8def-01234567é89".into(),
            name("6"),
            name("zz"),
            name("00"),
            name("ff"),
        ];
        for cursor in made_up {
            assert!(refusal(&cursor, Order::in_address("name")).contains("Unknown cursor"), "{cursor}");
        }
        assert!(OrderedRequest::new(Some(0), None, Order::default()).is_err());
    }

    #[test]
    fn an_address_names_a_column_and_a_direction() {
        assert_eq!(Order::in_address("-name"), Order { by: SortBy::Name, direction: Direction::Desc });
        for usual in ["", "created", "-", "-size", "--name"] {
            assert_eq!(Order::in_address(usual), Order::default(), "{usual}");
        }
    }
}
