use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, lchown, symlink};

use super::*;

/// Neither root nor, as good as certainly, whoever runs the tests.
const STRANGER: u32 = 61_234;

fn module(directory: &Path, mode: u32) -> PathBuf {
    let path = directory.join("module.so");
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// A directory of this mode in `place`.
fn directory(place: &Path, name: &str, mode: u32) -> PathBuf {
    let path = place.join(name);
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

/// `a` in the place, which leads over `b` in a directory of this mode to the module.
fn chain_over_a_directory(place: &Path, mode: u32) -> (PathBuf, PathBuf) {
    let file = module(&directory(place, "vendor", 0o755), 0o755);
    let between = directory(place, "between", mode);
    let (a, b) = (place.join("a.so"), between.join("b.so"));
    symlink(file, &b).unwrap();
    symlink(&b, &a).unwrap();
    (a, between)
}

#[track_caller]
fn refusal(path: &Path) -> String {
    judge(path).unwrap_err().to_string()
}

#[test]
fn takes_a_file_that_only_its_owner_can_change_and_names_it_without_links() {
    let place = tempfile::tempdir().unwrap();
    let path = module(place.path(), 0o755);
    let file = path.canonicalize().unwrap();
    assert_eq!(judge(&path).unwrap(), file);
    let link = place.path().join("link.so");
    symlink(&path, &link).unwrap();
    assert_eq!(judge(&link).unwrap(), file);
    // Links may be relative, lead up, and stand where a directory is meant.
    let inner = directory(place.path(), "inner", 0o755);
    symlink("../inner/./../link.so", inner.join("up.so")).unwrap();
    symlink("inner", place.path().join("elsewhere")).unwrap();
    let winding = place.path().join("elsewhere/../elsewhere/up.so");
    assert_eq!(judge(&winding).unwrap(), file);
}

#[test]
fn refuses_a_file_or_a_directory_that_others_can_change() {
    let place = tempfile::tempdir().unwrap();
    let path = module(place.path(), 0o775);
    let said = refusal(&path);
    assert!(
        said.contains("module.so may be changed by others (mode 0775)"),
        "{said}"
    );
    let path = module(place.path(), 0o644);
    let open = Permissions::from_mode(0o777);
    fs::set_permissions(place.path(), open).unwrap();
    assert!(matches!(
        judge(&path),
        Err(ModulePathRefusal::OpenToOthers { mode: 0o777, .. })
    ));
}

#[test]
fn refuses_a_link_on_the_way_that_others_can_bend() {
    let place = tempfile::tempdir().unwrap();
    let (path, between) = chain_over_a_directory(place.path(), 0o777);
    let said = refusal(&path);
    let named = format!("{} may be changed by others (mode 0777)", between.display());
    assert!(said.contains(&named), "{said}");
}

#[test]
fn a_link_of_ours_in_a_sticky_directory_is_nobody_elses_to_bend() {
    let place = tempfile::tempdir().unwrap();
    let (path, _between) = chain_over_a_directory(place.path(), 0o1777);
    judge(&path).unwrap();
}

#[test]
fn refuses_a_link_that_belongs_to_somebody_else() {
    let place = tempfile::tempdir().unwrap();
    let (path, between) = chain_over_a_directory(place.path(), 0o1777);
    let link = between.join("b.so");
    if let Err(cause) = lchown(&link, Some(STRANGER), None) {
        println!("skipped, for only root can give a link away: {cause}");
        return;
    }
    let said = refusal(&path);
    let named = format!("{} belongs to uid {STRANGER}", link.display());
    assert!(said.contains(&named), "{said}");
}

#[test]
fn refuses_links_that_lead_round_in_circles() {
    let place = tempfile::tempdir().unwrap();
    let (one, other) = (place.path().join("one.so"), place.path().join("other.so"));
    symlink(&one, &other).unwrap();
    symlink(&other, &one).unwrap();
    let said = refusal(&one);
    assert!(said.contains("links"), "{said}");
}

#[test]
fn refuses_what_is_relative_missing_or_no_file() {
    assert!(matches!(
        judge(Path::new("module.so")),
        Err(ModulePathRefusal::Relative)
    ));
    assert!(matches!(
        judge(Path::new("/nowhere/module.so")),
        Err(ModulePathRefusal::Unseen { .. })
    ));
    assert!(matches!(
        judge(Path::new("/usr")),
        Err(ModulePathRefusal::NotRegular { .. })
    ));
}
