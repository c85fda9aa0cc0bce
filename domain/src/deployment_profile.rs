//! Which scopes an installation serves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Scope;

/// What kind of installation this is, and so which scopes it serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum DeploymentProfile {
    /// Many tenants in one installation: each domain has keys of its own.
    Saas,
    /// One organisation, one domain: the platform scope is served too.
    SelfhostedSingle,
    /// One organisation, many domains: each domain has keys of its own.
    SelfhostedMulti,
}

impl DeploymentProfile {
    /// The name on the command line and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Saas => "saas",
            Self::SelfhostedSingle => "selfhosted-single",
            Self::SelfhostedMulti => "selfhosted-multi",
        }
    }

    /// Decides whether this installation serves `scope`.
    ///
    /// # Errors
    /// When the profile requires keys per domain and `scope` is the platform.
    pub const fn permit(self, scope: Scope) -> Result<(), ScopeNotPermitted> {
        match (self, scope) {
            (Self::SelfhostedSingle, Scope::Platform | Scope::Domain(_))
            | (Self::Saas | Self::SelfhostedMulti, Scope::Domain(_)) => Ok(()),
            (Self::Saas | Self::SelfhostedMulti, Scope::Platform) => Err(ScopeNotPermitted {
                scope,
                profile: self,
            }),
        }
    }

    const fn rule(self) -> &'static str {
        match self {
            Self::Saas => "SaaS deployments require per-Domain keys",
            Self::SelfhostedSingle => "every scope is served",
            Self::SelfhostedMulti => "multi-Domain installations require per-Domain keys",
        }
    }
}

impl fmt::Display for DeploymentProfile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DeploymentProfile {
    type Err = ParseDeploymentProfileError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Saas, Self::SelfhostedSingle, Self::SelfhostedMulti]
            .into_iter()
            .find(|profile| profile.as_str() == text)
            .ok_or(ParseDeploymentProfileError)
    }
}

impl TryFrom<String> for DeploymentProfile {
    type Error = ParseDeploymentProfileError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DeploymentProfile> for &'static str {
    fn from(profile: DeploymentProfile) -> Self {
        profile.as_str()
    }
}

/// The text is not a deployment profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of saas, selfhosted-single, selfhosted-multi")]
pub struct ParseDeploymentProfileError;

/// The deployment profile does not serve the scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopeNotPermitted {
    scope: Scope,
    profile: DeploymentProfile,
}

impl fmt::Display for ScopeNotPermitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, profile } = self;
        let rule = profile.rule();
        write!(
            f,
            "signing scope \"{scope}\" not permitted in profile \"{profile}\": {rule}"
        )
    }
}

impl std::error::Error for ScopeNotPermitted {}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn only_a_single_domain_installation_serves_the_platform_scope() {
        assert_eq!(
            DeploymentProfile::SelfhostedSingle.permit(Scope::Platform),
            Ok(())
        );
        assert_eq!(
            DeploymentProfile::Saas
                .permit(Scope::Platform)
                .unwrap_err()
                .to_string(),
            "signing scope \"platform\" not permitted in profile \"saas\": \
             SaaS deployments require per-Domain keys"
        );
        assert_eq!(
            DeploymentProfile::SelfhostedMulti
                .permit(Scope::Platform)
                .unwrap_err()
                .to_string(),
            "signing scope \"platform\" not permitted in profile \"selfhosted-multi\": \
             multi-Domain installations require per-Domain keys"
        );
    }

    #[test]
    fn every_profile_serves_domains() {
        for name in ["saas", "selfhosted-single", "selfhosted-multi"] {
            let profile: DeploymentProfile = name.parse().unwrap();
            assert_eq!(profile.permit(Scope::Domain(Uuid::nil())), Ok(()));
        }
    }
}
