//! A custodian whose keys do what their names say.

use std::time::Duration;

use signer_test_support::{
    Connection, Response, Server, Workplace, eventually, path_of, sign_request, under_test,
};

/// What the tests of this suite sign.
const DIGEST: [u8; 64] = [0x5a; 64];

/// Starts a custodian with the scripted double and, behind it, the software provider.
pub(crate) fn start(place: &Workplace, flags: &[&str]) -> Server {
    let scripted = place.scripted_flags();
    let all = scripted.iter().map(String::as_str);
    let all = all.chain(flags.iter().copied());
    let server = Server::start_with(&under_test!(), place, all);
    wait_until_both_are_ready(&server);
    server
}

/// A custodian is ready once one of its providers is.
fn wait_until_both_are_ready(server: &Server) {
    eventually("both providers", || {
        let document = server.get("/readyz").json();
        let providers = document["checks"]["providers"].as_object().unwrap();
        providers.values().all(|it| it == "ready").then_some(())
    });
}

/// The path of the scripted key of that name.
pub(crate) fn path(key_id: &str) -> String {
    path_of(&format!("testdouble:platform|{key_id}"))
}

/// A body that asks for a signature.
pub(crate) fn body() -> String {
    sign_request(&DIGEST)
}

/// Asks a key to sign.
pub(crate) fn sign(server: &Server, key_id: &str) -> Response {
    server.post(&format!("{}/sign", path(key_id)), &body())
}

/// Asks a key to sign, and does not wait.
pub(crate) fn start_to_sign(server: &Server, key_id: &str) -> Connection {
    let mut connection = server.connect();
    let path = format!("{}/sign", path(key_id));
    connection.start("POST", &path, Some(&body())).unwrap();
    connection
}

/// Waits until the custodian is busy with `count` requests of others.
pub(crate) fn wait_until_busy_with(server: &Server, count: u64) {
    // The question itself is under way as well.
    eventually("requests under way", || {
        (server.metric("http_requests_in_flight") > count).then_some(())
    });
}

/// Far more than an answer takes that nobody has to wait for, even on a busy machine.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);
