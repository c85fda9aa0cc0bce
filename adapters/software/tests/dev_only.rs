//! The log says exactly once that the software provider is dev-only.
//!
//! There is one test in this file, because `tracing` decides once for all threads whether a line is
//! wanted, and other tests in the process would disturb that.

use std::fmt::{Debug, Write as _};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Builder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use signer_module::{Refusal, Settings};
use signer_software::{MODULE, create_seed_file};

#[test]
fn opening_the_software_provider_warns_exactly_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("seed.bin");
    let refused = lines_of(|| {
        announce(&path).unwrap_err();
    });
    assert_eq!(refused, Vec::<String>::new());

    create_seed_file(&path).unwrap();
    let opened = lines_of(|| announce(&path).unwrap());
    assert_eq!(opened.len(), 1, "{opened:?}");
    assert!(opened[0].starts_with("WARN ") && opened[0].contains("dev-only"));
    assert!(opened[0].contains("provider=software"));
}

/// Opens the provider with this seed file, as the program does, and says what is to be said of it.
fn announce(path: &Path) -> Result<(), Refusal> {
    let said = path.display().to_string();
    let settings = Settings::read(MODULE.face(), |_| Some(&said), |_| None)?;
    let runtime = Builder::new_current_thread().build();
    let runtime = runtime.map_err(Refusal::general)?;
    let prepared = runtime.block_on(MODULE.prepare(&settings))?;
    signer_module::announce(MODULE.face(), &*prepared);
    Ok(())
}

/// Every event that `work` logs on this thread, with its fields.
fn lines_of(work: impl FnOnce()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::with_default(Catcher(Arc::clone(&lines)), work);
    lines.lock().clone()
}

struct Catcher(Arc<Mutex<Vec<String>>>);

impl Subscriber for Catcher {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} ", event.metadata().level()));
        event.record(&mut line);
        self.0.lock().push(line.0);
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

struct Line(String);

impl Visit for Line {
    #[expect(clippy::use_debug, reason = "tracing hands over every field as Debug")]
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _infallible = write!(self.0, "{}={value:?} ", field.name());
    }
}
