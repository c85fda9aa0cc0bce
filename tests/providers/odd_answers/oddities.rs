//! The odd answers.

use serde_json::json;
use signer_cloud_fakes::{Answer, Fault};

/// One kind of odd answer.
pub(crate) struct Oddity {
    pub(crate) name: &'static str,
    pub(crate) fault: Fault,
}

fn answer(name: &'static str, status: u16, body: &str, headers: &[(&str, &str)]) -> Oddity {
    let fault = Fault::Answer(plain(status, body, headers));
    Oddity { name, fault }
}

fn plain(status: u16, body: &str, headers: &[(&str, &str)]) -> Answer {
    let plain = Answer {
        status,
        headers: Vec::new(),
        body: body.to_owned().into(),
    };
    let with = |answer: Answer, (name, value): &(&str, &str)| answer.with(name, value);
    headers.iter().fold(plain, with)
}

const HTML: &str = "<html><body>Sign in to the network</body></html>";
const OF_HTML: (&str, &str) = ("content-type", "text/html");
const OF_JSON: (&str, &str) = ("content-type", "application/json");

/// Every kind, from a server at `url`.
pub(crate) fn oddities(url: &str) -> Vec<Oddity> {
    let mut all = refusals();
    all.extend(redirects(url));
    all.extend(bodies());
    all.extend(sizes());
    all
}

fn refusals() -> Vec<Oddity> {
    let challenge = |name, value: &str| answer(name, 401, "", &[("www-authenticate", value)]);
    let forbidden = json!({ "error": { "code": 403, "message": "no", "status": "PERMISSION_DENIED" },
                            "__type": "AccessDeniedException", "message": "no" });
    vec![
        answer("401 without a challenge", 401, "", &[]),
        challenge("401 of a proxy", "Basic realm=\"proxy\""),
        challenge("401 without a resource", "Bearer"),
        challenge(
            "401 that names another resource",
            "Bearer authorization=\"https://evil.example/t\", resource=\"https://evil.example\"",
        ),
        challenge(
            "401 that names another tenant",
            "Bearer authorization=\"https://evil.example/t\", resource=\"https://vault.azure.net\"",
        ),
        answer("403 in HTML", 403, HTML, &[OF_HTML]),
        answer("403", 403, &forbidden.to_string(), &[OF_JSON]),
        answer("404 in HTML", 404, HTML, &[OF_HTML]),
        answer("407", 407, "", &[]),
        answer("429", 429, "", &[("retry-after", "1")]),
        answer("500 in HTML", 500, HTML, &[OF_HTML]),
        answer(
            "503 that says 'later'",
            503,
            "",
            &[("retry-after", "86400")],
        ),
    ]
}

fn redirects(url: &str) -> Vec<Oddity> {
    let login = format!("{url}/login");
    [("301", 301), ("302", 302), ("307", 307), ("308", 308)]
        .map(|(name, status)| answer(name, status, "", &[("location", &login)]))
        .into()
}

fn bodies() -> Vec<Oddity> {
    let json = |name, body| answer(name, 200, body, &[OF_JSON]);
    vec![
        answer("200 of a portal", 200, HTML, &[OF_HTML]),
        answer("204", 204, "", &[]),
        json("200 with nothing", ""),
        json("200 with null", "null"),
        json("200 with an empty document", "{}"),
        json("200 with a list", "[]"),
        json("200 with half a document", "{\"value\":\"ab"),
        json(
            "200 with another document",
            "{\"value\":7,\"kid\":{},\"error\":[]}",
        ),
        answer(
            "200 in another encoding",
            200,
            "{}",
            &[OF_JSON, ("content-encoding", "gzip")],
        ),
    ]
}

fn sizes() -> Vec<Oddity> {
    let endless = |name, status| Oddity {
        name,
        fault: Fault::Endless(plain(status, "{", &[OF_JSON])),
    };
    let long = "h".repeat(60_000);
    let names: Vec<String> = (0..16).map(|number| format!("x-long-{number}")).collect();
    let huge: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), &*long)).collect();
    let truncated = plain(200, "{\"value\":\"", &[OF_JSON, ("content-length", "500")]);
    vec![
        answer("a megabyte of headers", 200, "{}", &huge),
        Oddity {
            name: "200 that breaks off",
            fault: Fault::Truncated(truncated),
        },
        endless("an endless 200", 200),
        endless("an endless 401", 401),
        endless("an endless 403", 403),
        endless("an endless 500", 500),
        Oddity {
            name: "a cut connection",
            fault: Fault::Cut,
        },
    ]
}
