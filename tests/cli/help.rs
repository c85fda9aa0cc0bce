//! What `--help` prints and what every refusal says, as it stands in the files beside this one; and what the
//! documentation says of settings and providers. What the help says of the settings of a provider stands in
//! `help.txt` of that one's folder, and where the answers list all providers the files here say KNOWN.
//!
//! Who means to change a text records it anew and reads the difference:
//! `PLEXSPHERE_RECORD=1 cargo test -p signer-stories --test cli help::`, once as shipped and once with all providers. A new
//! case is a new line that begins with `$ `, recorded likewise.
#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod catalogue;
mod page;
mod transcript;

use std::collections::BTreeSet;

use plexsphere_signer::PROVIDERS;
use signer_test_support::is_as_shipped;

use page::Page;
use transcript::{Transcript, answer_to};

/// The commands that the help of `command` lists.
fn commands_below(command: &str, help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .map(|name| command.replace(" --help", &format!(" {name} --help")))
        .collect()
}

#[test]
fn the_help_of_every_command_is_as_recorded_whatever_providers_were_built_in() {
    let recorded = Transcript::read("help.txt");
    recorded.assert_holds();
    let told: BTreeSet<&str> = recorded.lines().collect();
    for (command, help) in recorded.entries() {
        for below in commands_below(command, help) {
            assert!(told.contains(below.as_str()), "{below} is not recorded");
        }
    }
}

#[test]
fn the_help_tells_the_settings_of_every_provider_as_recorded_in_its_folder() {
    let help = answer_to("plexsphere-signer serve --help");
    for module in PROVIDERS {
        let face = module.face();
        let told = catalogue::settings_in(&help, face.heading).unwrap();
        let page = Page::read(&format!("adapters/{}/help.txt", face.name));
        page.assert_holds("", told, "");
    }
}

#[test]
fn every_refusal_is_as_recorded_whatever_providers_were_built_in() {
    Transcript::read("refusals.txt").assert_holds();
}

#[test]
fn every_refusal_around_pkcs11_is_as_recorded() {
    assert_refusals("pkcs11", cfg!(feature = "pkcs11") && !is_as_shipped());
}

#[test]
fn every_refusal_around_aws_kms_is_as_recorded() {
    assert_refusals("aws-kms", cfg!(feature = "aws-kms") && !is_as_shipped());
}

#[test]
fn every_refusal_around_gcp_kms_is_as_recorded() {
    assert_refusals("gcp-kms", cfg!(feature = "gcp-kms") && !is_as_shipped());
}

#[test]
fn every_refusal_around_azure_kv_is_as_recorded() {
    assert_refusals("azure-kv", cfg!(feature = "azure-kv") && !is_as_shipped());
}

#[test]
fn the_page_of_settings_is_what_the_program_says_of_them() {
    let now = answer_to("plexsphere-signer reference settings");
    let begin = "<!-- what `plexsphere-signer reference settings` prints -->\n";
    Page::read("docs/reference.md").assert_holds(begin, &now, "");
}

#[test]
fn the_table_of_providers_is_what_they_say_of_themselves() {
    let now = answer_to("plexsphere-signer reference providers");
    let begin = "<!-- what `plexsphere-signer reference providers` prints -->\n";
    Page::read("docs/reference.md").assert_holds(begin, &now, "<!-- so far -->");
}

fn assert_refusals(provider: &str, is_built_in: bool) {
    let which = if is_built_in { "with" } else { "without" };
    Transcript::read(&format!("refusals_{which}_{provider}.txt")).assert_holds();
}
