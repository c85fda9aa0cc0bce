//! `C_Sign` in one call.
//!
//! An Ed25519 signature has 64 bytes (RFC 8032, section 5.1.6), so its length need not be asked for. The
//! safe binding asks each time, as PKCS#11 permits (3.1, section 5.2), which is a second round trip to an
//! HSM behind a network. NSS answers 144 to that question, and then refuses a buffer of that size.

use std::fmt;
use std::path::Path;
use std::ptr;

use cryptoki::context::Function;
use cryptoki::error::{Error, Rv, RvError};
use cryptoki::session::Session;
use cryptoki_sys::{CK_BYTE, CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CK_ULONG, Pkcs11};

type CSign = unsafe extern "C" fn(
    CK_SESSION_HANDLE,
    *mut CK_BYTE,
    CK_ULONG,
    *mut CK_BYTE,
    *mut CK_ULONG,
) -> CK_RV;

/// How many bytes an Ed25519 signature has.
const LENGTH: usize = 64;
/// The longest signature that is taken from a module which wants more room than 64 bytes.
const MOST_BYTES: usize = 4096;

/// The function `C_Sign` of a module. The module stays loaded as long as this value lives.
pub struct OneCallSign {
    c_sign: CSign,
    _module: Pkcs11,
}

impl OneCallSign {
    /// Finds `C_Sign` in the module at `path`, which is to be loaded by the safe binding too. `None` when the
    /// module gives each of its users functions of their own, as the proxy of p11-kit does: sessions of the
    /// binding mean nothing to ours.
    ///
    /// Safe as loading by the binding is: both run whatever code is in that file.
    ///
    /// # Errors
    /// When the file is no PKCS#11 module, or its list of functions lacks `C_Sign`.
    pub fn load(path: &Path) -> Result<Option<Self>, Error> {
        // SAFETY: loading runs the initialisers of the module, which the binding has done before.
        let module = unsafe { Pkcs11::new(path) }.map_err(Error::LibraryLoading)?;
        let (list, other) = (function_list(&module)?, function_list(&module)?);
        if list != other {
            return Ok(None);
        }
        // SAFETY: the pointer is null or leads to the list, which is there as long as the module.
        let list = unsafe { list.as_ref() }.ok_or(Error::NullFunctionPointer)?;
        let c_sign = list.C_Sign.ok_or(Error::NullFunctionPointer)?;
        Ok(Some(Self {
            c_sign,
            _module: module,
        }))
    }

    /// Signs `data` by the operation that was begun in `session`, a session of this module. A module that wants
    /// more room than an Ed25519 signature has is asked once more, with as much as it wants. After an error
    /// the operation may go on, and only closing the session ends it.
    ///
    /// # Errors
    /// What the module answers: `CKR_BUFFER_TOO_SMALL` when it wants more than 4096 bytes.
    pub fn sign(&self, session: &Session, data: &[u8]) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; LENGTH];
        match self.sign_into(session, data, &mut signature) {
            Err((Error::Pkcs11(RvError::BufferTooSmall, _), wanted)) if wanted <= MOST_BYTES => {
                signature.resize(wanted.max(LENGTH), 0);
                self.sign_into(session, data, &mut signature)
            }
            outcome => outcome,
        }
        .map_err(|(error, _)| error)?;
        Ok(signature)
    }

    /// Makes the call, and shortens `signature` to what was written; with an error comes the length that
    /// the module told.
    fn sign_into(
        &self,
        session: &Session,
        data: &[u8],
        signature: &mut Vec<u8>,
    ) -> Result<(), (Error, usize)> {
        let in_bytes = |length: usize| CK_ULONG::try_from(length).unwrap_or(CK_ULONG::MAX);
        let mut length = in_bytes(signature.len());
        // SAFETY: both buffers are there for the length of the call, with these lengths. The module reads the
        // first one, although the type of its parameter does not say so (section 5.13.2), and writes no
        // more than `length` bytes to the second. It is for the module to refuse the handle of a session
        // that is none of its own, here as in every call of the binding.
        let answer = unsafe {
            (self.c_sign)(
                session.handle(),
                data.as_ptr().cast_mut(),
                in_bytes(data.len()),
                signature.as_mut_ptr(),
                &raw mut length,
            )
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Rv::from(answer)
            .into_result(Function::Sign)
            .map_err(|error| (error, length))?;
        signature.truncate(length);
        Ok(())
    }
}

/// Asks a module for its functions.
fn function_list(module: &Pkcs11) -> Result<*mut CK_FUNCTION_LIST, Error> {
    let get_list = *module
        .C_GetFunctionList
        .as_ref()
        .map_err(|_absent| Error::MissingSymbol("C_GetFunctionList"))?;
    let mut list: *mut CK_FUNCTION_LIST = ptr::null_mut();
    // SAFETY: the function sets the pointer that it is given (PKCS#11 3.1, section 5.4.4), and may be called
    // before the module is initialised.
    let answer = unsafe { get_list(&raw mut list) };
    Rv::from(answer).into_result(Function::GetFunctionList)?;
    Ok(list)
}

impl fmt::Debug for OneCallSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneCallSign").finish_non_exhaustive()
    }
}
