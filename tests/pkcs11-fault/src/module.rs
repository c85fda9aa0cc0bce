//! The real module, and the function list that stands before it.

use std::env;
use std::path::PathBuf;
use std::process;
use std::sync::OnceLock;

use cryptoki_sys::{CK_C_GetFunctionList, CK_FUNCTION_LIST, CK_FUNCTION_LIST_PTR, CKR_OK};
use libloading::Library;
use parking_lot::Mutex;

use crate::book::Book;
use crate::rules::{self, Rule};
use crate::trace::Trace;
use crate::wrappers;

/// Everything of this process.
#[derive(Debug)]
pub(crate) struct Module {
    /// What the real module offers.
    pub(crate) real: CK_FUNCTION_LIST,
    /// What this module offers: the same, with gates before the calls that rules apply to.
    pub(crate) list: CK_FUNCTION_LIST,
    pub(crate) book: Mutex<Book>,
    pub(crate) trace: Trace,
    rules: Option<PathBuf>,
    // Keeps the code that `real` points into.
    _library: Library,
}

// SAFETY: the raw pointers are those of function lists, to functions and nothing else, and the
// standard lets every thread call them once C_Initialize has asked for locking.
unsafe impl Send for Module {}
// SAFETY: as for `Send`; the lists are never written after they are made.
unsafe impl Sync for Module {}

static MODULE: OnceLock<Option<Module>> = OnceLock::new();

/// The module, loaded at the first call. `None` when it cannot be; standard error says why.
pub(crate) fn loaded() -> Option<&'static Module> {
    let load = || {
        Module::load()
            .map_err(|fault| eprintln!("pkcs11-fault: {fault}"))
            .ok()
    };
    MODULE.get_or_init(load).as_ref()
}

impl Module {
    fn load() -> Result<Self, String> {
        let path = env::var_os("P11FAULT_REAL").ok_or("P11FAULT_REAL names no module")?;
        let path = PathBuf::from(path);
        // SAFETY: the test that set the variable answers for what the module does as it is loaded.
        let library = unsafe { Library::new(&path) }.map_err(|error| error.to_string())?;
        let real = function_list(&library)
            .ok_or_else(|| format!("{} has no function list", path.display()))?;
        let mut list = real;
        wrappers::put_before(&mut list);
        let trace = env::var_os("P11FAULT_TRACE").map(PathBuf::from);
        Ok(Self {
            real,
            list,
            book: Mutex::default(),
            trace: Trace::open(trace.as_deref()).map_err(|error| format!("the trace: {error}"))?,
            rules: env::var_os("P11FAULT_RULES").map(PathBuf::from),
            _library: library,
        })
    }

    /// The rules of this moment. No file means no rules.
    pub(crate) fn rules(&self) -> Vec<Rule> {
        let Some(path) = &self.rules else {
            return Vec::new();
        };
        let text = std::fs::read_to_string(path).unwrap_or_default();
        rules::parse(&text, wrappers::GATED).unwrap_or_else(|fault| {
            eprintln!("pkcs11-fault: {fault}");
            process::abort()
        })
    }
}

fn function_list(library: &Library) -> Option<CK_FUNCTION_LIST> {
    // SAFETY: the standard gives the symbol of this name exactly this type.
    let symbol = unsafe { library.get::<CK_C_GetFunctionList>(b"C_GetFunctionList\0") }.ok()?;
    let function = symbol.as_ref()?;
    let mut list: CK_FUNCTION_LIST_PTR = std::ptr::null_mut();
    // SAFETY: the pointer is to a place of ours that may be written.
    let code = unsafe { function(&raw mut list) };
    if code != CKR_OK || list.is_null() {
        return None;
    }
    // SAFETY: the module said that the list is there; it stays for as long as the module does.
    Some(unsafe { *list })
}
