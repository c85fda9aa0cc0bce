//! A client that is another user than the one the custodian runs as.

use std::process::{Command, Stdio};

use crate::{Response, Server};

/// A user that owns nothing here: `nobody` on most systems.
pub const STRANGER: u32 = 65534;

impl Server {
    /// Asks as the user `uid`, on a connection of its own. Only root can play another user, so run
    /// by anybody else this panics, as a test that cannot show its point has to.
    pub fn ask_as(&self, uid: u32, method: &str, path: &str, json: Option<&str>) -> Response {
        self.try_ask_as(uid, method, path, json)
            .expect("the socket lets this user connect")
    }

    /// The same; none when the user cannot even connect.
    pub fn try_ask_as(
        &self,
        uid: u32,
        method: &str,
        path: &str,
        json: Option<&str>,
    ) -> Option<Response> {
        assert!(
            rustix::process::geteuid().is_root(),
            "run the tests as root: only root can play another user"
        );
        let mut command = Command::new("setpriv");
        command
            .arg(format!("--reuid={uid}"))
            .arg(format!("--regid={uid}"))
            .args(["--clear-groups", "curl", "--silent", "--show-error"])
            .args(["--include", "--max-time", "10", "--request", method])
            .arg("--unix-socket")
            .arg(self.socket());
        if let Some(json) = json {
            command.args(["--header", "Content-Type: application/json"]);
            command.args(["--data-binary", json]);
        }
        let output = command
            .arg(format!("http://localhost{path}"))
            .stdin(Stdio::null())
            .output()
            .expect("setpriv and curl are installed");
        // Curl's own status for a connection that could not be made.
        if output.status.code() == Some(7) {
            return None;
        }
        assert!(output.status.success(), "{output:?}");
        Some(Response::read(&mut output.stdout.as_slice()).unwrap())
    }
}
