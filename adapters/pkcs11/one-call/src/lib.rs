//! `C_Sign` in one call.
//!
//! An Ed25519 signature has 64 bytes (RFC 8032, section 5.1.6), so its length need not be asked for. The
//! safe binding asks each time, as PKCS#11 permits (3.1, section 5.2), which is a second round trip to an
//! HSM behind a network. NSS answers 144 to that question, and then refuses a buffer of that size.

use std::fmt;
use std::path::Path;
use std::ptr;

use cryptoki::context::Function;
use cryptoki::error::{Error, Rv};
use cryptoki::session::Session;
use cryptoki_sys::{CK_BYTE, CK_FUNCTION_LIST, CK_RV, CK_SESSION_HANDLE, CK_ULONG, Pkcs11};

type CSign = unsafe extern "C" fn(
    CK_SESSION_HANDLE,
    *mut CK_BYTE,
    CK_ULONG,
    *mut CK_BYTE,
    *mut CK_ULONG,
) -> CK_RV;

/// The function `C_Sign` of a module. The module stays loaded as long as this value lives.
pub struct OneCallSign {
    c_sign: CSign,
    _module: Pkcs11,
}

impl OneCallSign {
    /// Finds `C_Sign` in the module at `path`. A module that this process has loaded already is not loaded
    /// a second time.
    ///
    /// # Errors
    /// When the file is no PKCS#11 module, or its list of functions lacks `C_Sign`.
    pub fn load(path: &Path) -> Result<Self, Error> {
        // SAFETY: loading runs the initialisers of the module. Its path was judged, and the safe binding
        // has loaded it into this process before.
        let module = unsafe { Pkcs11::new(path) }.map_err(Error::LibraryLoading)?;
        let get_list = *module
            .C_GetFunctionList
            .as_ref()
            .map_err(|_absent| Error::MissingSymbol("C_GetFunctionList"))?;
        let mut list: *mut CK_FUNCTION_LIST = ptr::null_mut();
        // SAFETY: the function sets the pointer that it is given (PKCS#11 3.1, section 5.4.4), and may be
        // called before the module is initialised.
        let answer = unsafe { get_list(&raw mut list) };
        Rv::from(answer).into_result(Function::GetFunctionList)?;
        // SAFETY: the pointer is null or leads to the list, which is there as long as the module.
        let list = unsafe { list.as_ref() }.ok_or(Error::NullFunctionPointer)?;
        let c_sign = list.C_Sign.ok_or(Error::NullFunctionPointer)?;
        Ok(Self {
            c_sign,
            _module: module,
        })
    }

    /// Signs `data` by the operation that was begun in `session`, a session of this module, and tells how
    /// many bytes of `signature` were written. After an error the operation may go on, and only closing the
    /// session ends it.
    ///
    /// # Errors
    /// What the module answers: `CKR_BUFFER_TOO_SMALL` when the signature is longer than the buffer.
    pub fn sign(
        &self,
        session: &Session,
        data: &[u8],
        signature: &mut [u8],
    ) -> Result<usize, Error> {
        let data_length = CK_ULONG::try_from(data.len())?;
        let mut length = CK_ULONG::try_from(signature.len())?;
        // SAFETY: both buffers are there for the length of the call, with these lengths. The module reads the
        // first one, although the type of its parameter does not say so (section 5.13.2), and writes no
        // more than `length` bytes to the second. A session handle that is stale is refused.
        let answer = unsafe {
            (self.c_sign)(
                session.handle(),
                data.as_ptr().cast_mut(),
                data_length,
                signature.as_mut_ptr(),
                &raw mut length,
            )
        };
        Rv::from(answer).into_result(Function::Sign)?;
        Ok(usize::try_from(length)?)
    }
}

impl fmt::Debug for OneCallSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OneCallSign").finish_non_exhaustive()
    }
}
