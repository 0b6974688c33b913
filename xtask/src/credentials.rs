//! The credentials that the catalogue names: one pair of variables for each
//! organization.

use std::collections::BTreeMap;

use oci::registry::{Credential, Credentials, Secret};
use ui::Failure;

use crate::catalogue::Organization;

/// Adds the credentials of the organizations of `registry` whose variables
/// are set.
pub(crate) fn of_organizations(
    mut credentials: Credentials,
    organizations: &BTreeMap<String, Organization>,
    registry: &str,
) -> Result<Credentials, Failure> {
    for (name, organization) in organizations {
        let Organization { username, password } = organization;
        let value = |name: &String| std::env::var(name).ok().filter(|text| !text.is_empty());
        match (value(username), value(password)) {
            (Some(user), Some(secret)) => {
                let credential =
                    Credential::Password { username: user, password: Secret::new(secret) };
                let origin = format!(
                    "the variables `{username}` and `{password}`, which come before any file"
                );
                credentials = credentials.with(&format!("{registry}/{name}"), credential, &origin);
            }
            (None, None) => {}
            (Some(_), None) => return Err(half(username, password, name)),
            (None, Some(_)) => return Err(half(password, username, name)),
        }
    }
    Ok(credentials)
}

fn half(given: &str, absent: &str, organization: &str) -> Failure {
    Failure::usage(format!("`{given}` is set and `{absent}` is not"))
        .hint(format!("together they are the credentials for `{organization}` (images.yaml)"))
}
