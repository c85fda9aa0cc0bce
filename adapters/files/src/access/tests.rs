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
    for place in [Place::Credentials, Place::Elsewhere] {
        assert_eq!(access.judge(Policy::GivenSecret(place), &process()), Ok(()));
    }
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
    let verdicts = |mask| {
        let access = with(mask);
        [Policy::KeptSecret, Policy::State].map(|policy| access.judge(policy, &process()))
    };
    let open = Err(Objection::Open(Grantee::User(992)));
    assert_eq!(verdicts(0), [Ok(()), Ok(())]);
    assert_eq!(verdicts(4), [open, Ok(())]);
    assert_eq!(verdicts(6), [open, open]);
}

const POLICIES: [Policy; 5] = [
    Policy::State,
    Policy::KeptSecret,
    Policy::GivenSecret(Place::Elsewhere),
    Policy::GivenSecret(Place::Credentials),
    Policy::Code,
];

/// A verdict in one word.
fn word(judged: Result<(), Objection>) -> &'static str {
    match judged {
        Ok(()) => "yes",
        Err(Objection::Owner(_)) => "owner",
        Err(Objection::Open(_)) => "open",
    }
}

/// The list of a file whose owner reads and writes, with one entry more and this mask.
fn with_entry(tag: u16, permission: u16, id: u32, mask: u16) -> Vec<u8> {
    list(&[
        (0x01, 6, NOBODY),
        (tag, permission, id),
        (0x04, 0, NOBODY),
        (0x10, mask, NOBODY),
        (0x20, 0, NOBODY),
    ])
}

#[test]
fn each_policy_lets_in_whom_it_names_and_nobody_else() {
    let (user, group) = (0x02, 0x08);
    let plain: [(u32, u32, u32, [&str; 5]); 14] = [
        // Of the user of the process.
        (991, 991, 0o600, ["yes", "yes", "yes", "yes", "yes"]),
        (991, 2000, 0o640, ["yes", "yes", "open", "open", "yes"]),
        (991, 2000, 0o660, ["yes", "yes", "open", "open", "open"]),
        (991, 3000, 0o640, ["yes", "open", "open", "open", "yes"]),
        (991, 3000, 0o660, ["open", "open", "open", "open", "open"]),
        (991, 991, 0o644, ["yes", "open", "open", "open", "yes"]),
        (991, 991, 0o666, ["open", "open", "open", "open", "open"]),
        // Of root.
        (0, 0, 0o400, ["yes", "yes", "yes", "yes", "yes"]),
        (0, 2000, 0o440, ["yes", "yes", "yes", "yes", "yes"]),
        (0, 2000, 0o460, ["yes", "yes", "open", "open", "open"]),
        (0, 3000, 0o440, ["yes", "open", "open", "yes", "yes"]),
        (0, 0, 0o444, ["yes", "open", "open", "open", "yes"]),
        // Of somebody else, even when only that user can touch it.
        (
            992,
            991,
            0o600,
            ["owner", "owner", "owner", "owner", "owner"],
        ),
        (
            65_534,
            65_534,
            0o600,
            ["owner", "owner", "owner", "owner", "owner"],
        ),
    ];
    for (owner, group, mode, expected) in plain {
        let access = FileAccess::by_mode(owner, group, mode);
        let judged = POLICIES.map(|policy| word(access.judge(policy, &process())));
        assert_eq!(judged, expected, "{owner}:{group} {mode:o}");
    }
    let listed: [(u32, Vec<u8>, [&str; 5]); 8] = [
        (
            991,
            with_entry(user, 4, 992, 4),
            ["yes", "open", "open", "open", "yes"],
        ),
        (
            991,
            with_entry(user, 6, 992, 6),
            ["open", "open", "open", "open", "open"],
        ),
        (
            991,
            with_entry(user, 6, 992, 0),
            ["yes", "yes", "yes", "yes", "yes"],
        ),
        (
            0,
            with_entry(user, 6, 991, 6),
            ["yes", "yes", "yes", "yes", "yes"],
        ),
        (
            0,
            with_entry(user, 4, 992, 4),
            ["yes", "open", "open", "yes", "yes"],
        ),
        (
            991,
            with_entry(group, 6, 2000, 6),
            ["yes", "yes", "open", "open", "open"],
        ),
        (
            991,
            with_entry(group, 6, 3000, 6),
            ["open", "open", "open", "open", "open"],
        ),
        (
            991,
            with_entry(group, 2, 3000, 4),
            ["yes", "yes", "yes", "yes", "yes"],
        ),
    ];
    for (owner, list, expected) in listed {
        let access = FileAccess::by_mode(owner, 991, 0o660).with_list(&list);
        let access = access.unwrap();
        let judged = POLICIES.map(|policy| word(access.judge(policy, &process())));
        assert_eq!(judged, expected, "{access:?}");
    }
}

#[test]
fn in_a_user_namespace_nothing_of_the_crowd_is_ours_although_it_bears_our_number() {
    // What is left of a process whose user and group the namespace does not map.
    let process = Process {
        user: NOBODY,
        groups: Vec::new(),
    };
    for policy in POLICIES {
        let judged =
            |owner, mode| word(FileAccess::by_mode(owner, 65_534, mode).judge(policy, &process));
        assert_eq!(judged(65_534, 0o600), "owner", "{policy:?}");
        assert_eq!(judged(ROOT, 0o660), "open", "{policy:?}");
        assert_eq!(judged(ROOT, 0o600), "yes", "{policy:?}");
        // An entry for somebody whom the namespace does not map either.
        let entries = [
            (0x01, 6, NOBODY),
            (0x02, 6, NOBODY),
            (0x04, 0, NOBODY),
            (0x10, 6, NOBODY),
            (0x20, 0, NOBODY),
        ];
        let listed = FileAccess::by_mode(ROOT, ROOT, 0o660).with_list(&list(&entries));
        assert_eq!(
            word(listed.unwrap().judge(policy, &process)),
            "open",
            "{policy:?}"
        );
    }
}

#[test]
fn a_sticky_directory_on_the_way_to_code_is_nobodys_to_bend() {
    let mut way = FileAccess::by_mode(ROOT, ROOT, 0o1777);
    assert_eq!(word(way.judge(Policy::Code, &process())), "open");
    way.is_sticky_directory = true;
    assert_eq!(word(way.judge(Policy::Code, &process())), "yes");
    assert_eq!(word(way.judge(Policy::State, &process())), "open");
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
