//! Which form of a public key the caller wants.

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

    /// The form the caller prefers. A caller that accepts none of them gets JSON all the same
    /// (RFC 9110 §12.5.1 leaves that to the server).
    pub(crate) fn preferred(headers: &HeaderMap) -> Self {
        let mut best = (Self::Json, 0);
        for form in Self::ALL {
            let weight = form.weight(headers);
            if weight > best.1 {
                best = (form, weight);
            }
        }
        best.0
    }

    /// How much the caller wants this form, in thousandths: the weight of the most specific media
    /// range that covers it.
    fn weight(self, headers: &HeaderMap) -> u16 {
        let mut best = (0, 0);
        let lines = headers.get_all(header::ACCEPT);
        for range in lines
            .filter_map(|line| line.to_str().ok())
            .flat_map(|line| line.split(','))
        {
            let mut parts = range.split(';').map(str::trim);
            let specificity = match parts.next() {
                Some(range) if range.eq_ignore_ascii_case(self.media_type()) => 3,
                Some("application/*") => 2,
                Some("*/*") => 1,
                _ => continue,
            };
            let quality = parts.find_map(|part| part.strip_prefix("q="));
            if specificity > best.0 {
                best = (specificity, quality.map_or(1000, thousandths));
            }
        }
        best.1
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
}
