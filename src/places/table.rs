//! Which files each setting leads to.

use std::path::{Path, PathBuf};

use signer_module::{Face, Settings};

use super::Place;
use crate::config::{Config, Source};

/// What SQLite and we keep of a registry.
const REGISTRY: [(&str, &str); 9] = [
    ("", "the database"),
    ("-wal", "the write-ahead log"),
    ("-shm", "the shared memory"),
    ("-journal", "the rollback journal"),
    (".lock", "the lock file"),
    (".new", "the draft"),
    (".new-wal", "the draft"),
    (".new-shm", "the draft"),
    (".new-journal", "the draft"),
];

/// What we keep of an audit log.
const AUDIT_LOG: [(&str, &str); 7] = [
    ("", "the log"),
    (".lock", "the lock file"),
    (".checkpoint", "the checkpoints"),
    (".checkpoint-key", "the checkpoint key"),
    (".checkpoint-key.new", "the draft"),
    (".checkpoint-key.pub", "the public checkpoint key"),
    (".checkpoint-key.pub.new", "the draft"),
];

/// What we keep of the socket.
const SOCKET: [(&str, &str); 2] = [("", "the socket"), (".lock", "the lock file")];

/// What two variables may well name alike, because neither file is ever written.
pub(super) const SHARED: &str = "the credentials";

impl Place {
    /// The registry. A link to it is followed, so what is kept beside it is beside the file itself.
    pub(crate) fn registry(setting: impl Into<String>, path: &Path) -> Self {
        let followed = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Self::new(setting.into(), &followed, &REGISTRY)
    }

    /// The audit log.
    pub(crate) fn audit_log(setting: impl Into<String>, path: &Path) -> Self {
        Self::new(setting.into(), path, &AUDIT_LOG)
    }

    fn socket(source: Source, path: &Path) -> Self {
        Self::new(source.named(), path, &SOCKET)
    }

    fn read_only(source: Source, path: &Path, what: &'static str) -> Self {
        Self::new(source.named(), path, &[("", what)])
    }
}

/// What every setting of a custodian leads to.
pub(crate) fn places_of(config: &Config, registry: &Path, audit_log: Option<&Path>) -> Vec<Place> {
    let mut places = Vec::new();
    if let Some(path) = audit_log {
        places.push(Place::audit_log(config.audit_log.source.named(), path));
    }
    places.push(Place::registry(config.registry.source.named(), registry));
    places.push(Place::socket(config.socket.source, &config.socket.value));
    for settings in &config.settings {
        let read = settings.places();
        places.extend(read.map(|(source, path, what)| Place::read_only(source, &path, what)));
    }
    let find = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let faces = config.settings.iter().map(Settings::face);
    places.extend(credentials(faces, find));
    places
}

/// The files with credentials that variables name to the libraries of these providers.
fn credentials(
    faces: impl IntoIterator<Item = &'static Face>,
    find: impl Fn(&str) -> Option<PathBuf>,
) -> impl Iterator<Item = Place> {
    let variables = faces.into_iter().flat_map(|face| face.credential_files);
    variables.filter_map(move |variable| {
        let path = find(variable).filter(|path| !path.as_os_str().is_empty())?;
        Some(Place::new((*variable).to_owned(), &path, &[("", SHARED)]))
    })
}

#[cfg(test)]
mod tests {
    use signer_domain::ProviderName;

    use super::*;
    use crate::catalogue::{PROVIDERS, faces};
    use crate::places::refuse_shared;

    #[test]
    fn only_the_variables_of_configured_providers_count_and_two_of_them_may_name_one_file() {
        let find = |_: &str| Some(PathBuf::from("/nowhere/credentials"));
        let face_of = |provider| faces(&PROVIDERS).filter(move |face| face.name == provider);
        let places = |provider| credentials(face_of(provider), find).collect::<Vec<_>>();
        assert!(places(ProviderName::new("software")).is_empty());
        let mut of_aws = places(ProviderName::new("aws-kms"));
        assert_eq!(of_aws.len(), 4);
        refuse_shared(&of_aws).unwrap();
        of_aws.push(Place::audit_log(
            "--audit-log",
            Path::new("/nowhere/credentials"),
        ));
        assert_eq!(
            refuse_shared(&of_aws).unwrap_err().to_string(),
            "AWS_CONFIG_FILE and --audit-log: /nowhere/credentials cannot be the credentials of the \
             one and the log of the other; choose another path for one of them"
        );
        assert!(
            credentials(face_of(ProviderName::new("gcp-kms")), |_| Some(
                PathBuf::new()
            ))
            .next()
            .is_none()
        );
    }
}
