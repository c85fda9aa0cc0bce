//! Many requests at once over one connection: each is answered for itself, and in its turn.

use signer_test_support::{K1, sign_request};

use super::attack::{Answer, Attack, Expected, bare, coveted, framed, post, post_with, sign_path};

const ONE: [u8; 64] = [0x01; 64];
const TWO: [u8; 64] = [0x02; 64];

fn sign(digest: &[u8; 64]) -> Vec<u8> {
    post(&sign_path(), sign_request(digest))
}

fn answers(name: &str, requests: &[Vec<u8>], answers: Vec<Answer>) -> Attack {
    Attack {
        name: name.to_owned(),
        bytes: requests.concat(),
        expected: Expected::Answers(answers),
    }
}

pub(crate) fn attacks() -> Vec<Attack> {
    [
        behind_a_refused_one(),
        behind_an_unread_body(),
        behind_a_large_one(),
        mixed(),
        hidden_in_another(),
    ]
    .concat()
}

/// A good request behind each kind of refused one.
fn behind_a_refused_one() -> Vec<Attack> {
    let refused: Vec<(&str, Vec<u8>)> = vec![
        ("invalid_request", post(&sign_path(), "{}")),
        ("invalid_request", bare("POST", &sign_path())),
        ("invalid_request", bare("GET", "/v1/keys/..")),
        ("not_found", bare("GET", "/nowhere")),
        ("method_not_allowed", bare("DELETE", K1)),
        ("method_not_allowed", bare("BREW", "/v1/keys")),
        (
            "key_not_found",
            post("/v1/keys/software%3Aplatform%7Ck2/sign", coveted()),
        ),
    ];
    let attack = |(code, request): (&'static str, Vec<u8>)| {
        let expected = vec![Answer::Refused(code), Answer::Signed(ONE)];
        let name = format!("a good request behind {code}");
        answers(&name, &[request, sign(&ONE)], expected)
    };
    refused.into_iter().map(attack).collect()
}

/// A good request behind one whose body nobody wants: that one's answer closes the connection, and is
/// the last.
fn behind_an_unread_body() -> Vec<Attack> {
    let refused: Vec<(&str, Vec<u8>)> = vec![
        ("not_found", post("/nowhere", coveted())),
        (
            "invalid_request",
            [
                bare("GET", K1).strip_suffix(b"\r\n").unwrap(),
                b"Content-Length: 2\r\n\r\n{}",
            ]
            .concat(),
        ),
        (
            "unsupported_media_type",
            post_with(&sign_path(), "Content-Encoding: gzip\r\n", coveted()),
        ),
    ];
    let attack = |(code, request): (&'static str, Vec<u8>)| Attack {
        name: format!("a good request behind {code} and an unread body"),
        bytes: [request, sign(&ONE)].concat(),
        expected: Expected::AnswersThenEnd(vec![Answer::Refused(code)]),
    };
    refused.into_iter().map(attack).collect()
}

/// A good request behind a body that is too large to be read to its end.
fn behind_a_large_one() -> Vec<Attack> {
    let large = " ".repeat(70_000);
    let chunk = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let in_chunks = framed(&sign_path(), "Transfer-Encoding: chunked\r\n", chunk);
    let requests = [post(&sign_path(), large), in_chunks];
    let attack = |request: &Vec<u8>| Attack {
        name: "a good request behind a large one".to_owned(),
        bytes: [request.as_slice(), &sign(&ONE)].concat(),
        expected: Expected::AnswersOrEnd(
            Answer::Refused("payload_too_large"),
            vec![Answer::Signed(ONE)],
        ),
    };
    requests.iter().map(attack).collect()
}

fn mixed() -> Vec<Attack> {
    let alternating: Vec<Vec<u8>> = [sign(&ONE), sign(&TWO)]
        .iter()
        .cycle()
        .take(64)
        .cloned()
        .collect();
    let in_turn = [Answer::Signed(ONE), Answer::Signed(TWO)]
        .into_iter()
        .cycle()
        .take(64)
        .collect();
    let chunked = framed(
        &sign_path(),
        "Transfer-Encoding: chunked\r\n",
        format!(
            "{:x};note=1\r\n{}\r\n0\r\nX-Trailer: y\r\n\r\n",
            sign_request(&TWO).len(),
            sign_request(&TWO)
        ),
    );
    vec![
        answers(
            "64 good requests, two digests in turn",
            &alternating,
            in_turn,
        ),
        answers(
            "good and bad ones in turn",
            &[
                sign(&ONE),
                post(&sign_path(), "[]"),
                sign(&TWO),
                bare("GET", "/livez"),
                bare("GET", "/nowhere"),
                sign(&ONE),
            ],
            vec![
                Answer::Signed(ONE),
                Answer::Refused("invalid_request"),
                Answer::Signed(TWO),
                Answer::Done,
                Answer::Refused("not_found"),
                Answer::Signed(ONE),
            ],
        ),
        answers(
            "chunks with an extension and a trailer between two others",
            &[sign(&ONE), chunked, sign(&ONE)],
            vec![
                Answer::Signed(ONE),
                Answer::Signed(TWO),
                Answer::Signed(ONE),
            ],
        ),
        Attack {
            name: "bytes that are no request behind a good one".to_owned(),
            bytes: [sign(&ONE), b"BAD\r\n\r\n".to_vec(), sign(&TWO)].concat(),
            expected: Expected::AnswersThenEnd(vec![Answer::Signed(ONE)]),
        },
        Attack::half(
            "half a request behind a good one",
            [sign(&ONE), sign(&TWO)[..90].to_vec()].concat(),
            vec![Answer::Signed(ONE)],
        ),
        Attack::half(
            "a good request and nothing more",
            sign(&ONE),
            vec![Answer::Signed(ONE)],
        ),
    ]
}

/// Whole requests in the bodies of others: they are content, and never carried out.
fn hidden_in_another() -> Vec<Attack> {
    let inner = String::from_utf8(post(&sign_path(), coveted())).unwrap();
    let code = "invalid_request";
    let mut attacks = vec![
        Attack::refused("inside a sign", post(&sign_path(), &inner), code),
        Attack::refused("inside a batch", post("/v1/sign", &inner), code),
        Attack::refused("inside of nothing", post("/nowhere", &inner), "not_found"),
    ];
    let chunk = format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len());
    let chunked = framed("/nowhere", "Transfer-Encoding: chunked\r\n", chunk);
    attacks.push(Attack::refused("inside a chunk", chunked, "not_found"));
    // The announced length ends before the body does: what follows is no request.
    let short = framed(
        &sign_path(),
        "Content-Length: 2\r\n",
        format!("{{}}{}", &coveted()[2..]),
    );
    attacks.push(Attack {
        name: "a length that ends too soon".to_owned(),
        bytes: short,
        expected: Expected::AnswersThenEnd(vec![Answer::Refused(code)]),
    });
    attacks
}
