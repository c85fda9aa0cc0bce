//! A history that no order explains, for a reader.

use std::fmt::Write as _;

use crate::checker::NotLinearizable;
use crate::clients::Spoken;
use crate::model::Scope;

/// Shows who was told what and when, and how far an order of the calls goes.
pub(crate) fn render(seed: u64, history: &[Spoken], refusal: &NotLinearizable<Scope>) -> String {
    let mut text = format!("no order explains this history (seed {seed:#x}):\n");
    for (number, call) in history.iter().enumerate() {
        let place = refusal.explained.iter().position(|done| *done == number);
        let place = place.map_or_else(String::new, |place| format!("{}.", place + 1));
        let answered = call
            .answered
            .map_or_else(|| "?".to_owned(), |end| end.to_string());
        let line = format!(
            "{place:>4} client {} {:>3}..{answered:<3} {:<34} -> {}",
            call.client,
            call.asked,
            call.operation.to_string(),
            call.outcome
        );
        writeln!(text, "{line}").unwrap();
    }
    writeln!(
        text,
        "Numbered is the longest order that fits; it leads to {:?}",
        refusal.state
    )
    .unwrap();
    text
}
