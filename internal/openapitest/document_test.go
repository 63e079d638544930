package openapitest

import (
	"context"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"accessrelay/internal/openapi"
)

// TestDocumentIsOpenAPI: by the judgement of code that is not ours, the document
// is OpenAPI 3.1, its schemas are JSON Schema 2020-12, and its examples fit them.
func TestDocumentIsOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(openapi.Document())
	if err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" || !doc.IsOpenAPI31OrLater() {
		t.Errorf("openapi is %q", doc.OpenAPI)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
}
