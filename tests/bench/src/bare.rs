//! The yardstick: an actix-web server that signs and verifies inline in its handlers. It has no
//! actors, no registry, no peer check, no request id and no middleware, so what the custodian costs
//! beyond it is the price of custody.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::os::unix::net::UnixListener;
use std::path::Path;

use actix_web::{App, HttpResponse, HttpServer, rt, web};
use serde::{Deserialize, Serialize};
use serde_json::json;
use signer_domain::{Digest, HandleId, KeyId, Scope, Signature};

use crate::Outcome;
use crate::keys::{PreparedKey, prepare};

/// The largest body of a batch in the wire contract.
const BODY_LIMIT: usize = 512 * 1024;

type Keys = HashMap<String, PreparedKey>;

/// Serves `key_count` fresh keys on `socket` until the process is told to stop.
///
/// # Errors
/// When the socket cannot be bound.
pub(crate) fn serve(socket: &Path, key_count: u32) -> Outcome<()> {
    let keys = web::Data::new(prepare(key_count)?);
    let listener = UnixListener::bind(socket)?;
    let workers = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let app = move || {
        App::new()
            .app_data(keys.clone())
            .app_data(web::JsonConfig::default().limit(BODY_LIMIT))
            .route("/v1/keys/{handle_id}/sign", web::post().to(sign))
            .route("/v1/keys/{handle_id}/public-key", web::get().to(public_key))
            .route("/v1/sign", web::post().to(sign_batch))
    };
    let serving = async {
        HttpServer::new(app)
            .workers(workers)
            .listen_uds(listener)?
            .run()
            .await
    };
    Ok(rt::System::new().block_on(serving)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignRequest {
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchRequest {
    items: Vec<BatchItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchItem {
    handle_id: HandleId,
    digest: Digest,
}

#[derive(Serialize)]
struct SignAnswer<'a> {
    handle_id: &'a HandleId,
    scope: Scope,
    key_id: &'a KeyId,
    signature: Signature,
}

#[derive(Serialize)]
struct BatchAnswer<'a> {
    results: Vec<SignAnswer<'a>>,
}

async fn sign(
    handle_id: web::Path<String>,
    request: web::Json<SignRequest>,
    keys: web::Data<Keys>,
) -> HttpResponse {
    answer(&keys, &handle_id, &request.digest).map_or_else(
        || HttpResponse::NotFound().finish(),
        |answer| HttpResponse::Ok().json(answer),
    )
}

async fn sign_batch(request: web::Json<BatchRequest>, keys: web::Data<Keys>) -> HttpResponse {
    let results: Option<Vec<_>> = request
        .items
        .iter()
        .map(|item| answer(&keys, item.handle_id.as_str(), &item.digest))
        .collect();
    results.map_or_else(
        || HttpResponse::NotFound().finish(),
        |results| HttpResponse::Ok().json(BatchAnswer { results }),
    )
}

async fn public_key(handle_id: web::Path<String>, keys: web::Data<Keys>) -> HttpResponse {
    keys.get(handle_id.as_str()).map_or_else(
        || HttpResponse::NotFound().finish(),
        |key| HttpResponse::Ok().json(json!({ "public_key": key.public_key })),
    )
}

fn answer<'a>(keys: &'a Keys, handle_id: &str, digest: &Digest) -> Option<SignAnswer<'a>> {
    let key = keys.get(handle_id)?;
    let signature = key.sign(digest)?;
    Some(SignAnswer {
        handle_id: &key.handle_id,
        scope: key.scope,
        key_id: &key.key_id,
        signature,
    })
}
