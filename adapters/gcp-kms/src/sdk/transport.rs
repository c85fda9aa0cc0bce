//! The calls of the service over HTTP, as its REST interface describes them.
//!
//! The library brings a transport of its own, which reads an answer to its end however long it is, follows
//! redirects, and cannot be told otherwise. What the library calls a stub is its place for another one.

use bytes::{Bytes, BytesMut};
use google_cloud_auth::credentials::{CacheableResource, Credentials};
use google_cloud_gax::error::rpc::Status;
use google_cloud_gax::options::RequestOptions;
use google_cloud_gax::response::Response;
use google_cloud_kms_v1::stub::KeyManagementService;
use google_cloud_kms_v1::{Error, Result, model};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use signer_cloud::LONGEST_ANSWER;

/// Where the service is, unless the operator or the credentials name another place.
const GOOGLE: &str = "googleapis.com";
/// Numbers stand for the values of enumerations, as in the library's own transport.
const FORM: &str = "%24alt=json%3Benum-encoding%3Dint";

/// The way to the service.
#[derive(Debug)]
pub(super) struct Transport {
    http: Client,
    credentials: Credentials,
    endpoint: String,
}

/// An answer is longer than any that is asked for.
#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than any that is asked for")]
struct TooLong;

impl Transport {
    /// The way to `endpoint`, or to Google's own.
    ///
    /// # Errors
    /// When the machine has no certificates to trust.
    pub(super) async fn new(
        credentials: Credentials,
        endpoint: Option<&str>,
    ) -> reqwest::Result<Self> {
        let http = Client::builder()
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let endpoint = if let Some(url) = endpoint {
            url.to_owned()
        } else {
            let universe = credentials.universe_domain().await;
            let universe = universe.as_deref().unwrap_or(GOOGLE);
            format!("https://cloudkms.{universe}")
        };
        Ok(Self {
            http,
            credentials,
            endpoint,
        })
    }

    async fn get<A: DeserializeOwned>(&self, path: &str) -> Result<Response<A>> {
        self.call(Method::GET, path, "", None).await
    }

    async fn send<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &str,
        document: &impl Serialize,
    ) -> Result<Response<A>> {
        let body = serde_json::to_vec(document).map_err(Error::ser)?;
        self.call(method, path, query, Some(body)).await
    }

    /// `query` is empty, or ends in `&`.
    async fn call<A: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: Option<Vec<u8>>,
    ) -> Result<Response<A>> {
        let url = format!("{}/v1/{path}?{query}{FORM}", self.endpoint);
        let mut request = self
            .http
            .request(method, url)
            .headers(self.sign_in().await?);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = request.send().await.map_err(not_sent)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = read(answer).await?;
        if !status.is_success() {
            return Err(refused(status.as_u16(), headers, body));
        }
        let document = serde_json::from_slice(&body).map_err(Error::deser)?;
        Ok(Response::from(document))
    }

    async fn sign_in(&self) -> Result<HeaderMap> {
        match self.credentials.headers(nothing()).await {
            Ok(CacheableResource::New { data, .. }) => Ok(data),
            Ok(CacheableResource::NotModified) => Ok(HeaderMap::new()),
            Err(error) => Err(Error::authentication(error)),
        }
    }
}

async fn read(mut answer: reqwest::Response) -> Result<Bytes> {
    let mut body = BytesMut::new();
    while let Some(part) = answer.chunk().await.map_err(Error::io)? {
        if body.len().saturating_add(part.len()) > LONGEST_ANSWER {
            return Err(Error::deser(TooLong));
        }
        body.extend_from_slice(&part);
    }
    Ok(body.freeze())
}

fn not_sent(error: reqwest::Error) -> Error {
    if error.is_connect() {
        Error::connect(error)
    } else if error.is_timeout() {
        Error::timeout(error)
    } else {
        Error::io(error)
    }
}

fn refused(code: u16, headers: HeaderMap, body: Bytes) -> Error {
    match Status::try_from(&body) {
        Ok(status) => Error::service_with_http_metadata(status, Some(code), Some(headers)),
        Err(_not_of_the_service) => Error::http(code, headers, body),
    }
}

impl KeyManagementService for Transport {
    async fn get_key_ring(
        &self,
        request: model::GetKeyRingRequest,
        _: RequestOptions,
    ) -> Result<Response<model::KeyRing>> {
        self.get(&request.name).await
    }

    async fn get_crypto_key_version(
        &self,
        request: model::GetCryptoKeyVersionRequest,
        _: RequestOptions,
    ) -> Result<Response<model::CryptoKeyVersion>> {
        self.get(&request.name).await
    }

    async fn get_public_key(
        &self,
        request: model::GetPublicKeyRequest,
        _: RequestOptions,
    ) -> Result<Response<model::PublicKey>> {
        self.get(&format!("{}/publicKey", request.name)).await
    }

    async fn asymmetric_sign(
        &self,
        request: model::AsymmetricSignRequest,
        _: RequestOptions,
    ) -> Result<Response<model::AsymmetricSignResponse>> {
        let path = format!("{}:asymmetricSign", request.name);
        self.send(Method::POST, &path, "", &request).await
    }

    async fn create_crypto_key(
        &self,
        request: model::CreateCryptoKeyRequest,
        _: RequestOptions,
    ) -> Result<Response<model::CryptoKey>> {
        let path = format!("{}/cryptoKeys", request.parent);
        let query = format!("cryptoKeyId={}&", request.crypto_key_id);
        let key = &request.crypto_key;
        self.send(Method::POST, &path, &query, key).await
    }

    async fn update_crypto_key_version(
        &self,
        request: model::UpdateCryptoKeyVersionRequest,
        _: RequestOptions,
    ) -> Result<Response<model::CryptoKeyVersion>> {
        let version = request.crypto_key_version.unwrap_or_default();
        let mask = request.update_mask.unwrap_or_default();
        let query = format!("updateMask={}&", mask.paths.join(","));
        self.send(Method::PATCH, &version.name, &query, &version)
            .await
    }
}

/// What the library calls extensions, of a type that it does not name for others.
pub(super) fn nothing<T: Default>() -> T {
    T::default()
}
