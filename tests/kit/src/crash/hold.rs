//! A place where a call is held back until the test lets it go.

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Where the next call that comes by tells that it is there, and then waits until it may go.
#[derive(Debug, Default)]
pub struct Hold(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

impl Hold {
    /// Holds the next one. The first channel tells when it is there; the second one lets it go.
    pub fn next(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (is_there, came) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        *self.0.lock() = Some((is_there, may_go));
        (came, go)
    }

    /// Waits if this is held back. Whoever holds it has to listen, and to let it go.
    pub async fn pass(&self) {
        let held = self.0.lock().take();
        if let Some((is_there, may_go)) = held {
            let _heard = is_there.send(());
            let _let_go = may_go.await;
        }
    }
}
