"""Holds an entry against what we know of the schema, and against the published schema where a file has it: python check_server_json.py SERVER.JSON [SCHEMA]"""

import json
import pathlib
import sys

import jsonschema
import schema

entry, *published = map(pathlib.Path, sys.argv[1:])
for one in [schema.SERVER, *(json.loads(p.read_text()) for p in published)]:
    validator = jsonschema.validators.validator_for(one, jsonschema.Draft202012Validator)
    validator.check_schema(one)
    validator(one).validate(json.loads(entry.read_text()))
