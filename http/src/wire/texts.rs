//! The schemas of the texts on the wire, for the OpenAPI document.
//!
//! The grammars themselves live in the domain; each pattern here accepts exactly what the parser of
//! the same name accepts.

use std::borrow::Cow;

use signer_domain::KnownProviders;
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::request_id::MAX_LEN;

/// The most characters that the mark of an item may have.
pub(super) const MAX_REFERENCE_LEN: usize = 128;

/// Declares the schema of one text.
macro_rules! text_schema {
    ($name:ident, $object:expr) => {
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let object: ObjectBuilder = $object;
                object.schema_type(Type::String).into()
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    };
}

// What these two may be depends on the providers that the program knows: see `of`.
text_schema!(HandleId, ObjectBuilder::new());
text_schema!(ProviderName, ObjectBuilder::new());
text_schema!(
    Scope,
    sized(
        "^(platform|domain:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
        8,
        43
    )
    .description(Some("What a key signs for."))
    .examples(["platform", "domain:6f9619ff-8b86-4011-b42d-00cf4fc964ff"])
);
text_schema!(
    KeyId,
    sized("^[A-Za-z0-9][A-Za-z0-9._~-]{0,63}$", 1, 64)
        .description(Some("The operator's name of a key, unique in its scope."))
        .examples(["k1"])
);
text_schema!(
    Digest,
    sized("^[A-Za-z0-9+/]{85}[AQgw]==$", 88, 88)
        .description(Some("A SHA-512 digest: 64 bytes in standard base64."))
        .content_encoding("base64")
);
text_schema!(
    Signature,
    sized("^[A-Za-z0-9+/]{85}[AQgw]==$", 88, 88)
        .description(Some("An Ed25519 signature: 64 bytes in standard base64."))
        .content_encoding("base64")
);
text_schema!(
    PublicKey,
    sized("^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$", 44, 44)
        .description(Some("An Ed25519 public key: 32 bytes in standard base64."))
        .content_encoding("base64")
);
text_schema!(
    Cursor,
    sized("^[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]$", 11, 11)
        .description(Some("Where a page ends. Opaque."))
);
text_schema!(
    RequestId,
    sized(format!("^[A-Za-z0-9._-]{{1,{MAX_LEN}}}$"), 1, MAX_LEN)
        .description(Some("The caller's X-Request-Id, or a fresh one."))
);
text_schema!(
    Reference,
    ObjectBuilder::new()
        .max_length(Some(MAX_REFERENCE_LEN))
        .description(Some("The caller's own mark of an item."))
);
text_schema!(
    ProblemType,
    ObjectBuilder::new().pattern(Some("^urn:plexsphere:signer:problem:[a-z_]+$"))
);
text_schema!(
    Time,
    ObjectBuilder::new()
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .description(Some("RFC 3339 in UTC."))
);
text_schema!(
    KeyState,
    ObjectBuilder::new().enum_values(Some(["active", "rotating", "retired"]))
);
text_schema!(JwkKeyType, ObjectBuilder::new().enum_values(Some(["OKP"])));
text_schema!(
    JwkCurve,
    ObjectBuilder::new().enum_values(Some(["Ed25519"]))
);
text_schema!(
    JwkPublicKey,
    sized("^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", 43, 43)
);

fn sized(pattern: impl Into<String>, min: usize, max: usize) -> ObjectBuilder {
    Object::builder()
        .pattern(Some(pattern))
        .min_length(Some(min))
        .max_length(Some(max))
}

/// The texts that name one of these providers.
pub(crate) fn of(providers: &KnownProviders) -> [(String, RefOr<Schema>); 2] {
    let names: Vec<_> = providers
        .names()
        .iter()
        .map(signer_domain::ProviderName::as_str)
        .collect();
    let handle = format!("^({}):[A-Za-z0-9._~:/|@+=,-]{{1,512}}$", names.join("|"));
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let handle = text()
        .pattern(Some(handle))
        .description(Some("Opaque reference to one key pair in one provider."))
        .examples(["software:platform|k1"]);
    let name = text().enum_values(Some(names));
    [
        (HandleId::name().into_owned(), handle.into()),
        (ProviderName::name().into_owned(), name.into()),
    ]
}
