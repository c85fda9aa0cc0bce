//! Bodies that are not what the call takes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

use super::attack::{Attack, COVETED, bare, coveted, coveted_digest, post, sign_path};

fn refused(kind: &str, path: &str, body: &[u8]) -> Attack {
    let shown = String::from_utf8_lossy(body);
    let shown: String = shown.chars().take(80).collect();
    Attack::refused(
        format!("{kind}: {shown}"),
        post(path, body),
        "invalid_request",
    )
}

/// Texts in the place of the digest.
fn digests() -> Vec<String> {
    let digest = coveted_digest();
    let bytes = |length: usize| STANDARD.encode(vec![0xe7; length]);
    let mut digests = vec![
        String::new(),
        URL_SAFE.encode([0xfb; 64]),
        digest.trim_end_matches('=').to_owned(),
        digest.replacen("==", "=", 1),
        format!("{digest}="),
        format!("{digest}=="),
        format!(" {digest}"),
        format!("{digest} "),
        format!(r"{digest}\n"),
        format!(r"\r\n{digest}"),
        format!("{}\\n{}", &digest[..44], &digest[44..]),
        format!("={}", &digest[1..]),
        // The bits after the last byte are not zero.
        digest.replacen("5w==", "5x==", 1),
        digest.replacen("5w==", "5===", 1),
        digest.replacen('5', "\\u0000", 1),
        digest.replacen('5', "\\ud800", 1),
        digest.replacen('5', "\u{ff15}", 1),
        digest.replacen('5', "*", 1),
        digest.replacen('5', "%35", 1),
        digest.clone() + &digest,
        "e7".repeat(COVETED.len()),
        "A".repeat(60_000),
    ];
    digests.extend([0, 1, 20, 32, 48, 63, 65, 128, 4096].map(bytes));
    digests
}

pub(crate) fn of_a_sign() -> Vec<Attack> {
    let digest = coveted_digest();
    let mut bodies: Vec<Vec<u8>> = digests()
        .iter()
        .map(|digest| format!(r#"{{"digest":"{digest}"}}"#).into_bytes())
        .collect();
    let texts = [
        " ".to_owned(),
        "null".to_owned(),
        "true".to_owned(),
        "NaN".to_owned(),
        "Infinity".to_owned(),
        "1e999999".to_owned(),
        "9".repeat(60_000),
        "{".to_owned(),
        "{}".to_owned(),
        "[]".to_owned(),
        format!("[{}]", coveted()),
        format!(r#"["{digest}"]"#),
        format!(r#""{digest}""#),
        digest.clone(),
        format!("{{'digest':'{digest}'}}"),
        format!(r#"{{digest:"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}",}}"#),
        format!(r#"{{"digest":"{digest}""#),
        format!(r#"{{"digest":"{digest}"}}}}"#),
        format!(r#"{{"digest":"{digest}"}}x"#),
        coveted() + &coveted(),
        coveted() + "\0",
        format!("\u{feff}{}", coveted()),
        format!("/* */{}", coveted()),
        format!("//\n{}", coveted()),
        format!("while(1);{}", coveted()),
        // Fields: given twice, unknown, spelt otherwise.
        format!(r#"{{"digest":"{digest}","digest":"{digest}"}}"#),
        format!(r#"{{"digest":null,"digest":"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}","\u0064igest":"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}","handle_id":"software:platform|k1"}}"#),
        format!(r#"{{"digest":"{digest}","scope":"platform"}}"#),
        format!(r#"{{"digest":"{digest}","public_key":"{digest}"}}"#),
        format!(r#"{{"digest":"{digest}","__proto__":{{}}}}"#),
        format!(r#"{{"digest":"{digest}","":""}}"#),
        format!(r#"{{"Digest":"{digest}"}}"#),
        format!(r#"{{"digest\u0000":"{digest}"}}"#),
        format!(r#"{{"d\u0456gest":"{digest}"}}"#),
        format!(r#"{{"{}":"{digest}"}}"#, "d".repeat(60_000)),
        // Values of other types.
        r#"{"digest":null}"#.to_owned(),
        r#"{"digest":true}"#.to_owned(),
        r#"{"digest":64}"#.to_owned(),
        r#"{"digest":-1e400}"#.to_owned(),
        format!(r#"{{"digest":{}}}"#, "7".repeat(60_000)),
        r#"{"digest":NaN}"#.to_owned(),
        r#"{"digest":[]}"#.to_owned(),
        format!(r#"{{"digest":["{digest}"]}}"#),
        format!(r#"{{"digest":{}}}"#, coveted()),
        format!(r#"{{"digest":[{}]}}"#, vec!["231"; 64].join(",")),
        // Deep.
        "[".repeat(20_000),
        "{\"digest\":".repeat(6_000),
        format!(
            r#"{{"digest":{}{}}}"#,
            "[".repeat(20_000),
            "]".repeat(20_000)
        ),
        format!(r#"{{"x":{}"#, "{\"y\":[".repeat(8_000)),
    ];
    bodies.extend(texts.map(String::into_bytes));
    let latin1 = [br#"{"digest":"\xe9"#.as_slice(), b"\xe9\"}"].concat();
    let utf16: Vec<u8> = coveted()
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    bodies.extend([latin1, utf16, vec![0; 100], vec![0xff; 100]]);
    let refused = |body: &Vec<u8>| refused("sign", &sign_path(), body);
    let mut attacks: Vec<Attack> = bodies.iter().map(refused).collect();
    let empty = Attack::refused(
        "sign: no body",
        bare("POST", &sign_path()),
        "invalid_request",
    );
    attacks.push(empty);
    attacks
}

pub(crate) fn of_a_batch() -> Vec<Attack> {
    let digest = coveted_digest();
    let item = format!(r#"{{"handle_id":"software:platform|k1","digest":"{digest}"}}"#);
    // What is wrong with one item is wrong with the batch: the good items go unsigned as well.
    let bodies = [
        "{}".to_owned(),
        r#"{"items":[]}"#.to_owned(),
        r#"{"items":null}"#.to_owned(),
        format!(r#"{{"items":{item}}}"#),
        format!("[{item}]"),
        format!(r#"{{"items":[{item},null]}}"#),
        format!(r#"{{"items":[{item},[]]}}"#),
        format!(r#"{{"items":[{item},{{}}]}}"#),
        format!(r#"{{"items":[{item},]}}"#),
        format!(r#"{{"items":[{item}],"items":[{item}]}}"#),
        format!(r#"{{"items":[{item}],"force":true}}"#),
        format!(r#"{{"items":[{item},["software:platform|k1","{digest}"]]}}"#),
        format!(
            r#"{{"items":[{item},{{"handle_id":"software:platform|k1","scope":"platform","digest":"{digest}"}}]}}"#
        ),
        format!(r#"{{"items":[{item},{{"handle_id":"../k1","digest":"{digest}"}}]}}"#),
        format!(r#"{{"items":[{item},{{"scope":"platform","digest":"AAAA"}}]}}"#),
        format!(
            r#"{{"items":[{item},{{"scope":"platform","digest":"{digest}","reference":{{}}}}]}}"#
        ),
        format!(
            r#"{{"items":[{item},{{"scope":"platform","digest":"{digest}","reference":"{}"}}]}}"#,
            "r".repeat(129)
        ),
        format!(r#"{{"items":[{}]}}"#, vec![item.as_str(); 1025].join(",")),
        format!(r#"{{"items":[{item},{}"#, "[".repeat(20_000)),
    ];
    let refused = |body: &String| refused("batch", "/v1/sign", body.as_bytes());
    bodies.iter().map(refused).collect()
}

pub(crate) fn of_a_generate() -> Vec<Attack> {
    let bodies = [
        r#"{"scope":"platform","key_id":"../k2"}"#,
        r#"{"scope":"platform","key_id":".k2"}"#,
        r#"{"scope":"platform","key_id":""}"#,
        r#"{"scope":"platform","key_id":"k|2"}"#,
        r#"{"scope":"platform","key_id":"k\u00002"}"#,
        r#"{"scope":"platform","key_id":"k2\n"}"#,
        r#"{"scope":"platform","key_id":["k2"]}"#,
        r#"{"scope":"platform|k1","key_id":"k2"}"#,
        r#"{"scope":"PLATFORM","key_id":"k2"}"#,
        r#"{"scope":"platform","key_id":"k2","provider":"Software"}"#,
        r#"{"scope":"platform","key_id":"k2","public_key":"AAAA"}"#,
        r#"{"scope":"platform","key_id":"k2","key_id":"k3"}"#,
    ];
    let refused = |body: &&str| refused("generate", "/v1/keys", body.as_bytes());
    bodies.iter().map(refused).collect()
}

/// Calls that take no body, or an empty one at most, given one that asks for a signature.
pub(crate) fn of_calls_that_take_none() -> Vec<Attack> {
    let length = coveted().len();
    let paths = [
        ("GET", "/livez".to_owned()),
        ("GET", "/v1/keys".to_owned()),
        ("POST", sign_path().replace("/sign", "/retire")),
    ];
    let with_body = |(method, path): &(&str, String)| {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}"
        );
        let bytes = format!("{head}\r\n\r\n{}", coveted()).into_bytes();
        Attack::refused(
            format!("{method} {path} with a body"),
            bytes,
            "invalid_request",
        )
    };
    paths.iter().map(with_body).collect()
}
