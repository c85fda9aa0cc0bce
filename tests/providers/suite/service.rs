//! Key services: what is far away, wants to know who calls, and can be asked too much.

use std::time::{Duration, Instant};

use serde_json::json;
use signer_cloud_fakes::{Answer, FakeServer, Fault, Request};
use signer_test_support::{
    Program, PublishedKey, Response, Server, Traces, eventually, sign_request,
};

use super::{Disruption, Installation, wait_for_readiness, wait_for_warning};

const DIGEST: [u8; 64] = [7; 64];
const UNKNOWN: &str = "credentials are missing, expired or refused";
const FORBIDDEN: &str = "permissions do not allow";

/// What a custodian asks of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// To make a key.
    Make,
    /// To sign, or to do what it takes to sign here.
    Sign,
    /// To take a key out of use.
    Retire,
}

/// Words of the service that nobody else is to hear.
pub(crate) const VENDOR_TEXT: &str = "words-of-the-vendor";

/// A fake on the wire.
pub(crate) trait Served {
    /// Where it serves.
    fn server(&self) -> &FakeServer;

    /// Whether a request asks for this.
    fn asks(request: &Request, call: Call) -> bool;

    /// From now on whoever calls is not let in.
    fn refuse_credentials(&self);

    /// Whoever calls is let in again.
    fn accept_credentials(&self);

    /// Injects a fault into all calls of a kind.
    fn fail(&self, times: usize, call: Call, fault: Fault) {
        let asks = move |request: &Request| Self::asks(request, call);
        self.server().inject(times, asks, fault);
    }

    /// How often this was asked for.
    fn count(&self, call: Call) -> usize {
        let requests = self.server().requests().into_iter();
        requests.filter(|request| Self::asks(request, call)).count()
    }
}

/// A service that knows who calls.
pub(crate) trait KeyService: Installation + Served {
    /// What else of the service nobody is to hear: who owns it, and words of its own.
    const UNTOLD: &'static [&'static str];

    /// The server that gives credentials for a service that is trusted, where there is one.
    fn issuer(&self) -> Option<&FakeServer>;

    /// The refusal of too many requests, with [`VENDOR_TEXT`].
    fn throttled() -> Answer;

    /// The refusal of somebody who is known and not permitted, with [`VENDOR_TEXT`].
    fn denied() -> Answer;

    /// From now on whoever calls may not do what it takes to sign.
    fn deny(&self) {
        let denied = Fault::Answer(Self::denied());
        self.server().inject(usize::MAX, |_| true, denied);
    }

    /// Whoever calls may do it again.
    fn permit(&self) {
        self.server().clear_faults();
    }

    /// A service whose certificate the custodian has no reason to trust, and that certificate.
    fn of_a_stranger() -> (Self, String);

    /// Has the custodian trust a certificate.
    fn trust(&self, certificate: &str);
}

/// Lets something go wrong with a service.
pub(crate) fn begin(it: &impl Served, disruption: Disruption) {
    match disruption {
        Disruption::Away => it.server().stop(),
        Disruption::Slow(latency) => it.server().set_latency(latency),
        Disruption::LostKey => it.fail(1, Call::Make, Fault::LoseAnswer),
        Disruption::SilentSigning => it.fail(1, Call::Sign, Fault::Hang),
        Disruption::NoRetiring => {
            let failing = Answer::json(500, &json!({ "message": "no" }));
            it.fail(usize::MAX, Call::Retire, Fault::Answer(failing));
        }
    }
}

/// Lets everything of a service be well again.
pub(crate) fn end(it: &impl Served) {
    let server = it.server();
    server.clear_faults();
    server.set_latency(Duration::ZERO);
    server.resume();
}

/// A talkative custodian of this program, once it is let in, and what it says before.
pub(crate) fn serve_indiscreetly(
    it: &(impl Installation + Served),
    program: &Program,
    traces: &mut Traces,
) -> Server {
    it.refuse_credentials();
    let mut server = it.spawn_as(program, &["--log-level", "trace"]);
    traces.note("/readyz with 503", wait_for_warning(&server, UNKNOWN));
    it.accept_credentials();
    server.wait_until_ready();
    server
}

/// Lets a custodian that was let in be refused in the midst of its work, and notes what it says until it
/// is let in again.
pub(crate) fn refuse_at_work<I: Installation + Served>(
    it: &I,
    server: &Server,
    key: &PublishedKey,
    traces: &mut Traces,
) {
    // What the log told of the start is not what is waited for.
    server.has_logged(|_| false);
    it.refuse_credentials();
    let refused = server.sign(key, &DIGEST).expect_status(503);
    traces.note("an answer with 503", refused.body);
    traces.note("/readyz with 503", wait_for_warning(server, UNKNOWN));
    server.wait_for_log("the cause", |line| line.contains(I::LOGGED));
    it.accept_credentials();
    wait_until_ready::<I>(server);
}

fn wait_until_ready<I: Installation>(server: &Server) {
    wait_for_readiness(server, 200, &format!("\"{}\":\"ready\"", I::NAME));
}

/// Makes sure that a key is made and signs, as soon as it can.
fn assert_signs(server: &Server) {
    let key = server.make("k1");
    let signed = eventually("a signature", || {
        let answer = server.sign(&key, &DIGEST);
        (answer.status == 200).then_some(answer)
    });
    assert!(key.has_signed(&DIGEST, &signed));
}

pub(crate) fn credentials_that_are_refused_at_the_start_are_told_and_taken_up_when_they_are_good<
    I: KeyService,
>() {
    let it = I::new();
    it.refuse_credentials();
    let mut server = it.spawn(&[]);
    wait_for_warning(&server, UNKNOWN);
    it.accept_credentials();
    server.wait_until_ready();
    assert_signs(&server);
}

pub(crate) fn a_permission_that_is_missing_is_told_by_readiness<I: KeyService>() {
    let it = I::new();
    let denied = Fault::Answer(I::denied());
    it.server().inject(usize::MAX, |_| true, denied);
    let mut server = it.spawn(&[]);
    let text = wait_for_warning(&server, FORBIDDEN);
    assert!(!text.contains(VENDOR_TEXT), "{text}");
    it.server().clear_faults();
    server.wait_until_ready();
    assert_signs(&server);
}

/// While it serves, one disruption after the other.
pub(crate) fn readiness_tells_what_is_wrong_and_when_it_is_over<I: KeyService>() {
    let it = I::new();
    let mut server = it.serve(&[]);
    let key = server.make("k1");
    let (_, inner_handle) = key.handle_id.split_once(':').unwrap();
    let is_told = |told| {
        let refused = server.sign(&key, &DIGEST).expect_status(503);
        assert_eq!(refused.problem_code(), "provider_unavailable");
        let readiness = wait_for_warning(&server, told);
        for untold in [&[VENDOR_TEXT][..], I::UNTOLD].concat() {
            for text in [refused.text(), &readiness] {
                assert!(!text.contains(untold), "{text}");
            }
        }
        for untold in ["token", inner_handle] {
            assert!(!refused.text().contains(untold), "{refused:?}");
        }
    };
    it.deny();
    is_told(FORBIDDEN);
    it.permit();
    it.refuse_credentials();
    is_told(UNKNOWN);
    it.accept_credentials();
    it.begin(Disruption::Away);
    is_told(I::AWAY);
    it.end();
    server.wait_until_ready();
    assert_signs(&server);
}

pub(crate) fn a_storm_of_refusals_is_passed_on_with_its_hint_and_ends_with_the_storm<
    I: KeyService,
>() {
    let it = I::new();
    let server = it.serve(&[]);
    let key = server.make("k1");
    let storm = || Fault::Answer(I::throttled().with("retry-after", "7"));
    let is_passed_on = |refused: &Response| {
        assert_eq!(refused.status, 503, "{refused:?}");
        assert_eq!(refused.problem_code(), "provider_unavailable");
        assert_eq!(refused.header("retry-after"), Some("7"));
        assert!(!refused.text().contains(VENDOR_TEXT), "{refused:?}");
    };
    let is_over = || {
        it.server().clear_faults();
        let signed = server.sign(&key, &DIGEST).expect_status(200);
        assert!(key.has_signed(&DIGEST, &signed));
    };
    // Many ask at once, and nothing else is answered either.
    it.server().inject(usize::MAX, |_| true, storm());
    std::thread::scope(|scope| {
        for mut connection in (0..20).map(|_| server.connect()) {
            let (path, body) = (key.path_to("sign"), sign_request(&DIGEST));
            scope.spawn(move || {
                is_passed_on(&connection.ask("POST", &path, Some(&body)).unwrap());
            });
        }
    });
    server.get("/livez").expect_status(200);
    is_over();
    // One goes on asking, and everything but signing is answered.
    it.fail(usize::MAX, Call::Sign, storm());
    for _ in 0..20 {
        is_passed_on(&server.sign(&key, &DIGEST));
    }
    server.get("/livez").expect_status(200);
    is_over();
}

pub(crate) fn a_certificate_that_nobody_vouches_for_is_told_and_gets_no_token_until_somebody_does<
    I: KeyService,
>() {
    let (it, certificate) = I::of_a_stranger();
    let mut server = it.spawn(&[]);
    wait_for_warning(&server, "checking the certificate of the key service");
    for server in [Some(it.server()), it.issuer()].into_iter().flatten() {
        assert!(server.requests().is_empty());
    }
    it.trust(&certificate);
    server.wait_until_ready();
    assert_signs(&server);
}

/// A service is far away. One after the other these signatures would take five seconds, each hundred.
pub(crate) fn a_hundred_signatures_by_one_key_overlap<I: KeyService>() {
    let it = I::new();
    let server = it.serve(I::unhurried());
    let key = server.make("k1");
    server.sign(&key, &DIGEST).expect_status(200);
    it.server().set_latency(Duration::from_millis(50));

    let digest: serde_json::Value = serde_json::from_str(&sign_request(&DIGEST)).unwrap();
    let item = json!({ "handle_id": key.handle_id, "digest": digest["digest"] });
    let batch = json!({ "items": vec![item; 100] }).to_string();
    let began = Instant::now();
    let answer = server.post("/v1/sign", &batch).expect_status(200).json();
    let took = began.elapsed();
    let results = answer["results"].as_array().unwrap();
    let signatures = results
        .iter()
        .filter_map(|result| result["signature"].as_str());
    let right = signatures.filter(|signature| key.accepts(&DIGEST, signature));
    assert_eq!(right.count(), 100);
    assert!(took < Duration::from_millis(2500), "{took:?}");

    let began = Instant::now();
    std::thread::scope(|scope| {
        for mut connection in (0..100).map(|_| server.connect()) {
            let (path, body) = (key.path_to("sign"), sign_request(&DIGEST));
            scope.spawn(move || {
                let answer = connection.ask("POST", &path, Some(&body)).unwrap();
                answer.expect_status(200);
            });
        }
    });
    let took = began.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    wait_until_ready::<I>(&server);
}
