//! The OpenAPI 3.1 document. It says exactly what the server does, no more and no less: the
//! contract tests generate their requests from it.

mod operations;
mod parts;
mod responses;
mod scopes;

use signer_domain::KnownProviders;
use utoipa::ToSchema;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Components, ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApiBuilder, OpenApiVersion, RefOr, Required, Schema,
};

use crate::request_id::MAX_LEN;
use crate::wire::{self, texts};

/// The name of the parameter that every call takes.
const REQUEST_ID: &str = "RequestId";

/// The OpenAPI 3.1 document of the interface, as JSON. These `providers` may be named.
pub fn openapi_json(providers: &KnownProviders) -> String {
    let info = InfoBuilder::new()
        .title("plexsphere-signer")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "The one process that touches Ed25519 private keys. It listens on a Unix socket. A \
             signature is pure Ed25519 (RFC 8032) with the 64 bytes of a SHA-512 digest as the \
             message. Every call is safe to repeat.",
        ))
        .license(Some(
            LicenseBuilder::new()
                .name("Apache-2.0")
                .identifier(Some("Apache-2.0"))
                .build(),
        ));
    let document = OpenApiBuilder::new()
        .openapi(OpenApiVersion::Version31)
        .info(info)
        .paths(operations::paths())
        .components(Some(components(providers)))
        .build();
    match document.to_pretty_json() {
        Ok(json) => json,
        Err(error) => {
            tracing::error!(%error, "OpenAPI document not serialised");
            String::new()
        }
    }
}

fn components(providers: &KnownProviders) -> Components {
    let mut schemas = Vec::new();
    collect::<wire::KeyDocument>(&mut schemas);
    collect::<wire::KeyListDocument>(&mut schemas);
    collect::<wire::GenerateRequest>(&mut schemas);
    collect::<wire::EmptyRequest>(&mut schemas);
    collect::<wire::SignRequest>(&mut schemas);
    collect::<wire::SignDocument>(&mut schemas);
    collect::<wire::BatchRequest>(&mut schemas);
    collect::<wire::BatchDocument>(&mut schemas);
    collect::<wire::PublicKeyDocument>(&mut schemas);
    collect::<wire::Jwk>(&mut schemas);
    collect::<wire::JwkSetDocument>(&mut schemas);
    collect::<wire::OpenRotationRequest>(&mut schemas);
    collect::<wire::CloseRotationRequest>(&mut schemas);
    collect::<wire::RotationDocument>(&mut schemas);
    collect::<wire::LivezDocument>(&mut schemas);
    collect::<wire::ReadyzDocument>(&mut schemas);
    collect::<wire::Problem>(&mut schemas);
    // In the place of those that know no provider.
    schemas.extend(texts::of(providers));
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .parameter(REQUEST_ID, request_id())
        .build()
}

/// Takes a schema and every schema it refers to.
fn collect<T: ToSchema>(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    schemas.push((T::name().into_owned(), T::schema()));
    T::schemas(schemas);
}

fn request_id() -> Parameter {
    let description = format!(
        "Comes back in the answer when it is 1 to {MAX_LEN} letters, digits and \"._-\"; anything \
         else is replaced by a fresh id."
    );
    ParameterBuilder::new()
        .name("X-Request-Id")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .build()
}
