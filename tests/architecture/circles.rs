//! No module leads back to itself: at every level of every crate, the modules that stand beside each
//! other can be put in an order. A module and those below it count as one for those beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::private_keys::shipped_lines;
use crate::workspace::shipped_sources;

/// From each module to those beside it that it, or one below it, names.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The way to a module, or to an item, from the root of its crate.
type Way = Vec<String>;

/// The modules of one crate, and what each imports.
#[derive(Default)]
struct Crate {
    imports: BTreeMap<Way, Vec<Way>>,
    /// From the name under which a module hands an item on to where it has it from.
    handed_on: BTreeMap<Way, Way>,
}

impl Crate {
    fn read(&mut self, inside: &Path, text: &str) {
        let mut way: Way = inside.with_extension("").iter().map(words).collect();
        if matches!(way.first().map(String::as_str), Some("lib" | "main")) {
            way.clear();
        }
        let code: Vec<&str> = shipped_lines(text)
            .filter_map(|line| line.split("//").next())
            .collect();
        let imports = self.imports.entry(way.clone()).or_default();
        for statement in code.join("\n").split(';') {
            let (before, tree) = statement.rsplit_once("use ").unwrap_or((statement, ""));
            let visible = before.rsplit('\n').next().unwrap_or_default().trim();
            let is_import = !tree.is_empty() && (visible.is_empty() || visible.starts_with("pub"));
            let trees = if is_import {
                expanded(tree)
            } else {
                Vec::new()
            };
            let in_line = if is_import { before } else { statement };
            for named in trees.into_iter().chain(paths(in_line)) {
                let Some(named) = absolute(&way, &named) else {
                    continue;
                };
                if let (true, Some(name)) = (is_import && !visible.is_empty(), named.last()) {
                    let here = way.iter().chain([name]).cloned().collect();
                    self.handed_on.insert(here, named);
                } else {
                    imports.push(named);
                }
            }
        }
    }

    /// The module that has what is named, by way of those that only hand it on.
    fn home(&self, named: &[String], patience: usize) -> Option<Way> {
        for end in (0..=named.len()).rev() {
            let (way, rest) = named.split_at(end);
            if self.imports.contains_key(way) {
                return Some(way.to_vec());
            }
            if let (Some(origin), true) = (self.handed_on.get(way), patience > 0) {
                return self.home(&[origin, rest].concat(), patience - 1);
            }
        }
        None
    }

    /// Who names whom, for each level.
    fn levels(&self) -> BTreeMap<Way, Uses> {
        let mut levels: BTreeMap<Way, Uses> = BTreeMap::new();
        for (from, imports) in &self.imports {
            if let Some((name, above)) = from.split_last() {
                let level = levels.entry(above.to_vec()).or_default();
                level.entry(name.clone()).or_default();
            }
            for to in imports.iter().filter_map(|named| self.home(named, 9)) {
                let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(here), Some(there)) = (from.get(common), to.get(common)) {
                    let above = from.iter().take(common).cloned().collect();
                    let level = levels.entry(above).or_default();
                    let named = level.entry(here.clone()).or_default();
                    named.insert(there.clone());
                }
            }
        }
        levels
    }
}

fn words(part: &std::ffi::OsStr) -> String {
    part.to_string_lossy().into_owned()
}

/// The paths that a tree of imports names.
fn expanded(tree: &str) -> Vec<String> {
    let tree = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((before, inner)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default();
        return vec![path.trim().trim_end_matches("::self").to_owned()];
    };
    let inner = inner.trim().strip_suffix('}').unwrap_or(inner);
    let (mut branches, mut depth) = (vec![String::new()], 0_usize);
    for letter in inner.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match branches.last_mut() {
            Some(branch) if letter != ',' || depth > 0 => branch.push(letter),
            _ => branches.push(String::new()),
        }
    }
    let branches = branches.iter().filter(|branch| !branch.trim().is_empty());
    branches
        .flat_map(|branch| expanded(&format!("{before}{}", branch.trim())))
        .collect()
}

/// The paths that code names where it uses them.
fn paths(code: &str) -> Vec<String> {
    let starts = ["crate::", "super::"].into_iter();
    let found = starts.flat_map(|start| code.match_indices(start));
    let whole = found.filter(|(at, _)| {
        let before = code.get(..*at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_alphanumeric() || [':', '$', '_'].contains(&c))
    });
    whole
        .map(|(at, _)| {
            let path = code.get(at..).unwrap_or_default();
            let end = path.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
            let path = path.get(..end.unwrap_or(path.len())).unwrap_or_default();
            path.trim_end_matches(':').to_owned()
        })
        .collect()
}

/// The way from the root of the crate to what a module names, if it is in the same crate.
fn absolute(module: &[String], named: &str) -> Option<Way> {
    let mut base = module.to_vec();
    let mut parts = named.split("::").peekable();
    match parts.next()? {
        "crate" => base.clear(),
        "self" => {}
        // A module below, or another crate: then there is no such module, and nothing follows.
        below if !below.is_empty() && below != "super" => base.push(below.to_owned()),
        "super" => {
            base.pop();
            while parts.next_if_eq(&"super").is_some() {
                base.pop();
            }
        }
        _ => return None,
    }
    base.extend(parts.map(str::to_owned));
    Some(base)
}

/// Who names whom, at each level of each crate; a level is called after its directory.
fn uses(sources: &[(PathBuf, String)]) -> BTreeMap<String, Uses> {
    let mut crates: BTreeMap<PathBuf, Crate> = BTreeMap::new();
    for (path, text) in sources {
        let mut parts = path.iter();
        let above: PathBuf = parts.by_ref().take_while(|part| *part != "src").collect();
        let inside = parts.as_path();
        let is_apart = inside.starts_with("bin") || inside.iter().any(|part| part == "tests");
        if !is_apart && !inside.ends_with("tests.rs") {
            let krate = crates.entry(above.join("src")).or_default();
            krate.read(inside, text);
        }
    }
    let mut uses = BTreeMap::new();
    for (source, krate) in crates {
        for (level, named) in krate.levels() {
            let directory = level
                .iter()
                .fold(source.clone(), |path, part| path.join(part));
            uses.insert(directory.display().to_string(), named);
        }
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
    let actors = uses(&shipped_sources()).remove("actors/src").unwrap();
    assert!(
        actors.len() > 10,
        "the actors have more modules: {actors:?}"
    );
    assert!(actors["key"].contains("providers"), "{actors:?}");
    assert_eq!(circle(actors), BTreeSet::new());
}

#[test]
fn no_module_leads_back_to_itself() {
    let uses = uses(&shipped_sources());
    assert!(uses.len() > 20, "there are more levels: {:?}", uses.keys());
    let pool = &uses["adapters/pkcs11/src/sdk"]["pool"];
    assert!(pool.contains("session_thread"), "{pool:?}");
    let circles = uses.into_iter().map(|(level, uses)| (level, circle(uses)));
    let found = circles.filter(|(_, circle)| !circle.is_empty());
    assert_eq!(found.collect::<Vec<_>>(), []);
}

#[test]
fn a_circle_is_noticed_whatever_hangs_on_it() {
    let source = |name: &str, text: &str| (format!("x/actors/src/{name}").into(), text.into());
    let sources = [
        source("lib.rs", "use crate::first::A;"),
        source("first.rs", "use crate::second::B;"),
        source("second.rs", "mod inner;"),
        source("second/inner.rs", "fn f() -> crate::third::C {}"),
        source(
            "third.rs",
            "use crate::{leaf, first::A};\nuse crate::first::A;",
        ),
        source("leaf.rs", ""),
    ];
    let circle = circle(uses(&sources).remove("x/actors/src").unwrap());
    assert_eq!(circle.len(), 3, "{circle:?}");
    assert!(!circle.contains("leaf"));
}

#[test]
fn a_circle_far_below_is_noticed_behind_whoever_hands_on_and_one_of_tests_is_none() {
    let source = |name: &str, text: &str| (format!("src/{name}").into(), text.into());
    let sources = [
        source("a.rs", "mod b;\nmod c;\npub(crate) use b::{B, X as Y};"),
        source(
            "a/b.rs",
            "use super::c::C;\n#[cfg(test)]\nmod tests {\n    use super::*;\n}",
        ),
        source("a/c.rs", "use std::fmt;\n\nuse crate::a::B;"),
        source("a/c/tests.rs", "use crate::a::d::D;"),
        source(
            "a/d.rs",
            "use super::c::C;\n#[cfg(test)]\nmod tests {\n    use crate::a::e::E;\n}",
        ),
        source("a/e.rs", "use super::d::D;"),
    ];
    let circle = circle(uses(&sources).remove("src/a").unwrap());
    let expected = ["b", "c", "d", "e"].map(str::to_owned);
    assert_eq!(circle, BTreeSet::from(expected), "d and e hang on it");
}
