//! Signing many digests in one request.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use signer_domain::ports::{SignRequest, SignTarget};
use signer_domain::{Digest, HandleId, KeyId, KnownProviders, Scope, Signature};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::fields::{Body, Text, optional, read_texts, required, unknown_field};
use super::{Problem, texts};

/// A request to sign many digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// What to sign: 1 to 1024 items.
    #[schema(min_items = 1, max_items = 1024)]
    pub items: Vec<BatchItem>,
}

impl BatchRequest {
    /// The most items one request may hold.
    pub const MAX_ITEMS: usize = 1024;
}

/// One digest of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchItem {
    /// What shall be signed, and by which key: `handle_id` or `scope` on the wire.
    pub request: SignRequest,
    /// The caller's own mark, repeated in the result; at most 128 characters.
    pub reference: Option<String>,
}

impl BatchItem {
    /// The most characters a reference may have.
    pub const MAX_REFERENCE_LEN: usize = texts::MAX_REFERENCE_LEN;
}

/// The results of a batch, in the order of its items.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BatchDocument {
    /// One result an item.
    #[schema(min_items = 1, max_items = 1024)]
    pub results: Vec<BatchResult>,
}

/// What became of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum BatchResult {
    /// It was signed.
    Signed {
        /// The item's own mark.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = texts::Reference, required = false)]
        reference: Option<String>,
        /// The key that signed.
        #[schema(value_type = texts::HandleId)]
        handle_id: HandleId,
        /// What that key signs for.
        #[schema(value_type = texts::Scope)]
        scope: Scope,
        /// The operator's name of that key.
        #[schema(value_type = texts::KeyId)]
        key_id: KeyId,
        /// The pure Ed25519 signature of the 64 digest bytes.
        #[schema(value_type = texts::Signature)]
        signature: Signature,
    },
    /// It was not signed.
    Refused {
        /// The item's own mark.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = texts::Reference, required = false)]
        reference: Option<String>,
        /// Why not.
        error: Problem,
    },
}

/// Reads one item.
struct Item<'a>(&'a KnownProviders);

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = BatchItem;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<BatchItem, D::Error> {
        let [handle_id, scope, digest, reference] =
            read_texts(deserializer, ["handle_id", "scope", "digest", "reference"])?;
        let handle = optional("handle_id", handle_id, |text| self.0.parse_handle(text))?;
        let scope = optional("scope", scope, Scope::parse)?;
        let target = match (handle, scope) {
            (Some(handle), None) => SignTarget::Handle(handle),
            (None, Some(scope)) => SignTarget::Scope(scope),
            (None, None) => return Err(D::Error::custom("handle_id or scope: is missing")),
            (Some(_), Some(_)) => return Err(D::Error::custom("scope: excludes handle_id")),
        };
        let digest = required("digest", digest, Digest::from_base64)?;
        Ok(BatchItem {
            request: SignRequest { target, digest },
            reference: optional("reference", reference, parse_reference)?,
        })
    }
}

fn parse_reference(text: &str) -> Result<String, String> {
    let limit = BatchItem::MAX_REFERENCE_LEN;
    if text.chars().count() <= limit {
        Ok(text.to_owned())
    } else {
        Err(format!("must be at most {limit} characters long"))
    }
}

impl Serialize for BatchItem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let fields = 2 + usize::from(self.reference.is_some());
        let mut object = serializer.serialize_struct("BatchItem", fields)?;
        match &self.request.target {
            SignTarget::Handle(handle) => object.serialize_field("handle_id", handle)?,
            SignTarget::Scope(scope) => object.serialize_field("scope", scope)?,
        }
        object.serialize_field("digest", &self.request.digest)?;
        if let Some(reference) = &self.reference {
            object.serialize_field("reference", reference)?;
        }
        object.end()
    }
}

impl PartialSchema for BatchItem {
    fn schema() -> RefOr<Schema> {
        let named_by = |target: &str, schema: &str| {
            ObjectBuilder::new()
                .schema_type(Type::Object)
                .property(target, Ref::from_schema_name(schema))
                .required(target)
                .property("digest", Ref::from_schema_name("Digest"))
                .required("digest")
                .property("reference", Ref::from_schema_name("Reference"))
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        OneOfBuilder::new()
            .item(named_by("handle_id", "HandleId"))
            .item(named_by("scope", "Scope"))
            .description(Some(
                "One digest, to be signed by a key or by the current key of a scope.",
            ))
            .into()
    }
}

impl ToSchema for BatchItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.extend([
            ("HandleId".to_owned(), texts::HandleId::schema()),
            ("Scope".to_owned(), texts::Scope::schema()),
            ("Digest".to_owned(), texts::Digest::schema()),
            ("Reference".to_owned(), texts::Reference::schema()),
        ]);
    }
}

impl<'de> Body<'de> for BatchRequest {
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        known: &KnownProviders,
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Request(known))
    }
}

struct Request<'a>(&'a KnownProviders);

impl<'de> Visitor<'de> for Request<'_> {
    type Value = BatchRequest;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<Self::Value, E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut items = None;
        while let Some(name) = map.next_key_seed(Text)? {
            if name != "items" {
                return Err(unknown_field(&name));
            }
            if items.is_some() {
                return Err(A::Error::custom("items: is given twice"));
            }
            items = Some(map.next_value_seed(Items(self.0))?);
        }
        let items = items.ok_or_else(|| A::Error::custom("items: is missing"))?;
        Ok(BatchRequest { items })
    }
}

/// The items, counted while they are read so that a long list costs nothing beyond the limit.
struct Items<'a>(&'a KnownProviders);

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = Vec<BatchItem>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = Vec<BatchItem>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array as items")
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<Self::Value, E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        let limit = BatchRequest::MAX_ITEMS;
        let at = |index: usize, error: A::Error| {
            A::Error::custom(format_args!("items[{index}]: {error}"))
        };
        while let Some(item) = seq
            .next_element_seed(Item(self.0))
            .map_err(|error| at(items.len(), error))?
        {
            if items.len() == limit {
                return Err(A::Error::custom(format_args!(
                    "items: must be at most {limit}"
                )));
            }
            items.push(item);
        }
        if items.is_empty() {
            return Err(A::Error::custom("items: must be at least 1"));
        }
        Ok(items)
    }
}
