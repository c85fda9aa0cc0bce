//! What every binary knows of a provider, whether or not it holds it.

use signer_domain::ProviderName;

use crate::flag::Flag;

/// A provider as the program shows it.
#[derive(Debug)]
pub struct Face {
    /// Its name.
    pub name: ProviderName,
    /// Why it is for development only, if it is. The boot log then says so, and `/livez`.
    pub dev_only: Option<&'static str>,
    /// What stands above its settings in the help.
    pub heading: &'static str,
    /// Its settings, in the order of the help.
    pub flags: &'static [Flag],
    /// Settings of which only one may be said: what is typed comes before the environment.
    pub one_of: &'static [[&'static str; 2]],
    /// The variables that name a file with credentials to the library of its service.
    pub credential_files: &'static [&'static str],
    /// What opens the log targets of libraries that repeat a credential when they complain. The adapter
    /// tells what is wrong; nothing of these is ever logged.
    pub silenced: &'static [&'static str],
    /// What the documentation tells of it, a row for each way in which it can be used.
    pub in_table: &'static [TableRow],
}

/// A row of the table of providers in the documentation. Links start at `docs/`, where it stands.
#[derive(Debug)]
pub struct TableRow {
    /// How it is used, where there are several ways.
    pub way: Option<&'static str>,
    /// Where the private key lives.
    pub lives: &'static str,
    /// Who can export it.
    pub exported_by: &'static str,
    /// How long a signature takes.
    pub takes: &'static str,
    /// What retiring does.
    pub retiring: &'static str,
    /// What it must be allowed to do.
    pub permissions: &'static str,
}

impl Face {
    /// A face without settings.
    pub const fn bare(name: ProviderName) -> Self {
        Self {
            name,
            dev_only: None,
            heading: "",
            flags: &[],
            one_of: &[],
            credential_files: &[],
            silenced: &[],
            in_table: &[],
        }
    }

    /// The setting that may be said in the place of this one.
    pub(crate) fn other_than(&self, name: &str) -> Option<&'static str> {
        let others = self.one_of.iter().filter_map(|[one, other]| {
            let other_of_one = (*one == name).then_some(*other);
            other_of_one.or_else(|| (*other == name).then_some(*one))
        });
        others.into_iter().next()
    }
}
