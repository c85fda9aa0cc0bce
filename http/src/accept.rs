//! Which form of an answer the caller wants.

use actix_http::header::{self, HeaderMap};

/// The forms in which a public key is served, in the order of our own preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyForm {
    Json,
    Pem,
    Jwk,
}

impl KeyForm {
    const ALL: [Self; 3] = [Self::Json, Self::Pem, Self::Jwk];

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Pem => "application/x-pem-file",
            Self::Jwk => "application/jwk+json",
        }
    }

    /// The form the caller prefers.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        most_wanted(headers, Self::ALL, Self::media_type).unwrap_or(Self::Json)
    }
}

/// The forms in which a set of public keys is served, in the order of our own preference. The bytes
/// are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeySetForm {
    /// What most verifiers ask for and expect.
    Json,
    /// The name of its own (RFC 7517 §8.5.2).
    JwkSet,
}

impl KeySetForm {
    const ALL: [Self; 2] = [Self::Json, Self::JwkSet];

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::JwkSet => "application/jwk-set+json",
        }
    }

    /// The form the caller prefers.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        most_wanted(headers, Self::ALL, Self::media_type).unwrap_or(Self::Json)
    }
}

/// The forms in which metrics are served, in the order of our own preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricsForm {
    /// The Prometheus text format.
    Plain,
    OpenMetrics,
}

impl MetricsForm {
    const ALL: [Self; 2] = [Self::Plain, Self::OpenMetrics];

    const fn media_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain",
            Self::OpenMetrics => "application/openmetrics-text",
        }
    }

    /// The media type, with the version that is served.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The form the caller prefers.
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        most_wanted(headers, Self::ALL, Self::media_type).unwrap_or(Self::Plain)
    }
}

/// The form the caller wants most; the first one of equals. A caller that accepts none of them gets
/// an answer all the same (RFC 9110 §12.5.1 leaves that to the server).
fn most_wanted<F: Copy, const N: usize>(
    headers: &HeaderMap,
    forms: [F; N],
    media_type: fn(F) -> &'static str,
) -> Option<F> {
    let mut best = (None, 0);
    for form in forms {
        let weight = weight(headers, media_type(form));
        if weight > best.1 {
            best = (Some(form), weight);
        }
    }
    best.0
}

/// How much the caller wants this media type, in thousandths: the weight of the most specific media
/// range that covers it.
fn weight(headers: &HeaderMap, media_type: &str) -> u16 {
    let mut best = (0, 0);
    let lines = headers.get_all(header::ACCEPT);
    for range in lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
    {
        let mut parts = range.split(';').map(str::trim);
        let specificity = specificity(parts.next().unwrap_or_default(), media_type);
        let quality = parts.find_map(|part| part.strip_prefix("q="));
        if specificity > best.0 {
            best = (specificity, quality.map_or(1000, thousandths));
        }
    }
    best.1
}

/// How closely a media range names the media type; 0 when it does not cover it.
fn specificity(range: &str, media_type: &str) -> u8 {
    let covers_subtypes = |kind| media_type.split('/').next() == Some(kind);
    if range.eq_ignore_ascii_case(media_type) {
        3
    } else if range.strip_suffix("/*").is_some_and(covers_subtypes) {
        2
    } else {
        u8::from(range == "*/*")
    }
}

/// Reads a quality value (RFC 9110 §12.4.2); what is not one counts as 0.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" => 1000,
        "0" if is_fraction => format!("{fraction:0<3}").parse().unwrap_or_default(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderValue;

    use super::*;

    fn form_for(accept: &'static str) -> KeyForm {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        KeyForm::preferred(&headers)
    }

    #[test]
    fn serves_what_is_asked_for() {
        assert_eq!(form_for("application/x-pem-file"), KeyForm::Pem);
        assert_eq!(form_for("application/jwk+json"), KeyForm::Jwk);
        assert_eq!(form_for("Application/JWK+json"), KeyForm::Jwk);
        assert_eq!(form_for("application/json"), KeyForm::Json);
    }

    #[test]
    fn serves_json_when_anything_will_do_or_nothing_does() {
        assert_eq!(KeyForm::preferred(&HeaderMap::new()), KeyForm::Json);
        for accept in [
            "*/*",
            "application/*",
            "text/html",
            "",
            "application/x-pem-file;q=0",
        ] {
            assert_eq!(form_for(accept), KeyForm::Json, "{accept}");
        }
    }

    #[test]
    fn weighs_what_is_asked_for() {
        assert_eq!(
            form_for("application/json;q=0.5, application/x-pem-file;q=0.51"),
            KeyForm::Pem
        );
        assert_eq!(form_for("*/*;q=0.1, application/jwk+json"), KeyForm::Jwk);
        assert_eq!(
            form_for("application/jwk+json;q=0.2, */*;q=0.1"),
            KeyForm::Jwk
        );
        assert_eq!(form_for("application/json;q=0, */*"), KeyForm::Pem);
    }

    #[test]
    fn a_key_set_is_json_unless_its_own_name_is_wanted_more() {
        let form_for = |accept| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            KeySetForm::preferred(&headers)
        };
        for accept in [
            "*/*",
            "application/json",
            "application/jwk-set+json, application/json",
        ] {
            assert_eq!(form_for(accept), KeySetForm::Json, "{accept}");
        }
        for accept in [
            "application/jwk-set+json",
            "application/jwk-set+json, application/json;q=0.9",
        ] {
            assert_eq!(form_for(accept), KeySetForm::JwkSet, "{accept}");
        }
    }

    #[test]
    fn metrics_are_plain_text_unless_openmetrics_is_wanted_more() {
        let form_for = |accept| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            MetricsForm::preferred(&headers)
        };
        let plain = HeaderMap::new();
        assert_eq!(MetricsForm::preferred(&plain), MetricsForm::Plain);
        for accept in [
            "*/*",
            "text/*",
            "text/plain",
            "text/html",
            "application/json",
        ] {
            assert_eq!(form_for(accept), MetricsForm::Plain, "{accept}");
        }
        let of_prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,\
             text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for accept in ["application/openmetrics-text", of_prometheus] {
            assert_eq!(form_for(accept), MetricsForm::OpenMetrics, "{accept}");
        }
    }
}
