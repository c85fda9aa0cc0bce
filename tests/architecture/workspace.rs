//! Reads the real workspace: its members, their dependencies, the trees that cargo resolves.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};
use plexsphere_signer::PROVIDERS;

/// Where the members live that measure and test. They are tools for developers and no part of what is
/// shipped.
const TOOLS: &str = "tests";

/// The package that is shipped.
pub(crate) const SHIPPED: &str = "plexsphere-signer";

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) name: String,
    /// Its directory, relative to the root and empty for the root itself.
    pub(crate) folder: PathBuf,
}

impl Member {
    pub(crate) fn new(name: &str, folder: impl Into<PathBuf>) -> Self {
        Self {
            name: name.to_owned(),
            folder: folder.into(),
        }
    }

    fn of(package: &Package) -> Self {
        let manifest = package.manifest_path.as_std_path();
        let folder = manifest.parent().expect("a manifest has a directory");
        let folder = folder.strip_prefix(root()).expect("it is below the root");
        Self::new(&package.name, folder)
    }

    pub(crate) fn is_tool(&self) -> bool {
        self.folder.starts_with(TOOLS)
    }
}

/// One line of a `[dependencies]` table: which member asks for which crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    /// The member of the workspace.
    pub(crate) from: String,
    /// The crate it depends on.
    pub(crate) to: String,
    /// Whether only its tests see that crate.
    pub(crate) tests_only: bool,
    /// Whether a feature switches it on.
    pub(crate) is_optional: bool,
}

impl Edge {
    /// An edge of the shipped code.
    pub(crate) fn new(from: &str, to: &str) -> Self {
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            tests_only: false,
            is_optional: false,
        }
    }
}

/// The folders of the providers that are for development only, as the boot log and `/livez` say.
pub(crate) fn for_development() -> impl Iterator<Item = PathBuf> {
    PROVIDERS.into_iter().filter_map(|module| {
        let face = module.face();
        let folder = || Path::new("adapters").join(face.name.as_str());
        face.dev_only.map(|_why| folder())
    })
}

/// What cargo knows about the members, without the rest of the graph.
pub(crate) fn metadata() -> Metadata {
    MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .exec()
        .expect("cargo metadata answers")
}

/// Every dependency that a member declares, optional ones and those of its tests too.
pub(crate) fn edges() -> BTreeSet<Edge> {
    let metadata = metadata();
    let of_package = |package: &Package| -> Vec<Edge> {
        let from = package.name.to_string();
        package
            .dependencies
            .iter()
            .map(|dependency| Edge {
                tests_only: dependency.kind == DependencyKind::Development,
                is_optional: dependency.optional,
                ..Edge::new(&from, &dependency.name)
            })
            .collect()
    };
    metadata
        .workspace_packages()
        .into_iter()
        .flat_map(of_package)
        .collect()
}

/// All members.
pub(crate) fn members() -> BTreeSet<Member> {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    packages.into_iter().map(Member::of).collect()
}

/// The features of every member.
pub(crate) fn features() -> BTreeMap<Member, Vec<String>> {
    let of_package = |package: &Package| {
        (
            Member::of(package),
            package.features.keys().cloned().collect(),
        )
    };
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    packages.into_iter().map(of_package).collect()
}

/// The manifest of every member, with its text.
pub(crate) fn manifests() -> Vec<(PathBuf, String)> {
    let metadata = metadata();
    let paths = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| &package.manifest_path);
    paths
        .map(|path| (path.clone().into(), read(path.as_std_path())))
        .collect()
}

/// Every Rust source below the `src` directories of the shipped members, relative to the root.
pub(crate) fn shipped_sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for member in members().iter().filter(|member| !member.is_tool()) {
        collect(&root().join(&member.folder).join("src"), &mut found);
    }
    found
}

/// The lines of `cargo tree` without its drawing, for one member and extra arguments.
pub(crate) fn tree(member: &str, arguments: &[&str]) -> Vec<String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(root())
        .args(["tree", "--locked", "--prefix", "none", "--package", member])
        .args(arguments)
        .output()
        .expect("cargo tree starts");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree refuses: {complaint}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// Where the workspace is.
pub(crate) fn root() -> &'static Path {
    let stories = Path::new(env!("CARGO_MANIFEST_DIR"));
    stories.parent().expect("the stories lie in the workspace")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("a file of the workspace is readable")
}

fn collect(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(directory).expect("a source directory is readable") {
        let path = entry.expect("a source directory can be listed").path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path
                .strip_prefix(root())
                .expect("a member lies below the root");
            found.push((relative.to_owned(), read(&path)));
        }
    }
}
