//! The four legal shapes of a scope document as the API document shows them; [`super::Scope::parse`] is the rule.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, KnownFormat, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{PartialSchema, ToSchema};

use super::MAX_NAMESPACE_IDS;

/// Stands for a scope document where a wire type holds free JSON.
pub struct ScopeDocument;

impl ToSchema for ScopeDocument {
    fn name() -> std::borrow::Cow<'static, str> {
        "Scope".into()
    }
}

impl PartialSchema for ScopeDocument {
    fn schema() -> RefOr<Schema> {
        let id =
            ObjectBuilder::new().schema_type(Type::String).format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
        let ids = ArrayBuilder::new().items(id).min_items(Some(1)).max_items(Some(MAX_NAMESPACE_IDS));
        let shapes = [
            closed("all", granted()),
            closed("inference", granted()),
            closed("kubernetes_exec", closed("all_namespaces", granted())),
            closed("kubernetes_exec", closed("namespace_ids", ids)),
        ];
        let any = shapes.into_iter().fold(OneOfBuilder::new(), |any, shape| any.item(shape));
        RefOr::T(Schema::OneOf(any.description(Some("What a key opens: exactly one of four shapes")).build()))
    }
}

/// An object with this one field and no other.
fn closed(field: &str, schema: impl Into<RefOr<Schema>>) -> Object {
    ObjectBuilder::new()
        .property(field, schema)
        .required(field)
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
}

fn granted() -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])).build()
}
