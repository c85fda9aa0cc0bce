//! Probes, metrics and the OpenAPI document.

use actix_http::StatusCode;
use actix_http::header::HeaderValue;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use signer_domain::ports::Custody;

use crate::answer::Answer;
use crate::drain::Stage;
use crate::openapi::openapi_json;
use crate::refusal::Refusal;
use crate::socket::SocketPlace;
use crate::wire::{
    CheckStatus, LivezDocument, LivezStatus, ReadyzChecks, ReadyzDocument, ReadyzStatus,
};

const OPENMETRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) async fn livez(custody: &dyn Custody) -> Answer {
    match custody.liveness().await {
        Some(liveness) => {
            let document = LivezDocument {
                status: LivezStatus::Ok,
                warnings: liveness.warnings,
            };
            Answer::json(StatusCode::OK, &document)
        }
        None => lifeless(),
    }
}

/// The answer when the supervisor gives none.
pub(crate) fn lifeless() -> Answer {
    let document = LivezDocument {
        status: LivezStatus::Failing,
        warnings: Vec::new(),
    };
    Answer::json(StatusCode::SERVICE_UNAVAILABLE, &document)
}

pub(crate) async fn readyz(custody: &dyn Custody, socket: &SocketPlace, stage: Stage) -> Answer {
    let readiness = custody.readiness().await;
    let socket = match stage {
        Stage::Serving if socket.is_ours() => CheckStatus::Ok,
        Stage::Serving => CheckStatus::Failing,
        Stage::Draining | Stage::Expired => CheckStatus::Draining,
    };
    let is_ready = readiness.is_ready() && socket == CheckStatus::Ok;
    let (code, status) = if is_ready {
        (StatusCode::OK, ReadyzStatus::Ready)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, ReadyzStatus::Unready)
    };
    let providers = readiness.providers.into_iter();
    let checks = ReadyzChecks {
        registry: readiness.registry.into(),
        audit: CheckStatus::Off,
        socket,
        providers: providers
            .map(|(name, status)| (name.as_str().to_owned(), status.into()))
            .collect(),
    };
    Answer::json(code, &ReadyzDocument { status, checks })
}

pub(crate) fn metrics(registry: &Registry) -> Result<Answer, Refusal> {
    let mut exposition = String::new();
    match text::encode(&mut exposition, registry) {
        Ok(()) => Ok(Answer::new(StatusCode::OK, OPENMETRICS, exposition.into())),
        Err(error) => {
            tracing::error!(%error, "metrics not encoded");
            Err(Refusal::internal())
        }
    }
}

pub(crate) fn openapi() -> Answer {
    Answer::new(StatusCode::OK, JSON, openapi_json().into())
}
