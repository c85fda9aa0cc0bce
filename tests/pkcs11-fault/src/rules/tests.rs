use super::*;

const FUNCTIONS: [&str; 6] = [
    "C_Sign",
    "C_SignInit",
    "C_FindObjects",
    "C_GetAttributeValue",
    "C_GetTokenInfo",
    "C_Login",
];

fn rule(line: &str) -> Rule {
    parse(line, &FUNCTIONS).unwrap().remove(0)
}

fn refusal(line: &str) -> String {
    parse(line, &FUNCTIONS).unwrap_err()
}

#[test]
fn reads_each_effect() {
    let cases = [
        ("C_Login rv=0xa4", Effect::Refuse(0xa4)),
        ("C_Login rv=CKR_PIN_LOCKED", Effect::Refuse(0xa4)),
        ("C_Login after=0x30", Effect::LoseReply(0x30)),
        ("C_Sign hang", Effect::Hang),
        (
            "C_Sign delay=200",
            Effect::Delay(Duration::from_millis(200)),
        ),
        ("C_Sign garble", Effect::Garble),
        ("C_FindObjects empty", Effect::Empty),
        ("C_GetTokenInfo stranger", Effect::Stranger),
        (
            "C_GetAttributeValue origin=denied",
            Effect::Origin(Origin::Denied),
        ),
        (
            "C_GetAttributeValue origin=withheld",
            Effect::Origin(Origin::Withheld),
        ),
        ("C_Sign behind=logout", Effect::Behind(Meddling::Logout)),
        (
            "C_Sign behind=close-all",
            Effect::Behind(Meddling::CloseAll),
        ),
        ("C_Sign behind=finalize", Effect::Behind(Meddling::Finalize)),
        ("C_Sign behind=restart", Effect::Behind(Meddling::Restart)),
        ("C_SignInit swap=previous", Effect::Swap(Swap::Previous)),
        (
            "C_SignInit swap=5:9",
            Effect::Swap(Swap::Handle { from: 5, to: 9 }),
        ),
    ];
    for (line, effect) in cases {
        assert_eq!(rule(line).effect, effect, "{line}");
    }
}

#[test]
fn reads_which_calls_a_rule_is_about() {
    assert_eq!(rule("C_Sign hang").turn, Turn::Always);
    assert_eq!(rule("C_Sign at=3 hang").turn, Turn::At(3));
    assert_eq!(rule("C_Sign hang from=2").turn, Turn::From(2));
    assert_eq!(rule("C_Sign every=10 hang").turn, Turn::Every(10));
    assert_eq!(rule("C_Sign session=2 hang").session, Some(2));
    let label = rule("C_Sign label=plexsphere:platform:k1 hang").label;
    assert_eq!(label.as_deref(), Some("plexsphere:platform:k1"));
}

#[test]
fn comments_and_empty_lines_are_no_rules() {
    let rules = parse("# why\n\n   C_Sign hang  \n  # C_Login hang\n", &FUNCTIONS).unwrap();
    assert_eq!(rules.len(), 1);
    assert_eq!(rules[0].text, "C_Sign hang");
    assert_eq!(parse("", &FUNCTIONS), Ok(vec![]));
}

#[test]
fn names_the_line_it_cannot_read() {
    let text = "C_Sign hang\nC_Sing hang\n";
    let fault = parse(text, &FUNCTIONS).unwrap_err();
    assert_eq!(
        fault,
        "\"C_Sing\" is no function that rules apply to in \"C_Sing hang\""
    );
}

#[test]
fn refuses_rules_that_would_never_fire() {
    for line in [
        "C_Sign",
        "C_Sign at=3",
        "C_Sign at=0 hang",
        "C_Sign at=x hang",
        "C_Sign at= hang",
        "C_Sign every=0 hang",
        "C_Sign session=0 hang",
        "C_Sign label= hang",
        "C_Sign hang=1",
        "C_Sign rv=",
        "C_Sign rv=DEVICE_ERROR",
        "C_Sign delay=long",
        "C_Sign behind=reboot",
        "C_SignInit swap=",
        "C_SignInit swap=5",
        "C_SignInit swap=5:x",
        "C_Sign explode",
    ] {
        assert!(parse(line, &FUNCTIONS).is_err(), "{line} was taken");
    }
}

#[test]
fn refuses_two_words_of_one_kind() {
    assert!(refusal("C_Sign hang garble").contains("another word of its kind"));
    assert!(refusal("C_Sign at=1 from=2 hang").contains("another word of its kind"));
    assert!(refusal("C_Sign session=1 session=2 hang").contains("another word of its kind"));
}

#[test]
fn refuses_the_same_rule_twice_because_they_would_share_a_counter() {
    assert!(refusal("C_Sign at=1 hang\nC_Sign at=1 hang").contains("twice"));
}

#[test]
fn refuses_an_effect_or_a_label_where_it_means_nothing() {
    for line in [
        "C_Sign swap=previous",
        "C_SignInit garble",
        "C_Login empty",
        "C_Sign hide=CKR_GENERAL_ERROR",
        "C_FindObjects origin=denied",
        "C_Login label=k1 hang",
    ] {
        assert!(parse(line, &FUNCTIONS).is_err(), "{line} was taken");
    }
}

#[test]
fn fires_at_its_turn() {
    let fired = |turn: Turn| {
        (1..=6)
            .filter(|number| turn.fires(*number))
            .collect::<Vec<_>>()
    };
    assert_eq!(fired(Turn::Always), [1, 2, 3, 4, 5, 6]);
    assert_eq!(fired(Turn::At(3)), [3]);
    assert_eq!(fired(Turn::From(5)), [5, 6]);
    assert_eq!(fired(Turn::Every(2)), [2, 4, 6]);
}
