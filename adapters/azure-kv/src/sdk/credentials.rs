//! How the custodian signs in.

mod cautious;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::http::ClientOptions;
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions,
    ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
    WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};

use self::cautious::Cautious;
use super::token_resource::TokenResource;

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const SECRET: &str = "AZURE_CLIENT_SECRET";
const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";

/// How the custodian signs in. What a server has is taken, and nothing that a developer may have
/// signed in with on the same machine.
#[derive(Clone)]
pub struct AzureCredentials {
    way: Way,
    /// The address of Entra ID, where it is not the public one.
    authority: Option<String>,
}

#[derive(Clone)]
enum Way {
    /// The token of a Kubernetes service account.
    Workload {
        tenant: String,
        client: String,
        token_file: PathBuf,
    },
    /// The secret of an application.
    ClientSecret {
        tenant: String,
        client: String,
        secret: Secret,
    },
    /// The identity of the machine, or the one of these that has this client id.
    Managed { client: Option<String> },
}

impl AzureCredentials {
    /// Finds out by the variables that Azure's libraries share: the first that is there of
    /// `AZURE_FEDERATED_TOKEN_FILE` (workload identity), `AZURE_CLIENT_SECRET`, and the managed
    /// identity of the machine.
    ///
    /// # Errors
    /// When a variable that belongs to the way is missing.
    pub fn from_environment() -> Result<Self, IncompleteCredentials> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The same by the variables that `find` finds.
    ///
    /// # Errors
    /// As for [`from_environment`](Self::from_environment).
    pub fn from_variables(
        find: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, IncompleteCredentials> {
        // An empty variable is how many a manifest says that there is none.
        let find = |name| find(name).filter(|value| !value.is_empty());
        let need = |name, because| find(name).ok_or(IncompleteCredentials { name, because });
        let way = if let Some(token_file) = find(TOKEN_FILE) {
            Way::Workload {
                tenant: need(TENANT, TOKEN_FILE)?,
                client: need(CLIENT, TOKEN_FILE)?,
                token_file: token_file.into(),
            }
        } else if let Some(secret) = find(SECRET) {
            Way::ClientSecret {
                tenant: need(TENANT, SECRET)?,
                client: need(CLIENT, SECRET)?,
                secret: secret.into(),
            }
        } else {
            Way::Managed {
                client: find(CLIENT),
            }
        };
        let authority = find(AUTHORITY);
        Ok(Self { way, authority })
    }

    /// What the operator calls this way.
    pub const fn name(&self) -> &'static str {
        match self.way {
            Way::Workload { .. } => "workload identity",
            Way::ClientSecret { .. } => "client secret",
            Way::Managed { .. } => "managed identity",
        }
    }

    /// A credential that asks the identity service by `client_options`.
    ///
    /// # Errors
    /// When there is no token file, or the address of the identity service is none.
    pub(super) fn open(
        &self,
        mut client_options: ClientOptions,
        only_for: Option<&TokenResource>,
    ) -> azure_core::Result<Arc<dyn TokenCredential>> {
        if let Some(authority) = &self.authority {
            let mut cloud = CustomConfiguration::default();
            cloud.authority_host.clone_from(authority);
            client_options.cloud = Some(Arc::new(cloud.into()));
        }
        let way = self.way.clone();
        let open = move || way.open(client_options.clone());
        // Opened once to tell what is wrong with it.
        drop(open()?);
        let only_for = only_for.map(TokenResource::scope);
        Ok(Arc::new(Cautious::new(Box::new(open), only_for)))
    }
}

impl Way {
    fn open(&self, client_options: ClientOptions) -> azure_core::Result<Arc<dyn TokenCredential>> {
        Ok(match self {
            Self::Workload {
                tenant,
                client,
                token_file,
            } => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                client_id: Some(client.clone()),
                tenant_id: Some(tenant.clone()),
                token_file_path: Some(token_file.clone()),
            }))?,
            Self::ClientSecret {
                tenant,
                client,
                secret,
            } => ClientSecretCredential::new(
                tenant,
                client.clone(),
                secret.clone(),
                Some(ClientSecretCredentialOptions { client_options }),
            )?,
            Self::Managed { client } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client.clone().map(UserAssignedId::ClientId),
                    client_options,
                }))?
            }
        })
    }
}

impl fmt::Debug for AzureCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A variable is there, and one that belongs to it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{because} is set and {name} is not: set both, or neither to use the managed identity of the machine"
)]
pub struct IncompleteCredentials {
    name: &'static str,
    because: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<AzureCredentials, IncompleteCredentials> {
        AzureCredentials::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_first_way_that_is_there_is_taken() {
        let ids = [(TENANT, "t"), (CLIENT, "c")];
        let way = |more: &[(&str, &str)]| read(&[&ids[..], more].concat()).unwrap().name();
        assert_eq!(
            way(&[(SECRET, "s"), (TOKEN_FILE, "/f")]),
            "workload identity"
        );
        assert_eq!(way(&[(SECRET, "s")]), "client secret");
        assert_eq!(way(&[(SECRET, "s"), (TOKEN_FILE, "")]), "client secret");
        assert_eq!(way(&[]), "managed identity");
        assert_eq!(read(&[]).unwrap().name(), "managed identity");
    }

    #[test]
    fn a_way_that_is_there_by_half_is_refused() {
        let refusal = read(&[(SECRET, "s"), (CLIENT, "c")]).unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "AZURE_CLIENT_SECRET is set and AZURE_TENANT_ID is not: set both, or neither to use the \
             managed identity of the machine"
        );
        read(&[(TOKEN_FILE, "/f"), (TENANT, "t")]).unwrap_err();
    }

    #[test]
    fn debug_shows_no_secret() {
        let secret = "not-to-be-shown";
        let credentials = read(&[(SECRET, secret), (TENANT, "t"), (CLIENT, "c")]).unwrap();
        assert_eq!(format!("{credentials:?}"), "client secret");
    }
}
