//! The calls of a command to the custodian.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::answer::{self, Answer};
use super::connection::Connection;
use super::socket_of;
use crate::cli::ClientArgs;
use crate::failure::Failure;

/// A custodian that was reached.
#[derive(Debug)]
pub(crate) struct Custodian {
    connection: Connection,
}

impl Custodian {
    /// Longer than a custodian takes for its slowest answer under any sensible deadline.
    const PATIENCE: Duration = Duration::from_mins(1);

    /// Connects to the custodian that `args` or the environment name.
    ///
    /// # Errors
    /// When none answers there.
    pub(crate) async fn reach(args: &ClientArgs) -> Result<Self, Failure> {
        Self::reach_within(args, Self::PATIENCE).await
    }

    /// As [`reach`](Self::reach), for a caller who waits no longer than `patience` for an answer.
    ///
    /// # Errors
    /// When none answers there.
    pub(crate) async fn reach_within(
        args: &ClientArgs,
        patience: Duration,
    ) -> Result<Self, Failure> {
        let connection = Connection::open(&socket_of(args)?, patience).await?;
        Ok(Self { connection })
    }

    /// Fetches a document.
    ///
    /// # Errors
    /// When the custodian refuses, or cannot be heard.
    pub(crate) async fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
    ) -> Result<Answer<T>, Failure> {
        answer::read(self.get_raw(path).await?)
    }

    /// Fetches whatever is answered, refusals included.
    ///
    /// # Errors
    /// When the custodian cannot be heard.
    pub(crate) async fn get_raw(&mut self, path: &str) -> Result<Response<Bytes>, Failure> {
        self.send(Method::GET, path, None).await
    }

    /// Sends a document.
    ///
    /// # Errors
    /// When the custodian refuses, or cannot be heard.
    pub(crate) async fn post<T: DeserializeOwned>(
        &mut self,
        path: &str,
        document: &impl Serialize,
    ) -> Result<Answer<T>, Failure> {
        let body = serde_json::to_vec(document).map_err(Failure::general)?;
        answer::read(self.send(Method::POST, path, Some(body)).await?)
    }

    /// Asks for an act that needs no document.
    ///
    /// # Errors
    /// When the custodian refuses, or cannot be heard.
    pub(crate) async fn post_empty<T: DeserializeOwned>(
        &mut self,
        path: &str,
    ) -> Result<Answer<T>, Failure> {
        answer::read(self.send(Method::POST, path, None).await?)
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        document: Option<Vec<u8>>,
    ) -> Result<Response<Bytes>, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost");
        if document.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let request = request
            .body(Full::from(document.unwrap_or_default()))
            .map_err(Failure::general)?;
        self.connection.send(request).await
    }
}
