//! The requests of a run, rendered before it starts.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use signer_domain::ports::SignatureVerifier;
use signer_domain::{Digest, PublicKey};
use signer_verify::verifier_for;

use crate::Outcome;
use crate::keys::handle_text;
use crate::wire::{Client, key_path, render};

/// How many different digests each handle is asked to sign.
const DIGESTS: u8 = 4;

/// One signature that a request asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) digest: Digest,
    pub(super) verifier: Arc<dyn SignatureVerifier>,
}

#[derive(Debug)]
struct Request {
    bytes: Vec<u8>,
    asked: Vec<Asked>,
}

/// Requests that are sent one after another, over and over.
#[derive(Debug)]
pub(crate) struct RequestSet {
    requests: Vec<Request>,
    pub(super) signatures_per_request: usize,
}

impl RequestSet {
    /// One signature a request, the `handles` taking turns.
    pub(crate) fn singles(socket: &Path, handles: Range<u32>) -> Outcome<Self> {
        let mut requests = Vec::new();
        let keys = known_keys(socket, handles)?;
        for fill in 0..DIGESTS {
            for (handle_id, verifier) in &keys {
                let digest = Digest::from_bytes([fill; 64]);
                let body = json!({ "digest": digest }).to_string();
                requests.push(Request {
                    bytes: render("POST", &key_path(handle_id, "/sign"), &body),
                    asked: vec![Asked {
                        digest,
                        verifier: Arc::clone(verifier),
                    }],
                });
            }
        }
        Ok(Self {
            requests,
            signatures_per_request: 1,
        })
    }

    /// `size` signatures a request, the `handles` taking turns inside it.
    pub(crate) fn batches(socket: &Path, handles: Range<u32>, size: usize) -> Outcome<Self> {
        let keys = known_keys(socket, handles)?;
        let mut requests = Vec::new();
        for fill in 0..DIGESTS {
            let mut items = Vec::new();
            let mut asked = Vec::new();
            for (place, (handle_id, verifier)) in keys.iter().cycle().take(size).enumerate() {
                let mut bytes = [fill; 64];
                let [low, high, ..] = &mut bytes;
                [*low, *high] = u16::try_from(place)?.to_le_bytes();
                let digest = Digest::from_bytes(bytes);
                items.push(json!({ "handle_id": handle_id, "digest": digest }));
                asked.push(Asked {
                    digest,
                    verifier: Arc::clone(verifier),
                });
            }
            let body = json!({ "items": items }).to_string();
            requests.push(Request {
                bytes: render("POST", "/v1/sign", &body),
                asked,
            });
        }
        Ok(Self {
            requests,
            signatures_per_request: size,
        })
    }

    /// Asks `key` for one signature over `digest`.
    #[cfg(test)]
    pub(super) fn asking(key: &crate::keys::PreparedKey, digest: Digest) -> Outcome<Self> {
        let asked = vec![Asked {
            digest,
            verifier: verifier_for(&key.public_key)?,
        }];
        let bytes = Vec::new();
        Ok(Self {
            requests: vec![Request { bytes, asked }],
            signatures_per_request: 1,
        })
    }

    /// The bytes of the request at `place`, counted round and round.
    pub(super) fn bytes(&self, place: usize) -> &[u8] {
        self.at(place).map_or(&[], |request| &request.bytes)
    }

    /// What the request at `place` asks for.
    pub(super) fn asked(&self, place: usize) -> &[Asked] {
        self.at(place).map_or(&[], |request| &request.asked)
    }

    fn at(&self, place: usize) -> Option<&Request> {
        let round = self.requests.len().max(1);
        self.requests.get(place % round)
    }
}

#[derive(Deserialize)]
struct PublicKeyAnswer {
    public_key: PublicKey,
}

type KnownKey = (String, Arc<dyn SignatureVerifier>);

/// The handles with their verifiers, from the public keys that the server shows.
fn known_keys(socket: &Path, handles: Range<u32>) -> Outcome<Vec<KnownKey>> {
    let mut client = Client::connect(socket)?;
    handles
        .map(|index| {
            let handle_id = handle_text(index);
            let request = render("GET", &key_path(&handle_id, "/public-key"), "");
            let answer: PublicKeyAnswer = serde_json::from_slice(&client.expect(&request)?)?;
            Ok((handle_id, verifier_for(&answer.public_key)?))
        })
        .collect()
}
