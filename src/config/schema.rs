//! The JSON Schema (draft 7) of the policy file, for editors; from the same declarations that read it.

use super::raw::RawDocument;
use super::read::Raw;
use serde_json::{Map, Value, json};

/// The schema of a policy file.
pub fn schema() -> Value {
    let mut schema = RawDocument::schema();
    if let Some(keys) = schema.as_object_mut() {
        keys.insert("$schema".into(), json!("http://json-schema.org/draft-07/schema#"));
        keys.insert("title".into(), json!("Bonafide policy file"));
    }
    schema
}

/// A schema with the description of the key that has it; the more special description wins.
pub fn described(mut schema: Value, description: &str) -> Value {
    if let Some(keys) = schema.as_object_mut() {
        keys.insert("description".into(), json!(description));
    }
    schema
}

/// The schema of a table: no other keys.
pub fn table(keys: Map<String, Value>, required: &[&str], description: &str) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": false, "properties": keys });
    if let Some(schema) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        schema.insert("required".into(), json!(required));
    }
    described(schema, description)
}
