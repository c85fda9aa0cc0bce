//! Probes, metrics and the OpenAPI document.

use actix_http::StatusCode;
use actix_http::header::{self, HeaderMap, HeaderValue};
use prometheus_client::registry::Registry;
use signer_domain::KnownProviders;
use signer_domain::ports::{AuditStatus, CheckState, Custody};

use crate::accept::MetricsForm;
use crate::answer::Answer;
use crate::drain::Stage;
use crate::exposition::expose;
use crate::openapi::openapi_json;
use crate::refusal::Refusal;
use crate::socket::SocketPlace;
use crate::wire::{
    CheckStatus, LivezDocument, LivezStatus, ReadyzChecks, ReadyzDocument, ReadyzStatus,
};

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

pub(crate) async fn readyz(
    custody: &dyn Custody,
    audit: AuditStatus,
    socket: &SocketPlace,
    stage: Stage,
) -> Answer {
    let readiness = custody.readiness().await;
    let socket = match stage {
        Stage::Serving if socket.is_ours() => CheckStatus::Ok,
        Stage::Serving => CheckStatus::Failing,
        Stage::Draining | Stage::Expired => CheckStatus::Draining,
    };
    let is_recording = audit != AuditStatus::Kept(CheckState::Failing);
    let is_ready = readiness.is_ready() && is_recording && socket == CheckStatus::Ok;
    let (code, status) = if is_ready {
        (StatusCode::OK, ReadyzStatus::Ready)
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, ReadyzStatus::Unready)
    };
    let providers = readiness.providers.into_iter();
    let checks = ReadyzChecks {
        registry: readiness.registry.into(),
        audit: audit.into(),
        socket,
        providers: providers
            .map(|(name, status)| (name.as_str().to_owned(), status.into()))
            .collect(),
    };
    let document = ReadyzDocument {
        status,
        checks,
        warnings: readiness.warnings,
    };
    Answer::json(code, &document)
}

pub(crate) fn metrics(registry: &Registry, headers: &HeaderMap) -> Result<Answer, Refusal> {
    let form = MetricsForm::preferred(headers);
    let exposition = expose(registry, form).map_err(|error| {
        tracing::error!(%error, "metrics not encoded");
        Refusal::internal()
    })?;
    let content_type = HeaderValue::from_static(form.content_type());
    let answer = Answer::new(StatusCode::OK, content_type, exposition.into());
    Ok(answer.with(header::VARY, HeaderValue::from_static("accept")))
}

pub(crate) fn openapi(providers: &KnownProviders) -> Answer {
    Answer::new(StatusCode::OK, JSON, openapi_json(providers).into())
}
