//! What has to be remembered between calls: how often each rule matched, which sessions were
//! opened, which key each of them signs with.

use std::collections::HashMap;

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SESSION_HANDLE, CK_SLOT_ID};

use crate::rules::Rule;

/// The memory of the module.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// By the text of the rule.
    matched: HashMap<String, u64>,
    /// In the order of opening. A handle may come twice, for modules use them again.
    opened: Vec<(CK_SESSION_HANDLE, CK_SLOT_ID)>,
    /// The label of the key that a session signs with, as far as rules asked for it.
    labels: HashMap<CK_SESSION_HANDLE, String>,
    /// Every key that was signed with, the latest last.
    keys: Vec<CK_OBJECT_HANDLE>,
    /// Objects that are there and not shown.
    hidden: Vec<CK_OBJECT_HANDLE>,
}

impl Book {
    /// The rule that fires at this call, if one does. Counts the call for each rule it matches.
    pub(crate) fn decide(
        &mut self,
        rules: &[Rule],
        function: &str,
        session: Option<CK_SESSION_HANDLE>,
    ) -> Option<Rule> {
        self.matched
            .retain(|text, _| rules.iter().any(|rule| rule.text == *text));
        let mut firing = None;
        for rule in rules {
            if self.matches(rule, function, session) {
                let number = self.matched.entry(rule.text.clone()).or_default();
                *number += 1;
                if firing.is_none() && rule.turn.fires(*number) {
                    firing = Some(rule.clone());
                }
            }
        }
        firing
    }

    fn matches(&self, rule: &Rule, function: &str, session: Option<CK_SESSION_HANDLE>) -> bool {
        rule.function == function
            && (rule.session.is_none() || rule.session == self.ordinal(session))
            && (rule.label.is_none() || rule.label.as_ref() == self.label(session))
    }

    /// Which session this was in the order of opening, from one.
    pub(crate) fn ordinal(&self, session: Option<CK_SESSION_HANDLE>) -> Option<u64> {
        let session = session?;
        let index = self.opened.iter().rposition(|opened| opened.0 == session)?;
        u64::try_from(index + 1).ok()
    }

    /// The slot a session was opened on.
    pub(crate) fn slot(&self, session: Option<CK_SESSION_HANDLE>) -> Option<CK_SLOT_ID> {
        let session = session?;
        let found = self.opened.iter().rfind(|opened| opened.0 == session);
        found.map(|opened| opened.1)
    }

    fn label(&self, session: Option<CK_SESSION_HANDLE>) -> Option<&String> {
        self.labels.get(&session?)
    }

    /// A session was opened.
    pub(crate) fn open(&mut self, session: CK_SESSION_HANDLE, slot: CK_SLOT_ID) {
        self.opened.push((session, slot));
    }

    /// A session is about to sign with the key of this label, or of one that nobody asked for.
    pub(crate) fn signs_with_label(&mut self, session: CK_SESSION_HANDLE, label: Option<String>) {
        match label {
            Some(label) => drop(self.labels.insert(session, label)),
            None => drop(self.labels.remove(&session)),
        }
    }

    /// An object is not shown from now on.
    pub(crate) fn hide(&mut self, object: CK_OBJECT_HANDLE) {
        self.hidden.push(object);
    }

    /// Whether an object is not shown.
    pub(crate) fn is_hidden(&self, object: CK_OBJECT_HANDLE) -> bool {
        self.hidden.contains(&object)
    }

    /// The module starts anew and shows what is there.
    pub(crate) fn show_all(&mut self) {
        self.hidden.clear();
    }

    /// The latest other key; then remembers this one as the latest.
    pub(crate) fn signs_with(&mut self, key: CK_OBJECT_HANDLE) -> Option<CK_OBJECT_HANDLE> {
        self.keys.retain(|known| *known != key);
        let previous = self.keys.last().copied();
        self.keys.push(key);
        previous
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules;

    fn read(text: &str) -> Vec<Rule> {
        rules::parse(text, &["C_Sign", "C_Login"]).unwrap()
    }

    /// The numbers of the calls, of so many in a row, at which a rule fires.
    fn firing(book: &mut Book, rules: &[Rule], calls: u64) -> Vec<u64> {
        (1..=calls)
            .filter(|_| book.decide(rules, "C_Sign", Some(7)).is_some())
            .collect()
    }

    #[test]
    fn counts_the_calls_of_its_function_only() {
        let (mut book, rules) = (Book::default(), read("C_Sign at=2 hang"));
        assert_eq!(book.decide(&rules, "C_Sign", None), None);
        assert_eq!(book.decide(&rules, "C_Login", None), None);
        assert!(book.decide(&rules, "C_Sign", None).is_some());
    }

    #[test]
    fn a_rule_that_went_and_came_back_counts_anew() {
        let (mut book, rules) = (Book::default(), read("C_Sign at=1 hang"));
        assert_eq!(firing(&mut book, &rules, 3), [1]);
        assert_eq!(book.decide(&[], "C_Login", None), None);
        assert_eq!(firing(&mut book, &rules, 3), [1]);
    }

    #[test]
    fn a_rule_that_stays_keeps_its_count_when_others_come() {
        let mut book = Book::default();
        assert_eq!(firing(&mut book, &read("C_Sign at=3 hang"), 2), []);
        let both = read("C_Login hang\nC_Sign at=3 hang");
        assert_eq!(firing(&mut book, &both, 2), [1]);
    }

    #[test]
    fn the_first_rule_that_fires_acts_and_the_others_have_counted() {
        let mut book = Book::default();
        let rules = read("C_Sign at=1 rv=5\nC_Sign at=1 rv=6\nC_Sign at=2 rv=7");
        let fired = |book: &mut Book| book.decide(&rules, "C_Sign", None).map(|rule| rule.text);
        assert_eq!(fired(&mut book).as_deref(), Some("C_Sign at=1 rv=5"));
        assert_eq!(fired(&mut book).as_deref(), Some("C_Sign at=2 rv=7"));
        assert_eq!(fired(&mut book), None);
    }

    #[test]
    fn a_session_is_known_by_the_order_of_opening() {
        let (mut book, rules) = (Book::default(), read("C_Sign session=2 hang"));
        book.open(70, 1);
        book.open(50, 3);
        assert_eq!(book.decide(&rules, "C_Sign", Some(70)), None);
        assert_eq!(book.decide(&rules, "C_Sign", None), None);
        assert!(book.decide(&rules, "C_Sign", Some(50)).is_some());
        assert_eq!(book.slot(Some(50)), Some(3));
    }

    #[test]
    fn a_handle_that_is_used_again_is_the_later_session() {
        let mut book = Book::default();
        book.open(70, 1);
        book.open(70, 2);
        assert_eq!(book.ordinal(Some(70)), Some(2));
        assert_eq!(book.slot(Some(70)), Some(2));
    }

    #[test]
    fn a_label_matches_the_key_that_the_session_signs_with() {
        let (mut book, rules) = (Book::default(), read("C_Sign label=k1 hang"));
        assert_eq!(book.decide(&rules, "C_Sign", Some(7)), None);
        book.signs_with_label(7, Some("k1".to_owned()));
        assert!(book.decide(&rules, "C_Sign", Some(7)).is_some());
        book.signs_with_label(7, None);
        assert_eq!(book.decide(&rules, "C_Sign", Some(7)), None);
    }

    #[test]
    fn the_previous_key_is_the_latest_other_one() {
        let mut book = Book::default();
        assert_eq!(book.signs_with(5), None);
        assert_eq!(book.signs_with(5), None);
        assert_eq!(book.signs_with(9), Some(5));
        assert_eq!(book.signs_with(9), Some(5));
        assert_eq!(book.signs_with(5), Some(9));
    }
}
