package openapitest

import (
	"context"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"accessrelay/internal/openapi"
)

func judged(document string) error {
	doc, err := openapi3.NewLoader().LoadFromData([]byte(document))
	if err != nil {
		return err
	}
	return doc.Validate(context.Background())
}

// TestTheJudgeSees: the other code refuses what is wrong with a document.
func TestTheJudgeSees(t *testing.T) {
	right := string(openapi.Document())
	for _, tt := range []struct{ from, to string }{
		{"status: partial", "status: lost"},                                  // an example
		{"state: delivered}", "state: lost}"},                                // one deeper
		{"responses/Forbidden", "responses/Nothing"},                         // a reference
		{"in: path", "in: cookie"},                                           // a parameter of the path
		{"/v1/events/{id}:", "/v1/events/{event}:"},                          // its name
		{"operationId: listChannels", "operationId: getChannel"},             // a name given twice
		{"enum: [public, internal]", "enum: [public, internal], type: text"}, // a schema
	} {
		wrong := strings.Replace(right, tt.from, tt.to, 1)
		if wrong == right {
			t.Errorf("the document has no %q", tt.from)
		}
		if judged(wrong) == nil {
			t.Errorf("%q for %q is taken", tt.to, tt.from)
		}
	}
}

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
	if err := judged(string(openapi.Document())); err != nil {
		t.Fatal(err)
	}
}
