"""What of the schema 2025-12-11 of server.json concerns an entry like ours, written down from its documentation. The release workflow holds the entry against the published schema as well."""

TEXT = {"type": "string", "minLength": 1}
URL = {"type": "string", "pattern": "^https://[^ ]+$"}
VARIABLE = {
    "type": "object",
    "required": ["name", "description"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z_]+$"},
        "description": TEXT,
        "isRequired": {"type": "boolean"},
        "isSecret": {"type": "boolean"},
        "format": {"enum": ["string", "number", "boolean", "filepath"]},
        "default": {"type": "string"},
        "choices": {"type": "array", "items": TEXT, "minItems": 1},
    },
}
ARGUMENT = {"type": "object", "required": ["type", "value"], "additionalProperties": False, "properties": {"type": {"const": "positional"}, "value": TEXT}}
PACKAGE = {
    "type": "object",
    "required": ["registryType", "identifier", "transport"],
    "additionalProperties": False,
    "properties": {
        "registryType": {"enum": ["npm", "pypi", "oci", "mcpb"]},
        "identifier": TEXT,
        # One version, and no range.
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "fileSha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "runtimeHint": {"enum": ["npx", "uvx", "docker"]},
        "transport": {"const": {"type": "stdio"}},
        "packageArguments": {"type": "array", "items": ARGUMENT},
        "environmentVariables": {"type": "array", "items": VARIABLE},
    },
    "allOf": [
        {"if": {"properties": {"registryType": {"const": "mcpb"}}}, "then": {"required": ["fileSha256"], "properties": {"identifier": URL, "version": False}}},
        {"if": {"properties": {"registryType": {"const": "oci"}}}, "then": {"properties": {"identifier": {"pattern": ":[^/]+$"}, "version": False}}},
        {"if": {"properties": {"registryType": {"enum": ["npm", "pypi"]}}}, "then": {"required": ["version"]}},
    ],
}
SERVER = {
    "type": "object",
    "required": ["$schema", "name", "description", "version", "packages"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"},
        "name": {"type": "string", "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200},
        "title": {"type": "string", "minLength": 1, "maxLength": 100},
        "description": {"type": "string", "minLength": 1, "maxLength": 100},
        "version": {"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
        "repository": {"type": "object", "required": ["url", "source"], "additionalProperties": False, "properties": {"url": URL, "source": {"const": "github"}}},
        "packages": {"type": "array", "items": PACKAGE, "minItems": 1},
    },
}
