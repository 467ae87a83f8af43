//! Nodes that an earlier version made under another label. What runs on them goes on under it, nothing new comes; once they
//! are empty they go, and the engine begins under its name of today. No upgrade ends a pod or leaves one behind over there.
use std::collections::HashSet;

use anyhow::Result;

use super::{Engine, Stage, home::Home};

/// What is known of the nodes that engines had under their former labels.
#[derive(Default)]
pub(super) struct Former {
    /// Ids of the engines that have none.
    none: HashSet<String>,
}

// === impl Former ===

impl Former {
    /// The engine as it is to be run; `None` while that cannot be told.
    pub(super) async fn of(&mut self, home: &Home, former: &str, engine: Engine) -> Option<Engine> {
        if self.none.contains(&engine.id) {
            return Some(engine);
        }
        match has_pods(home, former).await {
            Ok(Some(busy)) => Some(under(engine, former, busy)),
            Ok(None) => {
                self.none.insert(engine.id.clone());
                Some(engine)
            }
            Err(error) => {
                let (name, error) = (engine.name, format!("{error:#}"));
                tracing::warn!(engine.name = name, error, "Its former nodes cannot be looked for; all stays as it is");
                None
            }
        }
    }
}

/// Whether pods are on nodes of this label; `None` if there is no such node.
async fn has_pods(home: &Home, label: &str) -> Result<Option<bool>> {
    let nodes = home.nodes_of(label).await?;
    for node in nodes.keys() {
        if home.has_pods(node).await? {
            return Ok(Some(true));
        }
    }
    Ok((!nodes.is_empty()).then_some(false))
}

/// The engine under its former label, until nothing runs there any more.
pub(super) fn under(engine: Engine, former: &str, busy: bool) -> Engine {
    let stage = match engine.stage {
        Stage::Open | Stage::Closed if busy => Stage::Closed,
        // A pod may come before its nodes are closed: nobody agreed to its end.
        Stage::Open | Stage::Closed | Stage::Emptying => Stage::Emptying,
        Stage::Ending => Stage::Ending,
        Stage::Forgotten => Stage::Forgotten,
    };
    Engine { name: former.to_owned(), stage, ..engine }
}
