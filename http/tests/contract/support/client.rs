//! HTTP/1.1 by hand, so that a test can send what no library would.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use signer_http::wire::Problem;

/// One connection.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(path: &Path) -> Self {
        Self::try_connect(path).unwrap()
    }

    pub(crate) fn try_connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(Duration::from_secs(15)))?;
        Ok(Self {
            stream: BufReader::new(stream),
        })
    }

    pub(crate) fn get(&mut self, target: &str) -> Reply {
        self.call("GET", target, "", None)
    }

    pub(crate) fn post(&mut self, target: &str, body: &str) -> Reply {
        self.call(
            "POST",
            target,
            "Content-Type: application/json\r\n",
            Some(body),
        )
    }

    /// Sends a request with `headers`, each ended by CRLF, and reads the answer.
    pub(crate) fn call(
        &mut self,
        method: &str,
        target: &str,
        headers: &str,
        body: Option<&str>,
    ) -> Reply {
        self.write(request(method, target, headers, body).as_bytes());
        self.read(method).unwrap()
    }

    /// Does the same without giving up on the test when the connection fails.
    pub(crate) fn try_post(&mut self, target: &str, body: &str) -> io::Result<Reply> {
        let headers = "Content-Type: application/json\r\n";
        let request = request("POST", target, headers, Some(body));
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read("POST")
    }

    /// Sends bytes. The server may close the connection while they are on their way.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        drop(self.stream.get_mut().write_all(bytes));
    }

    /// Says that nothing more comes, and goes on listening.
    pub(crate) fn finish_writing(&mut self) {
        self.stream.get_mut().shutdown(Shutdown::Write).unwrap();
    }

    /// Reads one answer to a request of the given method.
    pub(crate) fn read(&mut self, method: &str) -> io::Result<Reply> {
        let line = self.line()?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let status = status.ok_or(io::ErrorKind::InvalidData)?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut reply = Reply {
            status,
            headers,
            body: Vec::new(),
        };
        let length = reply
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" {
            reply.body.resize(length, 0);
            self.stream.read_exact(&mut reply.body)?;
        }
        Ok(reply)
    }

    /// Whether the server has closed the connection, or does so now.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]) | Err(_))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

fn request(method: &str, target: &str, headers: &str, body: Option<&str>) -> String {
    let length = body.map_or_else(String::new, |body| {
        format!("Content-Length: {}\r\n", body.len())
    });
    let body = body.unwrap_or_default();
    format!("{method} {target} HTTP/1.1\r\nHost: signer\r\n{headers}{length}\r\n{body}")
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> T {
        assert_eq!(
            self.header("content-type"),
            Some("application/json"),
            "{self:?}"
        );
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The problem in the body, after checking what holds for all of them.
    pub(crate) fn problem(&self) -> Problem {
        let content_type = self.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"), "{self:?}");
        let problem: Problem = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(problem.status, self.status);
        assert_eq!(
            self.header("x-request-id"),
            Some(problem.request_id.as_str())
        );
        let expected = format!("urn:plexsphere:signer:problem:{}", problem.code.as_str());
        assert_eq!(problem.problem_type, expected);
        let is_told_when = self.header("retry-after").is_some();
        assert_eq!(is_told_when, [429, 503].contains(&self.status), "{self:?}");
        problem
    }
}

impl From<UnixStream> for Client {
    fn from(stream: UnixStream) -> Self {
        Self {
            stream: BufReader::new(stream),
        }
    }
}
