//! The image is built from the whole workspace: cargo reads the manifest of every member.

use std::fs;
use std::path::Path;

use crate::workspace::{Member, members, root};

/// The members that do not go into the context of the image's build.
fn left_out<'a>(list: &str, members: impl IntoIterator<Item = &'a Member>) -> Vec<String> {
    let sent: Vec<&Path> = list
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .map(Path::new)
        .collect();
    let is_sent = |member: &Member| {
        let source = member.folder.join("src");
        sent.iter().any(|folder| source.starts_with(folder))
    };
    let missing = members.into_iter().filter(|member| !is_sent(member));
    missing.map(|member| member.name.clone()).collect()
}

#[test]
fn every_member_goes_into_the_build_of_the_image() {
    let list = fs::read_to_string(root().join(".dockerignore")).expect("the list is there");
    assert_eq!(left_out(&list, &members()), Vec::<String>::new());
}

#[test]
fn a_member_that_is_left_out_of_the_image_is_noticed() {
    let members = [("root", ""), ("one", "a/one"), ("two", "b/two")];
    let members = members.map(|(name, folder)| Member::new(name, folder));
    assert_eq!(left_out("*\n!src\n!a\n!b/too", &members), ["two"]);
}
