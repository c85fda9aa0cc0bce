//! Stands in for the ports that nothing implements yet.

use std::pin::Pin;

use signer_domain::ports::{
    AuditEntry, AuditStatus, AuditTrail, AuditUnavailable, CloseRotation, CustodyError,
    OpenRotation, OpenedOrStanding, Rotations, VerificationKeys,
};
use signer_domain::{Deadline, RotationTransition, Scope, SigningKey};

type Answer<'a, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

/// Keeps no record.
#[derive(Debug)]
pub(super) struct NoAudit;

impl AuditTrail for NoAudit {
    fn record<'a, 'b>(&'a self, _entry: AuditEntry) -> Answer<'b, (), AuditUnavailable>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Ok(()) })
    }

    fn note(&self, _entry: AuditEntry) {}

    fn status(&self) -> AuditStatus {
        AuditStatus::Off
    }
}

/// Rotates nothing.
#[derive(Debug)]
pub(super) struct NoRotations;

impl Rotations for NoRotations {
    fn open_rotation<'a, 'b>(
        &'a self,
        _request: OpenRotation,
        _deadline: Deadline,
    ) -> Answer<'b, OpenedOrStanding, CustodyError>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Err(CustodyError::Internal) })
    }

    fn rotation<'a, 'b>(
        &'a self,
        _scope: Scope,
        _deadline: Deadline,
    ) -> Answer<'b, RotationTransition, CustodyError>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Err(CustodyError::RotationNotFound) })
    }

    fn close_rotation<'a, 'b>(
        &'a self,
        _request: CloseRotation,
        _deadline: Deadline,
    ) -> Answer<'b, RotationTransition, CustodyError>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Err(CustodyError::RotationNotFound) })
    }

    fn verification_keys<'a, 'b>(
        &'a self,
        _scope: Scope,
        _selection: VerificationKeys,
        _deadline: Deadline,
    ) -> Answer<'b, Vec<SigningKey>, CustodyError>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Err(CustodyError::Internal) })
    }
}
