//! What is done when the custodian dies.

use std::collections::BTreeMap;

use serde_json::Value;
use signer_test_support::{Connection, Response, path_of, sign_request};

/// What is shown of the keys of the platform: state and mark by name, and the open rotation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct State {
    pub(crate) keys: BTreeMap<String, (String, bool)>,
    pub(crate) rotation: Option<(String, String)>,
}

impl State {
    /// `active*` marks the current key; what is active may be `blocked`.
    pub(crate) fn of(keys: &[(&str, &str)], rotation: Option<(&str, &str)>) -> Self {
        let key = |(name, state): &(&str, &str)| {
            let is_current = state.ends_with('*');
            let state = state.trim_end_matches('*').to_owned();
            ((*name).to_owned(), (state, is_current))
        };
        Self {
            keys: keys.iter().map(key).collect(),
            rotation: rotation.map(|(old, new)| (old.to_owned(), new.to_owned())),
        }
    }

    /// Reads what a custodian shows.
    pub(crate) fn shown_by(connection: &mut Connection) -> Self {
        let list = connection.ask("GET", "/v1/keys?limit=100", None).unwrap();
        let list = list.expect_status(200).json();
        let key = |document: &Value| {
            let text = |name: &str| document[name].as_str().unwrap().to_owned();
            let is = |name: &str| document[name].as_bool().unwrap();
            let state = if is("blocked") {
                "blocked".to_owned()
            } else {
                text("state")
            };
            (text("key_id"), (state, is("current")))
        };
        let keys = list["keys"].as_array().unwrap().iter().map(key).collect();
        let path = "/v1/scopes/platform/rotations/current";
        let open = connection.ask("GET", path, None).unwrap();
        let rotation = (open.status == 200).then(|| {
            let document = open.json();
            let text = |name: &str| document[name].as_str().unwrap().to_owned();
            (text("old_key_id"), text("new_key_id"))
        });
        Self { keys, rotation }
    }
}

/// A change, or a question, about the keys of the platform.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Act {
    Generate(&'static str),
    Sign(&'static str),
    Retire(&'static str),
    Open(&'static str),
    Close(&'static str, &'static str),
    Block(&'static str),
    Unblock(&'static str),
}

impl Act {
    /// Asks for it.
    pub(crate) fn ask(self, connection: &mut Connection) -> std::io::Result<Response> {
        let (path, body) = match self {
            Self::Generate(name) => (
                "/v1/keys".to_owned(),
                format!(r#"{{"scope":"platform","key_id":"{name}"}}"#),
            ),
            Self::Sign(name) => (format!("{}/sign", path(name)), sign_request(&[7; 64])),
            Self::Retire(name) => {
                return connection.ask("POST", &format!("{}/retire", path(name)), None);
            }
            Self::Block(name) => {
                return connection.ask("POST", &format!("{}/block", path(name)), None);
            }
            Self::Unblock(name) => {
                return connection.ask("POST", &format!("{}/unblock", path(name)), None);
            }
            Self::Open(name) => (
                "/v1/scopes/platform/rotations".to_owned(),
                format!(r#"{{"new_key_id":"{name}"}}"#),
            ),
            Self::Close(old, new) => (
                "/v1/scopes/platform/rotations/close".to_owned(),
                format!(r#"{{"old_key_id":"{old}","new_key_id":"{new}"}}"#),
            ),
        };
        connection.ask("POST", &path, Some(&body))
    }
}

/// The path of the key of this name.
pub(crate) fn path(name: &str) -> String {
    path_of(&format!("software:platform|{name}"))
}

/// A change, what comes before it, and what is there before and after it.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) before: &'static [Act],
    pub(crate) act: Act,
    pub(crate) old: State,
    pub(crate) new: State,
}

/// Every change there is.
pub(crate) fn all() -> Vec<Scenario> {
    use Act::{Block, Close, Generate, Open, Retire, Sign, Unblock};
    const TWO: &[Act] = &[Generate("k1"), Generate("k2")];
    const ROTATING: &[Act] = &[Generate("k1"), Open("k2")];
    let both_rotate = || State::of(&[("k1", "rotating"), ("k2", "active*")], Some(("k1", "k2")));
    let closed = || State::of(&[("k1", "retired"), ("k2", "active*")], None);
    vec![
        Scenario {
            name: "generating the first key of a scope",
            before: &[],
            act: Generate("k1"),
            old: State::default(),
            new: State::of(&[("k1", "active*")], None),
        },
        Scenario {
            name: "generating another key",
            before: &[Generate("k1")],
            act: Generate("k2"),
            old: State::of(&[("k1", "active*")], None),
            new: State::of(&[("k1", "active*"), ("k2", "active")], None),
        },
        Scenario {
            name: "signing",
            before: TWO,
            act: Sign("k2"),
            old: State::of(&[("k1", "active*"), ("k2", "active")], None),
            new: State::of(&[("k1", "active*"), ("k2", "active")], None),
        },
        Scenario {
            name: "retiring the current key",
            before: TWO,
            act: Retire("k1"),
            old: State::of(&[("k1", "active*"), ("k2", "active")], None),
            new: State::of(&[("k1", "retired"), ("k2", "active")], None),
        },
        Scenario {
            name: "opening a rotation",
            before: &[Generate("k1")],
            act: Open("k2"),
            old: State::of(&[("k1", "active*")], None),
            new: both_rotate(),
        },
        Scenario {
            name: "closing a rotation",
            before: ROTATING,
            act: Close("k1", "k2"),
            old: both_rotate(),
            new: closed(),
        },
        Scenario {
            name: "retiring the old key of an open rotation",
            before: ROTATING,
            act: Retire("k1"),
            old: both_rotate(),
            new: State::of(&[("k1", "retired"), ("k2", "active*")], Some(("k1", "k2"))),
        },
        Scenario {
            name: "rotating to a key that was generated ahead",
            before: TWO,
            act: Open("k2"),
            old: State::of(&[("k1", "active*"), ("k2", "active")], None),
            new: both_rotate(),
        },
        Scenario {
            name: "blocking the current key",
            before: TWO,
            act: Block("k1"),
            old: State::of(&[("k1", "active*"), ("k2", "active")], None),
            new: State::of(&[("k1", "blocked*"), ("k2", "active")], None),
        },
        Scenario {
            name: "unblocking a key",
            before: &[Generate("k1"), Generate("k2"), Block("k1")],
            act: Unblock("k1"),
            old: State::of(&[("k1", "blocked*"), ("k2", "active")], None),
            new: State::of(&[("k1", "active*"), ("k2", "active")], None),
        },
        Scenario {
            name: "closing a rotation whose old key was retired early",
            before: &[Generate("k1"), Open("k2"), Retire("k1")],
            act: Close("k1", "k2"),
            old: State::of(&[("k1", "retired"), ("k2", "active*")], Some(("k1", "k2"))),
            new: closed(),
        },
    ]
}
