//! `reference`: the parts of the documentation that come out of the settings themselves.

use clap::Arg;

use crate::catalogue::{Catalogue, faces};
use crate::cli::{Reference, definition};
use crate::failure::Failure;
use crate::output;

/// Prints one of them.
pub(crate) fn reference(which: Reference, providers: &Catalogue) -> Result<(), Failure> {
    output::write(match which {
        Reference::Providers => provider_table(providers),
        Reference::Settings => settings(providers),
    })
}

/// What the table says of every provider that is for development only.
const DEV_ONLY: &str = "; **dev-only**, the boot log and `/livez` say so";

/// The table of providers.
fn provider_table(providers: &Catalogue) -> String {
    let mut table = String::from(
        "| `--key-provider` | where the private key lives | who can export it | a signature takes | \
         retiring | permissions |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for face in faces(providers) {
        for row in face.in_table {
            let way = row.way.map_or_else(String::new, |way| format!(", {way}"));
            let caution = face.dev_only.map_or("", |_why| DEV_ONLY);
            let row = format!(
                "| `{}`{way} | {}{caution} | {} | {} | {} | {} |\n",
                face.name, row.lives, row.exported_by, row.takes, row.retiring, row.permissions
            );
            table.push_str(&row);
        }
    }
    table
}

/// The settings of `serve`, a table for each heading of its help.
fn settings(providers: &Catalogue) -> String {
    let mut text =
        String::from("Each can be given as a flag or in the environment; the flag comes first.\n");
    let definition = definition(providers);
    let serve = definition.find_subcommand("serve");
    let mut tables: Vec<(&str, String)> = Vec::new();
    for arg in serve.into_iter().flat_map(clap::Command::get_arguments) {
        let heading = arg.get_help_heading().unwrap_or("Options");
        match tables.iter_mut().find(|(of, _)| *of == heading) {
            Some((_, rows)) => rows.push_str(&row(arg)),
            None => tables.push((heading, row(arg))),
        }
    }
    for (heading, rows) in tables {
        let table = format!(
            "\n### {heading}\n\n| flag | variable | default | what it is |\n| --- | --- | --- | --- |\n{rows}"
        );
        text.push_str(&table);
    }
    text
}

fn row(arg: &Arg) -> String {
    let flag = arg.get_long().unwrap_or_default();
    let value = arg.get_value_names().and_then(<[_]>::first);
    let value = value.filter(|_| arg.get_action().takes_values());
    let flag = match value {
        Some(value) => format!("`--{flag} {value}`"),
        None => format!("`--{flag}`"),
    };
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (help, variable) = without(&help, "env");
    let (help, default) = without(&help, "default");
    let cells = [flag, variable, default, help].map(|cell| cell.replace('|', "\\|"));
    format!("| {} |\n", cells.join(" | "))
}

/// A help text without the remark in brackets that opens with `word`, and what that remark says.
fn without(help: &str, word: &str) -> (String, String) {
    let parts = help
        .split_once(&format!(" [{word}: "))
        .and_then(|(front, rest)| Some((front, rest.split_once(']')?)));
    match parts {
        Some((front, (remark, end))) => (format!("{front}{end}"), remark.to_owned()),
        None => (help.to_owned(), String::new()),
    }
}
