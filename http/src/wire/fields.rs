//! Reads the JSON objects that requests are made of, strictly.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Unexpected, Visitor};
use signer_domain::KnownProviders;

/// The longest field name that an error repeats.
const MAX_ECHO: usize = 64;

/// What a request says in its body.
pub(crate) trait Body<'de>: Sized {
    /// Reads it. Where it names a provider, that is one of those that are `known`.
    fn read<D: Deserializer<'de>>(
        deserializer: D,
        known: &KnownProviders,
    ) -> Result<Self, D::Error>;
}

/// Reads an object whose fields are all text. Each may be there or not, at most once, in any order;
/// there may be no others. Text without escapes is borrowed from the input.
pub(super) fn read_texts<'de, D, const N: usize>(
    deserializer: D,
    names: [&'static str; N],
) -> Result<[Option<Cow<'de, str>>; N], D::Error>
where
    D: Deserializer<'de>,
{
    // Not `deserialize_map`: there the parser itself words the error for a text in the place of an
    // object, and repeats the text.
    deserializer.deserialize_any(Texts(names))
}

/// Parses a field that must be there.
pub(super) fn required<T, P, E>(
    name: &str,
    text: Option<Cow<'_, str>>,
    parse: impl FnOnce(&str) -> Result<T, P>,
) -> Result<T, E>
where
    P: fmt::Display,
    E: Error,
{
    optional(name, text, parse)?.ok_or_else(|| E::custom(format_args!("{name}: is missing")))
}

/// Parses a field that may be there.
pub(super) fn optional<T, P, E>(
    name: &str,
    text: Option<Cow<'_, str>>,
    parse: impl FnOnce(&str) -> Result<T, P>,
) -> Result<Option<T>, E>
where
    P: fmt::Display,
    E: Error,
{
    text.map(|text| parse(&text))
        .transpose()
        .map_err(|error| E::custom(format_args!("{name}: {error}")))
}

/// The error for a field that the object does not have. Repeats only names that could be meant well.
pub(super) fn unknown_field<E: Error>(name: &str) -> E {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    if (1..=MAX_ECHO).contains(&name.len()) && name.bytes().all(harmless) {
        E::custom(format_args!("{name}: is not a field of this object"))
    } else {
        E::custom("the object has a field that does not belong there")
    }
}

struct Texts<const N: usize>([&'static str; N]);

impl<'de, const N: usize> Visitor<'de> for Texts<N> {
    type Value = [Option<Cow<'de, str>>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_str<E: Error>(self, _text: &str) -> Result<Self::Value, E> {
        Err(E::invalid_type(Unexpected::Other("string"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [const { None }; N];
        while let Some(name) = map.next_key_seed(Text)? {
            let mut slots = found.iter_mut().zip(self.0);
            let Some((slot, known)) = slots.find(|(_, known)| *known == name) else {
                return Err(unknown_field(&name));
            };
            if slot.is_some() {
                return Err(A::Error::custom(format_args!("{known}: is given twice")));
            }
            let value = map.next_value_seed(Text);
            *slot =
                Some(value.map_err(|error| A::Error::custom(format_args!("{known}: {error}")))?);
        }
        Ok(found)
    }
}

/// Text that is borrowed from the input where that is possible.
pub(super) struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}
