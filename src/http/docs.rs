//! The documentation page: the description of the API as one HTML page that
//! loads nothing.

use std::fmt::Write;

use serde_json::Value;

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --soft: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { margin-bottom: 0 } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: 0 .9rem }
details[open] { padding-bottom: .75rem }
summary { cursor: pointer; padding: .55rem 0 } summary:focus-visible { outline: 2px solid currentColor }
code, pre { font: .9em/1.45 ui-monospace, monospace } pre { background: var(--soft); padding: .75rem; overflow: auto; border-radius: .4rem }
.method { display: inline-block; min-width: 4.2rem; font-weight: 700 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line) }
";

/// Writes the page.
pub(super) fn page(description: &Value) -> String {
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write_page(&mut out, description);
    out
}

fn write_page(out: &mut String, description: &Value) -> std::fmt::Result {
    let server = text(&description["servers"][0]["url"]);
    write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>commonplace API</title>\
         <style>{STYLE}</style></head><body><h1>commonplace API</h1><p>{}</p>\
         <p>Machine-readable: <a href=\"/openapi.json\">/openapi.json</a> (OpenAPI 3.1). Every call but the \
         state of the server needs the header <code>Authorization: Bearer &lt;token&gt;</code>; a token is made \
         with <code>commonplace token create NAME</code>. For example:</p>\
         <pre>curl {server}/api/v2/memory?query=coffee -H 'Authorization: Bearer $TOKEN'</pre>",
        text(&description["info"]["description"]),
    )?;
    for tag in list(&description["tags"]) {
        let name = &tag["name"];
        write!(out, "<h2>{}</h2><p>{}</p>", text(name), text(&tag["description"]))?;
        for (path, methods) in entries(&description["paths"]) {
            for (method, operation) in entries(methods) {
                if operation["tags"][0] == *name {
                    write_operation(out, description, path, method, operation)?;
                }
            }
        }
    }
    out.write_str("</body></html>")
}

fn write_operation(out: &mut String, root: &Value, path: &str, method: &str, operation: &Value) -> std::fmt::Result {
    write!(
        out,
        "<details id=\"{}\"><summary><span class=\"method\">{}</span><code>{}</code> — {}</summary><p>{}</p>",
        text(&operation["operationId"]),
        escape(&method.to_uppercase()),
        escape(path),
        text(&operation["summary"]),
        text(&operation["description"]),
    )?;
    let parameters = list(&operation["parameters"]);
    if !parameters.is_empty() {
        out.write_str("<table><tr><th>Parameter<th>In<th>Meaning")?;
        for parameter in parameters {
            let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
            write!(out, "<tr><td><code>{name}</code><td>{place}<td>{}", text(&parameter["description"]))?;
        }
        out.write_str("</table>")?;
    }
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if schema.get("$ref").is_some() {
        out.write_str("<p>JSON body:</p>")?;
        write_fields(out, root, schema)?;
    }
    out.write_str("<table><tr><th>Answer<th>Meaning")?;
    for (status, response) in entries(&operation["responses"]) {
        write!(out, "<tr><td>{}<td>{}", escape(status), text(&response["description"]))?;
    }
    out.write_str("</table>")?;
    let answer = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    if answer.get("$ref").is_some() {
        out.write_str("<p>JSON answer:</p>")?;
        write_fields(out, root, answer)?;
    }
    out.write_str("</details>")
}

fn write_fields(out: &mut String, root: &Value, schema: &Value) -> std::fmt::Result {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let schema = &root["components"]["schemas"][name];
    let alternatives = list(&schema["oneOf"]);
    let shapes = if alternatives.is_empty() { std::slice::from_ref(schema) } else { alternatives };
    for shape in shapes {
        let required = list(&shape["required"]);
        out.write_str("<table><tr><th>Field<th>Type<th>Meaning")?;
        for (field, about) in entries(&shape["properties"]) {
            let mark = if required.contains(&Value::from(field.as_str())) { "" } else { " (optional)" };
            let kind = kind(about);
            write!(
                out,
                "<tr><td><code>{}</code>{mark}<td>{}<td>{}",
                escape(field),
                escape(&kind),
                text(&about["description"])
            )?;
        }
        out.write_str("</table>")?;
    }
    Ok(())
}

fn kind(schema: &Value) -> String {
    match &schema["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null").collect();
            kinds.join(" or ")
        }
        _ if !list(&schema["oneOf"]).is_empty() => "integer or string".to_owned(),
        _ => schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
