use proptest::prelude::*;

use super::*;

fn process() -> Process {
    Process {
        user: 991,
        groups: vec![991, 2000],
    }
}

/// A list of these entries (tag, permissions, id), as the kernel shows it.
fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, permission, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(permission.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}

const NOBODY: u32 = u32::MAX;

#[test]
fn a_credential_of_systemd_is_read_by_nobody_else() {
    // root:root 0400 and an entry for the user of the service: the mode shows 0440.
    let entries = [
        (0x01, 4, NOBODY),
        (0x02, 4, 991),
        (0x04, 0, NOBODY),
        (0x10, 4, NOBODY),
        (0x20, 0, NOBODY),
    ];
    let access = FileAccess::by_mode(ROOT, 0, 0o440).with_list(&list(&entries));
    let access = access.unwrap();
    assert_eq!(access.foreign_owner(&process()), None);
    assert_eq!(access.stranger_that_may(Act::Read, &process()), None);
}

#[test]
fn an_entry_counts_after_the_mask() {
    let with = |mask| {
        let entries = [
            (0x01, 6, NOBODY),
            (0x02, 6, 992),
            (0x04, 0, NOBODY),
            (0x08, 2, 3000),
            (0x10, mask, NOBODY),
            (0x20, 0, NOBODY),
        ];
        FileAccess::by_mode(991, 991, 0o600)
            .with_list(&list(&entries))
            .unwrap()
    };
    let strangers = |mask| {
        let access = with(mask);
        [Act::Read, Act::Write].map(|act| access.stranger_that_may(act, &process()))
    };
    let other = Some(Grantee::User(992));
    assert_eq!(strangers(0), [None, None]);
    assert_eq!(strangers(4), [other, None]);
    assert_eq!(strangers(6), [other, other]);
    let beside_the_user = with(6).grantee_with_more_than(|grantee| match grantee {
        Grantee::Group(_) => 0,
        Grantee::User(_) | Grantee::Everyone => 0o7,
    });
    assert_eq!(beside_the_user, Some(Grantee::Group(3000)));
}

#[test]
fn a_group_of_the_process_is_no_stranger() {
    let stranger = |group, mode| {
        FileAccess::by_mode(991, group, mode).stranger_that_may(Act::Write, &process())
    };
    assert_eq!(stranger(2000, 0o660), None);
    assert_eq!(stranger(991, 0o660), None);
    assert_eq!(stranger(3000, 0o640), None);
    assert_eq!(stranger(3000, 0o660), Some(Grantee::Group(3000)));
    assert_eq!(stranger(2000, 0o666), Some(Grantee::Everyone));
}

proptest! {
    #[test]
    fn a_list_without_entries_for_others_says_what_the_mode_says(mode in 0_u16..0o1000, group in 0_u32..3) {
        let entries = [
            (0x01, mode >> 6, NOBODY),
            (0x04, mode >> 3 & 7, NOBODY),
            (0x20, mode & 7, NOBODY),
        ];
        let plain = FileAccess::by_mode(1, group, mode.into());
        let listed = plain.clone().with_list(&list(&entries)).unwrap();
        prop_assert_eq!(plain.grants, listed.grants);
    }

    #[test]
    fn no_bytes_are_taken_for_a_list_by_mistake(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        // Whatever they are, they are refused or understood; nothing panics.
        let understood = FileAccess::by_mode(1, 1, 0).with_list(&bytes).is_ok();
        let shaped = bytes.len() >= 4 && (bytes.len() - 4).is_multiple_of(8);
        prop_assert!(!understood || shaped);
    }
}
