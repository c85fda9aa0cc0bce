//! The record of requests, read as an auditor reads it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use signer_test_support::{Response, eventually};

/// The entries, in order.
#[derive(Debug)]
pub(crate) struct Record(Vec<Value>);

impl Record {
    pub(crate) fn read(log: &Path) -> Self {
        let lines = fs::read_to_string(log).unwrap();
        let entries = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        Self(entries.collect())
    }

    /// Waits for the entries of those who did not wait themselves.
    pub(crate) fn wait_for(log: &Path, count: usize) {
        eventually("the entries of all requests", || {
            let lines = fs::read_to_string(log).unwrap_or_default();
            (lines.lines().count() >= count).then_some(())
        });
    }

    /// Makes sure that there is an entry for each request, and for nothing else, and that each answer
    /// has the entry that tells of it.
    pub(crate) fn has_one_entry_for_each(&self, sent: usize, answers: &[Response]) {
        let numbers: Vec<_> = self
            .0
            .iter()
            .map(|entry| entry["seq"].as_u64().unwrap())
            .collect();
        let wanted: Vec<_> = (1..).take(sent).collect();
        assert_eq!(numbers, wanted, "one entry a request, without a gap");
        let mut by_id: BTreeMap<&str, &Value> = BTreeMap::new();
        for entry in &self.0 {
            let id = entry["request_id"].as_str().unwrap();
            assert!(by_id.insert(id, entry).is_none(), "twice: {entry}");
        }
        for answer in answers {
            let id = answer.header("x-request-id").unwrap();
            let entry = by_id
                .remove(id)
                .unwrap_or_else(|| panic!("no entry: {answer:?}"));
            assert_eq!(entry["http_status"], answer.status, "{entry}");
            if answer.header("content-type") == Some("application/problem+json") {
                assert_eq!(entry["code"], answer.problem_code().as_str(), "{entry}");
            } else {
                assert_eq!(entry["outcome"], "ok", "{entry}");
            }
        }
        let outcomes: BTreeSet<_> = self
            .0
            .iter()
            .map(|entry| entry["outcome"].as_str().unwrap())
            .collect();
        let all = [
            "client_gone",
            "denied",
            "error",
            "invalid",
            "ok",
            "unavailable",
        ];
        assert_eq!(outcomes, BTreeSet::from(all));
    }
}
