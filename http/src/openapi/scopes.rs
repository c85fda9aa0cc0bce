//! The calls on a scope.

use utoipa::openapi::path::{OperationBuilder, Parameter};
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::parts::{body, call, named, path, query, signed};
use super::responses::{
    ALWAYS, BODY, GENERATING, PERMITTED, document, json, located, media, responses,
};
use crate::wire::ProblemCode;

pub(super) fn sign() -> OperationBuilder {
    call(
        "sign_scope",
        "Sign a digest with the current key of a scope",
    )
    .parameter(scope())
    .request_body(Some(body("SignRequest")))
    .responses(signed("SignDocument", PERMITTED))
}

pub(super) fn jwks() -> OperationBuilder {
    let forms = [
        ("application/json", json("JwkSet")),
        ("application/jwk-set+json", json("JwkSet")),
    ];
    let shown = media(
        "The public keys, under the media type that Accept asks for.",
        &forms,
    );
    let retired = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["retired"]));
    let include = query(
        "include",
        "Retired keys as well; without it only those that may still sign",
    );
    call(
        "jwks",
        "Show the public keys by which signatures for a scope are verified",
    )
    .parameter(scope())
    .parameter(include.schema(Some(retired)))
    .responses(responses([("200", shown)], &[ALWAYS]))
}

pub(super) fn open_rotation() -> OperationBuilder {
    let opened = located(
        document("The rotation is new.", ROTATION),
        "Where the open rotation of the scope is shown.",
        "^/v1/scopes/[A-Za-z0-9%-]+/rotations/current$",
    );
    let standing = document(
        "The rotation to this key was opened earlier, and may be closed by now.",
        ROTATION,
    );
    call(
        "rotation_open",
        "Make a new key, or one that was generated ahead, the current one of a scope; the old one still \
         signs by its handle",
    )
    .parameter(scope())
    .request_body(Some(body("OpenRotationRequest")))
    .responses(responses(
        [("201", opened), ("200", standing)],
        &[ALWAYS, BODY, PERMITTED, GENERATING, UNFIT],
    ))
}

/// What may be wrong with a key that was generated ahead.
const UNFIT: &[ProblemCode] = &[ProblemCode::KeyBlocked, ProblemCode::SignatureCheckFailed];

pub(super) fn show_rotation() -> OperationBuilder {
    call("rotation_show", "Show the open rotation of a scope")
        .parameter(scope())
        .responses(responses(
            [("200", document("The open rotation.", ROTATION))],
            &[ALWAYS, ABSENT],
        ))
}

pub(super) fn close_rotation() -> OperationBuilder {
    let closed = document("The closed rotation.", ROTATION);
    call(
        "rotation_close",
        "Close a rotation: its old key is retired, and no signature by it is released afterwards",
    )
    .parameter(scope())
    .request_body(Some(body("CloseRotationRequest")))
    .responses(responses(
        [("200", closed)],
        &[ALWAYS, BODY, ABSENT, &[ProblemCode::ProviderUnavailable]],
    ))
}

const ROTATION: &str = "RotationTransition";

/// What may go wrong with a rotation that should be there.
const ABSENT: &[ProblemCode] = &[ProblemCode::RotationNotFound];

fn scope() -> Parameter {
    path("scope", "The scope, percent-encoded")
        .schema(Some(named("Scope")))
        .build()
}
