//! How the schemas of the tools are written.

use rmcp::schemars::Schema;
use serde_json::Value;

/// Writes what may be left out as just that, since some clients' models take no
/// type that is a list with `null` in it; and leaves out formats that only Rust
/// knows, about which clients warn.
pub(super) fn plain(schema: &mut Schema) {
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(|properties| properties.values_mut()) {
        let Some(property) = property.as_object_mut() else { continue };
        property.retain(|key, value| {
            let unknown = key == "format" && value.as_str().is_some_and(|format| format.starts_with("uint"));
            !unknown && (key != "default" || !value.is_null())
        });
        if let Some(Value::Array(types)) = property.get_mut("type") {
            types.retain(|name| name != "null");
            if let [only] = types.as_slice() {
                let only = only.clone();
                property.insert("type".to_owned(), only);
            }
        }
    }
}
