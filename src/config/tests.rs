//! Precedence and refusals, setting by setting.

use signer_module::Kind;

use super::*;
use crate::catalogue::{PROVIDERS, faces};
use crate::cli::{Cli, Command, explain};
use crate::failure::Failure;
use crate::telemetry::LogFormat;

/// Flags that leave nothing required open, without a provider of files.
const PKCS11: [&str; 2] = ["--key-provider", "pkcs11"];

fn configure(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
    let line = ["x", "serve"].iter().chain(flags);
    let cli = Cli::read(line, &PROVIDERS).map_err(|refused| explain(&refused))?;
    let Command::Serve(args) = cli.command else {
        panic!("not serve");
    };
    let variables = variables.iter().map(|(name, value)| {
        let name = format!("PLEXSPHERE_SIGNER_{name}");
        (name.into(), value.into())
    });
    let resolved = |environment: &Environment| {
        let typed = &cli.typed;
        let said = Said { typed, environment };
        resolve(&args, said, LogFormat::Json, &PROVIDERS)
    };
    Environment::from_variables(variables, &PROVIDERS)
        .and_then(|environment| resolved(&environment))
        .map_err(|failure: Failure| failure.to_string())
}

/// The providers of the catalogue, as a refusal tells them.
fn known_names() -> String {
    let names: Vec<&str> = faces(&PROVIDERS).map(|face| face.name.as_str()).collect();
    names.join(", ")
}

fn configure_with(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
    let flags: Vec<&str> = PKCS11.iter().chain(flags).copied().collect();
    configure(&flags, variables)
}

#[test]
fn nobody_has_to_say_more_than_the_provider() {
    let config = configure_with(&[], &[]).unwrap();
    assert_eq!(config.installation, Installation::Configured);
    assert_eq!(config.providers.value, [ProviderName::new("pkcs11")]);
    assert_eq!(
        config.socket.value,
        PathBuf::from("/run/plexsphere-signer/signer.sock")
    );
    assert_eq!(config.socket_mode, 0o600);
    assert_eq!(config.health_listen, None);
    assert_eq!(
        config.registry.value,
        "sqlite:/var/lib/plexsphere-signer/registry.db"
    );
    assert_eq!(
        config.deployment_profile,
        DeploymentProfile::SelfhostedSingle
    );
    assert_eq!(config.audit_log.value, AuditLog::BesideRegistry);
    assert_eq!(config.settings.len(), 1);
    assert_eq!(config.verification, Verification::BeforeRelease);
    assert_eq!(config.request_deadline, Duration::from_secs(10));
    assert_eq!(config.max_in_flight.get(), 1024);
    assert_eq!(config.overlap_window, Duration::from_hours(24));
    assert_eq!(config.drain_timeout, Duration::from_secs(20));
    assert_eq!(config.log.format.as_str(), "json");
    assert_eq!(config.log.level.as_str(), "info");
}

/// One setting: its variable, its flag, a value of the environment, a value of the flag, and how to
/// show what came of it.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    fn(&Config) -> String,
);

const ROWS: [Row; 12] = [
    ("AUDIT_LOG", "--audit-log", "/e", "/f", |c| {
        match &c.audit_log.value {
            AuditLog::At(path) => path.display().to_string(),
            AuditLog::BesideRegistry | AuditLog::Off => String::new(),
        }
    }),
    ("SOCKET", "--socket", "/e", "/f", |c| {
        c.socket.value.display().to_string()
    }),
    ("SOCKET_MODE", "--socket-mode", "0660", "0666", |c| {
        format!("0{:o}", c.socket_mode)
    }),
    (
        "HEALTH_LISTEN",
        "--health-listen",
        "127.0.0.1:1",
        "[::1]:2",
        |c| c.health_listen.as_ref().unwrap().value.to_string(),
    ),
    ("REGISTRY", "--registry", "sqlite:/e", "sqlite:/f", |c| {
        c.registry.value.clone()
    }),
    (
        "DEPLOYMENT_PROFILE",
        "--deployment-profile",
        "saas",
        "selfhosted-multi",
        |c| c.deployment_profile.to_string(),
    ),
    (
        "REQUEST_DEADLINE",
        "--request-deadline",
        "1s",
        "500ms",
        |c| humantime::format_duration(c.request_deadline).to_string(),
    ),
    ("OVERLAP_WINDOW", "--overlap-window", "1h", "7days", |c| {
        humantime::format_duration(c.overlap_window).to_string()
    }),
    ("MAX_IN_FLIGHT", "--max-in-flight", "7", "8", |c| {
        c.max_in_flight.to_string()
    }),
    ("DRAIN_TIMEOUT", "--drain-timeout", "1s", "2s", |c| {
        humantime::format_duration(c.drain_timeout).to_string()
    }),
    ("LOG_FORMAT", "--log-format", "text", "json", |c| {
        c.log.format.as_str().to_owned()
    }),
    ("LOG_LEVEL", "--log-level", "warn", "debug", |c| {
        c.log.level.as_str().to_owned()
    }),
];

#[test]
fn the_environment_wins_over_the_default_and_the_flag_over_both() {
    for (variable, flag, of_environment, of_flag, show) in ROWS {
        let found = configure_with(&[], &[(variable, of_environment)]).unwrap();
        assert_eq!(show(&found), of_environment, "{variable}");
        let typed = configure_with(&[flag, of_flag], &[(variable, of_environment)]).unwrap();
        assert_eq!(show(&typed), of_flag, "{flag}");
    }
}

#[test]
fn a_value_of_the_environment_that_does_not_count_is_not_judged() {
    for (variable, flag, _, of_flag, show) in ROWS {
        let typed = configure_with(&[flag, of_flag], &[(variable, "?")]).unwrap();
        assert_eq!(show(&typed), of_flag, "{flag}");
    }
}

#[test]
fn providers_come_as_repeated_flags_or_as_a_list() {
    let expected = [ProviderName::new("pkcs11"), ProviderName::new("aws-kms")];
    let flags = ["--key-provider", "pkcs11", "--key-provider", "aws-kms"];
    let typed = configure(&flags, &[("KEY_PROVIDER", "gcp-kms")]).unwrap();
    assert_eq!(typed.providers.value, expected);
    let found = configure(&[], &[("KEY_PROVIDER", "pkcs11,aws-kms")]).unwrap();
    assert_eq!(found.providers.value, expected);
}

#[test]
fn every_bad_value_is_told_with_its_place_and_its_cure() {
    for (flags, variables, sentence) in [
        (
            &["--socket-mode", "rw"][..],
            &[][..],
            "--socket-mode \"rw\": must be three or four octal digits that let the owner read and \
             write, such as 0600 or 0660",
        ),
        (
            &[],
            &[("SOCKET_MODE", "0400")],
            "--socket-mode \"0400\": must be three or four octal digits that let the owner read \
             and write, such as 0600 or 0660 (set by PLEXSPHERE_SIGNER_SOCKET_MODE)",
        ),
        (
            &[],
            &[("SOCKET", "")],
            "--socket \"\": must be a path (set by PLEXSPHERE_SIGNER_SOCKET)",
        ),
        (
            &["--audit-log", ""],
            &[],
            "--audit-log \"\": must be a path, or none to keep no audit log",
        ),
        (
            &["--health-listen", "localhost:9090"],
            &[],
            "--health-listen \"localhost:9090\": must be an IP address and a port, such as \
             127.0.0.1:9090 or [::]:9090, or off",
        ),
        (
            &["--deployment-profile", "cloud"],
            &[],
            "--deployment-profile \"cloud\": must be one of saas, selfhosted-single, \
             selfhosted-multi",
        ),
        (
            &["--request-deadline", "10"],
            &[],
            "--request-deadline \"10\": must be a duration from 1ms to 1h, such as 10s or 500ms",
        ),
        (
            &["--max-in-flight", "0"],
            &[],
            "--max-in-flight \"0\": must be a number from 1 to 1000000",
        ),
        (
            &["--overlap-window", "0s"],
            &[],
            "--overlap-window \"0s\": must be a duration from 1s to 366 days, such as 24h or 7days",
        ),
        (
            &["--drain-timeout", "2h"],
            &[],
            "--drain-timeout \"2h\": must be a duration of at most 1h, such as 20s or 500ms",
        ),
        (
            &["--log-format", "logfmt"],
            &[],
            "--log-format \"logfmt\": must be one of json, text",
        ),
        (
            &["--log-level", "verbose"],
            &[],
            "--log-level \"verbose\": must be one of error, warn, info, debug, trace",
        ),
        (
            &["--software-seed-file", "/seed"],
            &[],
            "--software-seed-file is for the software provider, which is not configured; leave it out, \
             or add --key-provider software",
        ),
        (
            &["--no-verify-after-sign"],
            &[],
            "--no-verify-after-sign is for the software provider alone; leave it out, or configure \
             no other provider",
        ),
    ] {
        assert_eq!(configure_with(flags, variables).unwrap_err(), sentence);
    }
}

#[test]
fn a_path_is_one_line_without_blanks_around_it_whoever_names_it() {
    const ONE_LINE: &str = "must be one line of text without control characters";
    const NO_BLANKS: &str = "must not begin or end with a blank";
    for (path, problem) in [
        ("/a\n", ONE_LINE),
        ("/a\nb", ONE_LINE),
        ("/a\tb", ONE_LINE),
        ("\u{feff}/a", ONE_LINE),
        ("/a ", NO_BLANKS),
        (" /a", NO_BLANKS),
        ("/a\u{a0}", NO_BLANKS),
    ] {
        for flag in ["--socket", "--audit-log", "--pkcs11-module"] {
            let quoted = path.escape_debug();
            let expected = format!("{flag} \"{quoted}\": {problem}");
            assert_eq!(configure_with(&[flag, path], &[]).unwrap_err(), expected);
        }
        if problem == NO_BLANKS {
            let refusal = configure_with(&[], &[("SOCKET", path)]).unwrap_err();
            assert!(refusal.contains(problem), "{refusal}");
        }
    }
}

#[test]
fn the_health_listener_can_be_called_off() {
    let address = [("HEALTH_LISTEN", "127.0.0.1:9090")];
    assert!(
        configure_with(&[], &address)
            .unwrap()
            .health_listen
            .is_some()
    );
    let off = configure_with(&["--health-listen", "off"], &address).unwrap();
    assert_eq!(off.health_listen, None);
    let off = configure_with(&[], &[("HEALTH_LISTEN", "off")]).unwrap();
    assert_eq!(off.health_listen, None);
}

#[test]
fn every_bad_provider_is_told_with_its_place_and_its_cure() {
    let software = [
        "--key-provider",
        "software",
        "--software-seed-file",
        "/seed",
    ];
    let both = [&software[..], &PKCS11, &["--no-verify-after-sign"]].concat();
    for (flags, variables, sentence) in [
        (
            &[][..],
            &[][..],
            "--key-provider is required; name the provider that holds the keys, as in \
             --key-provider pkcs11, or try things out with --dev",
        ),
        (
            &["--key-provider", "vault"],
            &[],
            "--key-provider \"vault\": must be one of KNOWN",
        ),
        (
            &[],
            &[("KEY_PROVIDER", "pkcs11, aws-kms")],
            "--key-provider \"pkcs11, aws-kms\": must be names with a comma between two and nothing \
             else, as in pkcs11,software (set by PLEXSPHERE_SIGNER_KEY_PROVIDER)",
        ),
        (
            &[],
            &[("KEY_PROVIDER", "pkcs11,pkcs11")],
            "--key-provider \"pkcs11,pkcs11\": must name each provider once, and pkcs11 is \
             repeated (set by PLEXSPHERE_SIGNER_KEY_PROVIDER)",
        ),
        (
            &["--key-provider", "aws-kms", "--pkcs11-slot", "0"],
            &[],
            "--pkcs11-slot is for the pkcs11 provider, which is not configured; leave it out, or \
             add --key-provider pkcs11",
        ),
        (
            &["--key-provider", "aws-kms"],
            &[("PKCS11_PIN", "throw-away")],
            "--pkcs11-pin is for the pkcs11 provider, which is not configured; leave it out, or \
             add --key-provider pkcs11 (set by PLEXSPHERE_SIGNER_PKCS11_PIN)",
        ),
        (
            &["--key-provider", "aws-kms", "--gcp-key-ring", "r"],
            &[],
            "--gcp-key-ring is for the gcp-kms provider, which is not configured; leave it out, or \
             add --key-provider gcp-kms",
        ),
        (
            &["--key-provider", "pkcs11", "--aws-region", "eu-central-1"],
            &[],
            "--aws-region is for the aws-kms provider, which is not configured; leave it out, or \
             add --key-provider aws-kms",
        ),
        (
            &["--key-provider", "aws-kms"],
            &[("AWS_MAX_IN_FLIGHT", "0")],
            "--aws-max-in-flight \"0\": must be a number from 1 to 1024 (set by \
             PLEXSPHERE_SIGNER_AWS_MAX_IN_FLIGHT)",
        ),
        (
            &["--key-provider", "pkcs11", "--pkcs11-sessions", "many"],
            &[],
            "--pkcs11-sessions \"many\": must be a number from 1 to 256",
        ),
        (
            &["--key-provider", "pkcs11"],
            &[("PKCS11_CALL_TIMEOUT", "2m")],
            "--pkcs11-call-timeout \"2m\": must be a duration from 50ms to 60s, such as 1s or 500ms \
             (set by PLEXSPHERE_SIGNER_PKCS11_CALL_TIMEOUT)",
        ),
        (
            &both,
            &[],
            "--no-verify-after-sign is for the software provider alone; leave it out, or configure \
             no other provider",
        ),
    ] {
        let sentence = sentence.replace("KNOWN", &known_names());
        assert_eq!(configure(flags, variables).unwrap_err(), sentence);
    }
}

#[test]
fn only_the_software_provider_alone_may_go_unverified() {
    let flags = [
        "--key-provider",
        "software",
        "--software-seed-file",
        "/seed",
        "--no-verify-after-sign",
    ];
    let config = configure(&flags, &[]).unwrap();
    assert_eq!(config.verification, Verification::Off);
}

#[test]
fn the_development_set_up_brings_its_own_places_whatever_clients_are_told() {
    let variables = [("SOCKET", "/e"), ("LOG_LEVEL", "debug")];
    let config = configure(&["--dev"], &variables).unwrap();
    assert_eq!(config.installation, Installation::Development);
    assert_eq!(config.providers.value, [ProviderName::new("software")]);
    assert_eq!(
        config.socket.value,
        PathBuf::from(".plexsphere-signer/signer.sock")
    );
    assert_eq!(
        config.registry.value,
        "sqlite:.plexsphere-signer/registry.db"
    );
    assert_eq!(config.log.level.as_str(), "debug");
}

#[test]
fn the_development_set_up_is_not_mixed_with_a_set_up_in_the_environment() {
    for name in [
        "KEY_PROVIDER",
        "SOCKET_MODE",
        "REGISTRY",
        "AUDIT_LOG",
        "DEPLOYMENT_PROFILE",
        "SOFTWARE_SEED_FILE",
    ] {
        assert_eq!(
            configure(&["--dev"], &[(name, "v")]).unwrap_err(),
            format!(
                "PLEXSPHERE_SIGNER_{name} cannot be used with --dev, which brings its own set-up: \
                 unset it, or leave --dev out"
            )
        );
    }
}

#[test]
fn the_development_set_up_is_not_mixed_with_places_of_ones_own() {
    for flag in [
        "--key-provider",
        "--socket",
        "--socket-mode",
        "--registry",
        "--audit-log",
        "--deployment-profile",
        "--software-seed-file",
    ] {
        let refused = configure(&["--dev", flag, "v"], &[]).unwrap_err();
        assert!(refused.contains("cannot be used with"), "{flag}");
    }
}

#[test]
fn several_providers_are_repeated_flags_or_a_list_in_the_variable_and_each_refusal_says_which() {
    for (flags, variable, sentence) in [
        (
            &["--key-provider", "software,pkcs11"][..],
            None,
            "--key-provider \"software,pkcs11\": must name one provider; give the flag once for \
             each, as in --key-provider pkcs11 --key-provider software",
        ),
        (
            &["--key-provider", "software", "--key-provider", "vault"],
            None,
            "--key-provider \"software,vault\": \"vault\" must be one of KNOWN",
        ),
        (
            &[],
            Some("software,vault"),
            "--key-provider \"software,vault\": \"vault\" must be one of KNOWN (set by \
             PLEXSPHERE_SIGNER_KEY_PROVIDER)",
        ),
        (
            &[],
            Some("software, pkcs11"),
            "--key-provider \"software, pkcs11\": must be names with a comma between two and nothing \
             else, as in pkcs11,software (set by PLEXSPHERE_SIGNER_KEY_PROVIDER)",
        ),
        (
            &[],
            Some("software,"),
            "--key-provider \"software,\": must be names with a comma between two and nothing else, \
             as in pkcs11,software (set by PLEXSPHERE_SIGNER_KEY_PROVIDER)",
        ),
        // As every other variable that is set to nothing.
        (
            &[],
            Some(""),
            "--key-provider \"\": must be one of KNOWN (set by \
             PLEXSPHERE_SIGNER_KEY_PROVIDER)",
        ),
    ] {
        let variables: Vec<_> = variable
            .iter()
            .map(|list| ("KEY_PROVIDER", *list))
            .collect();
        let refused = configure(flags, &variables).unwrap_err();
        assert_eq!(refused, sentence.replace("KNOWN", &known_names()));
    }
}

/// A value that every binary takes for one of this kind.
const fn value_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Duration { .. } => "1s",
        Kind::Path { .. } | Kind::SecretFile { .. } => "/x",
        Kind::Text | Kind::Url | Kind::Choice(_) | Kind::Secret | Kind::Number { .. } => "7",
    }
}

#[test]
fn every_setting_of_a_provider_is_refused_without_it_and_with_the_development_set_up() {
    for face in faces(&PROVIDERS) {
        let provider = face.name;
        let other = if provider.as_str() == "pkcs11" {
            "aws-kms"
        } else {
            "pkcs11"
        };
        for flag in face.flags {
            let (name, value) = (flag.name, value_of(&flag.kind));
            let variable = variable(name);
            let variable = variable.trim_start_matches("PLEXSPHERE_SIGNER_");
            let sentence = format!(
                "{name} is for the {provider} provider, which is not configured; leave it out, or add \
                 --key-provider {provider}"
            );
            let others = ["--key-provider", other];
            let typed = configure(&[&others[..], &[name, value]].concat(), &[]).unwrap_err();
            assert_eq!(typed, sentence);
            let found = configure(&others, &[(variable, value)]).unwrap_err();
            assert_eq!(
                found,
                format!("{sentence} (set by PLEXSPHERE_SIGNER_{variable})")
            );
            let own = ["--key-provider", provider.as_str(), name, value];
            configure(&own, &[(variable, "?")]).unwrap();
            let with_dev = configure(&["--dev", name, value], &[]).unwrap_err();
            assert!(with_dev.contains("cannot be used with"), "{with_dev}");
        }
    }
}

#[test]
fn settings_stand_in_the_order_of_their_providers() {
    let flags = ["--key-provider", "gcp-kms", "--key-provider", "pkcs11"];
    let config = configure(&flags, &[]).unwrap();
    let names: Vec<_> = config.settings.iter().map(|it| it.face().name).collect();
    assert_eq!(
        names,
        [ProviderName::new("gcp-kms"), ProviderName::new("pkcs11")]
    );
}
