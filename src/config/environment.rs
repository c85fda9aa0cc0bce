//! The settings that the environment holds, as text.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;

use serde::Deserialize;
use signer_module::PREFIX;

use super::text;
use crate::catalogue::{Catalogue, faces};
use crate::failure::Failure;

/// The variables with our prefix, as they were found.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Environment {
    pub(super) key_provider: Option<String>,
    pub(super) socket: Option<String>,
    pub(super) socket_mode: Option<String>,
    pub(super) health_listen: Option<String>,
    pub(super) registry: Option<String>,
    pub(super) audit_log: Option<String>,
    pub(super) deployment_profile: Option<String>,
    pub(super) overlap_window: Option<String>,
    pub(super) request_deadline: Option<String>,
    pub(super) max_in_flight: Option<String>,
    pub(super) memory_budget: Option<String>,
    pub(super) drain_timeout: Option<String>,
    pub(super) log_format: Option<String>,
    pub(super) log_level: Option<String>,
    #[serde(flatten)]
    others: Others,
}

/// The rest: settings of providers by their names in lower case, and what Kubernetes adds. Never shown, for
/// one of them may be a secret.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Others(BTreeMap<String, String>);

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Environment {
    /// Reads the variables of this process.
    ///
    /// # Errors
    /// When a variable with our prefix is not text, or is none that is obeyed: a setting that was
    /// misspelt must not be passed over.
    pub(crate) fn read(providers: &Catalogue) -> Result<Self, Failure> {
        Self::from_variables(std::env::vars_os(), providers)
    }

    /// What the environment says of a provider's flag.
    pub(super) fn value_of(&self, flag: &str) -> Option<&String> {
        self.others.0.get(&key_of(flag))
    }

    pub(super) fn from_variables(
        variables: impl IntoIterator<Item = (OsString, OsString)>,
        providers: &Catalogue,
    ) -> Result<Self, Failure> {
        let mut ours = Vec::new();
        let mut seen = BTreeSet::new();
        for (name, value) in variables {
            let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else {
                continue;
            };
            // Names are read without regard to case, and of two that are one the last would count.
            if !seen.insert(name.to_lowercase()) {
                return Err(Failure::usage(format_args!(
                    "{} is set twice, in capitals and otherwise: unset one of them",
                    name.to_uppercase()
                )));
            }
            let value = value.into_string().map_err(|_bytes| {
                Failure::usage(format_args!(
                    "{name} must be UTF-8 text: set it anew or unset it"
                ))
            })?;
            let value = text::one_line(&value).map_err(|problem| {
                Failure::usage(format_args!("{name} {problem}: set it anew or unset it"))
            })?;
            ours.push((name.to_owned(), value.to_owned()));
        }
        let found: Self = envy::prefixed(PREFIX)
            .from_iter(ours)
            .map_err(|cause| Failure::usage(format_args!("the environment is unclear: {cause}")))?;
        let flags = faces(providers).flat_map(|face| face.flags);
        let obeyed: BTreeSet<String> = flags.map(|flag| key_of(flag.name)).collect();
        let mut others = found
            .others
            .0
            .iter()
            .filter(|(name, _)| !obeyed.contains(*name));
        match others.find(|(name, value)| !describes_a_service(name, value)) {
            None => Ok(found),
            Some((name, _)) => Err(Failure::usage(format_args!(
                "{PREFIX}{} is no setting of this program: unset it, or see serve --help for those \
                 that are",
                name.to_uppercase()
            ))),
        }
    }
}

/// How the variable of a flag is found: without our prefix, in lower case.
fn key_of(flag: &str) -> String {
    flag.trim_start_matches('-').replace('-', "_")
}

/// Whether this is a variable that Kubernetes sets by itself in every pod beside a Service that is
/// named like us (<https://kubernetes.io/docs/tutorials/services/connect-applications-service/>).
fn describes_a_service(name: &str, value: &str) -> bool {
    match name {
        "service_host" | "service_port" => true,
        "port" => is_tcp_url(value),
        _ => {
            let is_named = |port: &str| !port.is_empty();
            name.strip_prefix("service_port_").is_some_and(is_named)
                || name.strip_prefix("port_").is_some_and(describes_a_port)
        }
    }
}

/// `<n>_tcp`, alone or with one of the words that Kubernetes puts behind it.
fn describes_a_port(rest: &str) -> bool {
    rest.split_once('_').is_some_and(|(number, what)| {
        number.parse::<u16>().is_ok()
            && matches!(what, "tcp" | "tcp_proto" | "tcp_port" | "tcp_addr")
    })
}

fn is_tcp_url(value: &str) -> bool {
    value
        .strip_prefix("tcp://")
        .is_some_and(|address| address.parse::<SocketAddr>().is_ok())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;
    use crate::catalogue::PROVIDERS;

    fn read(pairs: &[(&str, &str)]) -> Result<Environment, String> {
        Environment::from_variables(
            pairs
                .iter()
                .map(|(name, value)| (name.into(), value.into())),
            &PROVIDERS,
        )
        .map_err(|failure| failure.to_string())
    }

    #[test]
    fn reads_only_variables_with_the_prefix() {
        let found = read(&[
            ("PLEXSPHERE_SIGNER_SOCKET", "/a"),
            ("SOCKET_MODE", "0666"),
            ("HOME", "/root"),
        ])
        .unwrap();
        assert_eq!(found.socket.as_deref(), Some("/a"));
        assert_eq!(found.socket_mode, None);
    }

    #[test]
    fn a_setting_of_a_provider_is_found_by_its_flag_and_never_shown() {
        let found = read(&[("PLEXSPHERE_SIGNER_PKCS11_PIN", "throw-away-4711")]).unwrap();
        let value = found.value_of("--pkcs11-pin").map(String::as_str);
        assert_eq!(value, Some("throw-away-4711"));
        let shown = format!("{found:?}");
        assert!(!shown.contains("4711"), "{shown}");
    }

    #[test]
    fn refuses_two_spellings_of_one_variable_whichever_setting_it_is() {
        for setting in ["SOCKET", "PKCS11_PIN", "SOFTWARE_SEED_FILE"] {
            let capitals = format!("PLEXSPHERE_SIGNER_{setting}");
            let small = format!("PLEXSPHERE_SIGNER_{}", setting.to_lowercase());
            assert_eq!(
                read(&[(&capitals, "/a"), (&small, "/b")]).unwrap_err(),
                format!("{capitals} is set twice, in capitals and otherwise: unset one of them")
            );
        }
    }

    #[test]
    fn refuses_a_variable_that_nobody_obeys() {
        assert_eq!(
            read(&[("PLEXSPHERE_SIGNER_SOKCET", "/a")]).unwrap_err(),
            "PLEXSPHERE_SIGNER_SOKCET is no setting of this program: unset it, or see \
             serve --help for those that are"
        );
    }

    #[test]
    fn passes_over_what_kubernetes_sets_for_a_service_of_our_name() {
        read(&[
            ("PLEXSPHERE_SIGNER_SERVICE_HOST", "10.0.0.1"),
            ("PLEXSPHERE_SIGNER_SERVICE_PORT", "9090"),
            ("PLEXSPHERE_SIGNER_SERVICE_PORT_HEALTH", "9090"),
            ("PLEXSPHERE_SIGNER_PORT", "tcp://10.0.0.1:9090"),
            ("PLEXSPHERE_SIGNER_PORT_9090_TCP", "tcp://10.0.0.1:9090"),
            ("PLEXSPHERE_SIGNER_PORT_9090_TCP_PROTO", "tcp"),
            ("PLEXSPHERE_SIGNER_PORT_9090_TCP_PORT", "9090"),
            ("PLEXSPHERE_SIGNER_PORT_9090_TCP_ADDR", "10.0.0.1"),
        ])
        .unwrap();
        read(&[("PLEXSPHERE_SIGNER_PORT", "tcp://[fd00::1]:9090")]).unwrap();
    }

    #[test]
    fn refuses_what_only_looks_like_a_service() {
        for (name, value) in [
            ("PORT", "9090"),
            ("PORT", "tcp://everywhere"),
            ("HEALTH_PORT", "9090"),
            ("PORT_HEALTH", "9090"),
            ("PORT_9090", "tcp://10.0.0.1:9090"),
            ("PORT_HEALTH_TCP", "tcp://10.0.0.1:9090"),
            ("PORT_9090_TCP_MODE", "0666"),
            ("SERVICE_PORT_", "9090"),
            ("SOCKET_SERVICE_HOST", "10.0.0.1"),
        ] {
            let name = format!("PLEXSPHERE_SIGNER_{name}");
            let refusal = read(&[(&name, value)]).unwrap_err();
            let expected = format!("{name} is no setting of this program: ");
            assert!(refusal.starts_with(&expected), "{refusal}");
        }
    }

    #[test]
    fn one_line_end_behind_a_value_is_not_part_of_it() {
        for end in ["", "\n", "\r\n"] {
            let value = format!("/run/s.sock{end}");
            let found = read(&[("PLEXSPHERE_SIGNER_SOCKET", &value)]).unwrap();
            assert_eq!(found.socket.as_deref(), Some("/run/s.sock"), "{value:?}");
        }
    }

    #[test]
    fn refuses_control_characters_without_showing_the_value() {
        for value in [
            "4711\n\n",
            "\n4711",
            "47\r11",
            "4711\t",
            "4711\0",
            "\u{feff}4711",
        ] {
            assert_eq!(
                read(&[("PLEXSPHERE_SIGNER_PKCS11_PIN", value)]).unwrap_err(),
                "PLEXSPHERE_SIGNER_PKCS11_PIN must be one line of text without control characters: set it \
                 anew or unset it",
                "{value:?}"
            );
        }
    }

    #[test]
    fn refuses_bytes_that_are_no_text() {
        let variables = [(
            OsString::from("PLEXSPHERE_SIGNER_SOCKET"),
            OsString::from_vec(vec![0xff]),
        )];
        let failure = Environment::from_variables(variables, &PROVIDERS).unwrap_err();
        assert_eq!(
            failure.to_string(),
            "PLEXSPHERE_SIGNER_SOCKET must be UTF-8 text: set it anew or unset it"
        );
    }
}
