use proptest::prelude::*;

use super::*;

const ROOT: u32 = 0;

fn facts(owner: u32, group: u32, mode: u32) -> FileFacts {
    FileFacts {
        kind: Kind::Regular,
        links: 1,
        access: FileAccess::by_mode(owner, group, mode),
        length: 32,
    }
}

fn process() -> Process {
    Process {
        user: 1000,
        groups: vec![1000, 2000],
    }
}

#[test]
fn the_group_may_read_only_what_root_mounted_for_a_group_of_ours() {
    let verdict = |owner, group, mode| {
        facts(owner, group, mode)
            .judge(&process(), Place::Elsewhere)
            .is_ok()
    };
    assert!(verdict(ROOT, 2000, 0o440));
    assert!(verdict(ROOT, 2000, 0o640));
    assert!(!verdict(ROOT, 3000, 0o440));
    assert!(!verdict(1000, 2000, 0o440));
    assert!(!verdict(ROOT, 2000, 0o460));
    assert!(!verdict(ROOT, 2000, 0o444));
}

#[test]
fn what_systemd_hands_over_is_judged_by_its_owner() {
    let verdict = |owner, mode, place| facts(owner, 0, mode).judge(&process(), place).is_ok();
    assert!(verdict(ROOT, 0o440, Place::Credentials));
    assert!(!verdict(ROOT, 0o440, Place::Elsewhere));
    assert!(!verdict(ROOT, 0o444, Place::Credentials));
    assert!(!verdict(ROOT, 0o460, Place::Credentials));
    assert!(!verdict(1000, 0o440, Place::Credentials));
}

#[test]
fn refuses_the_file_of_another_user() {
    let sentence = facts(1001, 1000, 0o400)
        .judge(&process(), Place::Elsewhere)
        .unwrap_err()
        .to_string();
    assert_eq!(
        sentence,
        "the file belongs to uid 1001; it must belong to root or to uid 1000, \
         which runs this process: use `chown`"
    );
}

proptest! {
    #[test]
    fn whatever_is_accepted_is_closed_to_others(owner in 0_u32..3, group in 0_u32..4, mode in 0_u32..0o10000) {
        let process = Process { user: 1, groups: vec![1, 2] };
        if facts(owner, group, mode).judge(&process, Place::Elsewhere).is_ok() {
            prop_assert_eq!(mode & 0o037, 0);
            prop_assert!(owner <= 1);
            prop_assert!(mode & 0o040 == 0 || (owner == ROOT && [1, 2].contains(&group)));
        }
    }
}
