//! The form of a new Service as typed, and how it is read: the same rule in the browser and on the server.

use domain::service::NewService;
use domain::{Error, FieldError, Result};

/// Reads and checks the form.
///
/// # Errors
/// [`Error::Invalid`] with every wrong field at once.
pub fn read(name: &str, deployment: &str, port: &str, target_port: &str, outside: bool) -> Result<NewService> {
    let mut wrong = Vec::new();
    let mut number = |field: &str, text: &str| {
        text.parse().unwrap_or_else(|_| {
            wrong.push(FieldError::new(field, "format", "A port lies between 1 and 65535"));
            1
        })
    };
    let port = number("port", port.trim());
    let target_port = Some(target_port.trim()).filter(|text| !text.is_empty());
    let target_port = target_port.map(|text| number("target_port", text));
    // Without a name it is called as its deployment is, as kubectl does it.
    let name = Some(name.trim()).filter(|name| !name.is_empty()).unwrap_or(deployment);
    let new = NewService { name: name.to_owned(), deployment: deployment.to_owned(), port, target_port, outside };
    if let Err(Error::Invalid(errors)) = new.check() {
        wrong.extend(errors);
    }
    if wrong.is_empty() { Ok(new) } else { Err(Error::Invalid(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_kubectl_takes() {
        let read = read("", "web", "80", " ", true).unwrap();
        let (name, deployment) = ("web".to_owned(), "web".to_owned());
        assert_eq!(read, NewService { name, deployment, port: 80, target_port: None, outside: true });
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let Err(Error::Invalid(errors)) = read("Web", "web", "many", "99999", false) else { panic!("it was read") };
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, ["port", "target_port", "name"]);
    }
}
