//! The description of the API after OpenAPI 3.1, made from the table of routes.

use serde_json::{Map, Value, json};

use super::ROOT;
use super::routes::{self, Route};
use super::schema;

pub fn describe(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str().to_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "chatd",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": env!("CARGO_PKG_LICENSE") },
            "description": "The API for the application's back end. See chatd-api(7).",
        },
        "servers": [{ "url": ROOT }],
        "security": [{ "key": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
            "schemas": schema::all(),
            "responses": {
                "Problem": {
                    "description": "A refusal, with its reason (RFC 9457)",
                    "content": { "application/problem+json": { "schema": reference("Problem") } },
                },
            },
        },
    })
}

fn operation(route: &Route) -> Value {
    let mut parameters = Vec::new();
    for name in route.path.split('/').filter_map(routes::parameter) {
        let schema = if name == "messageId" { "MessageId" } else { "Id" };
        parameters.push(json!({ "name": name, "in": "path", "required": true, "schema": reference(schema) }));
    }
    for (name, schema) in route.query {
        let required = matches!(*schema, "Words" | "UserIds");
        parameters.push(json!({ "name": name, "in": "query", "required": required, "schema": reference(schema) }));
    }
    if route.method == http::Method::POST {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" });
        let about =
            "A request that comes again under the same key within a day is answered as it was, and not done again";
        parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "description": about, "schema": schema }));
    }
    let (schema, statuses) = route.reply;
    let mut responses = Map::new();
    for status in statuses {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        responses.insert(status.to_string(), json!({ "description": meaning(*status), "content": content }));
    }
    responses.insert("default".into(), json!({ "$ref": "#/components/responses/Problem" }));
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "description": format!("For keys with the scope `{}`.", route.scope.as_str()),
        "tags": [route.path.split('/').nth(1).unwrap_or_default()],
        "parameters": parameters,
        "responses": responses,
    });
    if let Some((schema, is_optional)) = route.body {
        let content = json!({ "application/json": { "schema": reference(schema) } });
        operation["requestBody"] = json!({ "required": !is_optional, "content": content });
    }
    operation
}

fn meaning(status: u16) -> &'static str {
    match status {
        201 => "It is there now",
        _ => "Done",
    }
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` in `value`.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, inner)| match inner {
                Value::String(target) if name == "$ref" => found.push(target.clone()),
                inner => references(inner, found),
            }),
            Value::Array(list) => list.iter().for_each(|inner| references(inner, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_is_there_and_is_used() {
        let description = describe(&routes::all());
        let mut found = Vec::new();
        references(&description, &mut found);
        for target in &found {
            assert!(description.pointer(&target[1..]).is_some(), "{target}");
        }
        for name in description["components"]["schemas"].as_object().unwrap().keys() {
            assert!(found.contains(&format!("#/components/schemas/{name}")), "{name} is used nowhere");
        }
    }
}
