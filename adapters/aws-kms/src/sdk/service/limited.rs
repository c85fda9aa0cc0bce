//! A client of HTTP that reads no more of an answer than there is to read.

use aws_sdk_kms::config::{HttpClient as _, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use signer_cloud::{LONGEST_ANSWER, LONGEST_LIST};

/// The same client with answers that end in an error where they grow too long: those of the key service,
/// and those of whoever gives credentials.
pub(super) fn limited(client: SharedHttpClient) -> SharedHttpClient {
    http_client_fn(move |settings, components| {
        let connector = client.http_connector(settings, components);
        SharedHttpConnector::new(LimitedConnector(connector))
    })
}

#[derive(Debug)]
struct LimitedConnector(SharedHttpConnector);

impl HttpConnector for LimitedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let longest = longest_answer(&request);
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, longest))))
        })
    }
}

fn longest_answer(request: &HttpRequest) -> usize {
    let asked_for = request.headers().get("x-amz-target").unwrap_or_default();
    if asked_for.contains(".List") {
        LONGEST_LIST
    } else {
        LONGEST_ANSWER
    }
}
