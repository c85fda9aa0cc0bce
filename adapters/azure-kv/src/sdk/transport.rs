//! A client of HTTP that reads no more of an answer than there is to read.

use std::future::ready;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::request::Request;
use azure_core::http::{AsyncRawResponse, HttpClient};
use futures_util::TryStreamExt as _;

use signer_cloud::{LONGEST_ANSWER, LONGEST_LIST};

/// The client of the vault and of whoever gives tokens.
#[derive(Debug)]
pub(super) struct LimitedTransport(pub(super) reqwest::Client);

#[async_trait]
impl HttpClient for LimitedTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let (status, headers, body) = self.0.execute_request(request).await?.deconstruct();
        let mut left = longest_answer(request);
        let limited = body.and_then(move |part| {
            ready(match left.checked_sub(part.len()) {
                Some(rest) => {
                    left = rest;
                    Ok(part)
                }
                None => Err(azure_core::Error::with_message(
                    ErrorKind::DataConversion,
                    "the answer is longer than any that is asked for",
                )),
            })
        });
        Ok(AsyncRawResponse::new(status, headers, Box::pin(limited)))
    }
}

/// A list is asked for by a path that ends so.
fn longest_answer(request: &Request) -> usize {
    if request.url().path().ends_with("/versions") {
        LONGEST_LIST
    } else {
        LONGEST_ANSWER
    }
}
