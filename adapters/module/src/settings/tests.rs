use std::collections::BTreeMap;

use signer_domain::ProviderName;

use super::*;

const FILE: Flag = Flag {
    name: "--x-pin-file",
    value: "PATH",
    kind: Kind::SecretFile { what: "the PIN" },
    unsaid: Unsaid::Refused {
        cure: "name a file",
    },
    help: "The file with the PIN",
};
const PIN: Flag = Flag {
    name: "--x-pin",
    value: "PIN",
    kind: Kind::Secret,
    unsaid: Unsaid::Nothing,
    help: "The PIN",
};
const COUNT: Flag = Flag {
    name: "--x-count",
    value: "N",
    kind: Kind::Number {
        what: "a number",
        least: 1,
        most: 9,
    },
    unsaid: Unsaid::Default("7"),
    help: "How many",
};
static FACE: Face = Face {
    heading: "X options",
    flags: &[FILE, PIN, COUNT],
    one_of: &[[FILE.name, PIN.name]],
    ..Face::bare(ProviderName::new("pkcs11"))
};

fn read(typed: &[(&str, &str)], found: &[(&str, &str)]) -> Result<Settings, String> {
    let texts = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(own).collect()
    };
    let (typed, found) = (texts(typed), texts(found));
    Settings::read(&FACE, |name| typed.get(name), |name| found.get(name))
        .map_err(|refusal| refusal.to_string())
}

#[test]
fn a_flag_comes_before_its_variable_and_both_before_the_default() {
    let count = |settings: &Settings| settings.required::<u8>(&COUNT).unwrap();
    let unsaid = read(&[], &[]).unwrap();
    assert_eq!(count(&unsaid), 7);
    assert_eq!(unsaid.first_given(), None);
    let found = read(&[], &[("--x-count", "8")]).unwrap();
    assert_eq!(count(&found), 8);
    assert_eq!(found.first_given(), Some(Source::Environment("--x-count")));
    let typed = read(&[("--x-count", "9")], &[("--x-count", "?")]).unwrap();
    assert_eq!(count(&typed), 9);
    assert_eq!(typed.first_given(), Some(Source::Flag("--x-count")));
}

#[test]
fn a_value_that_counts_is_judged_and_told_with_its_place() {
    assert_eq!(
        read(&[], &[("--x-count", "0")]).unwrap_err(),
        "--x-count \"0\": must be a number from 1 to 9 (set by PLEXSPHERE_SIGNER_X_COUNT)"
    );
}

#[test]
fn what_is_typed_of_two_comes_before_the_environment() {
    let environment = [("--x-pin-file", "/of-environment")];
    let found = read(&[], &environment).unwrap();
    assert_eq!(
        found.path(&FILE).unwrap().value,
        PathBuf::from("/of-environment")
    );
    let typed = read(&[("--x-pin", "4711")], &environment).unwrap();
    assert_eq!(typed.path(&FILE), None);
    assert_eq!(typed.secret(&PIN).unwrap().value.expose_text(), "4711");
    typed.require_all().unwrap();
}

#[test]
fn two_in_the_environment_are_refused() {
    assert_eq!(
        read(&[], &[("--x-pin-file", "/pin"), ("--x-pin", "4711")]).unwrap_err(),
        "PLEXSPHERE_SIGNER_X_PIN_FILE and PLEXSPHERE_SIGNER_X_PIN are both set: unset one of them"
    );
}

#[test]
fn what_cannot_be_done_without_is_asked_for_by_name() {
    let settings = read(&[], &[]).unwrap();
    assert_eq!(
        settings.require_all().unwrap_err().to_string(),
        "--x-pin-file is required with --key-provider pkcs11; name a file"
    );
    assert_eq!(
        settings.required::<String>(&FILE).unwrap_err().to_string(),
        "--x-pin-file is required; name a file"
    );
}

#[test]
fn a_secret_is_never_shown() {
    let settings = read(&[("--x-pin", "4711")], &[]).unwrap();
    let shown = format!("{settings:?} {:?}", settings.secret(&PIN));
    assert!(!shown.contains("4711"), "{shown}");
    assert_eq!(settings.text(&PIN), None);
}

#[test]
fn settings_that_lead_to_files_say_which() {
    let settings = read(&[("--x-pin-file", "/pin")], &[]).unwrap();
    let places: Vec<_> = settings.places().collect();
    assert_eq!(
        places,
        [(
            Source::Flag("--x-pin-file"),
            PathBuf::from("/pin"),
            "the PIN"
        )]
    );
}
