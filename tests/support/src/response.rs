//! An HTTP answer, taken apart by hand: the tests see the bytes, not what a library makes of them.

use std::io::{self, BufRead, Read as _};

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields, names in lower case, in the order they came in.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// Reads one answer to a request that was not `HEAD`.
    ///
    /// # Errors
    /// When the connection ends or breaks before the answer is whole.
    pub fn read(source: &mut impl BufRead) -> io::Result<Self> {
        let status = line(source)?;
        let status = status
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.get(..3))
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("not a status line: {status:?}"));
        let mut headers = Vec::new();
        loop {
            let field = line(source)?;
            if field.is_empty() {
                break;
            }
            let (name, value) = field.split_once(':').expect("a header field has a colon");
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut response = Self {
            status,
            headers,
            body: Vec::new(),
        };
        response.body = response.read_body(source)?;
        Ok(response)
    }

    fn read_body(&self, source: &mut impl BufRead) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if let Some(length) = self.header("content-length") {
            body.resize(length.parse().unwrap(), 0);
            source.read_exact(&mut body)?;
        } else if self.header("transfer-encoding") == Some("chunked") {
            loop {
                let size = u64::from_str_radix(&line(source)?, 16).unwrap();
                let read = source.by_ref().take(size).read_to_end(&mut body)?;
                if u64::try_from(read).unwrap() < size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                assert_eq!(line(source)?, "", "a chunk ends in an empty line");
                if size == 0 {
                    break;
                }
            }
        }
        Ok(body)
    }

    /// The value of a header field; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        fields
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// The `code` of the problem that this answer is.
    pub fn problem_code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        self.json()["code"].as_str().unwrap().to_owned()
    }

    /// Makes sure of the status, and returns the answer for more questions.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }
}

fn line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    match line.strip_suffix("\r\n") {
        Some(line) => Ok(line.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
