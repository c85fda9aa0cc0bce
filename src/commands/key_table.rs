//! Keys as a table.

use signer_http::wire::KeyDocument;

use crate::table::Table;

/// One row a key.
pub(super) fn key_table(keys: &[KeyDocument]) -> String {
    let mut table = Table::new(["HANDLE", "STATE", "CURRENT", "VALID FROM", "VALID UNTIL"]);
    for key in keys {
        let current = if key.current { "yes" } else { "no" };
        let until = key
            .valid_until
            .map_or_else(|| "-".to_owned(), |at| format!("{at:.6}"));
        table.push(vec![
            key.handle_id.to_string(),
            state_of(key),
            current.to_owned(),
            format!("{:.6}", key.valid_from),
            until,
        ]);
    }
    table.render()
}

/// Where the key stands, and what else is to be known of it.
fn state_of(key: &KeyDocument) -> String {
    let marks = [
        (key.blocked, "blocked"),
        (key.quarantined, "quarantined"),
        (key.missing == Some(true), "missing"),
        (key.swapped == Some(true), "swapped"),
        (key.unconfirmed == Some(true), "unconfirmed"),
    ];
    let marks: Vec<&str> = marks
        .into_iter()
        .filter_map(|(is_there, mark)| is_there.then_some(mark))
        .collect();
    if marks.is_empty() {
        key.state.to_string()
    } else {
        format!("{} ({})", key.state, marks.join(", "))
    }
}
