//! The look for labels that do not name exactly one pair.

use std::collections::BTreeMap;
use std::time::Instant;

use signer_domain::ports::KeyProviderError;

use super::desk::{Desk, Named};
use super::error::Fault;
use super::oddities::{Halves, Oddity};
use super::session_thread::{Message, SessionThread};

/// Looks at the labels of the token.
pub(super) struct SurveyLabels;

impl Message for SurveyLabels {
    type Answer = ();
    const DOING: &'static str = "looking at all labels";

    fn carry_out(self, session: &mut SessionThread) -> Result<(), KeyProviderError> {
        session.perform(|desk| {
            let began = Instant::now();
            let outcome = look(desk);
            desk.token.oddities.pause_after(began.elapsed());
            if let Some(odd) = outcome? {
                desk.token.oddities.show(odd);
            }
            Ok(())
        })
    }
}

/// The labels that are odd now; `None` when not all of them were looked at.
fn look(desk: &Desk<'_>) -> Result<Option<BTreeMap<String, Oddity>>, Fault> {
    let handles = desk.handles()?;
    let read = |handle| {
        let Named { class, label } = desk.named(handle)?;
        let label = desk.token.settings.labels.read(&label);
        Ok(label.zip(class))
    };
    let oddities = &desk.token.oddities;
    let Some(suspects) = oddities.suspects(desk.standing.epoch, &handles, read)? else {
        return Ok(None);
    };
    let mut odd = BTreeMap::new();
    for label in suspects {
        let is_sentinel = label == desk.token.settings.labels.of_sentinel();
        if is_sentinel || desk.token.is_claimed(&label) {
            continue;
        }
        // A pair may have been made or destroyed while the keys were listed.
        let found = desk.find(&label)?;
        let halves = Halves {
            private: found.private.len(),
            public: found.public.len(),
        };
        if let Some(oddity) = halves.oddity() {
            odd.insert(label.to_string(), oddity);
        }
    }
    // A token that has logged us out shows no private halves.
    desk.testify_again()?;
    desk.token
        .require_no_login_since(desk.standing, desk.until)?;
    Ok(Some(odd))
}
