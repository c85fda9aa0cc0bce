//! A refused command line in one sentence.

/// What `error` says, on one line, with the command that tells more.
pub(crate) fn explain(error: &clap::Error) -> String {
    let text = error.to_string();
    let said = text
        .split("\nUsage:")
        .next()
        .unwrap_or_default()
        .split("\nFor more information")
        .next()
        .unwrap_or_default();
    let said = said.strip_prefix("error: ").unwrap_or(said);
    let paragraphs: Vec<String> = said.split("\n\n").map(fold).collect();
    let paragraphs: Vec<&str> = paragraphs
        .iter()
        .map(String::as_str)
        .filter(|paragraph| !paragraph.is_empty())
        .collect();
    format!("{}; --help tells more", paragraphs.join("; "))
}

fn fold(paragraph: &str) -> String {
    let words: Vec<&str> = paragraph.split_whitespace().collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::PROVIDERS;
    use crate::cli::Cli;

    fn explain_line(line: &[&str]) -> String {
        explain(&Cli::read(line, &PROVIDERS).unwrap_err())
    }

    #[test]
    fn an_unknown_flag_is_named_in_one_line() {
        assert_eq!(
            explain_line(&["x", "serve", "--verbose", "p"]),
            "unexpected argument '--verbose' found; --help tells more"
        );
    }

    #[test]
    fn every_missing_flag_is_named_in_one_line() {
        assert_eq!(
            explain_line(&["x", "keys", "generate"]),
            "the following required arguments were not provided: \
             --scope <SCOPE> --key-id <NAME>; --help tells more"
        );
    }

    #[test]
    fn a_bad_value_is_told_with_its_cure() {
        let text = explain_line(&["x", "sign", "--scope", "Platform", "f"]);
        assert_eq!(
            text,
            "invalid value 'Platform' for '--scope <SCOPE>': must be \"platform\" or \
             \"domain:<uuid>\" with the UUID in lower case and hyphenated; --help tells more"
        );
    }

    #[test]
    fn a_choice_lists_its_values() {
        let text = explain_line(&["x", "probe", "healthz"]);
        assert!(!text.contains('\n'), "{text}");
        assert!(text.contains("[possible values: livez, readyz]"), "{text}");
    }
}
