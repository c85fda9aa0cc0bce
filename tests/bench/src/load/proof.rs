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
