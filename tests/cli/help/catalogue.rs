//! What the providers of the catalogue add to the answers of the program.

use plexsphere_signer::PROVIDERS;

/// An answer without what another provider would change in it: the names of all are KNOWN, and where the
/// settings of all are told, they are left out.
pub(crate) fn left_out(answer: &str) -> String {
    let names = PROVIDERS.map(|module| module.face().name.as_str());
    let mut left = answer.replace(&names.join(", "), "KNOWN");
    if let Some((last, others)) = names.split_last() {
        left = left.replace(&format!("{} or {last}", others.join(", ")), "KNOWN");
    }
    let told: Vec<&str> = PROVIDERS
        .iter()
        .filter_map(|module| settings_in(answer, module.face().heading))
        .collect();
    if told.len() == PROVIDERS.len() {
        for settings in told {
            left = left.replace(settings, "");
        }
    }
    left
}

/// What the help says below a heading, with the heading and the empty line before it.
pub(crate) fn settings_in<'a>(help: &'a str, heading: &str) -> Option<&'a str> {
    let begin = help.find(&format!("\n{heading}:\n"))?;
    let told = help.get(begin..)?;
    let end = told
        .get(1..)?
        .find("\n\n")
        .map_or(told.len(), |end| end + 2);
    told.get(..end)
}
