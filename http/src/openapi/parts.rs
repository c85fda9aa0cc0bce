//! What the operations are put together from.

use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{
    ContentBuilder, PathItem, Ref, RefOr, Required, Response, Responses, Schema,
};

use super::REQUEST_ID;
use super::responses::{ALWAYS, BODY, SIGNING, document, json, responses};
use crate::wire::ProblemCode;

pub(super) fn item<const N: usize>(operations: [(HttpMethod, OperationBuilder); N]) -> PathItem {
    let mut item = PathItem::default();
    for (method, operation) in operations {
        let operation: Operation = operation.build();
        item.merge_operations(PathItem::new(method, operation));
    }
    item
}

pub(super) fn call(operation_id: &str, summary: &str) -> OperationBuilder {
    OperationBuilder::new()
        .operation_id(Some(operation_id))
        .summary(Some(summary))
        .parameter_ref(Ref::new(format!("#/components/parameters/{REQUEST_ID}")))
}

pub(super) fn found(success: Response, more: &[ProblemCode]) -> Responses {
    let problems = &[ALWAYS, &[ProblemCode::KeyNotFound], more];
    responses([("200", success)], problems)
}

pub(super) fn signed(schema: &str, more: &[ProblemCode]) -> Responses {
    let success = document("The signature, verified under the registered key.", schema);
    responses([("200", success)], &[ALWAYS, BODY, SIGNING, more])
}

pub(super) fn body(schema: &str) -> RequestBody {
    RequestBodyBuilder::new()
        .required(Some(Required::True))
        .content("application/json", json(schema))
        .build()
}

/// A body that may be left out, or say nothing by `null`.
pub(super) fn optional_body(schema: &str) -> RequestBody {
    let null = ObjectBuilder::new().schema_type(Type::Null);
    let object_or_null = OneOfBuilder::new()
        .item(Ref::from_schema_name(schema))
        .item(null);
    let content = ContentBuilder::new().schema(Some(object_or_null)).build();
    RequestBodyBuilder::new()
        .required(Some(Required::False))
        .content("application/json", content)
        .build()
}

pub(super) fn handle() -> Parameter {
    path("handle_id", "The handle of the key, percent-encoded")
        .schema(Some(named("HandleId")))
        .build()
}

pub(super) fn path(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
}

pub(super) fn query(name: &str, description: &str) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
}

pub(super) fn named(schema: &str) -> RefOr<Schema> {
    Ref::from_schema_name(schema).into()
}

pub(super) fn any_object() -> utoipa::openapi::Content {
    let object = ObjectBuilder::new().schema_type(Type::Object);
    ContentBuilder::new().schema(Some(object)).build()
}
