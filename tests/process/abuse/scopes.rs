//! Scopes, queries and header fields that try to say more than they may.

use super::attack::{Attack, coveted, post, post_with, sign_path};

const MALFORMED: &[&str] = &[
    "Platform",
    "platform%00",
    "platform%2F",
    "platform%20",
    "pl%D0%B0tform",
    "domain",
    "domain%3A",
    "domain%3A%2A",
    "domain%3A6F9619FF-8B86-4011-B42D-00CF4FC964FF",
    "domain%3A6f9619ff8b864011b42d00cf4fc964ff",
    "domain%3A%7B6f9619ff-8b86-4011-b42d-00cf4fc964ff%7D",
    "domain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff0",
    "software%3Aplatform%7Ck1",
];

pub(crate) fn attacks() -> Vec<Attack> {
    let mut attacks: Vec<Attack> = MALFORMED
        .iter()
        .map(|scope| {
            let path = format!("/v1/scopes/{scope}/sign");
            Attack::refused(path.clone(), post(&path, coveted()), "invalid_request")
        })
        .collect();
    let unknown = "/v1/scopes/domain%3A6f9619ff-8b86-4011-b42d-00cf4fc964ff/sign";
    attacks.push(Attack::refused(
        unknown,
        post(unknown, coveted()),
        "key_not_found",
    ));
    for query in ["?x=1", "?handle_id=software:platform|k2", "?%00", "?a[]=b"] {
        let path = sign_path() + query;
        attacks.push(Attack::refused(
            query,
            post(&path, coveted()),
            "invalid_request",
        ));
    }
    for fields in [
        "Content-Encoding: gzip\r\n",
        "Content-Encoding: identity, br\r\n",
        "Content-Encoding: \r\n",
        "Content-Type: application/json\r\n",
        "Content-Type: text/plain\r\n",
    ] {
        let bytes = post_with(&sign_path(), fields, coveted());
        attacks.push(Attack::refused(fields, bytes, "unsupported_media_type"));
    }
    attacks
}
