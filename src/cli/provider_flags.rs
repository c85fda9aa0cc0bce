//! The flags of the providers, which come out of their faces.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, CommandFactory as _, FromArgMatches as _};
use signer_domain::KnownProviders;
use signer_module::{Face, Kind};

use super::Cli;
use crate::catalogue::{Catalogue, TOKEN, faces, known};

/// What was typed of the providers' flags. Never shown, for one of them may be a secret.
#[derive(Clone, Default)]
pub(crate) struct TypedFlags(BTreeMap<&'static str, String>);

impl TypedFlags {
    /// The value of `flag`.
    pub(crate) fn value_of(&self, flag: &str) -> Option<&String> {
        self.0.get(flag)
    }

    /// The flags behind the innermost command of a line.
    fn of(line: &ArgMatches, providers: &Catalogue) -> Self {
        let mut innermost = line;
        while let Some((_, below)) = innermost.subcommand() {
            innermost = below;
        }
        let flags = faces(providers).flat_map(|face| face.flags);
        let typed = flags.filter_map(|flag| {
            let value = innermost.try_get_one::<String>(flag.name).ok().flatten()?;
            Some((flag.name, value.clone()))
        });
        Self(typed.collect())
    }
}

impl fmt::Debug for TypedFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Cli {
    /// Reads a command line.
    ///
    /// # Errors
    /// When it is refused, or asks for help or the version.
    pub(crate) fn read<T: Into<OsString> + Clone>(
        line: impl IntoIterator<Item = T>,
        providers: &Catalogue,
    ) -> Result<Self, clap::Error> {
        let mut definition = definition(providers);
        let matches = definition.try_get_matches_from_mut(line)?;
        let read = Self::from_arg_matches(&matches);
        let mut cli = read.map_err(|refused| refused.format(&mut definition))?;
        cli.typed = TypedFlags::of(&matches, providers);
        Ok(cli)
    }
}

/// The whole command line.
pub(crate) fn definition(providers: &Catalogue) -> Command {
    let every = || faces(providers).flat_map(|face| face.flags);
    let serve = |serve: Command| {
        let with_flags = faces(providers).fold(serve, with_flags_of);
        with_flags
            .mut_arg("dev", |dev| {
                dev.conflicts_with_all(every().map(|flag| flag.name))
            })
            .mut_arg("key_provider", |key_provider| {
                key_provider.help(format!(
                    "A provider of keys: {}; may be repeated, and the first serves 'generate' [env: \
                     PLEXSPHERE_SIGNER_KEY_PROVIDER, a comma list]",
                    listed(providers)
                ))
            })
    };
    let pkcs11 = |pkcs11: Command| {
        let commands = ["mechanisms", "check", "accept-token"];
        commands.into_iter().fold(pkcs11, |pkcs11, name| {
            pkcs11.mut_subcommand(name, |command| with_flags_of(command, &TOKEN))
        })
    };
    let defined = Cli::command()
        .mut_subcommand("serve", serve)
        .mut_subcommand("pkcs11", pkcs11);
    judged_by(&known(providers), defined)
}

/// The command with what names a provider judged by those that are known.
fn judged_by(known: &KnownProviders, command: Command) -> Command {
    command
        .mut_subcommands(|below| judged_by(known, below))
        .mut_args(|arg| {
            let known = known.clone();
            match arg.get_id().as_str() {
                "provider" => arg.value_parser(move |text: &str| known.parse_name(text)),
                "handle" => arg.value_parser(move |text: &str| known.parse_handle(text)),
                _ => arg,
            }
        })
}

/// The command line for a shell that completes words. Here a value that is none of those offered would be
/// refused in the words of a library, and not in ours.
pub(crate) fn completable(providers: &Catalogue) -> Command {
    let names = || PossibleValuesParser::new(faces(providers).map(|face| face.name.as_str()));
    let serve = |serve: Command| {
        let flags = faces(providers).flat_map(|face| face.flags);
        let with_choices = flags.fold(serve, |serve, flag| match flag.kind {
            Kind::Choice(words) => serve.mut_arg(flag.name, |arg| {
                arg.value_parser(PossibleValuesParser::new(words))
            }),
            Kind::Path { .. } | Kind::SecretFile { .. } => {
                serve.mut_arg(flag.name, |arg| arg.value_hint(clap::ValueHint::FilePath))
            }
            Kind::Text | Kind::Url | Kind::Secret | Kind::Number { .. } | Kind::Duration { .. } => {
                serve
            }
        });
        with_choices.mut_arg("key_provider", |arg| arg.value_parser(names()))
    };
    let with_provider =
        |command: Command| command.mut_arg("provider", |arg| arg.value_parser(names()));
    definition(providers)
        .mut_subcommand("serve", serve)
        .mut_subcommand("keys", |keys| {
            keys.mut_subcommand("generate", with_provider)
        })
        .mut_subcommand("rotations", |rotations| {
            rotations.mut_subcommand("open", with_provider)
        })
}

/// The names of the providers, as in "a, b or c".
fn listed(providers: &Catalogue) -> String {
    let names: Vec<&str> = faces(providers).map(|face| face.name.as_str()).collect();
    match names.split_last() {
        Some((last, others)) if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}

fn with_flags_of(command: Command, face: &'static Face) -> Command {
    let args = face.flags.iter().map(|flag| {
        let others = face.one_of.iter().filter(|[one, _]| *one == flag.name);
        Arg::new(flag.name)
            .long(flag.name.trim_start_matches('-'))
            .value_name(flag.value)
            .help(flag.help_text())
            .help_heading(face.heading)
            .conflicts_with_all(others.map(|[_, other]| *other))
    });
    command.args(args)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::PROVIDERS;

    #[test]
    fn what_was_typed_is_never_shown() {
        let line = ["x", "serve", "--pkcs11-pin", "throw-away-4711"];
        let cli = Cli::read(line, &PROVIDERS).unwrap();
        let typed = cli.typed.value_of("--pkcs11-pin");
        assert_eq!(typed.map(String::as_str), Some("throw-away-4711"));
        let shown = format!("{cli:?} {cli:#?}");
        assert!(!shown.contains("4711"), "{shown}");
    }

    #[test]
    fn the_definition_is_sound_with_the_flags_of_every_provider() {
        definition(&PROVIDERS).debug_assert();
        completable(&PROVIDERS).debug_assert();
    }

    #[test]
    fn the_flags_of_a_token_are_taken_by_its_commands_too() {
        for command in ["mechanisms", "check", "accept-token"] {
            let line = ["x", "pkcs11", command, "--pkcs11-slot", "7"];
            let cli = Cli::read(line, &PROVIDERS).unwrap();
            assert_eq!(cli.typed.value_of("--pkcs11-slot"), Some(&"7".to_owned()));
        }
    }
}
