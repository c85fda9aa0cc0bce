//! Checks that the answers of a run hold the signatures that were asked for.

use serde::Deserialize;
use signer_domain::Signature;

use super::RequestSet;
use super::requests::Asked;
use super::tally::Sample;
use crate::Outcome;

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Batch { results: Vec<Signed> },
    Single(Signed),
}

#[derive(Deserialize)]
struct Signed {
    signature: Signature,
}

/// Verifies every signature of the sampled answers; how many there were.
pub(super) fn prove(samples: &[Sample], requests: &RequestSet) -> Outcome<usize> {
    let mut proven = 0;
    for sample in samples {
        let answer = serde_json::from_slice(&sample.body).map_err(|error| {
            let body = String::from_utf8_lossy(&sample.body);
            format!("an answer of another form ({error}): {body}")
        })?;
        let signed = match answer {
            Answer::Single(signed) => vec![signed],
            Answer::Batch { results } => results,
        };
        let asked = requests.asked(sample.request);
        if signed.len() != asked.len() || !asked.iter().zip(&signed).all(is_genuine) {
            return Err("a released signature does not verify".into());
        }
        proven += signed.len();
    }
    Ok(proven)
}

fn is_genuine((asked, signed): (&Asked, &Signed)) -> bool {
    asked.verifier.accepts(&asked.digest, &signed.signature)
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use signer_domain::Digest;

    use super::*;
    use crate::keys::{PreparedKey, handle_text, prepare};

    const DIGEST: Digest = Digest::from_bytes([5; 64]);

    fn key() -> PreparedKey {
        prepare(1).unwrap().remove(&handle_text(0)).unwrap()
    }

    fn answered(signature: &Signature) -> [Sample; 1] {
        let body = json!({ "signature": signature }).to_string().into_bytes();
        [Sample { request: 0, body }]
    }

    #[test]
    fn accepts_the_signature_that_was_asked_for() {
        let key = key();
        let samples = answered(&key.sign(&DIGEST).unwrap());
        let requests = RequestSet::asking(&key, DIGEST).unwrap();
        assert_eq!(prove(&samples, &requests).unwrap(), 1);
    }

    #[test]
    fn refuses_a_signature_of_something_else() {
        let key = key();
        let samples = answered(&key.sign(&Digest::from_bytes([6; 64])).unwrap());
        let requests = RequestSet::asking(&key, DIGEST).unwrap();
        let refused = prove(&samples, &requests).unwrap_err();
        assert_eq!(refused.to_string(), "a released signature does not verify");
    }

    #[test]
    fn refuses_an_answer_without_a_signature() {
        let samples = [Sample {
            request: 0,
            body: b"{}".to_vec(),
        }];
        let requests = RequestSet::asking(&key(), DIGEST).unwrap();
        let refused = prove(&samples, &requests).unwrap_err();
        assert!(refused.to_string().starts_with("an answer of another form"));
    }
}
