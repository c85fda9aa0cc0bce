//! The functions that rules apply to, each with a gate before the real one.

use cryptoki_sys::{
    CK_ATTRIBUTE, CK_ATTRIBUTE_PTR, CK_BBOOL, CK_BYTE_PTR, CK_FLAGS, CK_FUNCTION_LIST, CK_INFO_PTR,
    CK_MECHANISM_INFO_PTR, CK_MECHANISM_PTR, CK_MECHANISM_TYPE, CK_MECHANISM_TYPE_PTR, CK_NOTIFY,
    CK_OBJECT_HANDLE, CK_OBJECT_HANDLE_PTR, CK_RV, CK_SESSION_HANDLE, CK_SESSION_HANDLE_PTR,
    CK_SESSION_INFO_PTR, CK_SLOT_ID, CK_SLOT_ID_PTR, CK_SLOT_INFO_PTR, CK_TOKEN_INFO_PTR, CK_ULONG,
    CK_ULONG_PTR, CK_USER_TYPE, CK_UTF8CHAR_PTR, CK_VOID_PTR, CKA_LABEL,
    CKR_FUNCTION_NOT_SUPPORTED, CKR_OK,
};

use crate::gate::{Call, pass};
use crate::module::Module;
use crate::origin;
use crate::rules::{Effect, Swap};

/// Makes a gate for each function that needs nothing but a gate, and the list of all gates.
macro_rules! gates {
    (
        plain { $($function:ident($session:expr; $($argument:ident: $kind:ty),*))* }
        special { $($own:ident)* }
    ) => {
        $(
            unsafe extern "C" fn $function($($argument: $kind),*) -> CK_RV {
                let call = Call { function: stringify!($function), session: $session, counts: true };
                pass(call, |module, _| match module.real.$function {
                    // SAFETY: the arguments are those of the caller, who keeps to the standard.
                    Some(real) => unsafe { real($($argument),*) },
                    None => CKR_FUNCTION_NOT_SUPPORTED,
                })
            }
        )*

        /// The functions that a rule may name.
        pub(crate) const GATED: &[&str] = &[$(stringify!($function),)* $(stringify!($own),)*];

        /// Puts the gates into a copy of the real list. What has no gate goes straight through.
        pub(crate) fn put_before(list: &mut CK_FUNCTION_LIST) {
            list.C_GetFunctionList = Some(crate::C_GetFunctionList);
            $(list.$function = Some($function);)*
            $(list.$own = Some($own);)*
        }
    };
}

gates! {
    plain {
        C_Finalize(None; reserved: CK_VOID_PTR)
        C_GetInfo(None; info: CK_INFO_PTR)
        C_GetSlotList(None; present: CK_BBOOL, slots: CK_SLOT_ID_PTR, count: CK_ULONG_PTR)
        C_GetSlotInfo(None; slot: CK_SLOT_ID, info: CK_SLOT_INFO_PTR)
        C_GetMechanismList(
            None; slot: CK_SLOT_ID, mechanisms: CK_MECHANISM_TYPE_PTR, count: CK_ULONG_PTR
        )
        C_GetMechanismInfo(
            None; slot: CK_SLOT_ID, mechanism: CK_MECHANISM_TYPE, info: CK_MECHANISM_INFO_PTR
        )
        C_CloseSession(Some(session); session: CK_SESSION_HANDLE)
        C_CloseAllSessions(None; slot: CK_SLOT_ID)
        C_GetSessionInfo(Some(session); session: CK_SESSION_HANDLE, info: CK_SESSION_INFO_PTR)
        C_Login(
            Some(session); session: CK_SESSION_HANDLE, user: CK_USER_TYPE, pin: CK_UTF8CHAR_PTR,
            length: CK_ULONG
        )
        C_Logout(Some(session); session: CK_SESSION_HANDLE)
        C_CreateObject(
            Some(session); session: CK_SESSION_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG,
            object: CK_OBJECT_HANDLE_PTR
        )
        C_CopyObject(
            Some(session); session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE,
            template: CK_ATTRIBUTE_PTR, count: CK_ULONG, copy: CK_OBJECT_HANDLE_PTR
        )
        C_SetAttributeValue(
            Some(session); session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE,
            template: CK_ATTRIBUTE_PTR, count: CK_ULONG
        )
        C_FindObjectsInit(
            Some(session); session: CK_SESSION_HANDLE, template: CK_ATTRIBUTE_PTR, count: CK_ULONG
        )
        C_FindObjectsFinal(Some(session); session: CK_SESSION_HANDLE)
        C_VerifyInit(
            Some(session); session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR,
            key: CK_OBJECT_HANDLE
        )
        C_Verify(
            Some(session); session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, data_length: CK_ULONG,
            signature: CK_BYTE_PTR, length: CK_ULONG
        )
        C_GenerateKeyPair(
            Some(session); session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_PTR,
            public: CK_ATTRIBUTE_PTR, public_count: CK_ULONG, private: CK_ATTRIBUTE_PTR,
            private_count: CK_ULONG, public_key: CK_OBJECT_HANDLE_PTR,
            private_key: CK_OBJECT_HANDLE_PTR
        )
        C_GenerateRandom(
            Some(session); session: CK_SESSION_HANDLE, data: CK_BYTE_PTR, length: CK_ULONG
        )
    }
    special {
        C_Initialize C_GetTokenInfo C_OpenSession C_DestroyObject C_FindObjects C_GetAttributeValue
        C_SignInit C_Sign
    }
}

/// A module that starts anew shows what it has hidden.
unsafe extern "C" fn C_Initialize(arguments: CK_VOID_PTR) -> CK_RV {
    let call = Call {
        function: "C_Initialize",
        session: None,
        counts: true,
    };
    pass(call, |module, _| {
        module.book.lock().show_all();
        match module.real.C_Initialize {
            // SAFETY: the arguments are those of the caller, who keeps to the standard.
            Some(real) => unsafe { real(arguments) },
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    })
}

/// Can be told to fail and to hide the object all the same, as a module does whose store is read-only.
unsafe extern "C" fn C_DestroyObject(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
) -> CK_RV {
    let call = Call {
        function: "C_DestroyObject",
        session: Some(session),
        counts: true,
    };
    pass(call, |module, effect| {
        if let Some(Effect::Hide(code)) = effect {
            module.book.lock().hide(object);
            return *code;
        }
        match module.real.C_DestroyObject {
            // SAFETY: takes numbers only; an object that is not there is refused.
            Some(real) => unsafe { real(session, object) },
            None => CKR_FUNCTION_NOT_SUPPORTED,
        }
    })
}

/// Can be told to answer for another token.
unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, info: CK_TOKEN_INFO_PTR) -> CK_RV {
    let call = Call {
        function: "C_GetTokenInfo",
        session: None,
        counts: true,
    };
    pass(call, |module, effect| {
        let Some(real) = module.real.C_GetTokenInfo else {
            return CKR_FUNCTION_NOT_SUPPORTED;
        };
        // SAFETY: the arguments are those of the caller, who keeps to the standard.
        let code = unsafe { real(slot, info) };
        if code == CKR_OK && effect == Some(&Effect::Stranger) {
            // SAFETY: the real module has just answered in this very place.
            unsafe { (*info).serialNumber = *b"another's serial" };
        }
        code
    })
}

/// Remembers the order of opening, by which rules know sessions.
unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    application: CK_VOID_PTR,
    notify: CK_NOTIFY,
    session: CK_SESSION_HANDLE_PTR,
) -> CK_RV {
    let call = Call {
        function: "C_OpenSession",
        session: None,
        counts: true,
    };
    pass(call, |module, _| {
        let Some(real) = module.real.C_OpenSession else {
            return CKR_FUNCTION_NOT_SUPPORTED;
        };
        // SAFETY: the arguments are those of the caller, who keeps to the standard.
        let code = unsafe { real(slot, flags, application, notify, session) };
        if code == CKR_OK {
            // SAFETY: the real module has just written the handle there.
            let opened = unsafe { *session };
            module.book.lock().open(opened, slot);
        }
        code
    })
}

/// Can be told to find nothing. The real search goes on, so that the session stays in order.
unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    objects: CK_OBJECT_HANDLE_PTR,
    room: CK_ULONG,
    found: CK_ULONG_PTR,
) -> CK_RV {
    let call = Call {
        function: "C_FindObjects",
        session: Some(session),
        counts: true,
    };
    pass(call, |module, effect| {
        let Some(real) = module.real.C_FindObjects else {
            return CKR_FUNCTION_NOT_SUPPORTED;
        };
        // SAFETY: the arguments are those of the caller, who keeps to the standard.
        let code = unsafe { real(session, objects, room, found) };
        if code == CKR_OK && effect == Some(&Effect::Empty) {
            // SAFETY: the real module has just written the count there.
            unsafe { found.write(0) };
        } else if code == CKR_OK {
            // SAFETY: the real module has just written the count and as many handles there.
            unsafe { leave_out_the_hidden(module, objects, found) };
        }
        code
    })
}

/// Takes the hidden ones out of what was found.
///
/// # Safety
/// There are as many `objects` as `found` says.
unsafe fn leave_out_the_hidden(
    module: &Module,
    objects: CK_OBJECT_HANDLE_PTR,
    found: CK_ULONG_PTR,
) {
    let book = module.book.lock();
    // SAFETY: as the caller promises.
    let count = usize::try_from(unsafe { found.read() }).unwrap_or_default();
    if count == 0 {
        return;
    }
    // SAFETY: as the caller promises; nobody else has the place before the call is answered.
    let objects = unsafe { std::slice::from_raw_parts_mut(objects, count) };
    let is_shown = |object: &CK_OBJECT_HANDLE| !book.is_hidden(*object);
    let shown: Vec<_> = objects.iter().copied().filter(is_shown).collect();
    for (place, object) in objects.iter_mut().zip(&shown) {
        *place = *object;
    }
    // SAFETY: as the caller promises; fewer than before are always a count.
    unsafe { found.write(shown.len().try_into().unwrap_or_default()) };
}

/// Can be told to answer differently where a key comes from.
unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    template: CK_ATTRIBUTE_PTR,
    count: CK_ULONG,
) -> CK_RV {
    let call = Call {
        function: "C_GetAttributeValue",
        session: Some(session),
        counts: true,
    };
    pass(call, |module, effect| {
        let Some(real) = module.real.C_GetAttributeValue else {
            return CKR_FUNCTION_NOT_SUPPORTED;
        };
        // SAFETY: the arguments are those of the caller, who keeps to the standard.
        let code = unsafe { real(session, object, template, count) };
        match effect {
            // SAFETY: the real module has just answered in these very attributes.
            Some(Effect::Origin(origin)) => unsafe { origin::put(*origin, template, count, code) },
            _ => code,
        }
    })
}

/// Can be told to sign with another key. Looks the label up first when a rule names one.
unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism: CK_MECHANISM_PTR,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    let call = Call {
        function: "C_SignInit",
        session: Some(session),
        counts: true,
    };
    remember_label(session, key);
    pass(call, |module, effect| {
        let Some(real) = module.real.C_SignInit else {
            return CKR_FUNCTION_NOT_SUPPORTED;
        };
        let previous = module.book.lock().signs_with(key);
        let key = match effect {
            Some(Effect::Swap(Swap::Previous)) => previous.unwrap_or(key),
            Some(Effect::Swap(Swap::Handle { from, to })) if *from == key => *to,
            _ => key,
        };
        // SAFETY: the arguments are those of the caller; a handle that is none is refused.
        unsafe { real(session, mechanism, key) }
    })
}

/// Can be told to return a wrong signature. The query for the length, without a place for the
/// signature, is no call of its own.
unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: CK_BYTE_PTR,
    data_length: CK_ULONG,
    signature: CK_BYTE_PTR,
    length: CK_ULONG_PTR,
) -> CK_RV {
    let call = Call {
        function: "C_Sign",
        session: Some(session),
        counts: !signature.is_null(),
    };
    pass(call, |module, effect| {
        let Some(real) = module.real.C_Sign else {
            return CKR_FUNCTION_NOT_SUPPORTED;
        };
        // SAFETY: the arguments are those of the caller, who keeps to the standard.
        let code = unsafe { real(session, data, data_length, signature, length) };
        if code == CKR_OK && effect == Some(&Effect::Garble) {
            // SAFETY: the real module has just written a signature, hence at least one byte, there.
            unsafe { *signature ^= 1 };
        }
        code
    })
}

/// Asks the real module for the label of a key, when a rule needs it.
fn remember_label(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) {
    let Some(module) = crate::module::loaded() else {
        return;
    };
    if module.rules().iter().any(|rule| rule.label.is_some()) {
        let label = label_of(module, session, key);
        module.book.lock().signs_with_label(session, label);
    } else {
        module.book.lock().signs_with_label(session, None);
    }
}

fn label_of(module: &Module, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> Option<String> {
    let real = module.real.C_GetAttributeValue?;
    let mut bytes = [0_u8; 512];
    let mut template = CK_ATTRIBUTE {
        type_: CKA_LABEL,
        pValue: bytes.as_mut_ptr().cast(),
        ulValueLen: CK_ULONG::try_from(bytes.len()).ok()?,
    };
    // SAFETY: the one attribute has room for as many bytes as it says.
    let code = unsafe { real(session, key, &raw mut template, 1) };
    if code != CKR_OK {
        return None;
    }
    let length = usize::try_from(template.ulValueLen).ok()?;
    String::from_utf8(bytes.get(..length)?.to_vec()).ok()
}
