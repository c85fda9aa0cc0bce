//! Signatures that are not what they should be.

use super::Installation;

/// A back end that signs by itself, and not always rightly.
pub(crate) trait SignsItself: Installation {
    /// How a signature is wrong.
    type Wrong: Copy + 'static;
    /// All ways.
    const WRONGS: &'static [(&'static str, Self::Wrong)];
    /// What is answered in the place of a wrong signature.
    const REFUSAL: (u16, &'static str) = (500, "signature_check_failed");

    /// Signs like this from now on; `None` is rightly.
    fn sign_like(&self, wrong: Option<Self::Wrong>);
}

pub(crate) fn no_signature_but_the_right_one_is_ever_released<I: SignsItself>() {
    let it = I::new();
    let server = it.serve(&[]);
    // A key of its own for each: one that has failed is asked for nothing any more.
    for (name, wrong) in I::WRONGS {
        let key = server.make(name);
        it.sign_like(Some(*wrong));
        let refused = server.sign(&key, &[7; 64]);
        let told = (refused.status, refused.problem_code());
        assert_eq!((told.0, told.1.as_str()), I::REFUSAL, "{name}: {refused:?}");
        assert!(!refused.text().contains("signature\":"), "{refused:?}");
        it.sign_like(None);
    }
    let key = server.make("right");
    let signed = server.sign(&key, &[7; 64]).expect_status(200);
    assert!(key.has_signed(&[7; 64], &signed));
}
