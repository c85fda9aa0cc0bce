//! Which crate may depend on which.

use std::collections::BTreeSet;

use crate::workspace::{Edge, TOOLS, edges, members};

/// All edges there are between the members, from the outside to the inside.
const WALLS: [(&str, &str); 9] = [
    ("plexsphere-signer", "signer-actors"),
    ("plexsphere-signer", "signer-adapters"),
    ("plexsphere-signer", "signer-domain"),
    ("plexsphere-signer", "signer-http"),
    ("signer-actors", "signer-domain"),
    ("signer-adapters", "signer-domain"),
    ("signer-adapters", "signer-module"),
    ("signer-http", "signer-domain"),
    ("signer-module", "signer-domain"),
];

/// Crates that belong to some members alone: a name, or its beginning when it ends in a hyphen or
/// an underscore.
const OWNERS: [(&str, &[&str]); 18] = [
    // Key material.
    ("aws-lc-", &[]),
    ("curve25519-dalek", &["signer-adapters"]),
    ("ed25519-dalek", &["signer-adapters"]),
    ("hkdf", &["signer-adapters"]),
    ("ring", &["signer-adapters"]),
    ("zeroize", &["signer-adapters"]),
    // What the key providers and the registry stand on.
    ("aws-", &["signer-adapters"]),
    ("azure_", &["signer-adapters"]),
    ("cryptoki", &["signer-adapters"]),
    ("google-cloud-", &["signer-adapters"]),
    ("libloading", &["signer-adapters"]),
    ("sqlx", &["signer-adapters"]),
    // The runtimes of the shells.
    ("actix", &["signer-actors"]),
    ("actix-http", &["signer-http"]),
    (
        "actix-rt",
        &["signer-actors", "signer-http", "plexsphere-signer"],
    ),
    ("actix-service", &["signer-http"]),
    ("actix-web", &["signer-http"]),
    ("utoipa", &["signer-http"]),
];

/// Edges between members that are missing from the plan or from the code.
fn misplaced_edges(edges: &BTreeSet<Edge>, members: &BTreeSet<String>) -> Vec<String> {
    let ours = |edge: &&Edge| members.contains(&edge.to) && !is_of_a_tool(edge);
    let found: BTreeSet<(&str, &str)> = edges
        .iter()
        .filter(ours)
        .map(|edge| (edge.from.as_str(), edge.to.as_str()))
        .collect();
    let planned = BTreeSet::from(WALLS);
    let extra = found
        .difference(&planned)
        .map(|(from, to)| format!("{from} must not need {to}"));
    let absent = planned
        .difference(&found)
        .map(|(from, to)| format!("{from} no longer needs {to}"));
    extra.chain(absent).collect()
}

/// Crates used by a member that does not own them, outside of tests.
fn borrowed_crates(edges: &BTreeSet<Edge>) -> Vec<String> {
    let mut borrowed = Vec::new();
    for edge in edges
        .iter()
        .filter(|edge| !edge.tests_only && !is_of_a_tool(edge))
    {
        for (name, owners) in OWNERS {
            if is_called(&edge.to, name) && !owners.contains(&edge.from.as_str()) {
                borrowed.push(format!("{} must not use {}", edge.from, edge.to));
            }
        }
    }
    borrowed
}

/// Whether an edge leaves a tool, or leads tests to one.
fn is_of_a_tool(edge: &Edge) -> bool {
    let is_tool = |name: &String| TOOLS.contains(&name.as_str());
    is_tool(&edge.from) || (edge.tests_only && is_tool(&edge.to))
}

/// Whether a crate bears a name, or begins with it where the name is only a beginning.
pub(crate) fn is_called(crate_name: &str, name: &str) -> bool {
    if name.ends_with(['-', '_']) {
        crate_name.starts_with(name)
    } else {
        crate_name == name
    }
}

fn planned_edges() -> BTreeSet<Edge> {
    WALLS.iter().map(|(from, to)| Edge::new(from, to)).collect()
}

fn planned_members() -> BTreeSet<String> {
    planned_edges()
        .into_iter()
        .flat_map(|edge| [edge.from, edge.to])
        .collect()
}

#[test]
fn the_members_depend_on_each_other_from_the_outside_to_the_inside_only() {
    assert_eq!(misplaced_edges(&edges(), &members()), Vec::<String>::new());
}

#[test]
fn a_tool_that_the_shipped_code_needs_is_noticed() {
    for tool in TOOLS {
        assert!(members().contains(tool), "{tool} is still a member");
        let mut edges = planned_edges();
        edges.insert(Edge::new("plexsphere-signer", tool));
        let members = planned_members()
            .into_iter()
            .chain([tool.to_owned()])
            .collect();
        let complaints = misplaced_edges(&edges, &members);
        assert_eq!(
            complaints,
            [format!("plexsphere-signer must not need {tool}")]
        );
    }
}

#[test]
fn an_edge_to_the_side_is_noticed_even_when_only_tests_need_it() {
    let mut edges = planned_edges();
    edges.insert(Edge {
        tests_only: true,
        ..Edge::new("signer-actors", "signer-adapters")
    });
    let complaints = misplaced_edges(&edges, &planned_members());
    assert_eq!(complaints, ["signer-actors must not need signer-adapters"]);
}

#[test]
fn an_edge_out_of_the_domain_is_noticed() {
    let mut edges = planned_edges();
    edges.insert(Edge::new("signer-domain", "signer-http"));
    let complaints = misplaced_edges(&edges, &planned_members());
    assert_eq!(complaints, ["signer-domain must not need signer-http"]);
}

#[test]
fn an_edge_that_disappears_is_noticed() {
    let mut edges = planned_edges();
    edges.remove(&Edge::new("signer-http", "signer-domain"));
    let complaints = misplaced_edges(&edges, &planned_members());
    assert_eq!(complaints, ["signer-http no longer needs signer-domain"]);
}

#[test]
fn key_material_sdks_and_runtimes_stay_with_their_owners() {
    assert_eq!(borrowed_crates(&edges()), Vec::<String>::new());
}

#[test]
fn a_borrowed_crate_is_noticed() {
    for (from, to) in [
        ("plexsphere-signer", "ring"),
        ("signer-http", "actix"),
        ("signer-actors", "actix-web"),
        ("signer-domain", "actix-rt"),
        ("plexsphere-signer", "sqlx"),
        ("signer-actors", "aws-sdk-kms"),
        ("signer-http", "azure_security_keyvault_keys"),
    ] {
        let edges = BTreeSet::from([Edge::new(from, to)]);
        assert_eq!(
            borrowed_crates(&edges),
            [format!("{from} must not use {to}")]
        );
    }
}

#[test]
fn a_second_cryptographic_library_is_noticed_even_in_the_adapters() {
    let edges = BTreeSet::from([Edge::new("signer-adapters", "aws-lc-rs")]);
    assert_eq!(
        borrowed_crates(&edges),
        ["signer-adapters must not use aws-lc-rs"]
    );
}

#[test]
fn tests_and_tools_may_use_what_they_like() {
    let in_tests = Edge {
        tests_only: true,
        ..Edge::new("signer-http", "ring")
    };
    let edges = BTreeSet::from([in_tests, Edge::new("signer-bench", "ring")]);
    assert_eq!(borrowed_crates(&edges), Vec::<String>::new());
}
