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

/// Where the key stands, and whether its provider does not show it.
fn state_of(key: &KeyDocument) -> String {
    if key.missing == Some(true) {
        format!("{} (missing)", key.state)
    } else {
        key.state.to_string()
    }
}
