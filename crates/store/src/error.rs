//! The rim: errors of the database become `domain::Error` here, and no URL, statement or value goes with them.

use domain::Error;

/// Not reached, too busy, broken off: `Unavailable`, worth trying again. Everything else is a fault of ours.
pub(crate) fn translate(error: sqlx::Error) -> Error {
    use sqlx::Error as E;
    let passing = match &error {
        E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => true,
        E::Database(cause) => cause.code().is_some_and(|code| is_passing(&code)),
        _ => false,
    };
    if passing { Error::database(error) } else { Error::internal(error) }
}

/// A statement broke a UNIQUE rule.
pub(crate) fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.is_unique_violation())
}

/// A statement pointed at a row that is gone.
pub(crate) fn is_dangling(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|e| e.is_foreign_key_violation())
}

/// PostgreSQL gives a SQLSTATE, always five characters; SQLite a result code, at most four, its low byte the primary one.
fn is_passing(code: &str) -> bool {
    if code.len() == 5 {
        return is_passing_sqlstate(code);
    }
    // 5 BUSY, 6 LOCKED, 7 NOMEM, 10 IOERR, 13 FULL, 14 CANTOPEN, 15 PROTOCOL
    code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6 | 7 | 10 | 13 | 14 | 15))
}

/// Classes 08 connection, 28 wrong password, 40 serialisation and deadlock, 53 resources, 57P shutdown, 58 system;
/// 3D000 no such database; 55P03 and 57014 our own lock and statement limits.
fn is_passing_sqlstate(code: &str) -> bool {
    let classes = ["08", "28", "40", "53", "57P", "58", "3D000", "55P03", "57014"];
    classes.iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_or_lost_database_is_worth_another_try_and_a_broken_rule_is_not() {
        for passing in ["5", "517", "261", "10", "14", "08006", "40P01", "53300", "57P01", "57014", "55P03"] {
            assert!(is_passing(passing), "{passing}");
        }
        for ours in ["1", "19", "2067", "787", "23505", "42P01", "22P02", "57000", ""] {
            assert!(!is_passing(ours), "{ours}");
        }
    }

    #[test]
    fn a_pool_that_gave_no_connection_in_time_is_unavailable() {
        assert!(matches!(translate(sqlx::Error::PoolTimedOut), Error::Unavailable { .. }));
        assert!(matches!(translate(sqlx::Error::RowNotFound), Error::Internal(_)));
    }
}
