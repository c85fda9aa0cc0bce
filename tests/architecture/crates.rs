//! Which crate may depend on which.
//!
//! Rules by the folder in which a member lies, and no lists of members: a new crate below `adapters/`
//! finds its walls standing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::workspace::{Edge, Member, edges, for_development, members};

/// What a member is, which its folder says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    /// The program, which joins all others.
    Root,
    Domain,
    /// The actors, and HTTP.
    Shell,
    /// What adapters share.
    Shared,
    /// What the providers of cloud key services share.
    Cloud,
    /// A key provider: every other folder of `adapters/`.
    Provider,
    /// A crate below the folder of a provider, which is that one's own.
    Part,
    /// What keeps files of its own: the registry, the audit log.
    Store,
    Tool,
}

impl Room {
    fn of(member: &Member) -> Self {
        let text = member.folder.to_str().unwrap_or_default();
        match text.strip_prefix("adapters/") {
            _ if member.is_tool() => Self::Tool,
            Some("module" | "files" | "verify" | "key-pair") => Self::Shared,
            Some("cloud") => Self::Cloud,
            Some("registry" | "audit") => Self::Store,
            Some(below) if below.contains('/') => Self::Part,
            Some(_) => Self::Provider,
            None => match text {
                "" => Self::Root,
                "domain" => Self::Domain,
                _ => Self::Shell,
            },
        }
    }

    /// Whether it lies in `adapters/`, where alone key material and the libraries of services may be.
    const fn is_an_adapter(self) -> bool {
        matches!(
            self,
            Self::Shared | Self::Cloud | Self::Provider | Self::Part | Self::Store
        )
    }

    /// Whether a member in here may need this other one, which is no part of it.
    fn may_need(self, to: &Member) -> bool {
        let other = Self::of(to);
        match self {
            Self::Tool => true,
            Self::Root => !matches!(other, Self::Tool | Self::Part),
            Self::Domain | Self::Part => false,
            Self::Shell | Self::Shared => other == Self::Domain,
            Self::Cloud => matches!(other, Self::Domain | Self::Shared),
            Self::Provider => matches!(other, Self::Domain | Self::Shared | Self::Cloud),
            Self::Store => other == Self::Domain || to.folder == Path::new("adapters/files"),
        }
    }
}

/// The one crate that hands private keys out, and the one provider for production that it hands them to. The
/// others are for development only.
const KEY_PAIR: &str = "adapters/key-pair";
const BORROWER: &str = "adapters/azure-kv";

/// Crates that no provider brings along and that have their place: a name, or its beginning when it ends
/// in a hyphen or an underscore, and the folders of the members that may use it.
const OWNERS: [(&str, &[&str]); 12] = [
    // Key material.
    ("aws-lc-", &[]),
    ("curve25519-dalek", &["adapters"]),
    ("ed25519-dalek", &["adapters"]),
    ("hkdf", &["adapters"]),
    ("ring", &["adapters"]),
    ("zeroize", &["adapters"]),
    // The database, and the loader of foreign modules.
    ("libloading", &["adapters"]),
    ("sqlx", &["adapters"]),
    // The runtimes of the shells.
    ("actix", &["actors"]),
    ("actix-rt", &["actors", "http", ""]),
    ("actix-", &["http"]),
    ("utoipa", &["http"]),
];

/// Small libraries that providers happen to need behind their features, and others in any case.
const EVERYBODYS: [&str; 3] = ["bytes", "futures-util", "http-body-util"];

/// Edges between members that the rules forbid, and those without which a member would stand alone.
fn misplaced_edges(edges: &BTreeSet<Edge>, members: &BTreeSet<Member>) -> Vec<String> {
    let named: BTreeMap<&str, &Member> = members
        .iter()
        .map(|member| (member.name.as_str(), member))
        .collect();
    let ours = edges.iter().filter_map(|edge| {
        let ends = (*named.get(&*edge.from)?, *named.get(&*edge.to)?);
        Some((edge, ends)).filter(|_| !is_of_a_tool(edge, ends))
    });
    let ours: Vec<(&Edge, (&Member, &Member))> = ours.collect();
    let forbidden = ours.iter().filter(|(_, (from, to))| !may_need(from, to));
    let mut complaints: Vec<String> = forbidden
        .map(|(edge, _)| format!("{} must not need {}", edge.from, edge.to))
        .collect();
    let shipped = || members.iter().filter(|member| !member.is_tool());
    let knows_the_domain =
        |member: &&Member| !matches!(Room::of(member), Room::Domain | Room::Part);
    for member in shipped().filter(knows_the_domain) {
        let needs = |(edge, (from, to)): &(&Edge, (&Member, &Member))| {
            !edge.tests_only && *from == member && Room::of(to) == Room::Domain
        };
        if !ours.iter().any(needs) {
            complaints.push(format!("{} no longer needs signer-domain", member.name));
        }
    }
    for member in shipped().filter(|member| Room::of(member) != Room::Root) {
        let is_needed =
            |(edge, (_, to)): &(&Edge, (&Member, &Member))| !edge.tests_only && *to == member;
        if !ours.iter().any(is_needed) {
            complaints.push(format!("nothing needs {}", member.name));
        }
    }
    complaints
}

fn may_need(from: &Member, to: &Member) -> bool {
    let is_lent = to.folder != Path::new(KEY_PAIR)
        || from.folder == Path::new(BORROWER)
        || for_development().any(|folder| from.folder == folder);
    let is_a_part = Room::of(to) == Room::Part && to.folder.starts_with(&from.folder);
    let is_its_own = is_a_part && Room::of(from) == Room::Provider;
    is_its_own || (Room::of(from).may_need(to) && is_lent)
}

/// Whether an edge leaves a tool, or leads tests to one.
fn is_of_a_tool(edge: &Edge, (from, to): (&Member, &Member)) -> bool {
    from.is_tool() || (edge.tests_only && to.is_tool())
}

/// The libraries that only features of the adapters switch on, but for those that anybody may use.
pub(crate) fn behind_a_feature(edges: &BTreeSet<Edge>, members: &BTreeSet<Member>) -> Vec<String> {
    let adapters = members.iter().filter(|it| Room::of(it).is_an_adapter());
    let adapters: BTreeSet<&String> = adapters.map(|member| &member.name).collect();
    let of_adapters = edges
        .iter()
        .filter(|edge| !edge.tests_only && adapters.contains(&edge.from));
    let (optional, always): (Vec<&Edge>, Vec<&Edge>) =
        of_adapters.partition(|edge| edge.is_optional);
    let always: BTreeSet<&String> = always.iter().map(|edge| &edge.to).collect();
    let optional: BTreeSet<&String> = optional.iter().map(|edge| &edge.to).collect();
    let mut behind: Vec<String> = optional.difference(&always).copied().cloned().collect();
    behind.retain(|name| !EVERYBODYS.contains(&name.as_str()));
    behind
}

/// Crates used by a member that does not own them, outside of tests.
fn borrowed_crates(edges: &BTreeSet<Edge>, members: &BTreeSet<Member>) -> Vec<String> {
    let of_providers = behind_a_feature(edges, members);
    let mut borrowed = Vec::new();
    for edge in edges.iter().filter(|edge| !edge.tests_only) {
        let Some(from) = members.iter().find(|member| member.name == edge.from) else {
            continue;
        };
        let is_theirs = of_providers.contains(&edge.to) && !Room::of(from).is_an_adapter();
        let owners = OWNERS.iter().find(|(name, _)| is_called(&edge.to, name));
        let is_of_others = owners.is_some_and(|(_, owners)| !owns(from, owners));
        if !from.is_tool() && (is_theirs || is_of_others) {
            borrowed.push(format!("{} must not use {}", edge.from, edge.to));
        }
    }
    borrowed
}

/// Whether a member is among these, or below `adapters/` where that is among them.
fn owns(member: &Member, owners: &[&str]) -> bool {
    owners.iter().any(|owner| {
        member.folder == Path::new(owner)
            || (*owner == "adapters" && member.folder.starts_with("adapters"))
    })
}

/// Whether a crate bears a name, or begins with it where the name is only a beginning.
pub(crate) fn is_called(crate_name: &str, name: &str) -> bool {
    if name.ends_with(['-', '_']) {
        crate_name.starts_with(name)
    } else {
        crate_name == name
    }
}

/// A small house after the plan.
const PLAN: [(&str, &str); 14] = [
    ("plexsphere-signer", "signer-actors"),
    ("plexsphere-signer", "signer-audit"),
    ("plexsphere-signer", "signer-azure-kv"),
    ("plexsphere-signer", "signer-domain"),
    ("plexsphere-signer", "signer-files"),
    ("plexsphere-signer", "signer-http"),
    ("signer-actors", "signer-domain"),
    ("signer-audit", "signer-domain"),
    ("signer-azure-kv", "signer-domain"),
    ("signer-azure-kv", "signer-key-pair"),
    ("signer-azure-kv", "signer-cloud"),
    ("signer-files", "signer-domain"),
    ("signer-cloud", "signer-domain"),
    ("signer-http", "signer-domain"),
];

fn planned_edges() -> BTreeSet<Edge> {
    let plan = PLAN.iter().map(|(from, to)| Edge::new(from, to));
    plan.chain([Edge::new("signer-key-pair", "signer-domain")])
        .collect()
}

fn planned_members() -> BTreeSet<Member> {
    let edges = planned_edges().into_iter();
    let names = edges.flat_map(|edge| [edge.from, edge.to]);
    names.map(|name| planned_member(&name)).collect()
}

fn planned_member(name: &str) -> Member {
    let folder = match name.trim_start_matches("signer-") {
        "plexsphere-signer" => String::new(),
        top @ ("actors" | "domain" | "http") => top.to_owned(),
        tool @ ("bench" | "kit") => format!("tests/{tool}"),
        adapter => format!("adapters/{adapter}"),
    };
    Member::new(name, folder)
}

/// What is said of the plan with one edge more.
fn complaints_with(more: &Edge) -> Vec<String> {
    let mut edges = planned_edges();
    edges.insert(more.clone());
    let ends = [&more.from, &more.to].map(|name| planned_member(name));
    misplaced_edges(&edges, &planned_members().into_iter().chain(ends).collect())
}

#[test]
fn the_members_depend_on_each_other_from_the_outside_to_the_inside_only() {
    assert_eq!(misplaced_edges(&edges(), &members()), Vec::<String>::new());
    let planned = misplaced_edges(&planned_edges(), &planned_members());
    assert_eq!(planned, Vec::<String>::new());
}

#[test]
fn a_tool_that_the_shipped_code_needs_is_noticed() {
    let tools: Vec<Member> = members().into_iter().filter(Member::is_tool).collect();
    assert!(!tools.is_empty(), "the tools are members");
    for tool in tools {
        let mut edges = planned_edges();
        edges.insert(Edge::new("plexsphere-signer", &tool.name));
        let expected = format!("plexsphere-signer must not need {}", tool.name);
        let members = planned_members().into_iter().chain([tool]).collect();
        assert_eq!(misplaced_edges(&edges, &members), [expected]);
    }
}

#[test]
fn an_edge_to_the_side_is_noticed_even_when_only_tests_need_it() {
    let complaints = complaints_with(&Edge {
        tests_only: true,
        ..Edge::new("signer-actors", "signer-audit")
    });
    assert_eq!(complaints, ["signer-actors must not need signer-audit"]);
}

#[test]
fn an_edge_between_rooms_of_the_adapters_is_noticed() {
    for (from, to) in [
        ("signer-cloud", "signer-azure-kv"),
        ("signer-files", "signer-cloud"),
        ("signer-audit", "signer-azure-kv"),
        ("signer-audit", "signer-cloud"),
        ("signer-azure-kv", "signer-audit"),
        ("signer-azure-kv", "signer-http"),
    ] {
        let complaints = complaints_with(&Edge::new(from, to));
        assert_eq!(complaints, [format!("{from} must not need {to}")]);
    }
}

#[test]
fn a_new_provider_finds_its_walls_standing() {
    let ways = ["signer-domain", "signer-files", "signer-cloud"];
    let mut edges = planned_edges();
    edges.extend(ways.map(|to| Edge::new("signer-toy", to)));
    edges.insert(Edge::new("plexsphere-signer", "signer-toy"));
    let members: BTreeSet<Member> = planned_members()
        .into_iter()
        .chain([planned_member("signer-toy")])
        .collect();
    assert_eq!(misplaced_edges(&edges, &members), Vec::<String>::new());
    edges.insert(Edge::new("signer-toy", "signer-azure-kv"));
    let complaints = misplaced_edges(&edges, &members);
    assert_eq!(complaints, ["signer-toy must not need signer-azure-kv"]);
}

#[test]
fn a_part_of_a_provider_is_its_own() {
    let part = Member::new("signer-azure-part", "adapters/azure-kv/part");
    let with = |from: &str| {
        let mut edges = planned_edges();
        edges.insert(Edge::new(from, &part.name));
        let members = planned_members().into_iter().chain([part.clone()]);
        misplaced_edges(&edges, &members.collect())
    };
    assert_eq!(with("signer-azure-kv"), Vec::<String>::new());
    for from in [
        "plexsphere-signer",
        "signer-audit",
        "signer-files",
        "signer-http",
    ] {
        let expected = format!("{from} must not need signer-azure-part");
        assert_eq!(with(from), [expected]);
    }
}

#[test]
fn private_keys_are_lent_to_one_provider_for_production_only() {
    let denied = [
        "signer-audit",
        "signer-aws-kms",
        "signer-cloud",
        "signer-gcp-kms",
        "signer-pkcs11",
    ];
    for from in denied {
        let complaints = complaints_with(&Edge::new(from, "signer-key-pair"));
        let expected = format!("{from} must not need signer-key-pair");
        assert!(complaints.contains(&expected), "{complaints:?}");
    }
    let complaints = complaints_with(&Edge::new("plexsphere-signer", "signer-key-pair"));
    let expected = ["plexsphere-signer must not need signer-key-pair"];
    assert_eq!(complaints, expected);
}

#[test]
fn an_edge_out_of_the_domain_is_noticed() {
    let complaints = complaints_with(&Edge::new("signer-domain", "signer-http"));
    assert_eq!(complaints, ["signer-domain must not need signer-http"]);
}

#[test]
fn an_edge_that_disappears_is_noticed() {
    let without = |from: &str, to: &str| {
        let mut edges = planned_edges();
        assert!(edges.remove(&Edge::new(from, to)));
        misplaced_edges(&edges, &planned_members())
    };
    let complaints = without("signer-http", "signer-domain");
    assert_eq!(complaints, ["signer-http no longer needs signer-domain"]);
    let complaints = without("plexsphere-signer", "signer-audit");
    assert_eq!(complaints, ["nothing needs signer-audit"]);
}

#[test]
fn key_material_sdks_and_runtimes_stay_with_their_owners() {
    assert_eq!(borrowed_crates(&edges(), &members()), Vec::<String>::new());
}

#[test]
fn a_borrowed_crate_is_noticed() {
    let members: BTreeSet<Member> = members().into_iter().chain(planned_members()).collect();
    for (from, to) in [
        ("plexsphere-signer", "ring"),
        ("signer-http", "actix"),
        ("signer-actors", "actix-web"),
        ("signer-domain", "actix-rt"),
        ("plexsphere-signer", "sqlx"),
        ("signer-actors", "aws-sdk-kms"),
        ("signer-http", "azure_security_keyvault_keys"),
    ] {
        let mut edges = edges();
        edges.insert(Edge::new(from, to));
        assert_eq!(
            borrowed_crates(&edges, &members),
            [format!("{from} must not use {to}")]
        );
    }
}

#[test]
fn a_second_cryptographic_library_is_noticed_even_in_the_adapters() {
    for from in ["signer-audit", "signer-azure-kv"] {
        let edges = BTreeSet::from([Edge::new(from, "aws-lc-rs")]);
        assert_eq!(
            borrowed_crates(&edges, &planned_members()),
            [format!("{from} must not use aws-lc-rs")]
        );
    }
}

#[test]
fn tests_and_tools_may_use_what_they_like() {
    let in_tests = Edge {
        tests_only: true,
        ..Edge::new("signer-http", "ring")
    };
    let edges = BTreeSet::from([in_tests, Edge::new("signer-bench", "ring")]);
    let bench = planned_member("signer-bench");
    let members = planned_members().into_iter().chain([bench]).collect();
    assert_eq!(borrowed_crates(&edges, &members), Vec::<String>::new());
}
