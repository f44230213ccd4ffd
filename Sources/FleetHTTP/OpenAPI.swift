import FleetDomain
package import FleetJSON
import Hummingbird

/// The OpenAPI 3.1 document, made from the router's own rows.
package enum OpenAPI {
    static func answer(_ call: Call) async throws -> Response {
        try call.answer(document.serialized(), isObject: false)
    }

    package static let document: JSON = [
        "openapi": .string("3.1.0"),
        "info": [
            "title": .string("Fleet Coordination Service"),
            "version": .string("0.1.0"),
            "summary": .string("Federations of fleets, resource sharing across owners, and what came of it."),
            "license": ["name": .string("MIT"), "identifier": .string("MIT")],
        ],
        "servers": .array([["url": .string("/")]]),
        "paths": .object(paths),
        "components": [
            "schemas": .object(OpenAPISchemas.all),
            "securitySchemes": [
                "bearer": ["type": .string("http"), "scheme": .string("bearer")],
                "api_key": ["type": .string("apiKey"), "in": .string("header"), "name": .string("X-API-Key")],
            ],
        ],
    ]

    private static var paths: JSONObject {
        Router.endpoints.reduce(into: JSONObject()) { paths, endpoint in
            var item = paths[endpoint.path]?.objectValue ?? JSONObject()
            item[endpoint.method.rawValue.lowercased()] = operation(endpoint)
            paths[endpoint.path] = .object(item)
        }
    }

    private static func operation(_ endpoint: Endpoint) -> JSON {
        var operation: JSONObject = [
            "summary": .string(endpoint.summary), "operationId": .string(operationID(endpoint)),
            "parameters": .array(pathParameters(endpoint) + endpoint.allParameters.map(parameter) + headers(endpoint)),
            "responses": .object(responses(endpoint)),
        ]
        if let body = endpoint.body {
            let type = endpoint.method == .patch ? "application/merge-patch+json" : "application/json"
            operation["requestBody"] = [
                "required": .bool(!["{sharing_id}/", "{message_id}/"].contains(where: endpoint.path.contains)),
                "content": .object([type: ["schema": body.openAPI]]),
            ]
        }
        switch endpoint.access {
        case .anybody: operation["security"] = .array([])
        case .anybodyKnown: operation["security"] = .array([.object(JSONObject()), ["bearer": .array([])]])
        case .authenticated, .permission:
            operation["security"] = .array([["bearer": .array([])], ["api_key": .array([])]])
        }
        if case .permission(let permission) = endpoint.access {
            operation["x-permission"] = .string(permission.rawValue)
        }
        return .object(operation)
    }

    /// Outside the base path a path may end like one below it: both have metrics.
    private static func operationID(_ endpoint: Endpoint) -> String {
        let isBased = endpoint.path.hasPrefix(API.base)
        let named = isBased ? String(endpoint.path.dropFirst(API.base.count)) : "service" + endpoint.path
        let path = named.split(whereSeparator: { "/{}-.".contains($0) })
        return ([endpoint.method.rawValue.lowercased()] + path.map(String.init)).joined(separator: "_")
    }

    private static func pathParameters(_ endpoint: Endpoint) -> [JSON] {
        RoutePattern(endpoint.method, endpoint.path).captureNames.map { name in
            let isUUID = [
                "federation_id", "sharing_id", "allocation_id", "key_id", "message_id", "log_id", "webhook_id",
                "replay_id",
            ]
            .contains(name)
            return [
                "name": .string(name), "in": .string("path"), "required": .bool(true),
                "schema": (isUUID ? Schema.uuid : Schema.name).openAPI,
            ]
        }
    }

    private static func parameter(_ parameter: Endpoint.Parameter) -> JSON {
        [
            "name": .string(parameter.name), "in": .string("query"), "description": .string(parameter.summary),
            "schema": parameter.schema.openAPI,
        ]
    }

    private static func headers(_ endpoint: Endpoint) -> [JSON] {
        guard endpoint.isWrite else { return [] }
        let key = "Visible ASCII; makes the effect happen once, however often it is sent."
        var headers = [header("Idempotency-Key", key, .string(16...255))]
        if endpoint.method != .post {
            headers.append(header("If-Match", "The ETag of the object that was seen.", .string(1...8192)))
        }
        return headers
    }

    private static func header(_ name: String, _ summary: String, _ schema: Schema) -> JSON {
        [
            "name": .string(name), "in": .string("header"), "description": .string(summary),
            "schema": schema.openAPI,
        ]
    }

    private static func responses(_ endpoint: Endpoint) -> JSONObject {
        var responses = JSONObject()
        for answer in endpoint.answers {
            var response: JSONObject = ["description": .string(answer.status == 204 ? "Done" : endpoint.summary)]
            if let schema = answer.schema {
                response["content"] = [
                    "application/json": ["schema": ["$ref": .string("#/components/schemas/\(schema)")]]
                ]
            } else if endpoint.path.hasSuffix("/events/stream") {
                response["content"] = ["text/event-stream": ["schema": ["type": .string("string")]]]
            } else if endpoint.path == "/metrics" {
                response["content"] = ["text/plain": ["schema": ["type": .string("string")]]]
            } else if endpoint.path == "/openapi.json" {
                response["content"] = ["application/json": ["schema": ["type": .string("object")]]]
            }
            responses["\(answer.status)"] = .object(response)
        }
        responses["default"] = [
            "description": .string("A problem"),
            "content": [
                "application/problem+json": ["schema": ["$ref": .string("#/components/schemas/Problem")]]
            ],
        ]
        return responses
    }
}
