//! What a custodian says of its keys after a restart, and what its registry holds.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use signer_test_support::{Connection, PublishedKey, Random, sign_request};

use super::ledger::{Ledger, Progress};
use super::stored::StoredKey;

/// All documents, page by page.
pub(crate) fn list(connection: &mut Connection, filter: &str, limit: usize) -> Vec<Value> {
    let mut documents = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/keys?limit={limit}{filter}{cursor}");
        let answer = connection.ask("GET", &path, None).unwrap();
        let mut page = answer.expect_status(200).json();
        let keys = page["keys"].as_array_mut().unwrap();
        assert!(keys.len() <= limit);
        documents.append(keys);
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return documents,
        }
    }
}

/// Makes sure that there is one key for each name and at most one current key in each scope, that
/// nothing is half done, and that the custodian shows exactly what it stores.
pub(crate) fn compare(documents: &[Value], stored: &[StoredKey]) {
    let mut names = BTreeSet::new();
    let mut currents = BTreeMap::new();
    let mut rows = BTreeSet::new();
    for key in stored {
        assert_ne!(key.state, "pending", "{key:?}");
        assert!(names.insert((&key.scope, &key.key_id)), "twice: {key:?}");
        if key.is_current {
            assert_eq!(key.state, "active", "{key:?}");
            let other = currents.insert(&key.scope, key);
            assert_eq!(other, None, "two current keys, and {key:?}");
        }
        rows.insert(key.clone());
    }
    let shown: BTreeSet<StoredKey> = documents.iter().map(as_stored).collect();
    assert_eq!(documents.len(), shown.len(), "a key is shown twice");
    let unlike: Vec<_> = shown.symmetric_difference(&rows).collect();
    assert!(unlike.is_empty(), "shown or stored, not both: {unlike:?}");
}

fn as_stored(document: &Value) -> StoredKey {
    let text = |name: &str| document[name].as_str().unwrap().to_owned();
    StoredKey {
        scope: text("scope"),
        key_id: text("key_id"),
        state: text("state"),
        is_current: document["current"].as_bool().unwrap(),
        handle_id: Some(text("handle_id")),
        public_key: Some(STANDARD.decode(text("public_key")).unwrap()),
    }
}

/// Uses a key: it signs, unless it is retired, and then it neither signs nor comes to life again.
pub(crate) fn try_key(
    connection: &mut Connection,
    ledger: &Ledger,
    key: &PublishedKey,
    random: &mut Random,
) {
    let shown = connection.ask("GET", &key.path(), None).unwrap();
    let document = shown.expect_status(200).json();
    assert_eq!(&PublishedKey::of(&document), key);
    let is_retired = ledger.retired(&key.handle_id) == Progress::Acknowledged;
    assert_eq!(document["state"] == "retired", is_retired, "{document}");
    let digest = random.digest();
    let path = format!("{}/sign", key.path());
    let signed = connection.ask("POST", &path, Some(&sign_request(&digest)));
    let signed = signed.unwrap();
    let (scope, key_id) = (&document["scope"], &document["key_id"]);
    let request = format!(r#"{{"scope":{scope},"key_id":{key_id}}}"#);
    let again = connection.ask("POST", "/v1/keys", Some(&request)).unwrap();
    if is_retired {
        assert_eq!((signed.status, again.status), (410, 410), "{document}");
        assert_eq!(signed.problem_code(), "key_retired");
        assert_eq!(again.problem_code(), "key_retired");
    } else {
        assert_eq!((signed.status, again.status), (200, 200), "{document}");
        assert!(key.has_signed(&digest, &signed), "{document}");
        assert_eq!(&PublishedKey::of(&again.json()), key);
    }
}
