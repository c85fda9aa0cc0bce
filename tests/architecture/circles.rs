//! Which module of the actors may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::workspace::shipped_sources;

type Uses = BTreeMap<String, BTreeSet<String>>;

/// From each module of the actors' crate to the modules that it names.
fn uses(sources: &[(PathBuf, String)]) -> Uses {
    let mut uses = Uses::new();
    for (path, text) in sources {
        let path = path.to_string_lossy();
        let Some((_, inside)) = path.split_once("actors/src/") else {
            continue;
        };
        let module = inside.split(['/', '.']).next().unwrap_or_default();
        if module == "lib" {
            continue;
        }
        let named = text.split("crate::").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
            rest.split_at(end.unwrap_or(rest.len())).0.to_owned()
        });
        let named = named.filter(|name| !name.is_empty() && name != module);
        uses.entry(module.to_owned()).or_default().extend(named);
    }
    uses
}

/// The modules that are left when those are taken away, again and again, that name none of the others.
fn circle(mut uses: Uses) -> BTreeSet<String> {
    loop {
        let leaf = uses.iter().find(|(_, named)| named.is_empty());
        let Some(leaf) = leaf.map(|(module, _)| module.clone()) else {
            return uses.into_keys().collect();
        };
        uses.remove(&leaf);
        for named in uses.values_mut() {
            named.remove(&leaf);
        }
    }
}

#[test]
fn no_module_of_the_actors_leads_back_to_itself() {
    let uses = uses(&shipped_sources());
    assert!(uses.len() > 10, "the actors have more modules: {uses:?}");
    assert!(uses["key"].contains("providers"), "{uses:?}");
    assert_eq!(circle(uses), BTreeSet::new());
}

#[test]
fn a_circle_is_noticed_whatever_hangs_on_it() {
    let source = |name: &str, text: &str| (format!("/x/actors/src/{name}").into(), text.into());
    let sources = [
        source("lib.rs", "use crate::first::A;"),
        source("first.rs", "use crate::second::B;"),
        source("second/inner.rs", "fn f() -> crate::third::C {}"),
        source(
            "third.rs",
            "use crate::{leaf, first::A}; use crate::first::A;",
        ),
        source("leaf.rs", ""),
    ];
    let circle = circle(uses(&sources));
    assert_eq!(circle.len(), 3, "{circle:?}");
    assert!(!circle.contains("leaf"));
}
