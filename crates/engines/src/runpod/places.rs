//! In which data centres a pod may run: the node's list, the pod's list, and what the catalogue knows.
//! It fails closed: if nothing remains, nothing is rented.
use kubelet::ProviderError;

/// Where a pod may run, and what is worth an event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Empty = anywhere.
    pub(super) allowed: Vec<String>,
    /// Ids that the pod asked for and does not get, with the reason.
    pub(super) dropped: Vec<String>,
}

/// Upper case, as the provider writes its ids.
pub(super) fn normal(ids: &[String]) -> Vec<String> {
    super::annotations::split(&ids.join(",").to_uppercase())
}

/// `known` are the data centres of the catalogue; `None` if it could not be read, and then ids are not judged by it.
///
/// # Errors
/// [`ProviderError::Waiting`] if a list was given and nothing of it remains.
pub(super) fn allowed(node: &[String], pod: &[String], known: Option<&[String]>) -> Result<Places, ProviderError> {
    let (node, pod) = (normal(node), normal(pod));
    if pod.is_empty() {
        return Ok(Places { allowed: node, dropped: Vec::new() });
    }
    let mut places = Places::default();
    for id in &pod {
        if known.is_some_and(|known| !known.contains(id)) {
            places.dropped.push(format!("{id} is no data centre of the catalogue"));
        } else if !node.is_empty() && !node.contains(id) {
            places.dropped.push(format!("{id} is not among the data centres of this node"));
        } else {
            places.allowed.push(id.clone());
        }
    }
    if places.allowed.is_empty() {
        let (pod, node) = (pod.join(", "), if node.is_empty() { "any".to_owned() } else { node.join(", ") });
        let message = format!("No allowed data centre remains: the pod asks for {pod}, this node allows {node}");
        return Err(ProviderError::Refused { reason: "DatacenterNotAllowed", message });
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        super::super::annotations::split(text)
    }

    fn of(node: &str, pod: &str) -> Result<(String, usize), ProviderError> {
        let known = ids("EU-RO-1,US-TX-3,CA-MTL-1");
        allowed(&ids(node), &ids(pod), Some(&known)).map(|places| (places.allowed.join(","), places.dropped.len()))
    }

    #[test]
    fn the_table_of_the_contract_holds() {
        assert_eq!(of("", ""), Ok((String::new(), 0)));
        assert_eq!(of("", "eu-ro-1"), Ok(("EU-RO-1".into(), 0)));
        assert_eq!(of("EU-RO-1, US-TX-3", ""), Ok(("EU-RO-1,US-TX-3".into(), 0)));
        assert_eq!(of("EU-RO-1,US-TX-3", "US-TX-3,CA-MTL-1"), Ok(("US-TX-3".into(), 1)));
        assert!(matches!(of("EU-RO-1", "US-TX-3"), Err(ProviderError::Refused { .. })), "it never falls back");
    }

    #[test]
    fn the_published_example_runs_where_the_catalogue_has_it() {
        assert_eq!(of("", "US-NJ-1,EU-RO-1"), Ok(("EU-RO-1".into(), 1)));
        assert!(of("", "US-NJ-1").is_err());
    }
}
