//! Errors as a person reads them.

use std::error::Error;
use std::fmt;

/// Displays an error and, behind it, each cause that it has not told of itself. What `Debug` shows is
/// for who reads the source.
#[derive(Clone, Copy)]
pub struct ErrorChain<'e>(&'e (dyn Error + 'static));

impl<'e> ErrorChain<'e> {
    /// The chain that begins with `error`.
    pub fn of(error: &'e (dyn Error + 'static)) -> Self {
        Self(error)
    }
}

impl fmt::Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !told.contains(&text) {
                write!(f, ": {text}")?;
                told = text;
            }
            next = cause.source();
        }
        Ok(())
    }
}

impl fmt::Debug for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn layers(texts: &[&'static str]) -> Option<Box<Layer>> {
        let (text, rest) = texts.split_first()?;
        let source = layers(rest);
        Some(Box::new(Layer { text, source }))
    }

    #[test]
    fn tells_every_cause_once() {
        for (texts, told) in [
            (&["down"][..], "down"),
            (&["down", "no route", "cable"], "down: no route: cable"),
            (
                &["down: no route", "no route", "cable"],
                "down: no route: cable",
            ),
            (&["refused", "refused"], "refused"),
        ] {
            let error = layers(texts).unwrap();
            assert_eq!(ErrorChain::of(&*error).to_string(), told);
        }
    }
}
