"""The specifications in ``docs``: read, held against their own standards, and made into validators.

``python -m tests.specifications`` does the second and ends with 1 where something is off.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from openapi_spec_validator import validate as validate_openapi
from openapi_spec_validator.validation.exceptions import OpenAPIValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7, DRAFT202012

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
ASYNCAPI_STANDARD = ROOT / "web/node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json"
"""AsyncAPI's own schema of AsyncAPI 3 documents, from the npm package that its makers keep."""


@cache
def read(name: str) -> Any:  # noqa: ANN401 - JSON
    """A document under ``docs``."""
    text = (DOCS / name).read_text()
    return json.loads(text) if name.endswith(".json") else yaml.safe_load(text)


def asyncapi(schema: str) -> Draft7Validator:
    """A validator of one of the schemas of ``asyncapi.yaml``."""
    return Draft7Validator(
        {"$ref": f"{_uri('asyncapi.yaml')}#/components/schemas/{schema}"}, registry=_registry()
    )


def openapi(schema: str) -> Draft202012Validator:
    """A validator of one of the schemas of ``openapi.yaml``."""
    wanted = {"$ref": f"{_uri('openapi.yaml')}#/components/schemas/{schema}"}
    return Draft202012Validator(wanted, registry=_registry())


def schemas() -> dict[str, Any]:
    """The schemas of ``asyncapi.yaml`` by name."""
    found: dict[str, Any] = read("asyncapi.yaml")["components"]["schemas"]
    return found


def check_frame(frame: bytes | dict[str, Any]) -> None:
    """A frame of the socket is as specified, and has no field that is not.

    Raises:
        ValidationError: It is not.
        AssertionError: It has such a field, or is of no type that there is.
    """
    parsed = frame if isinstance(frame, dict) else json.loads(frame)
    kind = parsed.get("type")
    assert kind in schemas(), f"no frame is of the type {kind}"
    _validator(kind).validate(parsed)
    schema = schemas()[kind]
    described = {field for form in schema.get("oneOf", [schema]) for field in form["properties"]}
    assert set(parsed) <= described, f"{set(parsed) - described} of {kind} are not described"


_validator = cache(asyncapi)


@cache
def _registry() -> Registry[Any]:
    names = ("asyncapi.yaml", "openapi.yaml", "schemas/hit.json", "schemas/delta.json")
    documents = ((_uri(name), _resource(name)) for name in names)
    return Registry().with_resources(documents).crawl()


def _uri(name: str) -> str:
    return (DOCS / name).as_uri()


def _resource(name: str) -> Resource[Any]:
    return Resource(read(name), DRAFT202012 if name == "openapi.yaml" else DRAFT7)


def troubles() -> list[str]:
    """What is wrong with the documents, and which could not be held against its standard."""
    found = []
    try:
        validate_openapi(read("openapi.yaml"), base_uri=_uri("openapi.yaml"))
    except OpenAPIValidationError as error:
        found.append(f"docs/openapi.yaml: {error}")
    for name in ("schemas/hit.json", "schemas/delta.json"):
        try:
            Draft7Validator.check_schema(read(name))
        except SchemaError as error:
            found.append(f"docs/{name}: {error.message}")
    if ASYNCAPI_STANDARD.exists():
        standard = Draft7Validator(json.loads(ASYNCAPI_STANDARD.read_text()))
        found += [
            f"docs/asyncapi.yaml: {_place(error)}" for error in standard.iter_errors(read("asyncapi.yaml"))
        ]
    return found


def _place(error: ValidationError) -> str:
    return f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def main() -> None:
    """Say what is wrong."""
    found = troubles()
    for trouble in found:
        print(trouble)  # noqa: T201 - this is a command
    if not ASYNCAPI_STANDARD.exists():
        print("docs/asyncapi.yaml was not held against AsyncAPI 3: run `npm ci` in web/.")  # noqa: T201
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
