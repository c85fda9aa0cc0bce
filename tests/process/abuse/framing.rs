//! Requests that two readers might take for different ones, and bytes that are no requests.

use super::attack::{Answer, Attack, Expected, bare, coveted, framed, post, sign_path};

/// A whole request for a signature, to be smuggled in behind another one.
fn inner() -> String {
    String::from_utf8(post(&sign_path(), coveted())).unwrap()
}

pub(crate) fn contradictory_lengths() -> Vec<Attack> {
    let n = coveted().len();
    let framings = [
        format!("Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n"),
        format!("Content-Length: {n}\r\nContent-Length: 0\r\n"),
        format!("Content-Length: 0\r\nContent-Length: {n}\r\n"),
        format!("Content-Length: {n}\r\nContent-Length: {n}\r\n"),
        format!("Content-Length: {n}, {n}\r\n"),
        format!("Content-Length: {n}, 0\r\n"),
        format!("Content-Length: +{n}\r\n"),
        format!("Content-Length: -{n}\r\n"),
        format!("Content-Length: {n}.0\r\n"),
        format!("Content-Length: 0x{n:x}\r\n"),
        format!("Content-Length: {n} {n}\r\n"),
        format!("Content-Length: \"{n}\"\r\n"),
        "Content-Length: \r\n".to_owned(),
        "Content-Length: 99999999999999999999999\r\n".to_owned(),
        "Content-Length: 18446744073709551616\r\n".to_owned(),
        format!("Content-Length : {n}\r\n"),
        format!(" Content-Length: {n}\r\n"),
        format!("Content-Length:\r\n {n}\r\n"),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: chunked, chunked\r\n".to_owned(),
        "Transfer-Encoding: gzip, chunked\r\n".to_owned(),
        "Transfer-Encoding : chunked\r\n".to_owned(),
        "Transfer-Encoding:\r\n chunked\r\n".to_owned(),
        "Transfer-Encoding: \u{b}chunked\r\n".to_owned(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".to_owned(),
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n".to_owned(),
        format!("Transfer-Encoding: identity\r\nContent-Length: {n}\r\n"),
    ];
    let body = format!("{}\r\n0\r\n\r\n{}", coveted(), inner());
    let mut attacks: Vec<Attack> = framings
        .iter()
        .map(|it| Attack::ended(it.as_str(), framed(&sign_path(), it, &body)))
        .collect();
    let old =
        "POST /livez HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned() + &inner();
    attacks.push(Attack::ended("chunks in HTTP/1.0", old.into_bytes()));
    attacks
}

pub(crate) fn broken_chunks() -> Vec<Attack> {
    let (body, inner) = (coveted(), inner());
    let n = body.len();
    let chunks = [
        format!("zz\r\n{body}\r\n0\r\n\r\n"),
        format!("-{n:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("+{n:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("0x{n:x}\r\n{body}\r\n0\r\n\r\n"),
        format!(" {n:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("\r\n{n:x}\r\n{body}\r\n0\r\n\r\n"),
        format!("FFFFFFFFFFFFFFFFFF\r\n{body}\r\n0\r\n\r\n"),
        format!("{n:x}\n{body}\n0\n\n"),
        format!("{n:x}\r\n{body}0\r\n\r\n"),
        format!("{:x}\r\n{body}\r\n0\r\n\r\n", n - 1),
        format!("{n:x}\r\n{body}\r\nx\r\n\r\n"),
        format!("{n:x};\u{0}\r\n{body}\r\n0\r\n\r\n"),
    ];
    let attacks = chunks.iter().map(|chunk| {
        let bytes = framed(
            &sign_path(),
            "Transfer-Encoding: chunked\r\n",
            format!("{chunk}{inner}"),
        );
        let answer = Answer::Refused("invalid_request");
        Attack {
            name: format!("chunk {:?}", chunk.get(..24)),
            bytes,
            expected: Expected::AnswersThenEnd(vec![answer]),
        }
    });
    attacks.collect()
}

pub(crate) fn broken_heads() -> Vec<Attack> {
    let inner = inner();
    let heads: &[&[u8]] = &[
        b"\r\n\r\n\0",
        b"\xff\xfe\xfd\xfc\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/0.9\r\n\r\n",
        b"GET /livez HTTP/1.2\r\nHost: s\r\n\r\n",
        b"GET /livez HTTP/3\r\nHost: s\r\n\r\n",
        b"GET /livez http/1.1\r\nHost: s\r\n\r\n",
        b"GET  /livez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET /li vez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET /livez\0 HTTP/1.1\r\nHost: s\r\n\r\n",
        b"/livez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"G@T /livez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GE T /livez HTTP/1.1\r\nHost: s\r\n\r\n",
        b"\xc3\xa9 /livez HTTP/1.1\r\nHost: s\r\n\r\n",
        // No host, or two.
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        // Fields that are none.
        b"GET /livez HTTP/1.1\r\nHost: s\r\nA B: c\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\n: c\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nno colon\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX : c\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX: a\r\n b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX: a\0b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX: a\rb\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: s\r\nX\xff: a\r\n\r\n",
    ];
    let behind = |head: &&[u8]| {
        let shown = String::from_utf8_lossy(head).into_owned();
        Attack::ended(shown, [*head, inner.as_bytes()].concat())
    };
    heads.iter().map(behind).collect()
}

pub(crate) fn floods() -> Vec<Attack> {
    let with = |fields: String| {
        format!("GET /livez HTTP/1.1\r\nHost: s\r\n{fields}\r\n{}", inner()).into_bytes()
    };
    let many: Vec<String> = (0..2000).map(|it| format!("X-{it}: y\r\n")).collect();
    vec![
        Attack::ended("2000 header fields", with(many.concat())),
        Attack::ended(
            "an endless header field",
            with(format!("X: {}\r\n", "y".repeat(300_000))),
        ),
        Attack::ended(
            "an endless name",
            with(format!("{}: y\r\n", "X".repeat(300_000))),
        ),
        Attack::ended(
            "an endless path",
            bare("GET", &format!("/{}", "a".repeat(300_000))),
        ),
        Attack::ended("an endless method", bare(&"A".repeat(300_000), "/livez")),
        Attack::refused(
            "a large head",
            bare("GET", &format!("/v1/keys?{}", "a".repeat(40_000))),
            "invalid_request",
        ),
    ]
}

/// Requests that end in the middle, with and without a good one in front.
pub(crate) fn cut_short() -> Vec<Attack> {
    let whole = post(&sign_path(), coveted());
    let head_end = whole.len() - coveted().len();
    let broken_off = || vec![Answer::Refused("invalid_request")];
    let at = |end: usize| {
        let answers = if end < head_end {
            Vec::new()
        } else {
            broken_off()
        };
        Attack::half(format!("cut at byte {end}"), whole[..end].to_vec(), answers)
    };
    let cuts = [
        0,
        1,
        4,
        30,
        head_end - 2,
        head_end,
        head_end + 1,
        whole.len() - 1,
    ];
    let mut attacks: Vec<Attack> = cuts.map(at).into();
    let chunked = |chunks: String| {
        let bytes = framed(&sign_path(), "Transfer-Encoding: chunked\r\n", &chunks);
        Attack::half(format!("cut after {chunks:?}"), bytes, broken_off())
    };
    let n = coveted().len();
    attacks.extend([
        chunked(String::new()),
        chunked(format!("{n:x}\r\n{}", &coveted()[..20])),
        chunked(format!("{n:x}\r\n{}\r\n", coveted())),
        chunked(format!("FFFFFFFFFFFFFFFF\r\n{}", coveted())),
    ]);
    attacks
}
