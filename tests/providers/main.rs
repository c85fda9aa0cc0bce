//! The built binary with each key provider that the shipped one leaves out. `PKCS11_MODULE` names the module
//! of those with a token; key services of clouds are faked.

mod aws;
mod azure;
mod gcp;
mod moving;
mod odd_answers;
mod pkcs11;
mod suite;
