//! `audit tail`.

use std::time::Duration;

use crate::cli::{AuditTailArgs, OutputFormat};
use crate::failure::{Failure, quoted};
use crate::output;
use crate::wiring::audit_log::{AuditRecord, LogTail, TailLine};

/// How often a followed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Shows the last entries, and those that are added.
pub(super) fn tail(args: &AuditTailArgs) -> Result<(), Failure> {
    super::super::ask(show(args))
}

async fn show(args: &AuditTailArgs) -> Result<(), Failure> {
    let unreadable = |cause| {
        let file = quoted(args.file.display());
        Failure::usage(format_args!("{file} cannot be read: {cause}"))
    };
    let mut log = LogTail::open(&args.file, args.lines).map_err(unreadable)?;
    let format = args.output.unwrap_or(OutputFormat::Table);
    if format == OutputFormat::Table {
        output::write_line(HEAD)?;
    }
    loop {
        while let Some(line) = log.next_line().map_err(unreadable)? {
            output::write_line(render(&line, format))?;
        }
        if !args.follow {
            return Ok(());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

const HEAD: &str = "     SEQ  TIME                         OP              OUTCOME      STATUS  UID     \
                    COUNT  KEY";

fn render(line: &TailLine, format: OutputFormat) -> String {
    match (&line.entry, format) {
        (Some(_), OutputFormat::Json) => String::from_utf8_lossy(&line.bytes).into_owned(),
        (Some((seq, record)), OutputFormat::Table) => row(*seq, record),
        // Whatever stands there is shown so that it cannot steer a terminal.
        (None, OutputFormat::Json) => {
            let shown = String::from_utf8_lossy(&line.bytes)
                .escape_default()
                .to_string();
            serde_json::json!({ "unreadable": shown }).to_string()
        }
        (None, OutputFormat::Table) => "       ?  not an entry; see audit verify".to_owned(),
    }
}

fn row(seq: u64, record: &AuditRecord<'_>) -> String {
    let uid = record
        .peer
        .map_or_else(|| "-".to_owned(), |peer| peer.uid.to_string());
    let count = record
        .count
        .map_or_else(|| "-".to_owned(), |count| count.to_string());
    let key = match (&record.handle_id, &record.scope, record.items.len()) {
        (Some(handle), _, _) => handle.to_string(),
        (None, Some(scope), _) => scope.to_string(),
        (None, None, 0) => "-".to_owned(),
        (None, None, items) => format!("{items} items"),
    };
    let AuditRecord {
        time, op, outcome, ..
    } = record;
    let (op, outcome, key) = (visible(op), visible(outcome), visible(&key));
    let status = record.http_status;
    format!("{seq:>8}  {time:27}  {op:14}  {outcome:11}  {status:6}  {uid:6}  {count:>5}  {key}")
}

/// A sound line may still have been written by somebody who wants to steer a terminal.
fn visible(text: &str) -> String {
    text.escape_debug().to_string()
}
