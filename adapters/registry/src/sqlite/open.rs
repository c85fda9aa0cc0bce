//! From a path to a registry that is sound, ours alone, and of this program's schema.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};

use super::access;
use super::connection::options;
use super::content::Content;
use super::counter::{self, ChangeCounter, Identity};
use super::file::{Found, beside, inspect, resolve};
use super::lock::{Claim, lock_path};
use super::refusal::RegistryRefusal;
use super::schema;
use signer_files::Watch;

/// Up to this many pages (64 MiB, some 170,000 keys) the check at opening judges the rows too.
const ROWS_JUDGED_UP_TO: i64 = 16_384;

/// An open registry, taken apart.
pub(super) struct Opened {
    pub(super) reader: SqliteConnection,
    pub(super) writer: SqliteConnection,
    pub(super) content: Content,
    pub(super) path: PathBuf,
    pub(super) files: Watch,
    pub(super) identity: Identity,
    pub(super) claim: Claim,
}

/// Opens the registry at `path`, and makes it when nothing stands there. A refusal leaves what
/// stands there as it is.
pub(super) async fn open(path: &Path) -> Result<Opened, RegistryRefusal> {
    let path = resolve(path)?;
    access::judge(&path)?;
    if !lock_path(&path).exists() {
        // Nobody has it open. A file that is not a registry gets no lock file put beside it.
        inspect(&path)?;
    }
    let claim = Claim::take(&path)?;
    if inspect(&path)? == Found::Nothing {
        create(&path).await?;
    }
    let claim = claim.take_data(&path)?;
    let reader = reader(&path).await?;
    let (writer, identity) = match writer(&path).await {
        Ok(prepared) => prepared,
        Err(refusal) => return Err(close_after(refusal, reader).await),
    };
    let (content, files) = match watch(&path, &claim) {
        Ok(watched) => watched,
        Err(refusal) => {
            drop(reader.close().await);
            return Err(close_after(refusal, writer).await);
        }
    };
    Ok(Opened {
        reader,
        writer,
        content,
        path,
        files,
        identity,
        claim,
    })
}

/// Watches what stands open.
fn watch(path: &Path, claim: &Claim) -> Result<(Content, Watch), RegistryRefusal> {
    let content = Content::of(path).map_err(|error| inaccessible(path, error))?;
    let open_files = ["", "-wal", "-shm"].map(|suffix| beside(path, suffix));
    let open_files = open_files.into_iter().chain(claim.lock_path(path));
    let files = Watch::over(open_files, content.seals().into());
    let files = files.map_err(|(path, error)| inaccessible(&path, error))?;
    Ok((content, files))
}

/// Makes an empty registry under another name and then moves it into place, so that a registry is
/// either absent or whole.
async fn create(path: &Path) -> Result<(), RegistryRefusal> {
    let draft = beside(path, ".new");
    lay_out(&draft).map_err(|error| inaccessible(&draft, error))?;
    let mut connection = options(&draft)
        .journal_mode(SqliteJournalMode::Delete)
        .connect()
        .await?;
    schema::migrate(&mut connection).await?;
    sqlx::raw_sql("PRAGMA journal_mode = WAL")
        .execute(&mut connection)
        .await?;
    connection.close().await?;
    put_in_place(&draft, path).map_err(|error| inaccessible(path, error))
}

/// An empty file that only we may read, without what an earlier attempt may have left.
fn lay_out(draft: &Path) -> io::Result<()> {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        match fs::remove_file(beside(draft, suffix)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    let mut exclusive = OpenOptions::new();
    let file = exclusive
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(draft)?;
    file.sync_all()
}

fn put_in_place(draft: &Path, path: &Path) -> io::Result<()> {
    File::open(draft)?.sync_all()?;
    // Without a lock file of ours, two may get as far as this.
    match rustix::fs::renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS) => fs::rename(draft, path)?,
        renamed => renamed?,
    }
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// A connection that cannot write, once the database has passed its checks through it.
async fn reader(path: &Path) -> Result<SqliteConnection, RegistryRefusal> {
    let reader = options(path).read_only(true).pragma("query_only", "ON");
    let mut reader = reader.connect().await?;
    match check(&mut reader, ROWS_JUDGED_UP_TO).await {
        Ok(()) => Ok(reader),
        Err(refusal) => Err(close_after(refusal, reader).await),
    }
}

/// Checks every page, and in a database of at most `rows_judged_up_to` pages each row against the
/// `CHECK` rules of its table.
///
/// The rules take four fifths of the time, which would keep a large registry from starting for
/// seconds. Left out, they cost little: a row is parsed by the types of the domain whenever it is
/// read. The reader never writes, so it may pass over the rules for good.
pub(super) async fn check(
    reader: &mut SqliteConnection,
    rows_judged_up_to: i64,
) -> Result<(), RegistryRefusal> {
    let version = schema::version(reader).await?;
    schema::permit(version)?;
    let page_count = sqlx::query_scalar("PRAGMA page_count");
    let pages: i64 = page_count.fetch_one(&mut *reader).await?;
    if pages > rows_judged_up_to {
        sqlx::raw_sql("PRAGMA ignore_check_constraints = ON")
            .execute(&mut *reader)
            .await?;
    }
    let quick_check = sqlx::query_scalar("PRAGMA quick_check(1)");
    let finding: String = quick_check.fetch_one(&mut *reader).await?;
    if finding != "ok" {
        return Err(RegistryRefusal::Corrupt(finding.replace('\n', " ")));
    }
    schema::compare(reader, version).await
}

/// The connection that writes, once it has proved that it can, with what the registry says of itself.
async fn writer(path: &Path) -> Result<(SqliteConnection, Identity), RegistryRefusal> {
    let writer = options(path)
        .journal_mode(SqliteJournalMode::Wal)
        .pragma("wal_autocheckpoint", "0");
    let mut writer = writer.connect().await?;
    match prepare(&mut writer).await {
        Ok(identity) => Ok((writer, identity)),
        Err(refusal) => Err(close_after(refusal, writer).await),
    }
}

async fn prepare(writer: &mut SqliteConnection) -> Result<Identity, RegistryRefusal> {
    schema::migrate(writer).await?;
    let journal_mode = sqlx::query_scalar("PRAGMA journal_mode");
    let mode: String = journal_mode.fetch_one(&mut *writer).await?;
    if mode != "wal" {
        return Err(RegistryRefusal::NoWriteAheadLog);
    }
    let id = registry_id(writer).await?;
    let counter = ChangeCounter::starting_at(counter::read(writer).await?);
    Ok(Identity {
        id: id.into(),
        counter,
    })
}

async fn registry_id(writer: &mut SqliteConnection) -> Result<String, RegistryRefusal> {
    let read = sqlx::query_scalar("SELECT lower(hex(value)) FROM registry_identity");
    let id = read.fetch_optional(writer).await?;
    id.ok_or_else(|| RegistryRefusal::Corrupt("it has no id".to_owned()))
}

/// Waits until SQLite has let go of the files. How that went matters less than the refusal.
async fn close_after(refusal: RegistryRefusal, connection: SqliteConnection) -> RegistryRefusal {
    drop(connection.close().await);
    refusal
}

fn inaccessible(path: &Path, error: io::Error) -> RegistryRefusal {
    RegistryRefusal::Inaccessible {
        path: path.to_owned(),
        error,
    }
}
