// Package openapi holds the description of what ingest listens to: the management
// API and the hooks. It is written by hand; package openapitest holds every
// exchange of the tests against it.
package openapi

import _ "embed"

//go:embed openapi.yaml
var document []byte

// Document returns the description, OpenAPI 3.1 in YAML. The caller must not
// change it.
func Document() []byte { return document }
